"""Units that share a choice: at each site exactly one of several states, a Potts spin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, ClassVar

import torch
from jaxtyping import Bool
from torch import Tensor

from layerwise import kernels
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, UnitBatch, UnitVector
from layerwise.units.kind import UnitKind, per_row

__all__ = ["CategoricalUnits"]


class CategoricalUnits(UnitKind):
    r"""Sites that are each in one of some states, one unit a state: :math:`\Gamma(f) = \sum_s \log \sum_k e^{f_{sk}}`.

    Rows are one-hot site by site; non-negative numbers that sum to one at a site are taken as probabilities. Adding a
    constant to all biases of a site changes nothing.

    Parameters
    ----------
    categories : sequence of int
        Number of states of each site. The layer's ``size`` is their sum.

    Examples
    --------
    >>> import torch
    >>> CategoricalUnits((2, 3)).mean(torch.zeros(1, 5))
    tensor([[0.5000, 0.5000, 0.3333, 0.3333, 0.3333]])
    """

    name: ClassVar[str] = "categorical"

    def __init__(self, categories: Sequence[int]) -> None:
        for count in categories:
            if count < 1:
                raise OptionError("categories", list(categories), "every site must have at least 1 state")
        super().__init__(sum(categories))
        self.categories = tuple(int(count) for count in categories)
        # The unit of each state of each site; a site with fewer states than another points at a unit past the last.
        most = max(self.categories)
        ends = accumulate(self.categories)
        sites = [(end - n, n) for end, n in zip(ends, self.categories, strict=True)]
        places = [[start + k if k < n else self.size for k in range(most)] for start, n in sites]
        self._regular = len(set(self.categories)) == 1
        self._places: Tensor
        self.register_buffer("_places", torch.tensor(places), persistent=False)

    def extra_repr(self) -> str:
        """Show how many states each site has, briefly where all have as many."""
        first = self.categories[0]
        return f"{len(self.categories)} × {first}" if self._regular else ", ".join(map(str, self.categories))

    def base_energy(self, x: UnitBatch) -> PerRow:
        """Zero: a choice has nothing beside its biases."""
        return x.new_zeros(len(x))

    def cumulant(self, field: UnitBatch) -> PerRow:
        """Log of the sum of exponentials at each site, summed."""
        return per_row(torch.logsumexp(self._by_site(field, -torch.inf), dim=2))

    def mean(self, field: UnitBatch) -> UnitBatch:
        """Softmax at each site."""
        return self._by_unit(torch.softmax(self._by_site(field, -torch.inf), dim=2))

    def mode(self, field: UnitBatch) -> UnitBatch:
        """One at the state with the greatest field."""
        return self._one_hot(self._by_site(field, -torch.inf).argmax(2), field.dtype)

    def sample(self, field: UnitBatch, random: RandomStream, first_row: int = 0) -> UnitBatch:
        """Draw a state at each site: the first whose summed probability reaches a uniform number."""
        u = kernels.uniform(len(field), len(self.categories), random, first_row, field.device)
        reached = torch.softmax(self._by_site(field, -torch.inf), dim=2).cumsum(2)
        return self._one_hot((reached < u.to(field.dtype)[..., None] * reached[..., -1:]).sum(2), field.dtype)

    def accepts(self, x: UnitBatch) -> Bool[Tensor, "batch unit"]:
        """Non-negative numbers that sum to one at every site."""
        sums = self._by_site(x, 0.0).sum(2)
        fit = ((sums - 1).abs() <= 1e-5)[..., None].expand(-1, -1, self._places.shape[1])
        return (x >= 0) & self._by_unit(fit)

    def field_for(self, mean: UnitVector) -> UnitVector:
        """Logarithm of the frequency, of at least 0.001: a state never seen may still be seen."""
        return mean.clamp_min(1e-3).log()

    def states(self) -> list[Tensor]:
        """Each site: one row a state."""
        return [torch.eye(n) for n in self.categories]

    def spec(self) -> dict[str, Any]:
        """The states of each site."""
        return {"kind": self.name, "categories": list(self.categories)}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> UnitKind:
        """From the states of each site; from a size alone, one site."""
        return cls(spec["categories"] if "categories" in spec else (int(spec["size"]),))

    def _by_site(self, x: Tensor, missing: float) -> Tensor:
        """(batch, unit) as (batch, site, state)."""
        if self._regular:
            return x.reshape(len(x), *self._places.shape)
        return torch.nn.functional.pad(x, (0, 1), value=missing)[:, self._places]

    def _by_unit(self, x: Tensor) -> Tensor:
        """(batch, site, state) as (batch, unit)."""
        return x.reshape(len(x), self.size) if self._regular else x[:, self._places < self.size]

    def _one_hot(self, chosen: Tensor, dtype: torch.dtype) -> Tensor:
        x = torch.zeros(len(chosen), self.size, dtype=dtype, device=chosen.device)
        return x.scatter_(1, self._places[:, 0] + chosen, 1.0)
