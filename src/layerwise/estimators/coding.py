"""What an estimator's rows are: a matrix of one kind, or a table whose columns have kinds of their own.

``visible`` says which kinds; ``"auto"`` looks. A matrix of numbers becomes Bernoulli units where all of them lie in
[0, 1] (bits, probabilities, grey levels) and Gaussian ones otherwise, with mean 0 and standard deviation 1. Each column
of a table (pandas, polars, pyarrow, a dict of arrays, a matrix of texts) becomes what its values suggest:
:mod:`layerwise.data.column_kinds` has the rules.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast, get_args

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from layerwise.data.columns import TablePreparation
from layerwise.data.preparation import PlainKind, Preparation
from layerwise.data.rows import Rows
from layerwise.data.values import Values
from layerwise.errors import OptionError
from layerwise.estimators.conversion import column_names, first_outside, result_type
from layerwise.estimators.intake import (
    as_table,
    check_domain,
    checked_matrix,
    checked_table,
    columns_of,
    is_table,
    refuse_missing,
)
from layerwise.estimators.options import flag
from layerwise.estimators.unit_rows import UnitRows
from layerwise.units import UnitKind, kind_from

__all__ = ["Coding", "as_precision", "drawn_grey", "fit_coding"]

Module = TypeVar("Module", bound=nn.Module)

_KINDS: tuple[str, ...] = get_args(PlainKind)
_DOUBLE = np.dtype(np.float64)


@dataclass(frozen=True, eq=False)
class Coding:
    """The fitted preparation of an estimator, and what the estimator asks of it.

    Parameters
    ----------
    preparation : Preparation or TablePreparation
    """

    preparation: Preparation | TablePreparation

    def layer(self) -> UnitKind:
        """Fresh units for these rows."""
        return kind_from(self.preparation.spec())

    def read(self, estimator: BaseEstimator, X: object, *, missing: bool = True, reset: bool = False) -> UnitRows:
        """Check rows against what was fitted.

        Parameters
        ----------
        estimator : estimator
            Its ``n_features_in_`` and ``feature_names_in_`` are compared with, or set.
        X : array-like, sparse or table of shape (rows, columns)
        missing : bool
            Whether a cell may be missing.
        reset : bool
            Whether the columns are new.

        Raises
        ------
        DataError, ValueError, TypeError
        """
        if isinstance(self.preparation, TablePreparation):
            return self._of_table(checked_table(estimator, X, reset=reset), missing)
        values = checked_matrix(estimator, X, missing=missing, reset=reset)
        check_domain(values, self.preparation.kind, column_names(estimator))
        return UnitRows(values, self.preparation, result_type(values))

    def read_given(self, estimator: BaseEstimator, given: object) -> UnitRows:
        """Rows of which some cells are known: as :meth:`read`, or a dict from some columns to a value of each.

        Raises
        ------
        OptionError
            The dict names no column.
        DataError, ValueError, TypeError
        """
        if not isinstance(given, Mapping):
            return self.read(estimator, given)
        names: list[Any] = column_names(estimator) or list(range(int(cast(Any, estimator).n_features_in_)))
        table = columns_of(cast("Mapping[Any, Any]", given), names)
        if isinstance(self.preparation, TablePreparation):
            return self._of_table(table, missing=True)
        return self.read(estimator, np.array([table[name] for name in names], dtype=np.float64).T)

    def restore(self, units: Tensor, like: object = None, precision: np.dtype[Any] | None = None) -> Any:
        """Rows in the estimator's own columns again; cells that ``like`` knows are kept, units of a label left out."""
        units = units[:, : self.preparation.n_units]
        if isinstance(self.preparation, TablePreparation):
            return self.preparation.restore(units, like, what="X")
        rows = self.preparation.restore(units)
        if like is not None:
            known = np.asarray(like, dtype=np.float64)
            rows = np.where(np.isnan(known), rows, known)
        return rows if precision is None else rows.astype(precision)

    def refill(self, units: Tensor, X: object, rows: UnitRows) -> Any:
        """Rows as they came, of their own type, with what was missing from rows of units.

        Parameters
        ----------
        units : Tensor of shape (rows, units)
        X : array-like or table
        rows : UnitRows
            What :meth:`read` made of ``X``.
        """
        if isinstance(self.preparation, TablePreparation):
            return self.restore(units, as_table(X))
        dense = rows.values if isinstance(rows.values, np.ndarray) else rows.values.toarray()
        return self.restore(units, dense, rows.precision)

    def log_volume(self) -> float:
        """What log p(units) lacks to be log p(columns), in nats.

        The unit of a real column is (value - shift) · scale, so that the column's density is ``scale`` times the
        unit's. Constant columns have no scale and count as nothing.
        """
        return math.fsum(math.log(scale) for scale in self._real_scales() if scale > 0)

    @property
    def real_columns(self) -> int:
        """How many columns hold real numbers."""
        return len(self._real_scales())

    def _real_scales(self) -> list[float]:
        if isinstance(self.preparation, TablePreparation):
            return [c.scale for c in self.preparation.columns if c.kind in ("gaussian", "rectified")]
        real = self.preparation.kind in ("gaussian", "rectified")
        return [float(scale) for scale in self.preparation.scale] if real else []

    def _of_table(self, table: object, missing: bool) -> UnitRows:
        assert isinstance(self.preparation, TablePreparation)
        units: npt.NDArray[np.float32] = self.preparation.prepare(table, what="X").numpy()
        if not missing:
            refuse_missing(units, self.preparation.unit_names)
        return UnitRows(units, Preparation.unchanged(units.shape[1]), _DOUBLE)


