"""The layers of any ``torch.nn.Sequential`` by name: what each takes in, its pre-activations and what it gives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from layerwise.errors import DataError
from layerwise.networks.dense import Dense
from layerwise.units import Activation, activation_of
from layerwise.units.activations import identity

__all__ = ["Layer", "LayerValues", "all_modules", "children_of", "layer_values", "layers_of", "scores"]


@dataclass(frozen=True)
class LayerValues:
    """What one layer computes of a batch, batch first."""

    input: Tensor
    pre_activation: Tensor
    output: Tensor


@dataclass(frozen=True)
class Layer:
    """A module and the activation that follows it."""

    name: str
    """The module's name in the network, as in ``named_modules``."""
    transform: nn.Module
    """Mostly ``torch.nn.Linear`` or :class:`~layerwise.networks.Dense`; ``torch.nn.Identity`` where an activation
    follows another."""
    activation: Activation

    @property
    def dense(self) -> nn.Linear | Dense | None:
        """The transform, if it is a linear map with weights of its own and nothing else."""
        kind = type(self.transform)  # whoever derives a layer from these may compute something else
        if (kind is Dense or kind is nn.Linear) and isinstance(self.transform.weight, nn.Parameter):
            return cast(Dense | nn.Linear, self.transform)
        return None

    def check(self, x: Tensor) -> None:
        """Whether rows have as many values as a linear map, or a layer that makes pictures of them, takes.

        Raises
        ------
        DataError
            They have not.
        """
        takes = None if self.dense is None else self.dense.in_features
        if isinstance(self.transform, nn.Unflatten) and self.transform.dim == 1:
            takes = math.prod(cast("tuple[int, ...]", self.transform.unflattened_size))
        if takes is not None and takes > 0 and x.shape[-1] != takes:  # one side may be left open, as -1
            rule = f"layer {self.name!r} takes rows of {takes} values"
            raise DataError("in_features", x.shape[-1], rule, "give rows of that length")

    def pre_activation(self, x: Tensor) -> Tensor:
        """What the transform makes of a batch."""
        return self.transform.pre_activation(x) if isinstance(self.transform, Dense) else self.transform(x)

    def pre_activation_seen(self, x: Tensor) -> Tensor:
        """The same for a person who looks: running means of a batch norm and torch's own draws stay as they are.

        Raises
        ------
        DataError
            Rows have another number of values than a linear map takes.
        """
        self.check(x)
        if self.dense is not None:
            return self.pre_activation(x)
        kept = {name: buffer.clone() for name, buffer in self.transform.named_buffers()}
        with torch.random.fork_rng([x.device] if x.is_cuda else []):
            return functional_call(self.transform, kept, (x.clone(),))

    def __call__(self, x: Tensor) -> Tensor:
        """What the layer makes of a batch."""
        return self.activation.value(self.pre_activation(x))


def layers_of(network: nn.Sequential) -> tuple[Layer, ...]:
    """The layers of a network, those of nested sequences among them.

    A linear map and the activation after it are one layer; any other module is a layer, too.

    Examples
    --------
    >>> from torch import nn
    >>> network = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    >>> [(layer.name, layer.activation) for layer in layers_of(network)]
    [('0', tanh()), ('2', identity())]
    """
    layers: list[Layer] = []
    for name, module in _leaves(network):
        activation = activation_of(module)
        if isinstance(module, Dense):
            layers.append(Layer(name, module, module.activation))
        elif activation is None:
            layers.append(Layer(name, module, identity()))
        elif layers and layers[-1].activation == identity():
            layers[-1] = replace(layers[-1], activation=activation)
        else:
            layers.append(Layer(name, nn.Identity(), activation))
    return tuple(layers)


def all_modules(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """``named_modules`` with a module in every place where it stands."""
    return cast("Iterator[tuple[str, nn.Module]]", network.named_modules(remove_duplicate=False))


def children_of(sequential: nn.Sequential) -> Iterator[tuple[str, nn.Module]]:
    """Names and modules; ``named_children`` would leave out a module that stands in a second place."""
    return ((name, module) for name, module in all_modules(sequential) if name and "." not in name)


def _leaves(network: nn.Sequential) -> Iterator[tuple[str, nn.Module]]:
    """Modules that are no sequences, in order; one that stands in several places is met in each."""
    inside = None
    for name, module in all_modules(network):
        if not isinstance(module, nn.Sequential) and (inside is None or not name.startswith(f"{inside}.")):
            inside = name
            yield name, module


@torch.no_grad()
def layer_values(network: nn.Sequential, x: Tensor) -> dict[str, LayerValues]:
    """What every layer computes of a batch, by the layer's name.

    Looking changes nothing: neither parameters nor running means.

    Parameters
    ----------
    network : torch.nn.Sequential
    x : Tensor of shape (batch, in)

    Returns
    -------
    dict of str to LayerValues
        In the order of the layers.
    """
    values: dict[str, LayerValues] = {}
    for layer in layers_of(network):
        z = layer.pre_activation_seen(x)
        values[layer.name] = LayerValues(x, z, layer.activation.value(z))
        x = values[layer.name].output
    return values


def scores(network: nn.Sequential, x: Tensor, link: str) -> Tensor:
    """What a loss reads: the network's output, or the last pre-activations where its last activation is ``link``.

    Parameters
    ----------
    network : torch.nn.Sequential
    x : Tensor of shape (batch, in)
    link : str
        The name of the activation that a loss has in itself, such as the sigmoid of a cross-entropy.

    Returns
    -------
    Tensor of shape (batch, out)
    """
    last: nn.Module = network
    while isinstance(last, nn.Sequential):
        last = last[-1]
    activation = last.activation if isinstance(last, Dense) else activation_of(last)
    if activation is None or activation.name != link:
        return network(x)
    *below, top = layers_of(network)
    for layer in below:
        x = layer(x)
    return top.pre_activation(x)
