r"""Random weights to start from, by name.

A layer of n inputs whose weights have variance 1/n passes on pre-activations of its input's mean square; backwards the
number of its outputs counts. The *gain* multiplies what is drawn and makes up for the slope of the activation.

================ ================================================================ ====
name             weights, at the usual gain                                       by
================ ================================================================ ====
glorot_uniform   variance 2 / (in + out); also called Xavier's                    [1]_
glorot_normal    the same, normal                                                 [1]_
he_uniform       variance 2 / in, for rectifiers; also called Kaiming's           [2]_
he_normal        the same, normal                                                 [2]_
lecun_uniform    variance 1 / in; with selu, self-normalising                     [3]_
lecun_normal     the same, normal                                                 [3]_
orthogonal       a random rotation: columns or rows of length 1, at right angles  [4]_
sparse           15 normal weights into each unit, all others zero                [5]_
normal           standard deviation 0.01: the gain                                [6]_
zeros            zero, where nothing shall be preferred
sklearn          Glorot's limit for weights and for biases                        [7]_
================ ================================================================ ====

Biases are zero but for the last. A sigmoid, whose slope at zero is 1/4, wants Glorot's at a gain of 4 [1]_; its gain in
scikit-learn is the root of 1/3.

References
----------
.. [1] X. Glorot, Y. Bengio (2010). Understanding the difficulty of training deep feedforward neural networks. AISTATS.
.. [2] K. He, X. Zhang, S. Ren, J. Sun (2015). Delving deep into rectifiers. ICCV.
.. [3] Y. LeCun, L. Bottou, G. B. Orr, K.-R. Müller (1998). Efficient backprop. Neural networks: tricks of the trade.
.. [4] A. M. Saxe, J. L. McClelland, S. Ganguli (2014). Exact solutions to the nonlinear dynamics of learning in deep
   linear neural networks. ICLR.
.. [5] J. Martens (2010). Deep learning via Hessian-free optimization. ICML.
.. [6] G. E. Hinton (2012). A practical guide to training restricted Boltzmann machines. Neural networks: tricks of the
   trade.
.. [7] F. Pedregosa et al. (2011). Scikit-learn: machine learning in Python. JMLR 12. (``MLPClassifier``)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from layerwise import kernels
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream

__all__ = ["INITIALISATIONS", "glorot", "initialise"]

SIGMOID_GAIN = 4.0
"""A sigmoid's slope at zero is 1/4: weights four times as large pass on what a tanh would."""
SPARSE_INPUTS = 15

Draw = Callable[[Tensor, RandomStream], Tensor]
"""Numbers to be scaled, of the shape and on the device of a matrix, which has one row for each unit."""


def _uniform(like: Tensor, random: RandomStream) -> Tensor:
    rows, columns = like.shape
    return 2.0 * kernels.uniform(rows, columns, random, device=like.device) - 1.0


def _normal(like: Tensor, random: RandomStream) -> Tensor:
    rows, columns = like.shape
    return kernels.normal(rows, columns, random, device=like.device)


def _rotation(like: Tensor, random: RandomStream) -> Tensor:
    drawn = _normal(like, random).double()
    wide = drawn.shape[0] < drawn.shape[1]
    q, r = cast("tuple[Tensor, Tensor]", torch.linalg.qr(drawn.T if wide else drawn))
    # Of the many factorisations the one with a positive diagonal makes every rotation equally likely.
    q = q * torch.where(r.diagonal() < 0, -1.0, 1.0)
    return q.T if wide else q


def _sparse(like: Tensor, random: RandomStream) -> Tensor:
    chosen = _uniform(like, random).argsort(dim=1)[:, :SPARSE_INPUTS]
    weights = _normal(like, random)
    return torch.zeros_like(weights).scatter(1, chosen, weights.gather(1, chosen))


def _zeros(like: Tensor, random: RandomStream) -> Tensor:
    return torch.zeros_like(like)


@dataclass(frozen=True)
class _Scheme:
    draw: Draw
    scale: Callable[[int, int], float] = lambda fan_in, fan_out: 1.0
    """What a gain of 1 multiplies the draws with."""
    gain: float = 1.0
    """The usual one."""
    draws_bias: bool = False


# A uniform number between -1 and 1 has a variance of 1/3.
INITIALISATIONS: dict[str, _Scheme] = {
    "glorot_uniform": _Scheme(_uniform, lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out))),
    "glorot_normal": _Scheme(_normal, lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out))),
    "he_uniform": _Scheme(_uniform, lambda fan_in, fan_out: math.sqrt(3 / fan_in), gain=math.sqrt(2)),
    "he_normal": _Scheme(_normal, lambda fan_in, fan_out: math.sqrt(1 / fan_in), gain=math.sqrt(2)),
    "lecun_uniform": _Scheme(_uniform, lambda fan_in, fan_out: math.sqrt(3 / fan_in)),
    "lecun_normal": _Scheme(_normal, lambda fan_in, fan_out: math.sqrt(1 / fan_in)),
    "orthogonal": _Scheme(_rotation),
    "sparse": _Scheme(_sparse),
    "normal": _Scheme(_normal, gain=0.01),
    "zeros": _Scheme(_zeros),
    "sklearn": _Scheme(_uniform, lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out)), draws_bias=True),
}


@torch.no_grad()
def initialise(module: nn.Module, name: str, random: RandomStream, gain: float | None = None) -> None:
    """Draw the weights of every layer inside a module, in place.

    Parameters
    ----------
    module : torch.nn.Module
        A network or a layer. All with weights of two axes or more, such as dense and convolutional ones, are drawn for,
        in their order; what has a vector of weights, such as a batch norm, or another's is left as it is.
    name : str
        See the table above.
    random : RandomStream
        A position a layer is taken, two by ``sparse`` and ``sklearn``.
    gain : float, optional
        What is drawn is multiplied with it; by default the usual one of that name.

    Raises
    ------
    OptionError
        There is no initialisation of that name, or the gain is no positive number.

    Examples
    --------
    >>> from torch import nn
    >>> network = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 10))
    >>> initialise(network, "he_normal", RandomStream(0))
    >>> round(network[0].weight.std().item() * (784 / 2) ** 0.5, 2)
    1.00
    """
    if name not in INITIALISATIONS:
        raise OptionError("initialisation", name, f"must be one of {', '.join(sorted(INITIALISATIONS))}")
    scheme = INITIALISATIONS[name]
    gain = scheme.gain if gain is None else gain
    if not 0 < gain < math.inf:
        raise OptionError("gain", gain, "must be a positive number", "leave it out for the usual one")
    for layer in module.modules():
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        if not isinstance(weight, nn.Parameter) or weight.ndim < 2:
            continue
        scale = gain * scheme.scale(weight[0].numel(), weight[:, 0].numel())
        weight.copy_((scheme.draw(weight.flatten(1), random) * scale).reshape(weight.shape))
        if isinstance(bias, Tensor):
            bias.copy_(scheme.draw(bias[None], random)[0] * scale if scheme.draws_bias else torch.zeros_like(bias))


def glorot(layer: nn.Linear, random: RandomStream, gain: float = SIGMOID_GAIN) -> None:
    """Uniform weights of variance ``gain² · 2 / (in + out)``, zero bias: :func:`initialise` with sigmoids in mind."""
    initialise(layer, "glorot_uniform", random, gain)
