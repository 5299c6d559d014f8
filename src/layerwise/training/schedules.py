"""Learning rates that change: the factor of each step, a pure function of its number.

Nothing has to be saved for them: a resumed run asks for the next step's factor. Any function from the number of steps
done to a factor will do in their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from layerwise.training.ranges import at_least

__all__ = ["Cosine", "InverseTime", "Linear", "Schedule"]

Schedule = Callable[[int], float]
"""From the number of steps done to what the learning rate is multiplied with."""


@dataclass(frozen=True)
class Linear:
    """Falls in a straight line to zero, which it reaches after ``steps`` minibatches.

    Examples
    --------
    >>> [Linear(4)(step) for step in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    steps: int

    def __post_init__(self) -> None:
        at_least("steps", self.steps, 1)

    def __call__(self, step: int) -> float:
        """The factor of this step."""
        return max(0.0, 1.0 - step / self.steps)


@dataclass(frozen=True)
class Cosine:
    """Falls along half a cosine to zero, which it reaches after ``steps`` minibatches [1]_.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter (2017). SGDR: stochastic gradient descent with warm restarts. ICLR.
    """

    steps: int

    def __post_init__(self) -> None:
        at_least("steps", self.steps, 1)

    def __call__(self, step: int) -> float:
        """The factor of this step."""
        return 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / self.steps))


@dataclass(frozen=True)
class InverseTime:
    """``1 / (1 + step / half)``: half after ``half`` minibatches, never zero.

    Its sum is infinite and that of its squares is not, which is what makes stochastic approximation converge [1]_:
    with persistent chains the step must become small against the time in which they forget.

    References
    ----------
    .. [1] H. Robbins, S. Monro (1951). A stochastic approximation method. Annals of Mathematical Statistics 22.
    """

    half: int

    def __post_init__(self) -> None:
        at_least("half", self.half, 1)

    def __call__(self, step: int) -> float:
        """The factor of this step."""
        return 1.0 / (1.0 + step / self.half)
