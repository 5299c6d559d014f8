"""What the parameters of an autoencoder mean: its layers, and how it is trained."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from layerwise.errors import OptionError
from layerwise.estimators.options import choice, flag, layer_sizes, number
from layerwise.estimators.own_network import OwnLayers
from layerwise.estimators.strategy import ranks_of
from layerwise.networks import Autoencoder, layers_of
from layerwise.networks.initialisation import INITIALISATIONS
from layerwise.networks.reconstruction import Reconstruction
from layerwise.shapes import Scalar
from layerwise.training.code_penalties import ContractiveCode, SparseCode
from layerwise.training.corruption import corruption_of
from layerwise.training.gradient_descent import Corruption, GradientDescent, Penalty
from layerwise.training.ranges import under_its_own_name
from layerwise.training.stacking import Stacking
from layerwise.units import Activation, activation_named

__all__ = ["check_that_it_is_the_same", "layers_from", "stack_from", "trainer_from"]

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


def stack_from(estimator: Any) -> Stacking | OwnLayers:
    """The layers that a stack's parameters ask for, to be learned one after the other.

    Parameters
    ----------
    estimator : StackedAutoencoder or its like

    Raises
    ------
    OptionError
    """
    layers = layers_from(estimator)
    return layers if estimator.network is None else OwnLayers(estimator.network, layers.loss)


def check_that_it_is_the_same(estimator: Any, network: Autoencoder) -> None:
    """Whether the network that a step goes on with is the one that the parameters ask for.

    Parameters
    ----------
    estimator : Autoencoder
    network : layerwise.networks.Autoencoder

    Raises
    ------
    OptionError
        Naming the parameter that was changed.
    """
    if estimator.network is not None:
        asked, there = ([tuple(p.shape) for p in _parameters(of)] for of in (estimator.network, network))
        if asked != there:
            raise _changed("network", asked, f"parameters of the shapes {there}")
        return
    asked, layers = layers_from(estimator), [layer for layer in layers_of(network.encoder) if layer.dense is not None]
    sizes = tuple(layer.dense.out_features for layer in layers if layer.dense is not None)
    if sizes != asked.sizes:
        raise _changed("hidden", estimator.hidden, f"layers of {sizes}")
    if network.tied != asked.tied:
        raise _changed("tied", estimator.tied, f"tied={network.tied}")
    *below, code = (layer.activation for layer in layers)
    for activation in below:
        if activation != asked.activation:
            raise _changed("activation", estimator.activation, f"hidden units of {activation}")
    if code != (asked.code or asked.activation):
        name = "code_activation" if below or asked.code is not None else "activation"
        raise _changed(name, getattr(estimator, name), f"a code of {code}")


def _changed(name: str, asked: object, there: str) -> OptionError:
    return OptionError(name, asked, f"the network that is gone on with has {there}", "call fit, which begins anew")


def _parameters(network: Any) -> list[nn.Parameter]:
    """Of an encoder and a decoder, those that both use once."""
    return list(nn.ModuleList(part for part in network if isinstance(part, nn.Module)).parameters())


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
        name = choice("corruption", estimator.corruption, *_CORRUPTIONS)
        with under_its_own_name("corruption_amount"):
            corruption = corruption_of(name, amount, back.kind.name, sample)
    return replace(trainer, loss=back.loss, aim="values", corruption=corruption, penalty=_penalty_from(estimator))


def _penalty_from(estimator: Any) -> Penalty | None:
    for name in ("sparsity_target", "contraction"):
        if ranks_of(estimator).size > 1 and getattr(estimator, name):
            rule = "may mix the rows of a minibatch, of which each rank has a part"
            raise OptionError(name, getattr(estimator, name), rule, "leave it out, or give strategy=None")
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
