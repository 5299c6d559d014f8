"""The gradient of a plain stack of dense layers, into the parameters' own memory.

:func:`~layerwise.networks.backpropagate` keeps all there is to see; autograd can follow anything. This sweep does the
common case, linear maps with an activation each, with as few calls as there are products and activations: in small
networks the calls are what a step costs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from layerwise import kernels
from layerwise.networks.layers import Layer, layers_of
from layerwise.networks.loss import NUMBERS_OF_A_REGISTER, Loss, Targets
from layerwise.shapes import Scalar, UnitBatch, VisibleBatch

__all__ = ["DenseSweep", "Silence"]

Silence = Callable[[Layer | None, Tensor], Tensor | None]
"""From a layer, None for the rows themselves, and what it gives to what that is multiplied with; None for nothing."""

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


# torch's own backward functions, one pass each and in place.
_backward = torch.ops.aten


def _relu_back(gradient: Tensor, value: Tensor) -> Tensor:
    return _backward.threshold_backward.grad_input(gradient, value, 0, grad_input=gradient)


def _sigmoid_back(gradient: Tensor, value: Tensor) -> Tensor:
    return _backward.sigmoid_backward.grad_input(gradient, value, grad_input=gradient)


def _tanh_back(gradient: Tensor, value: Tensor) -> Tensor:
    return _backward.tanh_backward.grad_input(gradient, value, grad_input=gradient)


_Functions = tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]
_NOTHING: _Functions = (lambda z: z, lambda gradient, value: gradient)
_FROM_VALUE: dict[str, _Functions] = {
    "identity": _NOTHING,
    "relu": (torch.relu_, _relu_back),
    "sigmoid": (torch.sigmoid_, _sigmoid_back),
    "tanh": (torch.tanh_, _tanh_back),
}
"""Activations whose derivative is known from their value: in place forwards, and in place backwards."""


class DenseSweep:
    """Forwards and backwards through a network's layers, which are looked up once.

    Parameters
    ----------
    layers : sequence of Layer
    loss : Loss
    """

    def __init__(self, layers: Sequence[Layer], loss: Loss) -> None:
        self._layers, self._loss = tuple(layers), loss
        names = [layer.activation.name for layer in layers]
        if names[-1] == loss.link:
            names[-1] = "identity"
        self._functions = [_FROM_VALUE[name] for name in names]
        # Looking an attribute of a module up takes as long as a small product.
        self._parameters = [(dense.weight, dense.bias) for layer in layers if (dense := layer.dense) is not None]
        self.largest = max(weight.numel() for weight, _ in self._parameters)
        """Numbers of the largest matrix of weights."""

    @classmethod
    def of(cls, network: nn.Sequential, loss: Loss) -> DenseSweep | None:
        """The sweep through a network; None where only autograd knows the way.

        That is: a layer that is not linear, an activation other than the identity, ReLU, sigmoid, tanh and the loss's
        link, weights that stand in two places or do not learn, hooks.
        """
        layers = layers_of(network)
        parameters: list[int] = []
        for layer in layers:
            if layer.dense is None:
                return None
            inside = layer is layers[-1] and layer.activation.name == loss.link
            if not inside and layer.activation.name not in _FROM_VALUE:
                return None
            parameters += [id(parameter) for parameter in layer.dense.parameters()]
        learned = all(parameter.requires_grad for parameter in network.parameters())
        hooked = any(vars(module).get(name) for module in network.modules() for name in _HOOKS)
        alone = len(set(parameters)) == len(parameters)
        return cls(layers, loss) if layers and learned and alone and not hooked else None

    @torch.no_grad()
    def __call__(
        self,
        x: VisibleBatch,
        targets: Targets,
        weights: Tensor | None = None,
        mean_weight: float | None = None,
        decay: float = 0.0,
        silence: Silence | None = None,
    ) -> tuple[Scalar, UnitBatch]:
        """Put the gradient of a batch's loss into each parameter's ``grad``.

        Parameters
        ----------
        x : Tensor of shape (batch, in)
        targets : Tensor
            What the loss takes.
        weights : Tensor of shape (batch,), optional
            What each row counts.
        mean_weight : float, optional
            What the weights are relative to, as for :class:`~layerwise.networks.Loss`.
        decay : float
            This share of each weight is added to its gradient.
        silence : callable, optional
            What the values between layers are multiplied with: dropout.

        Returns
        -------
        loss : Tensor of shape ()
            Mean over the rows; decay left out.
        scores : Tensor of shape (batch, out)

        Raises
        ------
        DataError
            Rows, targets or weights do not fit.
        """
        if x.shape[1:] != self._parameters[0][0].shape[1:]:
            self._layers[0].check(x)
        taken: list[tuple[Tensor, Tensor, Tensor | None]] = []  # by layer: its input, the same as used, the factors
        below: Layer | None = None
        for layer, (weight, bias), (value, _) in zip(self._layers, self._parameters, self._functions, strict=True):
            factors = None if silence is None else silence(below, x)
            used = x if factors is None else x * factors
            taken.append((x, used, factors))
            x, below = value(_linear(used, weight, bias)), layer

        scores = x
        loss, residual = self._loss.value_and_derivative(scores, targets, weights, mean_weight)
        for number in range(len(self._layers) - 1, -1, -1):
            weight, bias = self._parameters[number]
            residual = self._functions[number][1](residual, x)
            x, used, factors = taken[number]
            torch.addmm(weight, residual.T, used, beta=decay, out=_gradient_of(weight))
            if bias is not None:
                torch.sum(residual, 0, out=_gradient_of(bias))
            if number:
                residual = residual @ weight
                if factors is not None:
                    residual.mul_(factors)
        return loss, scores


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if bias is not None and 1 < len(weight) < NUMBERS_OF_A_REGISTER:
        # Unit by unit the product of a few units fills whole registers, and so does what a loss makes of it.
        return torch.addmm(bias[:, None], weight, x.T).T
    rows = kernels.compress(x)  # pictures, and units of which many are silenced or at rest
    if isinstance(rows, Tensor):
        return functional.linear(x, weight, bias)
    return kernels.product(rows, weight.T, weight.new_zeros(len(weight)) if bias is None else bias)


def _gradient_of(parameter: Tensor) -> Tensor:
    """Where a parameter's gradient goes."""
    if parameter.grad is None:
        parameter.grad = torch.empty_like(parameter)
    return parameter.grad
