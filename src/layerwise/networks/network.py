"""A network: a ``torch.nn.Sequential`` that knows its layers."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from layerwise.errors import OptionError
from layerwise.networks.dense import Dense, is_size
from layerwise.networks.initialisation import initialise
from layerwise.networks.layers import Layer, LayerValues, children_of, layer_values, layers_of
from layerwise.randomness import RandomStream
from layerwise.units import Activation, activation_named, module_of
from layerwise.units.activations import identity

__all__ = ["Network"]

_NORMALISATIONS: dict[str, Callable[[int], nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
_KEEP_WIDTH = (nn.Identity, nn.Dropout, nn.BatchNorm1d, nn.LayerNorm)


class Network(nn.Sequential):
    """A stack of layers, each of whose values has a name.

    It is a ``torch.nn.Sequential``, and any other can be made one: :meth:`from_sequential` shares the modules of a
    user's own, :meth:`to_sequential` gives a plain one back.

    Parameters
    ----------
    *modules : torch.nn.Module
        As for ``torch.nn.Sequential``: modules in order, or one ``OrderedDict`` of them by name.

    Raises
    ------
    OptionError
        A layer takes another number of values than the one before it gives.

    Examples
    --------
    >>> import torch
    >>> from layerwise.networks import Network
    >>> from layerwise.randomness import RandomStream
    >>> network = Network.of_sizes((4, 3, 2), "tanh", random=RandomStream(0))
    >>> network
    Network(
      (hidden1): Dense(4 → 3, tanh())
      (output): Dense(3 → 2, identity())
    )
    >>> network.values(torch.zeros(5, 4))["hidden1"].output.shape
    torch.Size([5, 3])
    """

    def __init__(self, *modules: nn.Module | OrderedDict[str, nn.Module]) -> None:
        super().__init__(*modules)  # pyright: ignore[reportArgumentType, reportCallIssue]
        _check_widths(self.layers)

    @classmethod
    def of_sizes(
        cls,
        sizes: Sequence[int],
        activation: str | Activation = "relu",
        output: str | Activation = "identity",
        *,
        initialisation: str = "he_uniform",
        gain: float | None = None,
        normalisation: str | None = None,
        random: RandomStream,
    ) -> Network:
        """Dense layers with random weights, named ``hidden1``, ``hidden2``, …, ``output``.

        Parameters
        ----------
        sizes : sequence of int
            Columns of the data, the size of each hidden layer, and the number of outputs.
        activation, output : str or Activation
            Of the hidden layers, and of the last.
        initialisation : str
            See :func:`~layerwise.networks.initialise`.
        gain : float, optional
            Likewise.
        normalisation : {"batch", "layer"}, optional
            What brings the pre-activations of each hidden layer to mean 0 and variance 1, and to a scale and shift that
            are learned: over the rows of a minibatch [1]_, where units have no bias of their own, or over the units of
            a row [2]_. Named ``hidden1_norm``, followed by the activation.
        random : RandomStream
            One or two positions a layer are taken.

        Raises
        ------
        OptionError
            Fewer than two sizes, one that is no whole number of at least 1, or an unknown name.

        References
        ----------
        .. [1] S. Ioffe, C. Szegedy (2015). Batch normalization: accelerating deep network training by reducing
           internal covariate shift. ICML.
        .. [2] J. L. Ba, J. R. Kiros, G. E. Hinton (2016). Layer normalization. arXiv:1607.06450.
        """
        if len(sizes) < 2:
            rule = "must hold the numbers of inputs and of outputs at least"
            raise OptionError("sizes", tuple(sizes), rule, "give sizes such as (64, 100, 10)")
        if not all(is_size(size) for size in sizes):
            rule = "must be whole numbers of at least 1, each of them"
            raise OptionError("sizes", tuple(sizes), rule, "give sizes such as (64, 100, 10)")
        if normalisation is not None and normalisation not in _NORMALISATIONS:
            raise OptionError("normalisation", normalisation, "must be 'batch' or 'layer'", "leave it out for none")
        if isinstance(activation, str):
            activation = activation_named(activation)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        last = len(sizes) - 1
        for number, (below, above) in enumerate(pairwise(sizes), 1):
            name, which = ("output", output) if number == last else (f"hidden{number}", activation)
            if normalisation is None or number == last:
                layers[name] = Dense(below, above, which)
                continue
            layers[name] = Dense(below, above, bias=normalisation != "batch")  # the norm would take it out again
            layers[f"{name}_norm"] = _NORMALISATIONS[normalisation](above)
            layers[f"{name}_activation"] = module_of(activation_named(which) if isinstance(which, str) else which)
        network = cls(layers)
        initialise(network, initialisation, random, gain)
        return network

    @classmethod
    def from_sequential(cls, sequential: nn.Sequential) -> Network:
        """A user's own network as one of these; names and modules are the same, so that either learns with the other.

        Raises
        ------
        OptionError
            A layer takes another number of values than the one before it gives.
        """
        return cls(OrderedDict(children_of(sequential)))

    def to_sequential(self) -> nn.Sequential:
        """A plain network of torch's own modules, which shares the parameters; its ``state_dict`` is the same."""
        return _plain(self)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Modules and the activations that follow them, in order."""
        return layers_of(self)

    def values(self, x: Tensor) -> dict[str, LayerValues]:
        """What every layer computes of a batch, by the layer's name; see :func:`~layerwise.networks.layer_values`."""
        return layer_values(self, x)

    def forward(self, input: Tensor) -> Tensor:
        """What the network gives for a batch.

        Parameters
        ----------
        input : Tensor of shape (batch, in)

        Returns
        -------
        Tensor of shape (batch, out)

        Raises
        ------
        DataError
            Rows have another number of values than the first layer takes.
        """
        try:
            return cast(Tensor, super().forward(input))
        except RuntimeError:
            # Looked for only where torch found something: every step of training comes through here.
            self.layers[0].check(input)
            raise

    @torch.no_grad()
    def collapse(self) -> Network:
        r"""The network in which layers without an activation are one with the layer above: it computes the same.

        .. math:: W_2 (W_1 x + b_1) + b_2 = (W_2 W_1)\, x + (W_2 b_1 + b_2)

        So a stack without activations, however deep, is one layer. Products are taken in double precision.

        Returns
        -------
        Network
            With parameters of its own.

        Examples
        --------
        >>> from layerwise.randomness import RandomStream
        >>> Network.of_sizes((4, 9, 9, 2), "identity", random=RandomStream(0)).collapse()
        Network(
          (output): Dense(4 → 2, identity())
        )
        """
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        run: list[Layer] = []
        for layer in self.layers:
            if layer.dense is None:
                passes_on = isinstance(layer.transform, nn.Identity)
                if passes_on and layer.activation == identity():
                    continue
                _add_one_for(run, modules)
                name = layer.name.replace(".", "_")
                if not passes_on:
                    modules[name] = copy.deepcopy(layer.transform)
                if layer.activation != identity():
                    modules[f"{name}_{layer.activation.name}"] = module_of(layer.activation)
                continue
            run.append(layer)
            if layer.activation != identity():
                _add_one_for(run, modules)
        _add_one_for(run, modules)
        return Network(modules)


