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

from layerwise.networks import Autoencoder, Dense, Network, layers_of
from layerwise.networks.reconstruction import Reconstruction
from layerwise.randomness import RandomStream
from layerwise.units import Activation, BernoulliUnits, GaussianUnits, SpinUnits, UnitKind

__all__ = ["Learn", "Stacking", "code_kind", "stacked", "under_classes", "upwards"]

Upwards = Callable[[Tensor], Tensor]
Learn = Callable[[Autoencoder, Reconstruction, Sequence[Autoencoder], RandomStream], Autoencoder]
"""From a fresh layer, how its input comes back, the layers below it and its stream to the layer as it was learned."""


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
        layers: list[Autoencoder] = []
        for number in range(1, len(self.sizes) + 1):
            own = random.child(f"layer {number}")
            fresh, back = self.layer(number, visible, own.child("weights"))
            layers.append(learn(fresh, back, layers, own))
        return layers

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
        Of one hidden layer each, from the rows upwards.

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
    encoder, decoder = (Network(_named(parts)) for parts in _directions(layers))
    return Autoencoder(encoder, decoder)


def under_classes(encoders: Sequence[nn.Sequential], classes: int) -> Network:
    """A classifier: encoders, whose modules it shares, one after the other under a layer of class scores that is zero.

    Parameters
    ----------
    encoders : sequence of torch.nn.Sequential
        Of dense layers, from the rows upwards.
    classes : int
    """
    dense = [layer.dense for encoder in encoders for layer in layers_of(encoder)]
    hidden = OrderedDict((f"hidden{number}", layer) for number, layer in enumerate(dense, 1) if layer is not None)
    last = next(reversed(hidden.values()))
    return Network(OrderedDict[str, nn.Module](hidden | {"output": Dense(last.out_features, classes)}))


def _directions(layers: Sequence[Autoencoder]) -> tuple[list[nn.Sequential], list[nn.Sequential]]:
    return [layer.encoder for layer in layers], [layer.decoder for layer in reversed(layers)]


def _named(parts: Sequence[nn.Sequential]) -> OrderedDict[str, nn.Module]:
    """The modules of one network after another, each under the number of its own."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for number, part in enumerate(parts, 1):
        layer = "output" if number == len(parts) else f"hidden{number}"
        for name, module in part.named_children():
            modules[name.replace("output", layer)] = module
    return modules
