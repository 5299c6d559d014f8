r"""Backpropagation written out: one sweep forwards that keeps every value, one backwards that keeps every residual.

With :math:`z^l = W^l a^{l-1} + b^l` and :math:`a^l = f_l(z^l)`, the residual of a layer is the derivative of the loss
by its pre-activations. From the top, where the loss gives :math:`\partial L / \partial a`, it is carried down [1]_:

.. math::
    \delta^l = f_l'(z^l) \odot \big( (W^{l+1})^\top \delta^{l+1} \big), \qquad
    \frac{\partial L}{\partial W^l} = \delta^l (a^{l-1})^\top, \qquad
    \frac{\partial L}{\partial b^l} = \delta^l,

summed over the rows of a batch. Modules of a user's own network that are neither linear nor a known activation, such as
a convolution or a batch norm, pass residuals back through autograd.

References
----------
.. [1] D. E. Rumelhart, G. E. Hinton, R. J. Williams (1986). Learning representations by back-propagating errors.
   Nature 323.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from layerwise.networks.dense import Dense
from layerwise.networks.layers import LayerValues, layers_of
from layerwise.networks.loss import Loss, Targets
from layerwise.shapes import Scalar

__all__ = ["Sweep", "backpropagate"]


@dataclass(frozen=True)
class Sweep:
    """Everything that one pass forwards and one backwards computed of a batch."""

    loss: Scalar
    values: dict[str, LayerValues]
    """By layer."""
    residuals: dict[str, Tensor]
    """∂loss/∂pre-activation by layer, of the pre-activation's shape (batch, out)."""
    gradients: dict[str, Tensor]
    """∂loss/∂parameter by the parameter's name, as in ``named_parameters``."""
    input_residual: Tensor
    """∂loss/∂input, of shape (batch, in)."""


@torch.no_grad()
def backpropagate(
    network: nn.Sequential, x: Tensor, loss: Loss, targets: Targets, weights: Tensor | None = None
) -> Sweep:
    """The gradient of a batch's loss, and every residual on the way.

    Nothing is changed: neither parameters nor their ``grad``, nor running means.

    Parameters
    ----------
    network : torch.nn.Sequential
        If its last activation is the loss's link, such as the sigmoid of a cross-entropy, the loss reads the
        pre-activations.
    x : Tensor of shape (batch, in)
    loss : Loss
    targets : Tensor
        What the loss takes.
    weights : Tensor of shape (batch,), optional
        What each row counts.

    Returns
    -------
    Sweep

    Examples
    --------
    >>> import torch
    >>> from layerwise.networks import Network, Squared
    >>> from layerwise.randomness import RandomStream
    >>> network = Network.of_sizes((3, 4, 1), "sigmoid", random=RandomStream(0))
    >>> sweep = backpropagate(network, torch.ones(5, 3), Squared(), torch.zeros(5, 1))
    >>> sweep.residuals["hidden1"].shape, sweep.gradients["hidden1.weight"].shape
    (torch.Size([5, 4]), torch.Size([4, 3]))
    """
    layers, traces = layers_of(network), dict[str, tuple[Tensor, Tensor]]()
    values: dict[str, LayerValues] = {}
    for layer in layers:
        if layer.dense is None:
            with torch.enable_grad():
                start = x.detach().requires_grad_()
                traces[layer.name] = start, layer.pre_activation_seen(start)
            z = traces[layer.name][1].detach()
        else:
            z = layer.pre_activation_seen(x)
        values[layer.name] = LayerValues(x, z, layer.activation.value(z))
        x = values[layer.name].output

    last = layers[-1]
    reads_inside = last.activation.name == loss.link
    scores = values[last.name].pre_activation if reads_inside else x
    of_output = loss.derivative(scores, targets, weights)

    named = dict(network.named_parameters())
    names = {id(parameter): name for name, parameter in named.items()}
    gradients = {name: torch.zeros_like(parameter) for name, parameter in named.items()}
    residuals: dict[str, Tensor] = {}
    for layer in reversed(layers):
        at = values[layer.name]
        if layer is last and reads_inside:
            residual = of_output
        else:
            residual = layer.activation.pull_back(at.pre_activation, of_output)
        residuals[layer.name] = residual
        if layer.dense is not None:
            of_output, of_parameters = _through_dense(layer.dense, at.input, residual)
        else:
            of_output, of_parameters = _through_traced(*traces[layer.name], residual, list(named.values()))
        for parameter, gradient in of_parameters:
            # A layer that stands in two places learns from both.
            gradients[names[id(parameter)]] += gradient
    in_order = {layer.name: residuals[layer.name] for layer in layers}
    return Sweep(loss.value(scores, targets, weights), values, in_order, gradients, of_output)


Through = tuple[Tensor, list[tuple[Tensor, Tensor]]]
"""The derivative by what a layer took in, and by parameters: each with its own."""


def _through_dense(dense: nn.Linear | Dense, below: Tensor, residual: Tensor) -> Through:
    each_below, each = below.flatten(0, -2), residual.flatten(0, -2)
    of_parameters: list[tuple[Tensor, Tensor]] = [(dense.weight, each.T @ each_below)]
    bias: Tensor | None = dense.bias
    if bias is not None:
        of_parameters.append((bias, each.sum(0)))
    return residual @ dense.weight, of_parameters


def _through_traced(start: Tensor, z: Tensor, residual: Tensor, parameters: list[nn.Parameter]) -> Through:
    """Through any module, which may use parameters of others: a tied decoder does."""
    learned = [parameter for parameter in parameters if parameter.requires_grad]
    of_start, *of_learned = torch.autograd.grad(
        z, [start, *learned], residual, allow_unused=True, materialize_grads=True
    )
    return of_start, list(zip(learned, of_learned, strict=True))
