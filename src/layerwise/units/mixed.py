"""Units of several kinds side by side in one layer: a real table's columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, UnitBatch, UnitVector
from layerwise.units.kind import UnitKind, kind_from

__all__ = ["MixedUnits"]


class MixedUnits(UnitKind):
    """Some kinds side by side; each answers for its own columns.

    The biases are the whole layer's and the parts have none; their other parameters are theirs.

    Parameters
    ----------
    parts : sequence of UnitKind
        From the first column to the last. They become this layer's: make them anew for another.

    Examples
    --------
    >>> import torch
    >>> from layerwise.units import BernoulliUnits, GaussianUnits
    >>> units = MixedUnits([BernoulliUnits(2), GaussianUnits(1)])
    >>> units.mean(torch.tensor([[0.0, 0.0, 3.0]]))
    tensor([[0.5000, 0.5000, 3.0000]])
    """

    name: ClassVar[str] = "mixed"

    def __init__(self, parts: Sequence[UnitKind]) -> None:
        if not parts:
            raise OptionError("parts", list(parts), "must hold at least one kind of unit")
        super().__init__(sum(part.size for part in parts))
        for part in parts:
            part.register_parameter("bias", None)
        self.parts = nn.ModuleList(parts)

    def extra_repr(self) -> str:
        """Nothing: the parts are shown below."""
        return ""

    def base_energy(self, x: UnitBatch) -> PerRow:
        """The parts' energies, summed."""
        return sum((part.base_energy(columns) for part, columns in self._split(x)), x.new_zeros(len(x)))

    def cumulant(self, field: UnitBatch) -> PerRow:
        """The parts' cumulants, summed."""
        return sum((part.cumulant(columns) for part, columns in self._split(field)), field.new_zeros(len(field)))

    def mean(self, field: UnitBatch) -> UnitBatch:
        """Each part's."""
        return self._joined(field, lambda part, columns: part.mean(columns))

    def mode(self, field: UnitBatch) -> UnitBatch:
        """Each part's."""
        return self._joined(field, lambda part, columns: part.mode(columns))

    def sample(self, field: UnitBatch, random: RandomStream, first_row: int = 0) -> UnitBatch:
        """Each part's; a position of the stream for each."""
        return self._joined(field, lambda part, columns: part.sample(columns, random, first_row))

    def statistics(self, x: UnitBatch) -> dict[str, UnitBatch]:
        """x for the biases, and each part's own."""
        return {"bias": x} | self._named([part.statistics(columns) for part, columns in self._split(x)])

    def expected_statistics(self, field: UnitBatch, mean: UnitBatch) -> dict[str, UnitBatch]:
        """Their expectations."""
        pairs = zip(self._split(field), self._split(mean), strict=True)
        of_parts = [part.expected_statistics(columns, means) for (part, columns), (_, means) in pairs]
        return {"bias": mean} | self._named(of_parts)

    def accepts(self, x: UnitBatch) -> Bool[Tensor, "batch unit"]:
        """What each part accepts in its columns."""
        return self._joined(x, lambda part, columns: part.accepts(columns))

    def field_for(self, mean: UnitVector) -> UnitVector:
        """Each part's."""
        return torch.cat([part.field_for(columns) for part, columns in self._split(mean)])

    def parameters_for(self, mean: UnitVector, variance: UnitVector) -> dict[str, Tensor]:
        """Each part's."""
        pairs = zip(self._split(mean), self._split(variance), strict=True)
        of_parts = [part.parameters_for(means, variances) for (part, means), (_, variances) in pairs]
        return {"bias": torch.cat([values["bias"] for values in of_parts])} | self._named(of_parts)

    def confine(self) -> None:
        """Each part's."""
        for part, _ in self._split(self.bias):
            part.confine()

    def states(self) -> list[Tensor] | None:
        """The parts' sites, one after the other, if all of them can be counted."""
        sites: list[Tensor] = []
        for part, _ in self._split(self.bias):
            of_part = part.states()
            if of_part is None:
                return None
            sites += of_part
        return sites

    def spec(self) -> dict[str, Any]:
        """What each part says."""
        return {"kind": self.name, "parts": [part.spec() for part, _ in self._split(self.bias)]}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> UnitKind:
        """From the parts' own."""
        if "parts" not in spec:
            raise OptionError("unit kind", cls.name, "is made of parts", "give the kind of each column")
        return cls([kind_from(part) for part in spec["parts"]])

    def _split(self, x: Tensor) -> list[tuple[UnitKind, Tensor]]:
        """Each part with its columns of x."""
        parts = [cast(UnitKind, part) for part in self.parts]
        columns = cast("tuple[Tensor, ...]", x.split([part.size for part in parts], dim=-1))
        return list(zip(parts, columns, strict=True))

    def _joined(self, x: Tensor, answer: Callable[[UnitKind, Tensor], Tensor]) -> Tensor:
        return torch.cat([answer(part, columns.contiguous()) for part, columns in self._split(x)], dim=1)

    @staticmethod
    def _named(of_parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """What belongs to parameters other than the bias, under the names they have in this module."""
        return {
            f"parts.{i}.{name}": value
            for i, values in enumerate(of_parts)
            for name, value in values.items()
            if name != "bias"
        }