def _add_one_for(run: list[Layer], modules: OrderedDict[str, nn.Module]) -> None:
    """Add the one layer that computes what a run of dense ones does, and forget the run."""
    maps = [layer.dense for layer in run if layer.dense is not None]
    if not maps:
        return
    last, weight, bias = maps[-1], maps[0].weight.double(), _shift(maps[0])
    for above in maps[1:]:
        weight, bias = above.weight.double() @ weight, above.weight.double() @ bias + _shift(above)
    one = Dense(maps[0].in_features, last.out_features, run[-1].activation).to(last.weight)
    one.load_state_dict({"weight": weight, "bias": bias})
    modules[run[-1].name.replace(".", "_")] = one
    run.clear()


def _shift(dense: nn.Linear | Dense) -> Tensor:
    bias: Tensor | None = dense.bias
    return dense.weight.new_zeros(dense.out_features, dtype=torch.float64) if bias is None else bias.double()


def _plain(sequential: nn.Sequential) -> nn.Sequential:
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for name, module in children_of(sequential):
        if isinstance(module, Dense):
            modules[name] = module.to_linear()
            if module.activation != identity():
                modules[f"{name}_{module.activation.name}"] = module_of(module.activation)
        else:
            modules[name] = _plain(module) if isinstance(module, nn.Sequential) else module
    return nn.Sequential(modules)


def _check_widths(layers: Sequence[Layer]) -> None:
    below: tuple[str, int] | None = None
    for layer in layers:
        if layer.dense is None:
            below = below if isinstance(layer.transform, _KEEP_WIDTH) else None
            continue
        if below is not None and layer.dense.in_features != below[1]:
            rule = f"layer {layer.name!r} must take the {below[1]} values that layer {below[0]!r} gives"
            raise OptionError("in_features", layer.dense.in_features, rule, f"make it {below[1]}")
        below = layer.name, layer.dense.out_features
