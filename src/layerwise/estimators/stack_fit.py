"""Training the layers of a stack on rows of units, one after the other: as autoencoders, or under class layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from layerwise.estimators.autoencoder_fit import learn_autoencoder
from layerwise.estimators.autoencoder_options import stack_from
from layerwise.estimators.contrastive_fit import MEASURED, Lesson
from layerwise.estimators.descent_fit import LearnedNetwork, learn_network
from layerwise.estimators.descent_options import DescentOptions
from layerwise.estimators.own_network import code_size
from layerwise.networks import Autoencoder, CrossEntropy, Network
from layerwise.networks.reconstruction import Reconstruction
from layerwise.randomness import RandomStream
from layerwise.training.network_epochs import EpochInfo
from layerwise.training.stacking import under_classes, upwards
from layerwise.units import UnitKind

__all__ = ["Curves", "learn_layers", "learn_layers_under_classes", "learn_under_classes"]

Curves = dict[str, list[EpochInfo]]


def learn_layers(
    asked: Any,
    visible: UnitKind,
    lesson: Lesson,
    unseen: Lesson | None,
    options: DescentOptions,
    random: RandomStream,
    curves: Curves,
    keep: Callable[[list[Autoencoder]], object],
) -> list[Autoencoder]:
    """Train each layer as an autoencoder of what the layers below it make of the rows.

    Parameters
    ----------
    asked : StackedAutoencoder or its like
        Names layers, corruption and penalties.
    visible : UnitKind
        Of the rows.
    lesson, unseen : Lesson
        Rows to learn from, and rows held out.
    options : DescentOptions
    random : RandomStream
        Its children are the layers'.
    curves : dict of str to list of EpochInfo
        What was measured of each layer is added.
    keep : callable
        Is given the layers learned before training diverged, the last good State of the last among them.

    Raises
    ------
    OptionError, DivergenceError
    """

    def learn(fresh: Autoencoder, back: Reconstruction, below: Sequence[Autoencoder], own: RandomStream) -> Autoencoder:
        title, up = _title(below), upwards(below, options.device)
        here, apart = replace(lesson, upwards=up), None if unseen is None else replace(unseen, upwards=up)
        if asked.network is None:  # one's own layers start where they are
            with torch.no_grad():
                back.start_from(fresh, here.moments(options.device)[0])

        def keep_good(good: LearnedNetwork) -> None:
            curves[title] = good.curve
            keep([*below, fresh])

        name = f"{type(asked).__name__}, {title}"
        learned = learn_autoencoder(fresh, back, here, apart, options, asked, own, name, keep_good)
        curves[title] = learned.curve
        assert isinstance(learned.network, Autoencoder)
        return learned.network

    return stack_from(asked).layer_by_layer(visible, learn, random)


def learn_layers_under_classes(
    asked: Any,
    visible: UnitKind,
    lesson: Lesson,
    unseen: Lesson | None,
    options: DescentOptions,
    random: RandomStream,
    curves: Curves,
) -> list[Autoencoder]:
    """Train each layer under a layer of class scores of its own, which is thrown away afterwards.

    Parameters
    ----------
    asked, visible, lesson, unseen, options, random, curves
        As for :func:`learn_layers`, with labels.

    Returns
    -------
    list of Autoencoder
        Whose decoders have learned nothing.

    Raises
    ------
    DivergenceError
    """

    def learn(fresh: Autoencoder, back: Reconstruction, below: Sequence[Autoencoder], own: RandomStream) -> Autoencoder:
        title, up = _title(below), upwards(below, options.device)
        here, apart = replace(lesson, upwards=up), None if unseen is None else replace(unseen, upwards=up)
        size, name = code_size(fresh.encoder, back.kind.size), f"{type(asked).__name__}, {title}"
        network = under_classes([fresh.encoder], size, lesson.classes)
        learned = learn_under_classes(network, here, apart, options, own, name, lambda good: None)
        curves[title] = learned.curve
        # With a running mean of the parameters what was learned is not the network that was trained.
        found = learned.network[:-1].state_dict().values()
        fresh.encoder.load_state_dict(dict(zip(fresh.encoder.state_dict(), found, strict=True)))
        return fresh

    return stack_from(asked).layer_by_layer(visible, learn, random)


def learn_under_classes(
    network: Network,
    lesson: Lesson,
    unseen: Lesson | None,
    options: DescentOptions,
    random: RandomStream,
    name: str,
    keep: Callable[[LearnedNetwork], object],
) -> LearnedNetwork:
    """Train a classifier on the rows that have a label.

    Parameters
    ----------
    network : Network
        From rows to class scores; moved in place.
    lesson, unseen : Lesson
        Rows to learn from, and rows held out, with labels.
    options : DescentOptions
    random : RandomStream
        Of the draws; its children decide the order of the rows and which are measured.
    name : str
        How messages call the network.
    keep : callable
        Is given what was learned before training diverged, if there was a good State.

    Raises
    ------
    DivergenceError
    """
    device, labelled = options.device, _labelled(lesson)
    told = labelled.weights, labelled.labels, options.trainer.ranks
    stream = labelled.rows.stream(options.batch_size, random.child("rows"), device, *told)
    sample = _some(labelled, random.child("measured"), device)
    held_out = None if unseen is None else _some(_labelled(unseen), random.child("unseen"), device)
    return learn_network(
        network,
        replace(options.trainer, aim="labels"),
        stream if lesson.upwards is None else stream.map(lesson.upwards),
        options,
        random,
        name,
        keep,
        lambda of: _mean_log_probability(of, *sample),
        None if held_out is None else lambda of: _mean_log_probability(of, *held_out),
    )


def _title(below: Sequence[Autoencoder]) -> str:
    return f"layer {len(below) + 1}"


def _labelled(lesson: Lesson) -> Lesson:
    assert lesson.labels is not None
    return lesson.select((lesson.labels >= 0).nonzero()[:, 0])


def _some(lesson: Lesson, random: RandomStream, device: torch.device) -> tuple[Tensor, Tensor]:
    """At most so many rows as the network reads them, and their labels."""
    assert lesson.labels is not None
    few = lesson.select(random.permutation(len(lesson.rows))[:MEASURED])
    assert few.labels is not None
    v = few.rows.units().to(device)
    return v if few.upwards is None else few.upwards(v), few.labels.to(device)


def _mean_log_probability(network: nn.Sequential, v: Tensor, labels: Tensor) -> float:
    return -float(CrossEntropy().rows(network(v), labels).double().mean())
