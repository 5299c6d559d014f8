"""The constructor parameters of an RBM that learns to classify, checked and put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import torch

from layerwise.estimators.audience import Audience, audience_of
from layerwise.estimators.conversion import training_device
from layerwise.estimators.options import choice, flag, number, whole_number
from layerwise.estimators.strategy import loudness, ranks_of
from layerwise.training.classification_rbm import ClassificationLearning

__all__ = ["ClassOptions", "class_options"]


@dataclass(frozen=True)
class ClassOptions:
    """How a machine of rows and labels is trained.

    Parameters
    ----------
    trainer : ClassificationLearning
        With a learning rate that does not fall.
    batch_size, n_iter : int
    early_stopping : bool
    validation_fraction : float
    patience : int
        Epochs without progress.
    device : torch.device
    verbose : int
    audience : Audience
        Who is told of each epoch.
    """

    trainer: ClassificationLearning
    batch_size: int
    n_iter: int
    early_stopping: bool
    validation_fraction: float
    patience: int
    device: torch.device
    verbose: int
    audience: Audience

    def scheduled(self, n_batches: int) -> ClassificationLearning:
        """The trainer with a learning rate that has fallen to zero after all epochs."""
        return replace(self.trainer, steps=max(1, self.n_iter * n_batches))


def class_options(estimator: Any) -> ClassOptions:
    """Check the parameters that an estimator was made with.

    Parameters
    ----------
    estimator : ClassRBM

    Raises
    ------
    OptionError
    """
    ranks, method = ranks_of(estimator), choice("method", estimator.method, "pcd", "cd")
    trainer = ClassificationLearning(
        discriminative=number("discriminative", estimator.discriminative, least=0.0, remedy="start with 1"),
        generative=number("generative", estimator.generative, least=0.0, remedy="start with 0.01"),
        unlabelled=number("unlabelled", estimator.unlabelled, least=0.0, remedy="start with 0.01"),
        method=cast(Any, method),
        gibbs_steps=whole_number("gibbs_steps", estimator.gibbs_steps, least=1, remedy="start with 1"),
        chains=whole_number(
            "n_chains", estimator.n_chains, least=1 if method == "cd" else ranks.size, remedy="start with 100"
        ),
        optimiser=cast(Any, choice("optimiser", estimator.optimiser, "adam", "sgd")),
        learning_rate=number("learning_rate", estimator.learning_rate, above=0.0, remedy="start with 0.03"),
        momentum=number("momentum", estimator.momentum, least=0.0, below=1.0, remedy="start with 0.9"),
        weight_decay=number("weight_decay", estimator.weight_decay, least=0.0, remedy="start with 0.0001"),
        ranks=ranks,
    )
    return ClassOptions(
        trainer,
        whole_number("batch_size", estimator.batch_size, least=1, remedy="start with 20"),
        whole_number("n_iter", estimator.n_iter, least=0, remedy="start with 20"),
        flag("early_stopping", estimator.early_stopping),
        number("validation_fraction", estimator.validation_fraction, above=0.0, below=1.0, remedy="start with 0.1"),
        whole_number("n_iter_no_change", estimator.n_iter_no_change, least=1, remedy="start with 5"),
        training_device(estimator.device),
        loudness(estimator),
        audience_of(estimator),
    )
