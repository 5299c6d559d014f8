"""Label values and the class codes that stand for them.

A label may be a whole number, a text or a boolean. Its code is its place in the class order: by size where every name
is a number, by the alphabet otherwise. A row without label is marked -1 (numbers), the empty text or ``None``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.errors import DataError

__all__ = ["UNLABELLED", "class_order", "encode_labels", "recode"]

UNLABELLED = -1
_ACCEPTED = "labels must be whole numbers, texts or booleans, -1 or an empty text where a row has none"
# Beyond this a float no longer tells neighbouring whole numbers apart.
_LARGEST_WHOLE_FLOAT = 2.0**53


def class_order(names: Iterable[str]) -> tuple[str, ...]:
    """Sort class names: numerically where all of them are numbers, by the alphabet otherwise.

    >>> class_order(["10", "9", "1"]), class_order(["b", "10", "9"])
    (('1', '9', '10'), ('10', '9', 'b'))
    """
    distinct = sorted(set(names))
    try:
        numbers = {name: float(name) for name in distinct}
    except ValueError:
        return tuple(distinct)
    if not all(np.isfinite(number) for number in numbers.values()):
        return tuple(distinct)
    return tuple(sorted(distinct, key=numbers.__getitem__))


def encode_labels(labels: object, what: str = "y") -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Turn label values into class codes.

    Parameters
    ----------
    labels : array-like of shape (rows,)
        Whole numbers (also as floats), texts or booleans; -1, the empty text and ``None`` mark a row without label.
    what : str
        How an error names the labels.

    Returns
    -------
    codes : ndarray of shape (rows,), int64
        Places in ``classes``, -1 where a row has no label.
    classes : tuple of str
        The class names that occur, in code order.

    Raises
    ------
    DataError
        Where the labels are not one a row, or of another kind.

    Examples
    --------
    >>> encode_labels(["cat", "", "ant"])
    (array([ 1, -1,  0]), ('ant', 'cat'))
    """
    values = _as_vector(labels, what)
    unlabelled, values = _without_marks(values, what)
    distinct, place = np.unique(values, return_inverse=True)
    names: list[str] = [str(value) for value in distinct.tolist()]
    classes = class_order(names)
    code_of = {name: code for code, name in enumerate(classes)}
    codes = np.full(len(unlabelled), UNLABELLED, dtype=np.int64)
    codes[~unlabelled] = np.array([code_of[name] for name in names], dtype=np.int64)[place]
    return codes, classes


def recode(
    codes: npt.NDArray[np.int64], classes: tuple[str, ...], new_classes: tuple[str, ...], what: str = "labels"
) -> npt.NDArray[np.int64]:
    """Translate codes into ``classes`` to codes into ``new_classes``.

    Raises
    ------
    DataError
        Where a row carries a class that ``new_classes`` does not have.
    """
    code_of = {name: code for code, name in enumerate(new_classes)}
    used = {int(code) for code in np.unique(codes)} - {UNLABELLED}
    for code in sorted(used):
        if classes[code] not in code_of:
            known = ", ".join(new_classes[:20]) + (", …" if len(new_classes) > 20 else "")
            raise DataError(what, classes[code], f"must be one of the known classes ({known})", "correct the labels")
    # The last place answers for code -1, which indexes from the end.
    table = np.array([code_of.get(name, UNLABELLED) for name in classes] + [UNLABELLED], dtype=np.int64)
    return table[codes]


def _as_vector(labels: object, what: str) -> npt.NDArray[Any]:
    try:
        values = np.asarray(labels)
    except (ValueError, TypeError) as error:
        raise DataError(what, type(labels).__name__, f"cannot be read as labels ({error})", _ACCEPTED) from error
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        shape = tuple(values.shape)
        raise DataError(f"{what}.shape", shape, "must be (rows,), one label a row", "choose one column of labels")
    return values


def _without_marks(values: npt.NDArray[Any], what: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]:
    """Where rows have no label, and the labels of the others as a plain int, bool or str array."""
    kind = values.dtype.kind
    if kind in "OT":
        return _without_none(values, what)
    if kind == "S":
        try:
            values = np.char.decode(values, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(what, values.dtype, f"holds bytes that are no text ({error.reason})", _ACCEPTED) from error
        kind = "U"
    if kind == "f":
        values, kind = _whole(values, what), "i"
    if kind not in "biuU":
        raise DataError(what, values.dtype, _ACCEPTED)
    if kind in "bu":
        unlabelled = np.zeros(len(values), dtype=np.bool_)
    else:
        unlabelled = np.asarray(values == ("" if kind == "U" else UNLABELLED), dtype=np.bool_)
    return unlabelled, values[~unlabelled]


def _without_none(values: npt.NDArray[Any], what: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]:
    entries: list[Any] = values.tolist()
    present = np.array([entry is not None for entry in entries], dtype=np.bool_)
    kinds = {_kind(entry) for entry in entries if entry is not None}
    if len(kinds) > 1 or not kinds <= {"text", "number", "boolean"}:
        example = next(entry for entry in entries if entry is not None and _kind(entry) != "text")
        raise DataError(what, example, f"{_ACCEPTED}, all of one kind", f"found {', '.join(sorted(kinds))}")
    if not kinds:
        return ~present, np.array([], dtype=np.int64)
    unlabelled = ~present
    unlabelled[present], values = _without_marks(np.array([entry for entry in entries if entry is not None]), what)
    return unlabelled, values


def _kind(entry: object) -> str:
    if isinstance(entry, str | bytes):
        return "text"
    if isinstance(entry, bool | np.bool_):
        return "boolean"
    if isinstance(entry, int | float | np.integer | np.floating):
        return "number"
    return type(entry).__name__


def _whole(values: npt.NDArray[Any], what: str) -> npt.NDArray[np.int64]:
    whole = np.isfinite(values) & (np.abs(values) < _LARGEST_WHOLE_FLOAT)
    whole[whole] = values[whole] == np.floor(values[whole])
    if not whole.all():
        row = int(np.argmin(whole))
        remedy = (
            "mark a row without label with -1"
            if np.isnan(values[row])
            else "numbers of a table are predicted by --model mlp --predicts numbers"
        )
        raise DataError(f"{what}, row {row}", float(values[row]), _ACCEPTED, remedy)
    return values.astype(np.int64)
