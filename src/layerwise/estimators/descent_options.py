"""The constructor parameters that every estimator trained by gradient descent has, checked and put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from layerwise.estimators.audience import Audience, audience_of
from layerwise.estimators.conversion import training_device
from layerwise.estimators.options import choice, flag, number, whole_number
from layerwise.estimators.strategy import loudness, ranks_of
from layerwise.networks import CrossEntropy
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.schedules import Cosine, Linear

__all__ = ["DescentOptions", "descent_options", "fine_tuning"]


@dataclass(frozen=True)
class DescentOptions:
    """How a network is trained.

    Parameters
    ----------
    trainer : GradientDescent
        With a learning rate that does not change, and the loss of labels.
    schedule : {"linear", "constant", "cosine"}
    batch_size, epochs : int
    held_out : float
        Share of the rows that is held out; 0 for none.
    patience : int
        Epochs without progress on them.
    device : torch.device
    verbose : int
    audience : Audience
        Who is told of each epoch.
    watch_gradients : bool
        Whether how learning reaches the layers is measured once an epoch.
    """

    trainer: GradientDescent
    schedule: str
    batch_size: int
    epochs: int
    held_out: float
    patience: int
    device: torch.device
    verbose: int
    audience: Audience
    watch_gradients: bool

    def paced(self, trainer: GradientDescent, n_batches: int) -> GradientDescent:
        """A trainer that knows how long an epoch is: when its learning rate reaches zero, and when it is to look."""
        falling = {"linear": Linear, "cosine": Cosine}.get(self.schedule)
        schedule = None if falling is None else falling(max(1, self.epochs * n_batches))
        return replace(trainer, schedule=schedule, watch_every=n_batches if self.watch_gradients else 0)


def descent_options(estimator: Any) -> DescentOptions:
    """Check the parameters that an estimator was made with.

    Parameters
    ----------
    estimator : Autoencoder or its like

    Raises
    ------
    OptionError
    """
    fraction, stops = estimator.validation_fraction, flag("early_stopping", estimator.early_stopping)
    fraction = number("validation_fraction", fraction, above=0.0, below=1.0, remedy="start with 0.1")
    # Those that are told no labels, or are shown corrupted rows, have no such parameters.
    smoothing, of_inputs = (getattr(estimator, name, 0.0) for name in ("label_smoothing", "input_dropout"))
    trainer = GradientDescent(
        CrossEntropy(number("label_smoothing", smoothing, least=0.0, below=1.0, remedy="0.1 is a usual one")),
        optimiser=estimator.optimiser,
        learning_rate=number("learning_rate", estimator.learning_rate, above=0.0, remedy="start with 0.001"),
        weight_decay=number("weight_decay", estimator.weight_decay, least=0.0, remedy="start with 0.0001"),
        dropout=number("dropout", estimator.dropout, least=0.0, below=1.0, remedy="start with 0"),
        input_dropout=number("input_dropout", of_inputs, least=0.0, below=1.0, remedy="start with 0"),
        max_norm=_above_zero("max_norm", estimator.max_norm),
        clip_norm=_above_zero("clip_norm", estimator.clip_norm),
        averaging=number("averaging", estimator.averaging, least=0.0, below=1.0, remedy="start with 0.999"),
        ranks=ranks_of(estimator),
    )
    return DescentOptions(
        trainer,
        choice("schedule", estimator.schedule, "linear", "constant", "cosine"),
        whole_number("batch_size", estimator.batch_size, least=1, remedy="start with 32"),
        whole_number("epochs", estimator.epochs, least=0, remedy="start with 50"),
        fraction if stops else 0.0,
        whole_number("n_iter_no_change", estimator.n_iter_no_change, least=1, remedy="start with 5"),
        training_device(estimator.device),
        loudness(estimator),
        audience_of(estimator),
        flag("watch_gradients", estimator.watch_gradients),
    )


def fine_tuning(estimator: Any, options: DescentOptions, *, least: int) -> DescentOptions:
    """How all layers of a stack are trained together: as each was, with epochs and a learning rate of their own.

    Parameters
    ----------
    estimator : StackedAutoencoder or its like
    options : DescentOptions
        Of each layer.
    least : int
        Epochs that there must be.

    Raises
    ------
    OptionError
    """
    epochs = whole_number("fine_tune_epochs", estimator.fine_tune_epochs, least=least, remedy="start with 20")
    rate = estimator.fine_tune_learning_rate
    rate = number("fine_tune_learning_rate", rate, above=0.0, remedy="start with 0.001")
    return replace(options, trainer=replace(options.trainer, learning_rate=rate), epochs=epochs)


def _above_zero(name: str, value: object) -> float | None:
    return None if value is None else number(name, value, above=0.0, remedy="leave it at None")
