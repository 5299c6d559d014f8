"""Class labels as scikit-learn's callers write them, and the codes that layerwise learns from."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from sklearn.utils import multiclass, validation

from layerwise.errors import DataError

__all__ = ["UNLABELLED", "encode_classes"]

UNLABELLED = -1


def encode_classes(y: object, n_rows: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Find the classes and each row's place among them.

    Parameters
    ----------
    y : array-like of shape (rows,)
        Numbers, texts or booleans. A row without label holds the number -1, as in ``sklearn.semi_supervised``; among
        texts also ``"-1"`` (what NumPy makes of -1 in an array of texts), the empty text or ``None``.
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
    if y is None:
        raise DataError(
            "y",
            None,
            "the estimator requires y to be passed, but the target y is None",
            "mark rows without label with -1",
        )
    labels: npt.NDArray[Any] = cast(Any, validation).column_or_1d(y, warn=True)
    if len(labels) != n_rows:
        raise DataError(
            "len(y)", len(labels), f"must be {n_rows}, one label for each row of X", "mark rows without label with -1"
        )
    validation.assert_all_finite(labels, input_name="y")
    present = _present(labels)
    codes = np.full(n_rows, UNLABELLED, dtype=np.int64)
    if not present.any():
        raise DataError(
            "y",
            f"{n_rows} rows without label",
            "some rows must have a label: at least one in each class",
            "to learn from unlabelled rows alone, use BernoulliRBM",
        )
    known = _of_one_type(labels[present])
    multiclass.check_classification_targets(known)
    classes, codes[present] = np.unique(known, return_inverse=True)
    if len(classes) < 2:
        raise DataError(
            "y",
            classes.tolist(),
            "one class leaves nothing to tell apart, there must be at least two",
            "add rows of another class",
        )
    return classes, codes


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
    if label is None or isinstance(label, str):
        return label in (None, "", str(UNLABELLED))
    return label == UNLABELLED
