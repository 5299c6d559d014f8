"""Class labels as scikit-learn's callers write them, and the codes that layerwise learns from."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from sklearn.utils import multiclass, validation

from layerwise.errors import DataError

__all__ = ["UNLABELLED", "accuracy", "checked_classes", "codes_among", "encode_classes", "known_labels", "refuse_mixed"]

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
    labels, present = _read(y, n_rows)
    if not present.any():
        rule = "some rows must have a label: at least one in each class"
        remedy = "to learn from unlabelled rows alone, use RBM, DBN or StackedAutoencoder"
        raise DataError("y", f"{n_rows} rows without label", rule, remedy)
    return present, _known(labels, present)


def checked_classes(classes: object) -> npt.NDArray[Any]:
    """All classes that there will be, sorted, as the first ``partial_fit`` is told them.

    Raises
    ------
    DataError, ValueError
        There are none, or fewer than two.
    """
    if classes is None:
        rule, remedy = "must be given in the first call to partial_fit", "give all there will be: numpy.unique(y)"
        raise DataError("classes", None, rule, remedy)
    refuse_mixed(classes, "classes")
    names: npt.NDArray[Any] = np.unique(cast(Any, validation).column_or_1d(classes))
    if len(names) < 2:
        raise DataError("classes", names.tolist(), "there must be at least two", "give all there will be")
    return names


def refuse_mixed(labels: object, name: str = "y") -> None:
    """Refuse labels that cannot be told apart by their order: texts beside numbers, and what is no label at all.

    Raises
    ------
    DataError
        Naming the first.
    """
    try:
        entries = np.asarray(labels)
    except ValueError:
        return  # rows of unequal length are no labels, as scikit-learn says
    if entries.dtype.kind != "O" or entries.ndim not in (1, 2) or entries.size != len(entries):
        return
    listed = cast("list[object]", entries.ravel().tolist())
    for row, label in enumerate(listed):
        if _is_missing(label) or isinstance(label, str) != isinstance(listed[0], str):
            rule = "labels must all be numbers, or all texts"
            raise DataError(f"{name}, row {row}", label, rule, "leave rows without a label out")


def codes_among(classes: npt.NDArray[Any], y: object, n_rows: int) -> npt.NDArray[np.int64]:
    """Each row's place among classes that are known already; -1 where a row has no label.

    Parameters
    ----------
    classes : ndarray of shape (classes,)
    y : array-like of shape (rows,)
        As for :func:`encode_classes`; no row needs to have a label.
    n_rows : int

    Returns
    -------
    ndarray of shape (rows,), int64

    Raises
    ------
    DataError, ValueError
        Where ``y`` is missing, too short or too long, or a label is none of the classes.
    """
    labels, present = _read(y, n_rows)
    codes = np.full(n_rows, UNLABELLED, dtype=np.int64)
    places = {name: code for code, name in enumerate(classes.tolist())}
    for row, label in zip(np.flatnonzero(present), _known(labels, present).tolist(), strict=True):
        if label not in places:
            rule = f"is none of the classes {', '.join(str(name) for name in list(places)[:20])}"
            raise DataError(f"y, row {row}", label, rule, "-1 marks a row without label")
        codes[row] = places[label]
    return codes


def accuracy(predicted: npt.NDArray[Any], y: object, sample_weight: object = None) -> float:
    """Share of the labelled rows whose class is predicted; rows without label are left out.

    Raises
    ------
    DataError, ValueError
        No row has a label, or rows and labels do not fit.
    """
    from sklearn import metrics  # heavy

    present, known = known_labels(y, len(predicted))
    weights = None if sample_weight is None else np.asarray(sample_weight)[present]
    return float(cast(Any, metrics).accuracy_score(known, predicted[present], sample_weight=weights))


def _read(y: object, n_rows: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """One entry a row, and where it is a label."""
    if y is None:
        rule = "the estimator requires y to be passed, but the target y is None"
        raise DataError("y", None, rule, _MARK)
    labels: npt.NDArray[Any] = cast(Any, validation).column_or_1d(_as_objects(y), warn=True)
    if len(labels) != n_rows:
        raise DataError("len(y)", len(labels), f"must be {n_rows}, one label for each row of X", _MARK)
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        row = int(np.argmax(np.isnan(labels)))
        raise DataError(f"y, row {row}", float(labels[row]), "Input y contains NaN, which is no label", _MARK)
    return labels, _present(labels)


def _known(labels: npt.NDArray[Any], present: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    known = _of_one_type(labels[present])
    validation.assert_all_finite(known, input_name="y")
    return known


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
