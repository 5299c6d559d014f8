r"""A belief network unrolled: plain torch networks that compute what its layers pass on.

Each layer becomes a linear map and the mean of its kind of unit as an activation,

=================== ==============================================================================
kind                activation
=================== ==============================================================================
``bernoulli``       sigmoid
``spin``            tanh
``gaussian``        none; the precision is divided into weights and bias
``categorical``     softmax at each site, all sites having as many states
``rectified``       ReLU of field over precision: the *mode*, as the mean is no torch module
``noisy_rectified`` softplus, of which the mean is the sum over half-integers
=================== ==============================================================================

so that for the first four the network's numbers are the belief network's own. Nothing in it is layerwise's: it can be
trained, saved and exported by whatever understands ``torch.nn.Sequential``.

References
----------
.. [1] G. E. Hinton, R. R. Salakhutdinov (2006). Reducing the dimensionality of data with neural networks. Science 313.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from layerwise.energy import RBM
from layerwise.energy.class_rbm import classes_of
from layerwise.energy.directed_stack import DirectedStack
from layerwise.errors import OptionError
from layerwise.networks import glorot, sigmoid_stack
from layerwise.randomness import RandomStream
from layerwise.units import CategoricalUnits, MixedUnits, UnitKind
from layerwise.units.quadratic import QuadraticUnits

__all__ = ["random_stack", "unroll", "unroll_autoencoder", "unroll_class_rbm", "unroll_regressor", "upward_pass"]


def upward_pass(net: DirectedStack) -> nn.Sequential:
    """What :meth:`~layerwise.energy.directed_stack.DirectedStack.up` computes, as a network with weights of its own.

    Label units at the top are at rest: in their place the hidden biases take what the label's mean sends them.

    Returns
    -------
    torch.nn.Sequential
        A linear map and an activation for each layer, the top included.

    Raises
    ------
    OptionError
        A layer is of a kind that has no activation in torch.
    """
    return nn.Sequential(*_modules(_upward(net)))


def unroll(net: DirectedStack, classes: int) -> nn.Sequential:
    """A classifier: the upward pass under a new layer of class scores, which starts at zero.

    Raises
    ------
    OptionError
        A layer is of a kind that has no activation in torch.
    """
    return unroll_regressor(net, net.top.weights.new_zeros(classes))


def unroll_regressor(net: DirectedStack, start: Tensor) -> nn.Sequential:
    """A regressor: the upward pass under a new linear layer.

    Parameters
    ----------
    net : DirectedStack
    start : Tensor of shape (outputs,)
        What is predicted before anything is learned, such as the mean of the targets.

    Raises
    ------
    OptionError
        A layer is of a kind that has no activation in torch.
    """
    outputs = _linear(start.new_zeros(net.top.hidden.size, len(start)), start, net.top.weights)
    return nn.Sequential(*_modules(_upward(net)), outputs)


def unroll_autoencoder(net: DirectedStack) -> nn.Sequential:
    """A deep autoencoder: ``encoder``, the upward pass, and ``decoder``, the layers back with weights of their own.

    Its output is the mean of the visible units, :meth:`~layerwise.energy.directed_stack.DirectedStack.reconstruct`.

    Returns
    -------
    torch.nn.Sequential
        Of two, ``encoder`` and ``decoder``.

    Raises
    ------
    OptionError
        A layer is of a kind that has no activation in torch.
    """
    encoder, decoder = nn.Sequential(*_modules(_upward(net))), nn.Sequential(*_modules(_downward(net)))
    return nn.Sequential(OrderedDict(encoder=encoder, decoder=decoder))


@torch.no_grad()
def unroll_class_rbm(rbm: RBM) -> nn.Sequential:
    r"""What :func:`~layerwise.energy.class_rbm.class_log_probabilities` says, as probabilities, by a network.

    .. math:: p(k \mid x) \propto \exp\Big(d_k + \sum_j \log(1 + e^{(x^\top W + U_k + b)_j})\Big)

    A hidden unit's field by class, softplus, sums by class and softmax: for Bernoulli hidden units, the probabilities
    themselves.

    Raises
    ------
    OptionError
        The machine has no label units, or hidden units of another kind.
    """
    if rbm.hidden.name != "bernoulli":
        rule = "cannot be summed away by modules of torch"
        raise OptionError("hidden", rbm.hidden.name, rule, "take 'bernoulli', or classify by the machine itself")
    classes, hidden = classes_of(rbm), rbm.hidden.size
    if not classes:
        raise OptionError("rbm", rbm.visible.name, "must have label units", "make the machine with class_rbm")
    features = rbm.visible.size - classes
    fields = _linear(
        rbm.weights[:features].repeat(1, classes), (rbm.weights[features:] + rbm.hidden.bias).flatten(), rbm.weights
    )
    sums = torch.eye(classes, dtype=rbm.weights.dtype).repeat_interleave(hidden, dim=0)
    return nn.Sequential(fields, nn.Softplus(), _linear(sums, rbm.visible.bias[features:], rbm.weights), nn.Softmax(1))


def random_stack(sizes: tuple[int, ...], classes: int, random: RandomStream) -> nn.Sequential:
    """A classifier of sigmoid layers with random weights: what pretraining is compared with."""
    network = sigmoid_stack(sizes, classes)
    for layer in [module for module in network if isinstance(module, nn.Linear)][:-1]:
        glorot(layer, random)
    return network


@dataclass(frozen=True)
class _Layer:
    weights: Tensor
    bias: Tensor
    units: UnitKind


def _upward(net: DirectedStack) -> list[_Layer]:
    top, features = net.top, net.top.visible.size - net.classes
    bias = top.hidden.bias
    if net.classes:
        bias = bias + torch.softmax(top.visible.bias[features:], 0) @ top.weights[features:]
    below = [_Layer(layer.weights, layer.units.bias, layer.units) for layer in net.recognition]
    return [*below, _Layer(top.weights[:features], bias, top.hidden)]


def _downward(net: DirectedStack) -> list[_Layer]:
    top, features = net.top, net.top.visible.size - net.classes
    units = top.visible
    if net.classes and isinstance(units, MixedUnits) and len(units.parts) == 2:
        units = cast(UnitKind, units.parts[0])
    below = [_Layer(layer.weights, layer.units.bias, layer.units) for layer in reversed(net.generation)]
    return [_Layer(top.weights[:features].T, top.visible.bias[:features], units), *below]


@torch.no_grad()
def _modules(layers: list[_Layer]) -> list[nn.Module]:
    modules: list[nn.Module] = []
    for layer in layers:
        weights, bias = layer.weights, layer.bias
        activation = _activation(layer.units)
        if isinstance(layer.units, QuadraticUnits):
            precision = layer.units.log_precision.exp()
            weights, bias = weights / precision, bias / precision
        modules += [_linear(weights, bias, weights), activation]
    return modules


def _activation(units: UnitKind) -> nn.Module:
    if isinstance(units, CategoricalUnits) and len(set(units.categories)) == 1:
        if len(units.categories) == 1:
            return nn.Softmax(dim=1)
        sites = nn.Unflatten(1, (len(units.categories), units.categories[0]))
        return nn.Sequential(sites, nn.Softmax(dim=2), nn.Flatten(1))
    known: dict[str, type[nn.Module]] = {
        "bernoulli": nn.Sigmoid,
        "gaussian": nn.Identity,
        "noisy_rectified": nn.Softplus,
        "rectified": nn.ReLU,
        "spin": nn.Tanh,
    }
    if units.name not in known:
        rule = f"has no activation in torch; layers may be {', '.join(sorted(known))} or categorical with equal sites"
        raise OptionError("unit kind", units.name, rule, "carry rows through the belief network itself")
    return known[units.name]()


@torch.no_grad()
def _linear(weights: Tensor, bias: Tensor, like: Tensor) -> nn.Linear:
    """Without torch's own draws, which would come from a second stream of randomness."""
    made = nn.utils.skip_init(nn.Linear, *weights.shape, device=like.device, dtype=like.dtype)
    layer = cast(nn.Linear, made)
    layer.weight.copy_(weights.T)
    layer.bias.copy_(bias)
    return layer
