"""How raw rows become what visible units of one kind expect, and back.

Every column is shifted and scaled: prepared = (value - shift) · scale. What differs is where the two vectors come from.

===============  ==============================  ===========================================================
visible units    source of the scale             rule
===============  ==============================  ===========================================================
``bernoulli``    a fixed white                   value / white: byte pictures / 255, ``digits`` / 16
``bernoulli``    a column inside [0, 1]          untouched
``bernoulli``    any other column                least value to 0, greatest to 1
``gaussian``     each column                     mean to 0, standard deviation to 1
``spin``         a fixed white                   black to -1, white to 1
``spin``         rows of nothing but 0 and 1     0 to -1, 1 to 1
``spin``         rows inside [-1, 1]             untouched; other rows are refused
``rectified``    a fixed white                   value / white
``rectified``    any other column                zero to 0, standard deviation to 1; negative rows are refused
``categorical``  codes 0, 1, 2, …                one unit for each code of each column, of which one is 1
===============  ==============================  ===========================================================

Bernoulli units are given numbers in [0, 1] and nothing else: rows that were not seen when the scale was measured are
clipped. A column that was constant becomes 0, whatever later rows hold in it. The other kinds refuse later rows that
lie outside their domain. NaN stays NaN, in each unit of a column. Columns of different kinds are the business of
:class:`~layerwise.data.TablePreparation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layerwise.data.choices import counted, likeliest, one_hot
from layerwise.data.domains import DOMAINS, check_domain
from layerwise.data.rows import Rows
from layerwise.data.scales import measured_scale
from layerwise.data.stored import StoredValues, part_rows
from layerwise.data.values import Values
from layerwise.errors import DataError, OptionError, RunError
from layerwise.shapes import UnitBatch, VisibleVector

__all__ = ["PlainKind", "Preparation"]

PlainKind = Literal["bernoulli", "gaussian", "spin", "rectified", "categorical"]
# A saved preparation has a kind's place in this row.
_KINDS: tuple[PlainKind, ...] = get_args(PlainKind)


@dataclass(frozen=True, eq=False)
class Preparation:
    """Shift and scale of every column; see the module for the rules.

    Parameters
    ----------
    kind : {"bernoulli", "gaussian", "spin", "rectified", "categorical"}
        The visible units the rows are prepared for.
    shift : Tensor of shape (columns,), float64
        In the units of the raw columns; float64, so that a date in seconds keeps its seconds.
    scale : Tensor of shape (columns,), float64
        Prepared units for one raw unit; 0 for a column that was constant.
    categories : tuple of int
        Number of codes of each column of choices; empty for numbers.
    """

    kind: PlainKind
    shift: VisibleVector
    scale: VisibleVector
    categories: tuple[int, ...] = ()
    _shift32: Tensor | None = field(init=False, repr=False)
    _scale32: Tensor | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # None where the step would change nothing: preparing is part of every training step.
        shifted, scaled = bool((self.shift != 0).any()), bool((self.scale != 1).any())
        object.__setattr__(self, "_shift32", self.shift.float() if shifted else None)
        object.__setattr__(self, "_scale32", self.scale.float() if scaled else None)

    @classmethod
    def fit(cls, rows: Rows, visible: PlainKind, *, categories: int | Sequence[int] | None = None) -> Preparation:
        """Measure shift and scale on rows.

        Parameters
        ----------
        rows : Rows
            The training rows; labels are not looked at.
        visible : {"bernoulli", "gaussian", "spin", "rectified", "categorical"}
            Kind of the visible units.
        categories : int or sequence of int, optional
            Number of codes of every column, or of each, for categorical units; by default what the rows' source fixes,
            or else one more than the greatest code in any column.

        Raises
        ------
        OptionError
            Where ``visible`` is something else, or ``categories`` do not belong to it.
        DataError
            Where a column has no entry that is not missing, or an entry is outside the kind's domain.

        Examples
        --------
        >>> rows = Rows.from_arrays([[-1.0, 7.0, 0.0], [3.0, 7.0, 0.5]])
        >>> Preparation.fit(rows, "bernoulli").prepare(rows.values)
        tensor([[0.0000, 0.0000, 0.0000],
                [1.0000, 0.0000, 0.5000]])
        """
        if visible not in _KINDS:
            raise OptionError("visible", visible, f"must be one of {', '.join(_KINDS)}")
        if categories is not None and visible != "categorical":
            raise OptionError("categories", categories, f"belong to categorical units; visible is {visible!r}")
        shift, scale = measured_scale(rows.values, visible, rows.full_scale)
        counts = counted(rows, categories) if visible == "categorical" else ()
        fitted = cls(visible, torch.from_numpy(shift), torch.from_numpy(scale), counts)
        if visible not in ("bernoulli", "gaussian"):
            step = part_rows(rows.n_columns)
            for first in range(0, len(rows), step):
                fitted._prepared(rows.values[first : first + step], first)
        return fitted

    @classmethod
    def unchanged(cls, columns: int) -> Preparation:
        """The preparation that changes nothing: for rows of so many columns that were prepared before."""
        return cls("gaussian", torch.zeros(columns, dtype=torch.float64), torch.ones(columns, dtype=torch.float64))

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.scale)

    @property
    def n_units(self) -> int:
        """Number of visible units: of columns, or of all their codes."""
        return sum(self.categories) if self.categories else self.n_columns

    def spec(self) -> dict[str, Any]:
        """The layer of units that the rows are for, as ``layerwise.units.kind_from`` takes it."""
        if self.categories:
            return {"kind": self.kind, "categories": list(self.categories)}
        return {"kind": self.kind, "size": self.n_units}

    def leaves(self, values: Values) -> bool:
        """Whether :meth:`prepare` would give these values back unchanged."""
        if self._shift32 is not None or self._scale32 is not None or values.dtype != np.float32 or self.categories:
            return False
        if isinstance(values, StoredValues):
            return False  # what could be left out costs less than to look at all rows
        low, high = DOMAINS[self.kind]
        return self.kind == "gaussian" or bool(values.min() >= low and values.max() <= high)

    def to(self, device: str | torch.device) -> Preparation:
        """Move the two vectors to a device."""
        return replace(self, shift=self.shift.to(device), scale=self.scale.to(device))

    def prepare(self, values: Values | Tensor) -> UnitBatch:
        """Turn raw rows into what the visible units expect.

        Parameters
        ----------
        values : ndarray, csr_array or Tensor of shape (batch, columns)
            A tensor must be on the device of ``scale``. It is never changed; where nothing has to be done it is
            given back itself.

        Returns
        -------
        Tensor of shape (batch, units), float32
            (values - shift) · scale, for Bernoulli units clipped to [0, 1]; for categorical units one-hot.

        Raises
        ------
        DataError
            Where the rows have another number of columns, or an entry is outside the domain of spin, rectified or
            categorical units.
        """
        return self._prepared(values, 0)

    def _prepared(self, values: Values | Tensor, first_row: int) -> Tensor:
        raw = values if isinstance(values, Tensor) else _as_tensor(values)
        if raw.ndim != 2 or raw.shape[1] != self.n_columns:
            rule = f"must be (rows, {self.n_columns}), the columns that the preparation was measured on"
            raise DataError("rows.shape", tuple(raw.shape), rule)
        if self.categories:
            return one_hot(raw, self.categories, first_row)
        if raw.dtype == torch.float64:
            # Subtracting first in float64 keeps the digits of a column whose offset dwarfs its spread.
            prepared = ((raw - self.shift) * self.scale).float()
        else:
            prepared = raw.float()
            if self._shift32 is not None:
                prepared = prepared - self._shift32
            if self._scale32 is not None:
                prepared = prepared * self._scale32
        check_domain(self.kind, raw, prepared, first_row)
        return prepared if self.kind == "gaussian" else prepared.clamp(*DOMAINS[self.kind])

    def restore(self, prepared: UnitBatch) -> npt.NDArray[np.float64]:
        """Turn prepared rows, or what a model made of them, back into raw columns.

        Parameters
        ----------
        prepared : Tensor of shape (batch, units)

        Returns
        -------
        ndarray of shape (batch, columns), float64
            prepared / scale + shift; a column that was constant has its constant. For categorical units the likeliest
            code, NaN where a unit is NaN.
        """
        if self.categories:
            return likeliest(prepared, self.categories)
        scale = self.scale.cpu().numpy()
        spread = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale != 0)
        return prepared.detach().cpu().numpy().astype(np.float64) * spread + self.shift.cpu().numpy()

    def to_tensors(self) -> dict[str, Tensor]:
        """Give the whole state as tensors, for a safe file."""
        numbers = {"kind": torch.tensor(_KINDS.index(self.kind)), "shift": self.shift.cpu(), "scale": self.scale.cpu()}
        return numbers | ({"categories": torch.tensor(self.categories)} if self.categories else {})

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Preparation:
        """Make a preparation from what :meth:`to_tensors` gave.

        Raises
        ------
        RunError
            Where the tensors are damaged or of something else.
        """
        received = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if set(tensors) - {"categories"} != {"kind", "shift", "scale"}:
            raise RunError("preparation", sorted(tensors), "must hold kind, shift and scale", "the file is damaged")
        kind, shift, scale = tensors["kind"], tensors["shift"].double(), tensors["scale"].double()
        if kind.numel() != 1 or shift.ndim != 1 or shift.shape != scale.shape:
            raise RunError("preparation", received, "must be one kind and two vectors of one length")
        if int(kind) not in range(len(_KINDS)) or not bool(torch.isfinite(torch.cat([shift, scale])).all()):
            raise RunError("preparation", int(kind), "must be a known kind with finite numbers", "the file is damaged")
        categories = tuple(int(count) for count in tensors["categories"]) if "categories" in tensors else ()
        name = _KINDS[int(kind)]
        if len(categories) != (len(shift) if name == "categorical" else 0) or min(categories, default=1) < 1:
            rule = "must be at least 1 for each column of categorical rows, and of no others"
            raise RunError("preparation categories", categories, rule, "the file is damaged")
        return cls(name, shift, scale, categories)


def _as_tensor(values: Values) -> Tensor:
    dense: npt.NDArray[Any] = values if isinstance(values, np.ndarray) else values.toarray()
    # torch warns of arrays that are read-only; a copy is cheap beside the preparation itself.
    return torch.from_numpy(dense if dense.flags.writeable else dense.copy())
