r"""What each kernel means, in plain torch: slow, readable and the same numbers on every device.

The elementary functions are written out in single precision with every rounding explicit, so that a faster
implementation (:mod:`layerwise.kernels.cpu`, :mod:`layerwise.kernels.cuda`) can be equal to the last bit and not just
close: a sample that flips in its last bit makes two chains that never meet again.

``exp`` and ``log`` follow Cephes' single-precision polynomials [1]_, the normal quantile Giles' [2]_.

References
----------
.. [1] S. L. Moshier (1992). Cephes mathematical library, ``expf`` and ``logf``.
.. [2] M. Giles (2012). Approximating the erfinv function. GPU Computing Gems, Jade Edition.
"""

from __future__ import annotations

import torch
from torch import Tensor

from layerwise.randomness import RandomStream, random_words

__all__ = [
    "ascend",
    "bernoulli",
    "exponential",
    "logarithm",
    "mean_and_bernoulli",
    "mean_difference",
    "normal",
    "product",
    "sigmoid",
    "uniform",
]

LOG2_E = 1.44269504088896341
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4
EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
EXP_RANGE = (-87.0, 87.0)
"""So that neither exp nor sigmoid is ever denormal: what becomes of those depends on the device and its settings."""
LOG = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
SQRT_HALF = 0.707106781186547524
QUANTILE_CENTRE = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
QUANTILE_TAIL = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)
SQRT_TWO = 1.41421356237309505
UNIT = 2.0**-23


def exponential(x: Tensor) -> Tensor:
    """exp(x) in float32 for x in [-87, 87] (clamped), within 2 units in the last place."""
    x = x.clamp(*EXP_RANGE)
    power = torch.floor(x * LOG2_E + 0.5)
    rest = x - power * LN2_HIGH
    rest = rest - power * LN2_LOW
    value = torch.full_like(x, EXP[0])
    for coefficient in EXP[1:]:
        value = value * rest + coefficient
    value = value * (rest * rest) + rest
    value = value + 1.0
    return value * ((power.to(torch.int32) + 127) << 23).view(torch.float32)


def logarithm(x: Tensor) -> Tensor:
    """ln(x) in float32 for normal x > 0."""
    bits = x.view(torch.int32)
    power = ((bits >> 23) - 126).to(torch.float32)
    fraction = ((bits & 0x007FFFFF) | 0x3F000000).view(torch.float32)
    small = fraction < SQRT_HALF
    power = torch.where(small, power - 1.0, power)
    t = torch.where(small, fraction + fraction, fraction) - 1.0
    square = t * t
    value = torch.full_like(t, LOG[0])
    for coefficient in LOG[1:]:
        value = value * t + coefficient
    value = value * t * square
    value = value + power * LN2_LOW
    value = value - 0.5 * square
    return t + value + power * LN2_HIGH


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), computed in float32."""
    return (1.0 / (1.0 + exponential(-x.to(torch.float32)))).to(x.dtype)


def uniform(rows: int, columns: int, random: RandomStream, first_row: int = 0, device: str = "cpu") -> Tensor:
    """Odd multiples of 2⁻²⁴ in (0, 1): never 0 or 1, symmetric about one half, exact in float32."""
    words = random_words(random, rows, columns, first_row, device)
    return ((words >> 9).to(torch.float32) + 0.5) * UNIT


def normal(rows: int, columns: int, random: RandomStream, first_row: int = 0, device: str = "cpu") -> Tensor:
    """Standard normal numbers: the quantile function at :func:`uniform`, whose farthest lies at 5.3 deviations."""
    x = 2.0 * uniform(rows, columns, random, first_row, device) - 1.0
    w = -logarithm((1.0 - x) * (1.0 + x))
    # By way of float64: torch's own root of a float32 is not always the nearest one.
    centre, tail = w - 2.5, torch.sqrt(w.double()).float() - 3.0
    near, far = torch.full_like(x, QUANTILE_CENTRE[0]), torch.full_like(x, QUANTILE_TAIL[0])
    for c, t in zip(QUANTILE_CENTRE[1:], QUANTILE_TAIL[1:], strict=True):
        near = near * centre + c
        far = far * tail + t
    return torch.where(w < 5.0, near, far) * x * SQRT_TWO


def bernoulli(field: Tensor, random: RandomStream, first_row: int = 0) -> Tensor:
    """Zeros and ones with P(1) = sigmoid(field)."""
    return mean_and_bernoulli(field, random, first_row)[1]


def mean_and_bernoulli(field: Tensor, random: RandomStream, first_row: int = 0) -> tuple[Tensor, Tensor]:
    """``sigmoid(field)`` and a sample of it."""
    mean = sigmoid(field.to(torch.float32))
    rows, units = field.shape
    draw = uniform(rows, units, random, first_row, str(field.device)) < mean
    return mean.to(field.dtype), draw.to(field.dtype)


def product(rows: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """``rows @ weights + bias``: the field that a layer sends to the next."""
    return torch.addmm(bias, rows, weights)


def ascend(
    weights: Tensor,
    velocity: Tensor | None,
    plus: tuple[Tensor, Tensor],
    minus: tuple[Tensor, Tensor],
    rate: float,
    momentum: float,
    decay: float,
) -> None:
    """``velocity = momentum · velocity + gradient - decay · weights``, ``weights += rate · velocity``, in place."""
    (left, right), (left_minus, right_minus) = plus, minus
    step = torch.mm(left.T / len(left), right)
    step.addmm_(left_minus.T, right_minus, alpha=-1.0 / len(left_minus))
    if decay:
        step.add_(weights, alpha=-decay)
    if velocity is not None:
        step = velocity.mul_(momentum).add_(step)
    weights.add_(step, alpha=rate)


def mean_difference(plus: Tensor, minus: Tensor) -> Tensor:
    """``plus.mean(0) - minus.mean(0)``."""
    return plus.mean(0) - minus.mean(0)
