"""Class labels as scikit-learn's callers write them, and the codes that layerwise learns from."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from sklearn.utils import multiclass, validation

from layerwise.errors import DataError

__all__ = ["UNLABELLED", "encode_classes", "known_labels"]

UNLABELLED = -1
_MARK = "mark rows without label with -1"


def encode_classes(y: object, n_rows: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Find the classes and each row's place among them.

    Parameters
    ----------
    y : array-like of shape (rows,)
        Numbers, texts or booleans. A row without label holds the number -1, as in ``sklearn.semi_supervised``; among
        texts also ``"-1"`` (what NumPy makes of -1 in an array of texts) or the empty text; among Python objects, and
        in a data frame's column that knows missing values, also ``None``, NaN or NA.
    n_rows : int
        Number of rows of X.

    Returns
    -------
    classes : ndarray of shape (classes,)
        Sorted, of the labels' own type.
    codes : ndarray of shape (rows,), int64
        Places in ``classes``; -1 where a row has no label.

    Raises
    ------
    DataError, ValueError
        Where ``y`` is missing, too short or too long, holds no classes or fewer than two of them.
    """
    present, known = known_labels(y, n_rows)
    codes = np.full(n_rows, UNLABELLED, dtype=np.int64)
    multiclass.check_classification_targets(known)
    classes, codes[present] = np.unique(known, return_inverse=True)
    if len(classes) < 2:
        remedy = "add rows of another class"
        if not present.all():
            remedy += "; -1 means no label: recode a class called -1"
        rule = "one class leaves nothing to tell apart, there must be at least two"
        raise DataError("y", classes.tolist(), rule, remedy)
    return classes, codes


def known_labels(y: object, n_rows: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]:
    """Where rows have a label, and those labels.

    Parameters
    ----------
    y : array-like of shape (rows,)
        As for :func:`encode_classes`.
    n_rows : int
        Number of rows of X.

    Returns
    -------
    present : ndarray of shape (rows,), bool
    known : ndarray of shape (labelled rows,)

    Raises
    ------
    DataError, ValueError
        Where ``y`` is missing, too short or too long, or no row has a label.
    """
    if y is None:
        rule = "the estimator requires y to be passed, but the target y is None"
        raise DataError("y", None, rule, _MARK)
    labels: npt.NDArray[Any] = cast(Any, validation).column_or_1d(_as_objects(y), warn=True)
    if len(labels) != n_rows:
        raise DataError("len(y)", len(labels), f"must be {n_rows}, one label for each row of X", _MARK)
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        row = int(np.argmax(np.isnan(labels)))
        raise DataError(f"y, row {row}", float(labels[row]), "Input y contains NaN, which is no label", _MARK)
    present = _present(labels)
    if not present.any():
        rule = "some rows must have a label: at least one in each class"
        remedy = "to learn from unlabelled rows alone, use BernoulliRBM"
        raise DataError("y", f"{n_rows} rows without label", rule, remedy)
    known = _of_one_type(labels[present])
    validation.assert_all_finite(known, input_name="y")
    return present, known


def _as_objects(y: Any) -> Any:
    """A data frame's column of a type that NumPy does not have, and its missing values, as Python objects."""
    dtype = getattr(y, "dtype", None)
    if dtype is None or isinstance(dtype, np.dtype):
        return y
    # Entry by entry: whole numbers beside a gap would become floats in an array.
    entries = np.empty(len(y), dtype=np.object_)
    entries[:] = list(y)
    return entries


def _present(labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where a row has a label."""
    if labels.dtype.kind in "OT":
        return np.array([not _is_mark(label) for label in labels.tolist()], dtype=np.bool_)
    if labels.dtype.kind == "U":
        return (labels != "") & (labels != str(UNLABELLED))
    if labels.dtype.kind in "if":
        return labels != UNLABELLED
    return np.ones(len(labels), dtype=np.bool_)


def _of_one_type(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Python objects are texts, or numbers that a plain array can hold."""
    if labels.dtype.kind != "O":
        return labels
    entries = labels.tolist()
    texts = [isinstance(entry, str) for entry in entries]
    if all(texts):
        return labels
    if any(texts):
        raise DataError("y", entries, "labels must be all texts or all numbers", "turn all of them into texts")
    return np.array(entries)


def _is_mark(label: object) -> bool:
    if isinstance(label, str):
        return label in ("", str(UNLABELLED))
    return _is_missing(label) or bool(label == UNLABELLED)


def _is_missing(label: object) -> bool:
    """None, NaN, and NA of pandas, which refuses to be compared."""
    try:
        return label is None or bool(label != label)
    except TypeError:
        return True
