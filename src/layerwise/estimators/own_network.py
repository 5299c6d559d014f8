"""A user's own ``torch.nn.Sequential`` in the place of an estimator's: copied, and tried on a row of zeros."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from layerwise.errors import DataError, OptionError
from layerwise.networks import Autoencoder, layers_of
from layerwise.networks.reconstruction import Reconstruction
from layerwise.randomness import RandomStream
from layerwise.training.stacking import Learn, code_kind, layer_by_layer
from layerwise.units import UnitKind

__all__ = ["OwnLayers", "code_size", "own_autoencoder", "own_stack"]


def own_autoencoder(network: object, columns: int) -> Autoencoder:
    """A copy of an encoder and a decoder.

    Parameters
    ----------
    network : torch.nn.Sequential of two, or a pair of torch.nn.Sequential
    columns : int
        Units of a row.

    Raises
    ------
    OptionError
        It is no such pair, or does not give rows of that length back through a code that is a row of numbers.
    """
    two = isinstance(network, nn.Sequential | tuple | list)
    pair: list[object] = list(cast("list[object]", network)) if two else []
    if len(pair) != 2 or not all(isinstance(part, nn.Sequential) for part in pair):
        remedy = "give torch.nn.Sequential(encoder, decoder), both torch.nn.Sequential"
        raise OptionError("network", type(network).__name__, "must hold an encoder and a decoder", remedy)
    # Copied together: a decoder may use its encoder's weights.
    own = Autoencoder(*copy.deepcopy(cast("list[nn.Sequential]", pair))).float().cpu()
    _check_that_it_learns(own)
    try:
        code = _tried(own.encoder, torch.zeros(1, columns))
        row = _tried(own.decoder, code)
    except (RuntimeError, DataError) as problem:
        rule = f"must take rows of {columns} values, one for each unit of the columns ({problem})"
        raise OptionError("network", "an encoder and a decoder", rule) from problem
    if code.ndim != 2:
        rule = "the encoder must give a row of numbers for each row"
        raise OptionError("network", f"a code of shape {tuple(code.shape)}", rule, "end it with torch.nn.Flatten()")
    if tuple(row.shape) != (1, columns):
        rule = f"the decoder must give rows of {columns} values, one for each unit of the columns"
        raise OptionError("network", f"rows of shape {tuple(row.shape)[1:]}", rule)
    return own


@dataclass(frozen=True)
class OwnLayers:
    """Layers of one's own for a stack, each an encoder and a decoder.

    Parameters
    ----------
    network : sequence of pairs, each as :func:`own_autoencoder` takes it
        From the rows upwards.
    loss : {"likelihood", "squared"}
        See :class:`~layerwise.networks.reconstruction.Reconstruction`.
    """

    network: object
    loss: str

    def layer_by_layer(self, visible: UnitKind, learn: Learn, random: RandomStream) -> list[Autoencoder]:
        """Learn copies of the layers; see :meth:`layerwise.training.stacking.Stacking.layer_by_layer`.

        Raises
        ------
        OptionError
            They are no such pairs, or one does not take what the one below gives.
        """
        several = isinstance(self.network, nn.Sequential | tuple | list)
        pairs = list(cast("list[object]", self.network)) if several else []
        if not pairs:
            remedy = "give [(encoder, decoder), (encoder, decoder)], all torch.nn.Sequential"
            raise OptionError("network", type(self.network).__name__, "must hold a pair for each layer", remedy)
        kinds, layers = [visible], list[Autoencoder]()
        for number, pair in enumerate(pairs, 1):  # all of them before work starts
            try:
                layers.append(own_autoencoder(pair, kinds[-1].size))
            except OptionError as problem:
                what = f"network, layer {number}"
                raise OptionError(what, problem.received, problem.rule, problem.remedy) from problem
            encoder = layers[-1].encoder
            kinds.append(code_kind(layers_of(encoder)[-1].activation, code_size(encoder, kinds[-1].size)))

        def fresh(below: Sequence[Autoencoder], own: RandomStream) -> tuple[Autoencoder, Reconstruction]:
            return layers[len(below)], Reconstruction.of(kinds[len(below)], self.loss)

        return layer_by_layer(len(pairs), fresh, learn, random)


def own_stack(network: object, columns: int, outputs: int, dtype: torch.dtype) -> nn.Sequential:
    """A copy of a network from rows to scores.

    Parameters
    ----------
    network : torch.nn.Sequential
    columns, outputs : int
        Of a row, and of its scores.
    dtype : torch.dtype
        Of the copy.

    Raises
    ------
    OptionError
        It is none, or does not make so many scores of rows of that length.
    """
    if not isinstance(network, nn.Sequential) or not len(network):
        rule = "must be a torch.nn.Sequential that holds some layers"
        raise OptionError("network", type(network).__name__, rule, "wrap it: torch.nn.Sequential(...)")
    own = copy.deepcopy(network).to("cpu", dtype)
    _check_that_it_learns(own)
    try:
        found = _tried(own, torch.zeros(1, columns, dtype=dtype))
    except (RuntimeError, DataError) as problem:
        rule = f"must take rows of {columns} values, one for each column ({problem})"
        raise OptionError("network", "torch.nn.Sequential", rule) from problem
    if tuple(found.shape) != (1, outputs):
        rule = f"must give {outputs} for each row: one a class, a target or a label, and one for two classes"
        raise OptionError("network", f"outputs of shape {tuple(found.shape)[1:]}", rule, "change its last layer")
    return own


def code_size(encoder: nn.Sequential, columns: int) -> int:
    """How many numbers a code has."""
    return int(_tried(encoder, torch.zeros(1, columns)).shape[1])


def _check_that_it_learns(network: nn.Sequential) -> None:
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise OptionError("network", "no parameter that learns", "must have one", "give a network with linear maps")


@torch.no_grad()
def _tried(network: nn.Sequential, row: Tensor) -> Tensor:
    try:
        found: object = network.eval()(row)
    except (AttributeError, TypeError) as problem:  # a module that was handed what is no tensor
        raise RuntimeError(str(problem)) from problem
    if not isinstance(found, Tensor):
        raise RuntimeError(f"it gives a {type(found).__name__}, no tensor")
    return found
