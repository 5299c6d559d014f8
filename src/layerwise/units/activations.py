r"""Activation functions side by side: each with its value, its derivative and the interval in which it still learns.

What a unit gives is a function of its pre-activation z, the weighted sum of its inputs plus its bias. Without one a
stack of layers of any depth computes what a single matrix does.

=========== ============================= ==============================
name        value                         steepest derivative
=========== ============================= ==============================
step        1 if z ≥ 0, else 0            0: nothing flows back
sign        1 if z ≥ 0, else -1           0: nothing flows back
identity    z                             1
sigmoid     1 / (1 + exp(-z))             1/4 at 0
tanh        tanh z                        1 at 0
relu        max(0, z)                     1 above 0
leaky_relu  z above 0, slope · z below    1 above 0
elu         z above 0, α (exp(z) - 1)     1 above 0 (α = 1)
selu        1.05 · elu with α = 1.67      1.76 just below 0
gelu        z Φ(z)                        1.13 at √2
silu        z sigmoid(z)                  1.10 at 2.4
softplus    log(1 + exp(βz)) / β          1 at infinity
softmax     exp(z) over their sum         1/4 where a unit has one half
=========== ============================= ==============================

A unit is *saturated* where its derivative is no more than some share of the steepest: what it passes back there is that
much less than it could be.

References
----------
.. [1] W. S. McCulloch, W. Pitts (1943). A logical calculus of the ideas immanent in nervous activity. Bulletin of
   Mathematical Biophysics 5. (step)
.. [2] X. Glorot, A. Bordes, Y. Bengio (2011). Deep sparse rectifier neural networks. AISTATS. (relu, softplus)
.. [3] A. L. Maas, A. Y. Hannun, A. Y. Ng (2013). Rectifier nonlinearities improve neural network acoustic models.
   ICML workshop. (leaky_relu)
.. [4] D.-A. Clevert, T. Unterthiner, S. Hochreiter (2016). Fast and accurate deep network learning by exponential
   linear units. ICLR. (elu)
.. [5] G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter (2017). Self-normalizing neural networks. NeurIPS. (selu)
.. [6] D. Hendrycks, K. Gimpel (2016). Gaussian error linear units. arXiv:1606.08415. (gelu, silu)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from layerwise.errors import OptionError
from layerwise.units.activation import Activation, Elementwise, Interval

__all__ = [
    "ACTIVATIONS",
    "activation_named",
    "elu",
    "gelu",
    "identity",
    "leaky_relu",
    "relu",
    "selu",
    "sigmoid",
    "sign",
    "silu",
    "softmax",
    "softplus",
    "step",
    "tanh",
]

INFINITY = math.inf
EVERYWHERE, ABOVE_ZERO, NOWHERE = (-INFINITY, INFINITY), (0.0, INFINITY), (0.0, 0.0)


def step() -> Activation:
    """1 where z ≥ 0 and 0 elsewhere: the unit fires when it reaches its threshold."""
    return Activation(
        step,
        value=lambda z: (z >= 0).to(z.dtype),
        derivative=torch.zeros_like,
        steepest=0.0,
        interval=lambda share: NOWHERE,
    )


def sign() -> Activation:
    """1 where z ≥ 0 and -1 elsewhere: the step of units that are ±1."""
    return Activation(
        sign,
        value=lambda z: 2 * (z >= 0).to(z.dtype) - 1,
        derivative=torch.zeros_like,
        steepest=0.0,
        interval=lambda share: NOWHERE,
    )


def identity() -> Activation:
    """No activation."""
    return Activation(
        identity,
        value=lambda z: z,
        derivative=torch.ones_like,
        steepest=1.0,
        interval=lambda share: EVERYWHERE,
    )


def sigmoid() -> Activation:
    """1 / (1 + exp(-z)), the logistic function; its derivative is y (1 - y)."""
    return Activation(
        sigmoid,
        value=torch.sigmoid,
        derivative=lambda z: torch.sigmoid(z) * torch.sigmoid(-z),
        steepest=0.25,
        interval=lambda share: _around_zero(2 * math.acosh(share**-0.5)),
    )


def tanh() -> Activation:
    """The hyperbolic tangent, 2 sigmoid(2z) - 1; its derivative is 1 - y²."""
    return Activation(
        tanh,
        value=torch.tanh,
        derivative=lambda z: 1 - torch.tanh(z).square(),
        steepest=1.0,
        interval=lambda share: _around_zero(math.acosh(share**-0.5)),
    )


def relu() -> Activation:
    """The rectifier, max(0, z)."""
    return Activation(
        relu,
        value=functional.relu,
        derivative=lambda z: (z > 0).to(z.dtype),
        steepest=1.0,
        interval=lambda share: ABOVE_ZERO,
    )


def leaky_relu(slope: float | int = 0.01) -> Activation:
    """A rectifier that lets some through: ``slope · z`` below zero.

    Parameters
    ----------
    slope : float
        From 0 to below 1.

    Raises
    ------
    OptionError
    """
    if not 0 <= slope < 1:
        raise OptionError("slope", slope, "must be at least 0 and below 1", "give a small one such as 0.01")
    return Activation(
        leaky_relu,
        value=lambda z: functional.leaky_relu(z, slope),
        derivative=lambda z: torch.where(z > 0, torch.ones_like(z), slope),
        steepest=1.0,
        interval=lambda share: EVERYWHERE if slope > share else ABOVE_ZERO,
        options=(slope,),
    )


def elu(alpha: float | int = 1.0) -> Activation:
    """z above zero and α (exp(z) - 1) below, where it approaches -α.

    Parameters
    ----------
    alpha : float
        Above 0.

    Raises
    ------
    OptionError
    """
    if not 0 < alpha < INFINITY:
        raise OptionError("alpha", alpha, "must be a positive number", "1 makes the derivative continuous")
    return Activation(
        elu,
        value=lambda z: functional.elu(z, alpha),
        derivative=lambda z: _elu_derivative(z, alpha),
        steepest=max(1.0, alpha),
        interval=lambda share: _elu_interval(share, alpha),
        options=(alpha,),
    )


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""With these, means of 0 and variances of 1 reproduce themselves from layer to layer [5]_."""


