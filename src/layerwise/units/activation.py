"""What an activation function is: its value, what it passes back, and where it is saturated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from layerwise.errors import OptionError

__all__ = ["Activation", "Elementwise", "Interval"]

Interval = tuple[float, float]
Elementwise = Callable[[Tensor], Tensor]


@dataclass(frozen=True, repr=False)
class Activation:
    """An activation function: the functions in :mod:`layerwise.units.activations` make them.

    Two are equal if the same function made them with the same options.

    Examples
    --------
    >>> import torch
    >>> from layerwise.units.activations import sigmoid
    >>> sigmoid().value(torch.tensor([0.0, 1.0]))
    tensor([0.5000, 0.7311])
    >>> sigmoid().derivative(torch.tensor([0.0, 1.0]))
    tensor([0.2500, 0.1966])
    >>> low, high = sigmoid().saturation(0.1)
    >>> round(low, 2), round(high, 2)
    (-3.64, 3.64)
    """

    make: Callable[..., Activation]
    value: Elementwise = field(compare=False)
    derivative: Elementwise = field(compare=False)
    """Of each unit's value by its own pre-activation; at a kink torch's convention."""
    steepest: float = field(compare=False)
    """The greatest derivative, or its limit."""
    interval: Callable[[float], Interval] = field(compare=False)
    """From a share to what :meth:`saturation` gives."""
    options: tuple[float | int, ...] = ()
    """What ``make`` was called with."""
    jacobian_product: Callable[[Tensor, Tensor], Tensor] | None = field(compare=False, default=None)
    """What :meth:`pull_back` gives, where units depend on each other's pre-activations."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.make.__name__

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.options))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return self.make, self.options

    def pull_back(self, z: Tensor, gradient: Tensor) -> Tensor:
        """The derivative of a loss by the pre-activations, from that by the values.

        Parameters
        ----------
        z, gradient : Tensor of shape (batch, unit)

        Returns
        -------
        Tensor of shape (batch, unit)
        """
        if self.jacobian_product is not None:
            return self.jacobian_product(z, gradient)
        return gradient * self.derivative(z)

    def saturation(self, share: float = 0.1) -> Interval:
        """The pre-activations between which the derivative exceeds a share of the steepest.

        Parameters
        ----------
        share : float
            Above 0 and below 1.

        Returns
        -------
        (float, float)
            Empty, (0, 0), where the derivative is zero. For softmax: of the log-odds of a unit against all others.

        Raises
        ------
        OptionError
        """
        return self.interval(_proper(share))

    def saturated(self, z: Tensor, share: float = 0.1) -> Tensor:
        """Which units lie outside that interval, as booleans.

        Raises
        ------
        OptionError
        """
        return self.derivative(z) <= _proper(share) * self.steepest


def _proper(share: float) -> float:
    if not 0 < share < 1:
        raise OptionError("share", share, "must be above 0 and below 1", "give a share such as 0.1")
    return share
