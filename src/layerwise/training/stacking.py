r"""Greedy stacking of autoencoders: each layer learns to give back the code of the layer below, one after the other.

.. math:: h^l = e_l(h^{l-1}), \qquad \hat h^{l-1} = d_l(h^l), \qquad h^0 = x

What is stacked is a deep autoencoder, :math:`e_L \circ \dots \circ e_1` and :math:`d_1 \circ \dots \circ d_L`, that can
be trained on as a whole. The upper layers' inputs are never stored: minibatches are carried up as they are asked for.

References
----------
.. [1] Y. Bengio, P. Lamblin, D. Popovici, H. Larochelle (2007). Greedy layer-wise training of deep networks. NIPS 19.
.. [2] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol (2010). Stacked denoising autoencoders. JMLR 11.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from layerwise.networks import Autoencoder, Dense, Network
from layerwise.networks.layers import children_of
from layerwise.networks.reconstruction import Reconstruction
from layerwise.randomness import RandomStream
from layerwise.units import Activation, BernoulliUnits, GaussianUnits, SpinUnits, UnitKind

__all__ = ["Fresh", "Learn", "Stacking", "code_kind", "layer_by_layer", "stacked", "under_classes", "upwards"]

Upwards = Callable[[Tensor], Tensor]
Learn = Callable[[Autoencoder, Reconstruction, Sequence[Autoencoder], RandomStream], Autoencoder]
"""From a fresh layer, how its input comes back, the layers below it and its stream to the layer as it was learned."""
Fresh = Callable[[Sequence[Autoencoder], RandomStream], tuple[Autoencoder, Reconstruction]]
"""From the layers below and a stream to a layer with its first weights, and how its input comes back."""


@dataclass(frozen=True)
class Stacking:
    """Which layers there are.

    Parameters
    ----------
    sizes : sequence of int
        Of each layer, from the rows upwards; the last is the code.
    activation, code : Activation
        Of every layer, and of the last, which has that of the others if left out.
    tied : bool
        Whether decoders use the weights of their encoders.
    initialisation : str
        See :func:`~layerwise.networks.initialise`.
    loss : {"likelihood", "squared"}
        See :class:`~layerwise.networks.reconstruction.Reconstruction`.
    """

    sizes: tuple[int, ...]
    activation: Activation
    code: Activation | None = None
    tied: bool = False
    initialisation: str = "he_uniform"
    loss: str = "likelihood"

    def whole(self, visible: UnitKind, random: RandomStream) -> Autoencoder:
        """The deep autoencoder with random weights.

        Parameters
        ----------
        visible : UnitKind
            Of the rows.
        random : RandomStream
        """
        return Autoencoder.of_sizes(
            (visible.size, *self.sizes),
            self.activation,
            Reconstruction.of(visible, self.loss).activation,
            code=self.code,
            tied=self.tied,
            initialisation=self.initialisation,
            random=random,
        )

    def layer_by_layer(self, visible: UnitKind, learn: Learn, random: RandomStream) -> list[Autoencoder]:
        """Learn the layers, each from what those below it make of the rows.

        Parameters
        ----------
        visible : UnitKind
            Of the rows.
        learn : callable
            Trains one layer.
        random : RandomStream
            Its children are the layers'.

        Returns
        -------
        list of Autoencoder
            Of one hidden layer each.
        """

        def fresh(below: Sequence[Autoencoder], own: RandomStream) -> tuple[Autoencoder, Reconstruction]:
            return self.layer(len(below) + 1, visible, own)

        return layer_by_layer(len(self.sizes), fresh, learn, random)

    def layer(self, number: int, visible: UnitKind, random: RandomStream) -> tuple[Autoencoder, Reconstruction]:
        """A layer with random weights, as an autoencoder by itself, and how its input comes back.

        Parameters
        ----------
        number : int
            From 1, the one that meets the rows.
        visible : UnitKind
            Of the rows.
        random : RandomStream
        """
        below = visible if number == 1 else code_kind(self._activation(number - 1), self.sizes[number - 2])
        own = self.sizes[number - 1], self._activation(number)
        shallow = Stacking((own[0],), own[1], None, self.tied, self.initialisation, self.loss)
        return shallow.whole(below, random), Reconstruction.of(below, self.loss)

    def _activation(self, number: int) -> Activation:
        last = number == len(self.sizes)
        return self.code if last and self.code is not None else self.activation


def layer_by_layer(depth: int, fresh: Fresh, learn: Learn, random: RandomStream) -> list[Autoencoder]:
    """Learn layers, each from what those below it make of the rows.

    Parameters
    ----------
    depth : int
        How many.
    fresh, learn : callable
        Make, and train, one layer.
    random : RandomStream
        Its children are the layers'.
    """
    layers: list[Autoencoder] = []
    for number in range(1, depth + 1):
        own = random.child(f"layer {number}")
        layers.append(learn(*fresh(layers, own.child("weights")), layers, own))
    return layers


def code_kind(activation: Activation, size: int) -> UnitKind:
    """What units the code of a layer is given back as: Bernoulli or spin of a sigmoid's or a tanh's, Gaussian else."""
    kind = {"sigmoid": BernoulliUnits, "tanh": SpinUnits}.get(activation.name, GaussianUnits)
    return kind(size)


def upwards(layers: Sequence[Autoencoder], device: torch.device) -> Upwards | None:
    """What carries rows up through layers as they are now, without a gradient; None through none.

    Parameters
    ----------
    layers : sequence of Autoencoder
        From the rows upwards.
    device : torch.device
        Where the rows lie.
    """
    if not layers:
        return None
    encoder = copy.deepcopy(nn.Sequential(*(layer.encoder for layer in layers))).to(device).eval()

    @torch.no_grad()
    def carry(rows: Tensor) -> Tensor:
        return encoder(rows)

    return carry


def stacked(layers: Sequence[Autoencoder]) -> Autoencoder:
    """The deep autoencoder of layers, whose modules it shares.

    Parameters
    ----------
    layers : sequence of Autoencoder
        From the rows upwards.

    Examples
    --------
    >>> from layerwise.units import activation_named
    >>> sigmoid = activation_named("sigmoid")
    >>> def untrained(layer, back, below, random):
    ...     return layer
    >>> layers = Stacking((4, 2), sigmoid).layer_by_layer(BernoulliUnits(8), untrained, RandomStream(0))
    >>> stacked(layers).encoder
    Network(
      (hidden1): Dense(8 → 4, sigmoid())
      (output): Dense(4 → 2, sigmoid())
    )
    """
    names = [*(f"hidden{number}" for number in range(1, len(layers))), "output"]
    encoder = _named(names, [layer.encoder for layer in layers])
    decoder = _named(names, [layer.decoder for layer in reversed(layers)])
    return Autoencoder(Network(encoder), Network(decoder))


def under_classes(encoders: Sequence[nn.Sequential], size: int, classes: int) -> Network:
    """A classifier: encoders, whose modules it shares, one after the other under a layer of class scores that is zero.

    Parameters
    ----------
    encoders : sequence of torch.nn.Sequential
        From the rows upwards.
    size : int
        Of the last one's code.
    classes : int
    """
    hidden = _named([f"hidden{number}" for number in range(1, len(encoders) + 1)], encoders)
    return Network(OrderedDict[str, nn.Module](hidden | {"output": Dense(size, classes)}))


def _named(names: Sequence[str], parts: Sequence[nn.Sequential]) -> OrderedDict[str, nn.Module]:
    """The modules of one network after another: what its own calls output has its name, others stand behind it."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for layer, part in zip(names, parts, strict=True):
        for name, module in children_of(part):
            modules[name.replace("output", layer, 1) if name.startswith("output") else f"{layer}_{name}"] = module
    return modules