def fit_coding(
    estimator: BaseEstimator, X: object, visible: object, *, missing: bool = True
) -> tuple[Coding, UnitRows]:
    """Find out how rows become units.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` and ``feature_names_in_`` are set.
    X : array-like, sparse or table of shape (rows, columns)
    visible : "auto", str or dict
        See the module.
    missing : bool
        Whether a cell may be missing.

    Raises
    ------
    OptionError, DataError, ValueError, TypeError
    """
    kinds: Mapping[Any, str] | str | None
    if isinstance(visible, Mapping):
        kinds = cast("Mapping[Any, str]", visible)
    elif isinstance(visible, str) and visible in ("auto", *_KINDS):
        kinds = None if visible == "auto" else visible
    else:
        rule = f"must be 'auto', one of {', '.join(_KINDS)}, or a dict from column to one of these"
        raise OptionError("visible", visible, rule, "leave it at 'auto'")
    # The levels of a choice are those that were seen, whatever numbers stand for them.
    if isinstance(kinds, Mapping) or kinds == "categorical" or is_table(X):
        table = checked_table(estimator, X, reset=True)
        coding = Coding(TablePreparation.fit(table, kinds, what="X"))
        return coding, coding.read(estimator, table, missing=missing, reset=True)
    values = checked_matrix(estimator, X, missing=missing, reset=True)
    kind = cast(PlainKind, kinds or _suitable_kind(values))
    check_domain(values, kind, column_names(estimator))
    preparation = Preparation.fit(Rows(values), kind)
    return Coding(preparation), UnitRows(values, preparation, result_type(values))


def drawn_grey(asked: object, coding: Coding) -> bool:
    """Whether grey levels are to be drawn as bits: the parameter ``draw_grey``.

    Raises
    ------
    OptionError
        They are, and some columns are not Bernoulli.
    """
    drawn, kind = flag("draw_grey", asked), coding.layer().name
    if drawn and kind != "bernoulli":
        rule = f"draws Bernoulli columns as bits, and these are {kind}"
        raise OptionError("draw_grey", True, rule, "leave it out, or give visible='bernoulli' and columns in [0, 1]")
    return drawn


def as_precision(machine: Module, dtype: torch.dtype) -> Module:
    """The module itself, or a copy of it in the precision asked for."""
    return machine if next(machine.parameters()).dtype == dtype else copy.deepcopy(machine).to(dtype)


def _suitable_kind(values: Values) -> str:
    """Bernoulli where every number is one that such a unit can be given."""
    return "bernoulli" if first_outside(values, 0.0, 1.0) is None else "gaussian"
