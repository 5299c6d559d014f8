"""Rows, with or without labels, and the data set that they are a part of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from layerwise.data.classes import UNLABELLED, class_order, encode_labels, recode
from layerwise.data.stored import StoredValues
from layerwise.data.values import Values, checked_values
from layerwise.errors import DataError

__all__ = ["Dataset", "Rows"]

_BYTE = 255


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of numbers, in memory or on disk. :meth:`from_arrays` checks them; the constructor only stores.

    Parameters
    ----------
    values : ndarray, csr_array or StoredValues of shape (rows, columns)
        uint8, float32 or float64, as they came: scaling is the business of :class:`~layerwise.data.Preparation`.
    labels : ndarray of shape (rows,), int64, or None
        Codes into ``classes``, -1 for a row without label; None where there are no labels at all.
    classes : tuple of str
        Class names in code order.
    columns : tuple of str or None
        Column names, where the source has them.
    picture : (height, width) or None
        Set where a row is a row-major grey picture.
    full_scale : float or None
        The value that stands for white where the source fixes it (255 in byte pictures, 16 in ``digits``); None where
        every column has a scale of its own.
    states : tuple of str or None
        What the codes 0, 1, 2, … of every column stand for where the source fixes it: the letters of an alignment.
    targets : ndarray of shape (rows,), float64, or None
        Numbers to be predicted, in the place of labels; NaN where none is known.
    """

    values: Values
    labels: npt.NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    picture: tuple[int, int] | None = None
    full_scale: float | None = None
    states: tuple[str, ...] | None = None
    targets: npt.NDArray[np.float64] | None = None

    @classmethod
    def from_arrays(
        cls,
        X: object,
        y: object = None,
        *,
        columns: Sequence[str] | None = None,
        picture: tuple[int, int] | None = None,
        full_scale: float | None = None,
        missing: bool = False,
        name: str = "X",
        label_name: str = "y",
    ) -> Rows:
        """Check arrays and make them rows; nothing is copied that already has its final form.

        Parameters
        ----------
        X : array-like or scipy sparse, shape (rows, columns) or (rows, height, width)
            Finite numbers or booleans. Three axes are pictures and become one row each.
        y : array-like of shape (rows,), optional
            Whole numbers, texts or booleans; -1, the empty text or None where a row has no label.
        columns : sequence of str, optional
            Column names.
        picture : (height, width), optional
            Says that the rows of a matrix are row-major pictures.
        full_scale : float, optional
            The value that stands for white. Pictures of whole numbers from 0 to 255 have 255 by themselves, or 1 where
            they hold only 0 and 1.
        missing : bool
            Whether NaN is a missing value that may stay. Only energy models can learn from such rows.
        name, label_name : str
            How an error names ``X`` and ``y``.

        Raises
        ------
        DataError
            Naming the first entry, row or length that is not acceptable.

        Examples
        --------
        >>> rows = Rows.from_arrays([[0, 1], [1, 0], [1, 1]], ["no", "yes", ""])
        >>> len(rows), rows.n_columns, rows.classes, rows.labels
        (3, 2, ('no', 'yes'), array([ 0,  1, -1]))
        """
        values = checked_values(X, name, columns, missing=missing)
        if isinstance(values, np.ndarray) and values.ndim == 3:
            picture = (values.shape[1], values.shape[2])
            values = values.reshape(len(values), -1)
        n_rows, n_columns = int(values.shape[0]), int(values.shape[1])
        if picture is not None and picture[0] * picture[1] != n_columns:
            raise DataError("picture", picture, f"height times width must be the number of columns, {n_columns}")
        if columns is not None and len(columns) != n_columns:
            raise DataError("columns", len(columns), f"must name each of the {n_columns} columns")
        if picture is not None and full_scale is None and values.dtype == np.uint8:
            full_scale = float(_BYTE if int(values.max()) > 1 else 1)
        labels, classes = None, ()
        if y is not None:
            labels, classes = encode_labels(y, label_name)
            if len(labels) != n_rows:
                rule = f"must hold one label for each of the {n_rows} rows of {name}"
                raise DataError(f"len({label_name})", len(labels), rule)
        names = tuple(columns) if columns is not None else None
        return cls(values, labels, classes, names, picture, full_scale)

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    @property
    def strata(self) -> npt.NDArray[np.int64]:
        """The class of each row, -1 without label; where there are targets 0, and -1 of a row without one."""
        if self.targets is not None:
            return np.where(np.isnan(self.targets), UNLABELLED, 0)
        return np.full(len(self), UNLABELLED, dtype=np.int64) if self.labels is None else self.labels

    @property
    def n_labelled(self) -> int:
        """Number of rows that have a label, or a target."""
        return int(np.count_nonzero(self.strata != UNLABELLED))

    def select(self, indices: npt.NDArray[np.integer] | npt.NDArray[np.bool_] | slice) -> Rows:
        """Take some of the rows, in the order asked for.

        Parameters
        ----------
        indices : ndarray of int, ndarray of bool of shape (rows,), or slice
            A slice of dense rows is a view. Of rows on disk nothing is read.
        """
        labels = None if self.labels is None else self.labels[indices]
        targets = None if self.targets is None else self.targets[indices]
        return replace(self, values=self.values[indices], labels=labels, targets=targets)

    def in_memory(self) -> Rows:
        """Give the same rows in memory, from wherever they lie."""
        return replace(self, values=self.values.toarray()) if isinstance(self.values, StoredValues) else self

    def labelled(self) -> Rows:
        """Take the rows that have a label, or a target."""
        return self.select(self.strata != UNLABELLED)

    def with_classes(self, classes: tuple[str, ...]) -> Rows:
        """Give the labels codes of another class order, that of a trained model for instance.

        Raises
        ------
        DataError
            Where a row carries a class that is not among ``classes``.
        """
        if self.labels is None or classes == self.classes:
            return replace(self, classes=classes if self.labels is not None else self.classes)
        return replace(self, labels=recode(self.labels, self.classes, classes), classes=classes)


@dataclass(frozen=True, eq=False)
class Dataset:
    """What :func:`layerwise.data.load` gives.

    Parameters
    ----------
    name : str
        Name of a built-in data set, or of the file without its ending.
    train : Rows
    test : Rows or None
        Only where the source has a test part of its own.
    source : str
        Where the rows came from, for reports.
    """

    name: str
    train: Rows
    test: Rows | None
    source: str

    @classmethod
    def from_parts(cls, name: str, train: Rows, test: Rows | None, source: str) -> Dataset:
        """Put a training and a test part together, so that both mean the same by a column and by a class code.

        Raises
        ------
        DataError
            Where the parts differ in columns or in the size of their pictures.
        """
        if test is not None:
            if (test.n_columns, test.picture) != (train.n_columns, train.picture):
                received = f"{_layout(train)} and {_layout(test)}"
                raise DataError(name, received, "training and test rows must have the same columns")
            if train.labels is not None and test.labels is not None and test.classes != train.classes:
                classes = class_order(train.classes + test.classes)
                train, test = train.with_classes(classes), test.with_classes(classes)
            test = replace(test, full_scale=train.full_scale)
        return cls(name, train, test, source)


def _layout(rows: Rows) -> str:
    height_width = "" if rows.picture is None else f" ({rows.picture[0]} × {rows.picture[1]} pictures)"
    return f"{rows.n_columns} columns{height_width}"
