"""Derivatives by central differences, with a bound on their own error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

Along = Callable[[Callable[[float], Tensor], int], tuple[float, float]]


@pytest.fixture
def derivative_along() -> Along:
    """Of a number as a function of how far one goes, at 0: its derivative, and how far that may lie from the true one.

    The error of a central difference falls with the square of the step, so that halving the step shows three quarters
    of it. Rounding, which grows with how many ``additions`` stand behind the number, is divided by the step.
    """

    def along(number: Callable[[float], Tensor], additions: int) -> tuple[float, float]:
        eps = torch.finfo(torch.float64).eps
        step = eps ** (1 / 3)
        whole, half = (float(number(h) - number(-h)) / (2 * h) for h in (step, step / 2))
        rounding = additions * eps * (1 + abs(float(number(0.0)))) / step
        return half, 5 * (abs(whole - half) / 3 + rounding)

    return along
