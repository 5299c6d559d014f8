"""Training an autoencoder on rows of units, or on what layers below it make of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from layerwise.estimators.autoencoder_options import trainer_from
from layerwise.estimators.contrastive_fit import Lesson
from layerwise.estimators.descent_fit import LearnedNetwork, learn_network
from layerwise.estimators.descent_options import DescentOptions
from layerwise.networks import Autoencoder
from layerwise.networks.reconstruction import Reconstruction
from layerwise.randomness import RandomStream

__all__ = ["learn_autoencoder"]


def learn_autoencoder(
    network: Autoencoder,
    back: Reconstruction,
    lesson: Lesson,
    unseen: Lesson | None,
    options: DescentOptions,
    asked: Any | None,
    random: RandomStream,
    name: str,
    keep: Callable[[LearnedNetwork], object],
) -> LearnedNetwork:
    """Train an autoencoder.

    Parameters
    ----------
    network : Autoencoder
        Moved in place.
    back : Reconstruction
    lesson, unseen : Lesson
        Rows to learn from, and rows held out.
    options : DescentOptions
    asked : Autoencoder or its like, or None
        Names corruption and penalties; None for none of both.
    random : RandomStream
        Of the draws; its children decide the order of the rows and which are measured.
    name : str
        How messages call the network.
    keep : callable
        Is given what was learned before training diverged, if there was a good State.

    Raises
    ------
    OptionError
        The penalties do not suit the network.
    DivergenceError
    """
    device, back = options.device, copy.deepcopy(back)
    back.kind.to(device)
    sample = lesson.some(random.child("measured"), device)
    held_out = None if unseen is None else unseen.some(random.child("unseen"), device)
    trainer = replace(options.trainer, loss=back.loss, aim="values")
    if asked is not None:
        trainer = trainer_from(asked, options.trainer, back, sample)
    if trainer.penalty is not None:  # refused before work starts
        with torch.no_grad():
            trainer.penalty(network.to(device), sample[:2])

    def score(of: nn.Sequential, rows: Tensor) -> float:
        return -float(back.errors(of, rows).double().mean())

    return learn_network(
        network,
        trainer,
        lesson.stream(options.batch_size, random.child("rows"), device, trainer.ranks),
        options,
        random,
        name,
        keep,
        lambda of: score(of, sample),
        None if held_out is None else lambda of: score(of, held_out),
    )