def selu() -> Activation:
    """The self-normalising ELU, whose steepest place lies just below zero."""
    return Activation(
        selu,
        value=functional.selu,
        derivative=lambda z: SELU_SCALE * _elu_derivative(z, SELU_ALPHA),
        steepest=SELU_SCALE * SELU_ALPHA,
        interval=lambda share: _elu_interval(share, SELU_ALPHA),
    )


GELU_STEEPEST_AT = math.sqrt(2)


def gelu() -> Activation:
    """z Φ(z), with Φ the normal distribution function; its derivative, Φ(z) + z φ(z), is negative below -0.75."""
    return Activation(
        gelu,
        value=functional.gelu,
        derivative=_gelu_derivative,
        steepest=_at(_gelu_derivative, GELU_STEEPEST_AT),
        interval=lambda share: _around(_gelu_derivative, GELU_STEEPEST_AT, share),
    )


SILU_STEEPEST_AT = 2.3993572805154677
"""Where z tanh(z/2) = 2."""


def silu() -> Activation:
    """z sigmoid(z), also called swish; its derivative is negative below -1.28."""
    return Activation(
        silu,
        value=functional.silu,
        derivative=_silu_derivative,
        steepest=_at(_silu_derivative, SILU_STEEPEST_AT),
        interval=lambda share: _around(_silu_derivative, SILU_STEEPEST_AT, share),
    )


def softplus(beta: float | int = 1.0) -> Activation:
    """log(1 + exp(βz)) / β, a smooth rectifier; its derivative is sigmoid(βz).

    Parameters
    ----------
    beta : float
        Above 0; the greater, the nearer to relu.

    Raises
    ------
    OptionError
    """
    if not 0 < beta < INFINITY:
        raise OptionError("beta", beta, "must be a positive number", "1 is the usual one")
    return Activation(
        softplus,
        value=lambda z: functional.softplus(z, beta),
        derivative=lambda z: torch.sigmoid(beta * z),
        steepest=1.0,
        interval=lambda share: (math.log(share / (1 - share)) / beta, INFINITY),
        options=(beta,),
    )


def softmax(axis: int = 1) -> Activation:
    """exp(z) over their sum along an axis: units that share one whole.

    A unit's derivative by its own pre-activation is y (1 - y), but it moves all others, too.
    """

    def jacobian_product(z: Tensor, gradient: Tensor) -> Tensor:
        y = torch.softmax(z, axis)
        return y * (gradient - (y * gradient).sum(axis, keepdim=True))

    def derivative(z: Tensor) -> Tensor:
        y = torch.softmax(z, axis)
        return y * (1 - y)

    return Activation(
        softmax,
        value=lambda z: torch.softmax(z, axis),
        derivative=derivative,
        steepest=0.25,
        interval=sigmoid().interval,
        options=(axis,),
        jacobian_product=jacobian_product,
    )


ACTIVATIONS: dict[str, Callable[..., Activation]] = {
    make.__name__: make
    for make in (step, sign, identity, sigmoid, tanh, relu, leaky_relu, elu, selu, gelu, silu, softplus, softmax)
}
"""Every activation by its name."""


def activation_named(name: str) -> Activation:
    """An activation by its name, with the usual options.

    Raises
    ------
    OptionError
        There is none of that name.

    Examples
    --------
    >>> activation_named("leaky_relu")
    leaky_relu(0.01)
    """
    try:
        return ACTIVATIONS[name]()
    except KeyError:
        raise OptionError("activation", name, f"must be one of {', '.join(sorted(ACTIVATIONS))}") from None


def _elu_derivative(z: Tensor, alpha: float) -> Tensor:
    return torch.where(z > 0, 1.0, alpha * z.clamp_max(0).exp())


def _elu_interval(share: float, alpha: float) -> Interval:
    least = share * max(1.0, alpha)
    return min(0.0, math.log(least / alpha)), INFINITY if least < 1 else 0.0


def _gelu_derivative(z: Tensor) -> Tensor:
    return torch.erfc(-z / math.sqrt(2)) / 2 + z * torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)


def _silu_derivative(z: Tensor) -> Tensor:
    y = torch.sigmoid(z)
    return y + z * y * torch.sigmoid(-z)


def _at(function: Elementwise, z: float) -> float:
    return float(function(torch.tensor(z, dtype=torch.float64)))


def _around_zero(width: float) -> Interval:
    return -width, width


def _around(derivative: Elementwise, peak: float, share: float) -> Interval:
    """Of a derivative that rises from at most 0 at -peak to its peak, and falls from there to 1."""
    least = share * _at(derivative, peak)

    from scipy.optimize import brentq  # heavy, and only a saturation interval is solved for

    def above(z: float) -> float:
        return _at(derivative, z) - least

    def zero(low: float, high: float) -> float:
        return float(brentq(above, low, high))  # pyright: ignore[reportUnknownArgumentType]

    return zero(-peak, peak), INFINITY if least < 1 else zero(peak, 40.0)
