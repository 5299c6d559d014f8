"""Rows of units, made part by part of what lies in memory; and how much each row counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layerwise.data.minibatches import Minibatches
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.data.stored import StoredValues
from layerwise.data.values import Values
from layerwise.energy import RBM
from layerwise.energy.clamping import impute
from layerwise.errors import DataError
from layerwise.estimators.conversion import parts
from layerwise.randomness import RandomStream
from layerwise.training.ranks import ALONE, Ranks

__all__ = ["UnitRows", "checked_weights", "filled", "filled_by", "moments", "widened"]

ROWS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class UnitRows:
    """Rows and what makes units of them; a sparse or a byte matrix stays what it is.

    Parameters
    ----------
    values : ndarray or csr_array of shape (rows, columns)
    preparation : Preparation
        What is still to be done to them.
    precision : dtype
        Of results about these rows: float32 or float64.
    """

    values: Values
    preparation: Preparation
    precision: np.dtype[Any]

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def dtype(self) -> torch.dtype:
        """The precision as torch names it."""
        return torch.float64 if self.precision == np.float64 else torch.float32

    def select(self, indices: npt.NDArray[Any] | slice) -> UnitRows:
        """Some of the rows."""
        return replace(self, values=self.values[indices])

    def units(self, part: slice | npt.NDArray[Any] = slice(None)) -> Tensor:
        """Rows of units, float32; NaN where a value is missing."""
        return self.preparation.prepare(self.values[part])

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """All rows, so many at a time that they can be made dense."""
        for part in parts(self.values):
            yield part, self.units(part)

    def moments(self, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and variance of every unit over the rows that it is known in; a half and a quarter where there is none.

        Parameters
        ----------
        weights : Tensor of shape (rows,), float64, optional
        """
        return moments(self.parts(), weights)

    def complete(self) -> bool:
        """Whether no value is missing."""
        if isinstance(self.values, StoredValues):
            return self.values.complete
        stored: npt.NDArray[Any] = self.values if isinstance(self.values, np.ndarray) else self.values.data
        return stored.dtype.kind != "f" or not np.isnan(stored).any()

    def stream(
        self,
        batch_size: int,
        random: RandomStream,
        device: torch.device,
        weights: Tensor | None,
        labels: Tensor | None = None,
        ranks: Ranks = ALONE,
    ) -> Minibatches:
        """Minibatches of these rows, in a new order every epoch; with several ranks this one's part of each."""
        rows = Rows(self.values, None if labels is None else labels.numpy())
        place: dict[str, Any] = {"device": device, "rank": ranks.rank, "world_size": ranks.size}
        return Minibatches(rows, self.preparation, batch_size, random, weights=weights, **place)


def moments(parts: Iterable[tuple[slice, Tensor]], weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """What :meth:`UnitRows.moments` gives, of rows of units that come part by part.

    Parameters
    ----------
    parts : iterable of (slice, Tensor of shape (rows, units))
        Places of the rows, and the rows.
    weights : Tensor of shape (rows,), float64, optional
    """
    sums = torch.zeros(3, 1, dtype=torch.float64)
    for part, v in parts:
        of_row = v.new_ones(len(v), dtype=torch.float64) if weights is None else weights[part].to(v.device)
        known = ~v.isnan()
        x = v.double() if (complete := bool(known.all())) else v.nan_to_num(0.0).double()
        of_unit = of_row.sum().expand(v.shape[1]) if complete else of_row @ known.double()
        sums = sums + torch.stack([of_unit, of_row @ x, of_row @ x.square()]).cpu()
    count = sums[0].clamp_min(torch.finfo(torch.float64).tiny)
    mean = torch.where(sums[0] > 0, sums[1] / count, 0.5)
    variance = torch.where(sums[0] > 0, sums[2] / count - mean * mean, 0.25)
    return mean.float(), variance.clamp_min(0.0).float()


def checked_weights(sample_weight: object, n_rows: int) -> npt.NDArray[np.float64] | None:
    """How much each row counts, or None where all count the same.

    Raises
    ------
    DataError
        Not one finite number that is not negative for each row, or none of them above 0.
    """
    if sample_weight is None:
        return None
    weights = np.full(n_rows, sample_weight, np.float64) if np.isscalar(sample_weight) else np.asarray(sample_weight)
    remedy = "leave it out where all rows count the same"
    if weights.shape != (n_rows,) or weights.dtype.kind not in "biuf":
        rule = f"must hold one number for each of the {n_rows} rows of X"
        raise DataError("sample_weight", f"{weights.dtype} of shape {weights.shape}", rule, remedy)
    weights = weights.astype(np.float64)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(f"sample_weight, row {row}", float(weights[row]), "must be finite and at least 0", remedy)
    if not weights.any():
        raise DataError("sample_weight", "all zero", "some sample weight must be above zero", remedy)
    return weights


def filled(machine: RBM, v: Tensor, random: RandomStream, **options: int) -> Tensor:
    """Rows of units whose missing ones are the means of clamped chains; the same rows where nothing is missing.

    Parameters
    ----------
    machine : RBM
    v : Tensor of shape (rows, units)
        NaN where missing.
    random : RandomStream
    **options : int
        ``steps``, ``burn_in`` and ``chains`` of :func:`layerwise.energy.clamping.impute`.
    """

    def fill(rows: Tensor, first_row: int) -> Tensor:
        return impute(machine, widened(machine, rows), random, first_row=first_row, **options)[:, : rows.shape[1]]

    return filled_by(fill, v, random, ROWS_AT_ONCE)


def filled_by(fill: Callable[[Tensor, int], Tensor], v: Tensor, random: RandomStream, at_once: int) -> Tensor:
    """Rows of units whose incomplete ones went through a function, so many at a time, each part with the same draws.

    Parameters
    ----------
    fill : callable
        From some rows, and the number of the first among the incomplete ones, to rows.
    v : Tensor of shape (rows, units)
        NaN where missing.
    random : RandomStream
        That ``fill`` draws from.
    at_once : int
    """
    incomplete = v.isnan().any(1).nonzero()[:, 0]
    if not len(incomplete):
        return v
    v = v.clone()
    position = random.position
    for first in range(0, len(incomplete), at_once):
        random.position = position
        some = incomplete[first : first + at_once]
        v[some] = fill(v[some], first)
    return v


def widened(machine: RBM, v: Tensor) -> Tensor:
    """Rows of the columns' units as rows of the machine: it may have a label's units after them, which are missing."""
    return torch.nn.functional.pad(v, (0, machine.visible.size - v.shape[1]), value=torch.nan)
