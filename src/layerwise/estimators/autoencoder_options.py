"""What the parameters of an autoencoder mean: its first network, and how it is trained."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from layerwise.errors import DataError, OptionError
from layerwise.estimators.options import choice, flag, layer_sizes, number
from layerwise.networks import Autoencoder
from layerwise.networks.initialisation import INITIALISATIONS
from layerwise.networks.reconstruction import Reconstruction
from layerwise.shapes import Scalar
from layerwise.training.code_penalties import ContractiveCode, SparseCode
from layerwise.training.corruption import SaltAndPepper, corruption_named
from layerwise.training.gradient_descent import Corruption, GradientDescent, Penalty
from layerwise.training.stacking import Stacking
from layerwise.units import Activation, activation_named

__all__ = ["code_size", "layers_from", "own_network", "trainer_from"]

_CORRUPTIONS = ("gaussian", "masking", "salt_and_pepper")


def layers_from(estimator: Any) -> Stacking:
    """The layers that an autoencoder's parameters ask for.

    Parameters
    ----------
    estimator : Autoencoder or its like

    Raises
    ------
    OptionError
    """
    code = getattr(estimator, "code_activation", None)  # a classifier has no code
    return Stacking(
        layer_sizes("hidden", estimator.hidden),
        _activation("activation", estimator.activation),
        None if code is None else _activation("code_activation", code),
        flag("tied", estimator.tied),
        choice("initialisation", estimator.initialisation, *INITIALISATIONS),
        choice("loss", estimator.loss, "likelihood", "squared"),
    )


def own_network(network: object, columns: int) -> Autoencoder:
    """A copy of a user's own encoder and decoder, tried on a row.

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
    if not any(parameter.requires_grad for parameter in own.parameters()):
        raise OptionError("network", "no parameter that learns", "must have one", "give a network with linear maps")
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


def code_size(encoder: nn.Sequential, columns: int) -> int:
    """How many numbers a code has."""
    return int(_tried(encoder, torch.zeros(1, columns)).shape[1])


def trainer_from(estimator: Any, trainer: GradientDescent, back: Reconstruction, sample: Tensor) -> GradientDescent:
    """The trainer of an autoencoder.

    Parameters
    ----------
    estimator : Autoencoder or its like
    trainer : GradientDescent
        What it has in common with others.
    back : Reconstruction
        Of the rows that are learned.
    sample : Tensor of shape (batch, units)
        Salt and pepper are its largest and least value, where the kind of unit does not have such.

    Raises
    ------
    OptionError
    """
    amount = number("corruption_amount", estimator.corruption_amount, least=0.0, remedy="start with 0.25")
    corruption: Corruption | None = None
    if estimator.corruption is not None:
        corruption = corruption_named(choice("corruption", estimator.corruption, *_CORRUPTIONS), amount)
        if isinstance(corruption, SaltAndPepper) and back.kind.name != "bernoulli":
            corruption = replace(corruption, low=float(sample.min()), high=float(sample.max()))
    return replace(trainer, loss=back.loss, aim="values", corruption=corruption, penalty=_penalty_from(estimator))


def _penalty_from(estimator: Any) -> Penalty | None:
    cost = number("sparsity_cost", estimator.sparsity_cost, least=0.0, remedy="start with 0.1")
    contraction = number("contraction", estimator.contraction, least=0.0, remedy="start with 0.1")
    asked: list[Penalty] = []
    if estimator.sparsity_target is not None:
        target = number("sparsity_target", estimator.sparsity_target, above=0.0, below=1.0, remedy="start with 0.05")
        asked.append(SparseCode(target, cost))
    if contraction:
        asked.append(ContractiveCode(contraction))
    return partial(_summed, asked) if asked else None


def _summed(penalties: list[Penalty], network: nn.Sequential, shown: Tensor) -> Scalar:
    return torch.stack([penalty(network, shown) for penalty in penalties]).sum()


def _activation(name: str, value: object) -> Activation:
    if isinstance(value, Activation):
        return value
    try:
        return activation_named(cast(str, value))
    except (OptionError, TypeError) as problem:
        raise OptionError(name, value, "must be an activation or the name of one", "try 'relu'") from problem


@torch.no_grad()
def _tried(network: nn.Sequential, row: Tensor) -> Tensor:
    return cast(Tensor, network.eval()(row))
