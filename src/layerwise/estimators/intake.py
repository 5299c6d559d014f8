"""What enters an estimator: a matrix of numbers or a table, checked by scikit-learn's rules and by layerwise's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import validation

from layerwise.data.cells import is_missing
from layerwise.data.domains import DOMAINS
from layerwise.data.values import Values, checked_values
from layerwise.errors import DataError, OptionError
from layerwise.estimators.conversion import ROUNDING, column_names, first_outside, stored_rows

__all__ = ["as_table", "check_domain", "checked_matrix", "checked_table", "columns_of", "is_table", "refuse_missing"]


def is_table(rows: object) -> bool:
    """Whether rows are read column by column: a table of any library, or a matrix that holds more than numbers."""
    if isinstance(rows, Mapping) or (hasattr(rows, "columns") and hasattr(rows, "shape")):
        return True
    matrix: Any = np.asarray(rows, dtype=object) if isinstance(rows, list | tuple) else rows
    if not isinstance(matrix, np.ndarray) or matrix.dtype.kind not in "OUT":
        return False
    try:
        np.asarray(matrix, dtype=np.float64)
    except ValueError:
        return True  # a text that is no number
    except TypeError:
        return any(is_missing(entry) for entry in cast("list[object]", matrix.ravel().tolist()))
    return False


def checked_table(estimator: BaseEstimator, table: object, *, reset: bool) -> Any:
    """A table whose columns scikit-learn has compared with the fitted ones; rows in a list or sparse ones as a matrix.

    Raises
    ------
    ValueError
        Another number of columns, or other names, or in another order.
    """
    validate = cast(Any, validation).validate_data
    if isinstance(table, Mapping):
        if reset:  # scikit-learn has no rule for a dict of columns
            names: list[object] = list(cast("Mapping[object, object]", table))
            cast(Any, estimator).n_features_in_ = len(names)
            vars(estimator).pop("feature_names_in_", None)
            if names and all(isinstance(name, str) for name in names):
                cast(Any, estimator).feature_names_in_ = np.array(names, dtype=object)
        return cast(object, table)
    whole = as_table(table)
    if not hasattr(whole, "columns") and np.ndim(whole) != 2:
        return validate(estimator, whole, reset=reset)  # it knows what to say
    return validate(estimator, whole, reset=reset, skip_check_array=True)


def as_table(rows: object) -> Any:
    """Rows in a list, or sparse ones, as a matrix; other tables as they are."""
    if isinstance(rows, list | tuple):
        listed = cast(object, rows)
        return np.asarray(listed, dtype=object if is_table(listed) else None)
    return cast(Any, rows).toarray() if sparse.issparse(rows) else rows


def checked_matrix(estimator: BaseEstimator, matrix: object, *, missing: bool, reset: bool) -> Values:
    """Numbers, row by row in memory, sparse ones as CSR; NaN only where a value may be missing.

    Raises
    ------
    ValueError, TypeError
        scikit-learn's; a :class:`~layerwise.errors.DataError` is a ValueError.
    """
    validate = cast(Any, validation).validate_data
    if (stored := stored_rows(estimator, matrix, missing=missing, reset=reset)) is not None:
        return stored
    valid = validate(
        estimator, matrix, reset=reset, accept_sparse="csr", dtype="numeric", order="C", ensure_all_finite="allow-nan"
    )
    columns = column_names(estimator)
    values = checked_values(valid, "X", columns, missing=True)
    if not missing and isinstance(values, np.ndarray) and values.dtype.kind == "f":
        refuse_missing(values, columns)
    return values


def columns_of(cells: Mapping[Any, Any], names: Sequence[Any]) -> dict[Any, list[Any]]:
    """A table of all columns from some of them, the others missing; a single value stands for every row.

    Raises
    ------
    OptionError
        A name is that of no column.
    DataError
        Columns of different lengths.
    """
    for name in cells:
        if name not in names:
            listed = ", ".join(str(known) for known in names[:20])
            raise OptionError("given", name, "must name a column", f"give one of {listed}")
    lists: dict[Any, list[Any]] = {}
    for name in names:
        cell: Any = cells.get(name)
        several = isinstance(cell, list | tuple | np.ndarray)
        lists[name] = [*cast("list[Any]", cell)] if several else [cell]
    rows = max(len(entries) for entries in lists.values())
    for name, entries in lists.items():
        if len(entries) not in (1, rows):
            rule = f"must have one entry, or {rows} as another column has"
            raise DataError(f"given, column {name!r}", f"{len(entries)} entries", rule)
    return {name: entries if len(entries) == rows else entries * rows for name, entries in lists.items()}


def check_domain(values: Values, kind: str, columns: list[str] | None) -> None:
    """Refuse a number that units of a kind cannot be given.

    Raises
    ------
    DataError
        Naming the first such entry, and the kinds that take it.
    """
    if kind in ("gaussian", "categorical"):
        return
    low, high = DOMAINS[kind]
    found = first_outside(values, low - ROUNDING, high + ROUNDING)
    if found is None:
        return
    row, column, value = found
    name = column if columns is None else repr(columns[column])
    accepted = " or ".join(repr(other) for other, (low, high) in DOMAINS.items() if low <= value <= high)
    rule = f"is no value of a {kind} unit, which takes numbers from {low:g} to {high:g}"
    raise DataError(f"X, row {row}, column {name}", value, rule, f"scale the column, or give visible={accepted}")


def refuse_missing(units: npt.NDArray[np.floating[Any]], names: Sequence[str] | None) -> None:
    """Refuse rows of numbers with a gap.

    Raises
    ------
    DataError
        Naming the first.
    """
    # A sum is NaN where any number is, and makes no temporary array as large as the data.
    if np.isnan(units.sum(dtype=np.float64)):
        row, column = (int(place) for place in np.argwhere(np.isnan(units))[0])
        name = column if names is None else repr(names[column])
        rule, remedy = "no cell may be missing (NaN) here", "fill it first: RBM().fit(X).impute(X)"
        raise DataError(f"X, row {row}, column {name}", "missing", rule, remedy)
