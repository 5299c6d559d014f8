r"""What every kind of unit supplies.

A layer of units :math:`x` has the energy

.. math:: U(x) = U_0(x) - \sum_i b_i x_i

with a bias :math:`b` of its own, and meets the rest of a model through a *field* only: what the other side sends it,
its own bias included. Given the field :math:`f` the units are independent,

.. math:: p(x \mid f) = \exp(f \cdot x - U_0(x) - \Gamma(f)), \qquad \Gamma(f) = \log \int e^{f \cdot x - U_0(x)} dx,

and :math:`\Gamma`, the cumulant function, is all that a free energy needs. A new kind is one file: a subclass with
``base_energy``, ``cumulant``, ``mean``, ``mode``, ``sample``, ``accepts``, ``field_for`` and, where it has more
parameters than the bias, their statistics.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, UnitBatch, UnitVector

__all__ = ["UnitKind", "kind_from", "kind_named"]


class UnitKind(nn.Module, ABC):
    """A layer of ``size`` independent units given their field.

    Parameters
    ----------
    size : int
        Number of units.
    """

    name: ClassVar[str]
    """How recipes and saved models call the kind."""

    kinds: ClassVar[dict[str, type[UnitKind]]] = {}

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 1:
            raise OptionError("size", size, "a layer must have at least 1 unit", "give a size such as 500")
        self.size = size
        self.bias = nn.Parameter(torch.zeros(size), requires_grad=False)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in cls.__dict__:  # what several kinds share has none
            UnitKind.kinds[cls.name] = cls

    def extra_repr(self) -> str:
        """Show the size in the module's representation."""
        return str(self.size)

    def energy(self, x: UnitBatch) -> PerRow:
        """``U(x)`` of each row, bias included."""
        return self.base_energy(x) - x @ self.bias

    @abstractmethod
    def base_energy(self, x: UnitBatch) -> PerRow:
        """``U₀(x)`` of each row: the energy without the bias."""

    @abstractmethod
    def cumulant(self, field: UnitBatch) -> PerRow:
        """``Γ(field)`` of each row, summed over the units, in nats."""

    @abstractmethod
    def mean(self, field: UnitBatch) -> UnitBatch:
        """E[x | field], the derivative of :meth:`cumulant`."""

    @abstractmethod
    def mode(self, field: UnitBatch) -> UnitBatch:
        """The most probable x given the field."""

    @abstractmethod
    def sample(self, field: UnitBatch, random: RandomStream, first_row: int = 0) -> UnitBatch:
        """Draw x given the field; takes one position of the stream."""

    def mean_and_sample(
        self, field: UnitBatch, random: RandomStream, first_row: int = 0
    ) -> tuple[UnitBatch, UnitBatch]:
        """:meth:`mean` and :meth:`sample` of one field, in one pass where a kind can."""
        return self.mean(field), self.sample(field, random, first_row)

    def statistics(self, x: UnitBatch) -> dict[str, UnitBatch]:
        """``-∂U/∂parameter`` at x, unit by unit, for every parameter by name."""
        return {"bias": x}

    def expected_statistics(self, field: UnitBatch, mean: UnitBatch) -> dict[str, UnitBatch]:
        """E[:meth:`statistics` | field]; ``mean`` is E[x | field], which every caller has at hand."""
        return {"bias": mean}

    @abstractmethod
    def accepts(self, x: UnitBatch) -> Bool[Tensor, "batch unit"]:
        """Which numbers a unit of this kind can be given; NaN never is one."""

    @abstractmethod
    def field_for(self, mean: UnitVector) -> UnitVector:
        """The field at which E[x] is ``mean``, or the nearest mean that a finite field reaches safely."""

    def parameters_for(self, mean: UnitVector, variance: UnitVector) -> dict[str, Tensor]:
        """Every parameter by name, such that without couplings the units have this mean and variance."""
        return {"bias": self.field_for(mean)}

    def start_from(self, mean: UnitVector, variance: UnitVector) -> None:
        """Set the parameters so that, without couplings, the units have the mean and variance of the data."""
        for name, value in self.parameters_for(mean, variance).items():
            self.get_parameter(name).copy_(value)

    def confine(self) -> None:
        """Bring parameters that a step has carried too far back, in place; most kinds have none."""

    def states(self) -> list[Tensor] | None:
        """For each site, the units that are drawn together, its states as float32 rows.

        None where they cannot be counted.
        """
        return None

    def spec(self) -> dict[str, Any]:
        """What :func:`kind_from` makes the kind from again, without its parameters: plain numbers and text."""
        return {"kind": self.name, "size": self.size}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> UnitKind:
        """A layer with fresh parameters."""
        return cls(int(spec["size"]))


def kind_from(spec: Mapping[str, Any]) -> UnitKind:
    """A layer of units from what :meth:`UnitKind.spec` said of it.

    Raises
    ------
    OptionError
        No such kind.
    """
    return _registered(spec["kind"]).from_spec(spec)


def kind_named(name: str, size: int) -> UnitKind:
    """A layer of a kind by its name.

    Raises
    ------
    OptionError
        No such kind.
    """
    return _registered(name).from_spec({"size": size})


def _registered(name: str) -> type[UnitKind]:
    try:
        return UnitKind.kinds[name]
    except KeyError:
        known = ", ".join(sorted(UnitKind.kinds))
        raise OptionError("unit kind", name, f"must be one of {known}") from None


def per_row(values: Tensor) -> Tensor:
    """Sum over units, in double precision: sums of hundreds of logarithms feed differences of free energies."""
    return values.sum(dim=1, dtype=torch.float64).to(values.dtype)
