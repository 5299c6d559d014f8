r"""The neuron of McCulloch and Pitts: it counts, compares with a threshold, fires or does not, and learns nothing.

.. math:: y = \begin{cases} 1 & \text{if } \sum_i w_i x_i \ge \theta \\ 0 & \text{else} \end{cases}

Inputs and outputs are bits. In the paper of 1943 inhibition is *absolute*: one active inhibitory input, here one with a
negative weight, forbids the neuron to fire whatever the others say. With *subtractive* inhibition its weight is added
like all others; every later model neuron does that. The weights are given by whoever builds the circuit; that they
could be learned is Rosenblatt's idea.

References
----------
.. [1] W. S. McCulloch, W. Pitts (1943). A logical calculus of the ideas immanent in nervous activity. Bulletin of
   Mathematical Biophysics 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

import torch
from torch import Tensor

from layerwise.errors import OptionError
from layerwise.units.bits import Bits, like, read_bits

__all__ = [
    "ThresholdNeuron",
    "and_gate",
    "at_least",
    "majority",
    "nand_gate",
    "nor_gate",
    "not_gate",
    "or_gate",
]


@dataclass(frozen=True)
class ThresholdNeuron:
    """Fires if its weighted inputs reach its threshold.

    Parameters
    ----------
    weights : sequence of float
        One an input; negative ones inhibit.
    threshold : float
        What the sum must reach.
    inhibition : {"subtractive", "absolute"}
        Whether an active input with a negative weight is added up like the others, or forbids to fire.

    Raises
    ------
    OptionError
        No weights, or numbers that are none.

    Examples
    --------
    >>> import numpy as np
    >>> neuron = ThresholdNeuron((1, 1, -1), threshold=1, inhibition="absolute")
    >>> neuron(np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]]))
    array([1, 1, 0])
    """

    weights: tuple[float | int, ...]
    threshold: float | int
    inhibition: str = "subtractive"

    def __post_init__(self) -> None:
        try:
            weights = tuple(float(weight) for weight in self.weights)
        except (TypeError, ValueError):
            weights = ()
        if not weights or not all(map(math.isfinite, weights)):
            rule = "must hold one finite number an input, for one input at least"
            raise OptionError("weights", self.weights, rule, "give weights such as (1, 1, -1)")
        if not isinstance(self.threshold, Real) or math.isnan(self.threshold):
            raise OptionError("threshold", self.threshold, "must be a number", "a neuron never fires with infinity")
        if self.inhibition not in ("subtractive", "absolute"):
            raise OptionError("inhibition", self.inhibition, "must be 'subtractive' or 'absolute'")
        object.__setattr__(self, "weights", weights)

    def __call__(self, x: Bits) -> Bits:
        """Whether it fires, row by row.

        Parameters
        ----------
        x : array or Tensor of shape (batch, inputs)
            Zeros and ones.

        Returns
        -------
        array or Tensor of shape (batch,)
            Zeros and ones of the same type.

        Raises
        ------
        DataError
            Another number of columns, or a value that is neither 0 nor 1.
        """
        return like(x, self._fires(read_bits(x, len(self.weights))))

    def _fires(self, x: Tensor) -> Tensor:
        weights = torch.tensor(self.weights, dtype=torch.float64, device=x.device)
        if self.inhibition == "subtractive":
            return x @ weights >= self.threshold
        vetoed = (x[:, weights < 0] > 0).any(dim=1)
        return (x @ weights.clamp_min(0) >= self.threshold) & ~vetoed


def at_least(count: int, inputs: int) -> ThresholdNeuron:
    """Fires if so many of its inputs do.

    Parameters
    ----------
    count : int
        From 0, where it always fires, to ``inputs``.
    inputs : int

    Raises
    ------
    OptionError
    """
    inputs = _checked(inputs)
    if not isinstance(count, Integral) or not 0 <= count <= inputs:
        raise OptionError("count", count, f"must be a whole number from 0 to the number of inputs, {inputs}")
    return ThresholdNeuron((1.0,) * inputs, float(count))


def _checked(inputs: int) -> int:
    if not isinstance(inputs, Integral) or inputs < 1:
        raise OptionError("inputs", inputs, "must be a whole number of at least 1")
    return inputs


def and_gate(inputs: int = 2) -> ThresholdNeuron:
    """Fires if all of its inputs do."""
    return at_least(inputs, inputs)


def or_gate(inputs: int = 2) -> ThresholdNeuron:
    """Fires if one of its inputs does."""
    return at_least(1, inputs)


def majority(inputs: int = 3) -> ThresholdNeuron:
    """Fires if more than half of its inputs do."""
    return at_least(_checked(inputs) // 2 + 1, inputs)


def not_gate() -> ThresholdNeuron:
    """Fires unless its input does: a threshold of 0 and one absolute inhibition."""
    return nor_gate(1)


def nor_gate(inputs: int = 2) -> ThresholdNeuron:
    """Fires if none of its inputs does: a threshold of 0 and nothing but absolute inhibition."""
    return ThresholdNeuron((-1.0,) * _checked(inputs), 0.0, "absolute")


def nand_gate(inputs: int = 2) -> ThresholdNeuron:
    """Fires unless all of its inputs do; inhibition must be subtractive for that, as one veto would be enough."""
    return ThresholdNeuron((-1.0,) * _checked(inputs), 1.0 - inputs)
