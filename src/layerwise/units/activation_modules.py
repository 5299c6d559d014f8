"""Activations in torch's stacks: which module computes which, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from layerwise.errors import OptionError
from layerwise.units.activation import Activation
from layerwise.units.activations import ACTIVATIONS

__all__ = ["ActivationModule", "activation_of", "module_of"]


class ActivationModule(nn.Module):
    """An activation that torch has no module for.

    Parameters
    ----------
    activation : Activation
    """

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation

    def extra_repr(self) -> str:
        """Show which it is."""
        return repr(self.activation)

    def forward(self, z: Tensor) -> Tensor:
        """The activation's value."""
        return self.activation.value(z)


@dataclass(frozen=True)
class _Same:
    """A module of torch that computes an activation."""

    module: type[nn.Module]
    options: tuple[str, ...] = ()
    """The module's names of the activation's options."""
    provided: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else must hold of a module, that it be this activation."""


_TORCH: dict[str, _Same] = {
    "identity": _Same(nn.Identity),
    "sigmoid": _Same(nn.Sigmoid),
    "tanh": _Same(nn.Tanh),
    "relu": _Same(nn.ReLU),
    "leaky_relu": _Same(nn.LeakyReLU, ("negative_slope",)),
    "elu": _Same(nn.ELU, ("alpha",)),
    "selu": _Same(nn.SELU),
    "gelu": _Same(nn.GELU, provided={"approximate": "none"}),
    "silu": _Same(nn.SiLU),
    "softplus": _Same(nn.Softplus, ("beta",), provided={"threshold": 20}),
    "softmax": _Same(nn.Softmax, ("dim",)),
}


def module_of(activation: Activation) -> nn.Module:
    """A new module that computes an activation: torch's own, where there is one.

    Examples
    --------
    >>> from layerwise.units.activations import leaky_relu, step
    >>> module_of(leaky_relu(0.2))
    LeakyReLU(negative_slope=0.2)
    >>> module_of(step())
    ActivationModule(step())
    """
    same = _TORCH.get(activation.name)
    return ActivationModule(activation) if same is None else same.module(*activation.options)


def activation_of(module: nn.Module) -> Activation | None:
    """The activation that a module computes, or None where it is none of those known here.

    Examples
    --------
    >>> activation_of(nn.ELU(0.5))
    elu(0.5)
    >>> activation_of(nn.Linear(2, 2)) is None
    True
    """
    if isinstance(module, ActivationModule):
        return module.activation
    for name, same in _TORCH.items():
        if type(module) is same.module and all(getattr(module, key) == must for key, must in same.provided.items()):
            options = [getattr(module, option) for option in same.options]
            try:
                return None if None in options else ACTIVATIONS[name](*options)
            except OptionError:  # such as a slope above 1
                return None
    return None
