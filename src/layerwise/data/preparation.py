"""How raw rows become what visible units expect, and back.

Every column is shifted and scaled: prepared = (value - shift) · scale. What differs is where the two vectors come from.

==============  ========================  =============================================================
visible units   source of the scale       rule
==============  ========================  =============================================================
``bernoulli``   a fixed white             value / white: byte pictures / 255, ``digits`` / 16
``bernoulli``   a column inside [0, 1]    untouched
``bernoulli``   any other column          least value to 0, greatest to 1
``gaussian``    each column               mean to 0, standard deviation to 1
==============  ========================  =============================================================

Bernoulli units are given numbers in [0, 1] and nothing else: rows that were not seen when the scale was measured are
clipped. A column that was constant becomes 0, whatever later rows hold in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layerwise.data.rows import Rows
from layerwise.data.values import Values
from layerwise.errors import DataError, OptionError, RunError
from layerwise.shapes import VisibleBatch, VisibleVector

__all__ = ["Preparation"]

_KINDS = ("bernoulli", "gaussian")
# Rows are measured this many at a time, so that no float64 copy of the data is ever made.
_CHUNK = 4096
# A column that varies by less has no scale that float32 could hold.
_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, eq=False)
class Preparation:
    """Shift and scale of every column; see the module for the rules.

    Parameters
    ----------
    kind : {"bernoulli", "gaussian"}
        The visible units the rows are prepared for.
    shift : Tensor of shape (columns,), float64
        In the units of the raw columns; float64, so that a date in seconds keeps its seconds.
    scale : Tensor of shape (columns,), float64
        Prepared units for one raw unit; 0 for a column that was constant.
    """

    kind: Literal["bernoulli", "gaussian"]
    shift: VisibleVector
    scale: VisibleVector
    _shift32: Tensor | None = field(init=False, repr=False)
    _scale32: Tensor | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # None where the step would change nothing: preparing is part of every training step.
        shifted, scaled = bool((self.shift != 0).any()), bool((self.scale != 1).any())
        object.__setattr__(self, "_shift32", self.shift.float() if shifted else None)
        object.__setattr__(self, "_scale32", self.scale.float() if scaled else None)

    @classmethod
    def fit(cls, rows: Rows, visible: Literal["bernoulli", "gaussian"]) -> Preparation:
        """Measure shift and scale on rows.

        Parameters
        ----------
        rows : Rows
            The training rows; labels are not looked at.
        visible : {"bernoulli", "gaussian"}
            Kind of the visible units.

        Raises
        ------
        OptionError
            Where ``visible`` is something else.

        Examples
        --------
        >>> rows = Rows.from_arrays([[-1.0, 7.0, 0.0], [3.0, 7.0, 0.5]])
        >>> Preparation.fit(rows, "bernoulli").prepare(rows.values)
        tensor([[0.0000, 0.0000, 0.0000],
                [1.0000, 0.0000, 0.5000]])
        """
        if visible not in _KINDS:
            raise OptionError("visible", visible, "must be 'bernoulli' or 'gaussian'")
        low, high = _extremes(rows.values)
        if visible == "gaussian":
            shift, spread = _moments(rows.values)
            constant = (high - low <= _SMALLEST) | (spread <= _SMALLEST)
        elif rows.full_scale is not None:
            shift, spread = np.zeros_like(low), np.full_like(low, rows.full_scale)
            constant = np.zeros(len(low), dtype=np.bool_)
        else:
            untouched = (low >= 0) & (high <= 1)
            shift, spread = np.where(untouched, 0.0, low), np.where(untouched, 1.0, high - low)
            constant = spread <= _SMALLEST
        shift = np.where(constant, low, shift)
        scale = np.where(constant, 0.0, 1 / np.where(constant, 1.0, spread))
        return cls(visible, torch.from_numpy(shift), torch.from_numpy(scale))

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.scale)

    def leaves(self, values: Values) -> bool:
        """Whether :meth:`prepare` would give these values back unchanged."""
        if self._shift32 is not None or self._scale32 is not None or values.dtype != np.float32:
            return False
        return self.kind == "gaussian" or bool(values.min() >= 0 and values.max() <= 1)

    def to(self, device: str | torch.device) -> Preparation:
        """Move the two vectors to a device."""
        return replace(self, shift=self.shift.to(device), scale=self.scale.to(device))

    def prepare(self, values: Values | Tensor) -> VisibleBatch:
        """Turn raw rows into what the visible units expect.

        Parameters
        ----------
        values : ndarray, csr_array or Tensor of shape (batch, columns)
            A tensor must be on the device of ``scale``. It is never changed; where nothing has to be done it is
            given back itself.

        Returns
        -------
        Tensor of shape (batch, columns), float32
            (values - shift) · scale, for Bernoulli units clipped to [0, 1].

        Raises
        ------
        DataError
            Where the rows have another number of columns.
        """
        raw = values if isinstance(values, Tensor) else _as_tensor(values)
        if raw.ndim != 2 or raw.shape[1] != self.n_columns:
            rule = f"must be (rows, {self.n_columns}), the columns that the preparation was measured on"
            raise DataError("rows.shape", tuple(raw.shape), rule)
        if raw.dtype == torch.float64:
            # Subtracting first in float64 keeps the digits of a column whose offset dwarfs its spread.
            prepared = ((raw - self.shift) * self.scale).float()
        else:
            prepared = raw.float()
            if self._shift32 is not None:
                prepared = prepared - self._shift32
            if self._scale32 is not None:
                prepared = prepared * self._scale32
        return prepared.clamp(0, 1) if self.kind == "bernoulli" else prepared

    def restore(self, prepared: VisibleBatch) -> npt.NDArray[np.float64]:
        """Turn prepared rows, or what a model made of them, back into raw columns.

        Parameters
        ----------
        prepared : Tensor of shape (batch, columns)

        Returns
        -------
        ndarray of shape (batch, columns), float64
            prepared / scale + shift; a column that was constant has its constant.
        """
        scale = self.scale.cpu().numpy()
        spread = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale != 0)
        return prepared.detach().cpu().numpy().astype(np.float64) * spread + self.shift.cpu().numpy()

    def to_tensors(self) -> dict[str, Tensor]:
        """Give the whole state as tensors, for a safe file."""
        return {"kind": torch.tensor(_KINDS.index(self.kind)), "shift": self.shift.cpu(), "scale": self.scale.cpu()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Preparation:
        """Make a preparation from what :meth:`to_tensors` gave.

        Raises
        ------
        RunError
            Where the tensors are damaged or of something else.
        """
        received = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if set(tensors) != {"kind", "shift", "scale"}:
            raise RunError("preparation", sorted(tensors), "must hold kind, shift and scale", "the file is damaged")
        kind, shift, scale = tensors["kind"], tensors["shift"].double(), tensors["scale"].double()
        if kind.numel() != 1 or shift.ndim != 1 or shift.shape != scale.shape:
            raise RunError("preparation", received, "must be one kind and two vectors of one length")
        if int(kind) not in range(len(_KINDS)) or not bool(torch.isfinite(torch.cat([shift, scale])).all()):
            raise RunError("preparation", int(kind), "must be a known kind with finite numbers", "the file is damaged")
        return cls("gaussian" if int(kind) else "bernoulli", shift, scale)


def _as_tensor(values: Values) -> Tensor:
    dense: npt.NDArray[Any] = values if isinstance(values, np.ndarray) else values.toarray()
    # torch warns of arrays that are read-only; a copy is cheap beside the preparation itself.
    return torch.from_numpy(dense if dense.flags.writeable else dense.copy())


def _extremes(values: Values) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    low: Any = values.min(axis=0)
    high: Any = values.max(axis=0)
    if not isinstance(values, np.ndarray):
        low, high = low.toarray().ravel(), high.toarray().ravel()
    return low.astype(np.float64), high.astype(np.float64)


def _moments(values: Values) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of every column, in two passes: the short formula cancels."""
    n_rows, n_columns = values.shape
    if not isinstance(values, np.ndarray):
        stored, columns = values.data.astype(np.float64), values.indices
        mean = np.bincount(columns, stored, minlength=n_columns) / n_rows
        squares = np.bincount(columns, (stored - mean[columns]) ** 2, minlength=n_columns)
        # The zeros that are not stored are entries too.
        squares += (n_rows - np.bincount(columns, minlength=n_columns)) * mean**2
        return mean, np.sqrt(squares / n_rows)
    mean, squares = np.zeros(n_columns), np.zeros(n_columns)
    for first in range(0, n_rows, _CHUNK):
        mean += values[first : first + _CHUNK].sum(axis=0, dtype=np.float64) / n_rows
    for first in range(0, n_rows, _CHUNK):
        squares += ((values[first : first + _CHUNK] - mean) ** 2).sum(axis=0)
    return mean, np.sqrt(squares / n_rows)
