"""The constructor parameters that every estimator trained by contrastive learning has, checked and put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import torch

from layerwise.estimators.audience import Audience, audience_of
from layerwise.estimators.conversion import training_device
from layerwise.estimators.options import choice, flag, number, whole_number
from layerwise.estimators.strategy import loudness, ranks_of
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.schedules import Cosine, Linear

__all__ = ["ContrastiveOptions", "Stopping", "contrastive_options"]

FASTEST = 0.1
"""The learning rate that ``"auto"`` stands for where columns are not real."""

Stopping = Literal["no", "auto", "likelihood", "pseudo-likelihood", "gap"]


@dataclass(frozen=True)
class ContrastiveOptions:
    """How a machine is trained.

    Parameters
    ----------
    trainer : ContrastiveLearning
        With a learning rate that does not change.
    auto_rate : bool
        Whether real columns may lower it.
    schedule : {"constant", "linear", "cosine"}
    batch_size, n_iter : int
    stopping : str
        What held-out rows are measured by, "no" where none are held out; "auto" by the best that the machine has.
    validation_fraction : float
    patience : int
        Epochs without progress.
    max_gap : float
        Largest free-energy gap, in nats.
    device : torch.device
    verbose : int
    audience : Audience
        Who is told of each epoch.
    """

    trainer: ContrastiveLearning
    auto_rate: bool
    schedule: str
    batch_size: int
    n_iter: int
    stopping: Stopping
    validation_fraction: float
    patience: int
    max_gap: float
    device: torch.device
    verbose: int
    audience: Audience

    def suited(self, real_columns: int) -> ContrastiveOptions:
        """The same with a learning rate that so many real columns stand.

        What moves the couplings grows with the largest eigenvalue of the columns' correlations, at most their number.
        """
        if not self.auto_rate:
            return self
        rate = min(FASTEST, 0.5 / max(1, real_columns))
        return replace(self, trainer=replace(self.trainer, learning_rate=rate))

    def scheduled(self, n_batches: int) -> ContrastiveLearning:
        """The trainer with a learning rate that has fallen to zero after all epochs, where that is asked for."""
        steps = max(1, self.n_iter * n_batches)
        falling = {"linear": Linear, "cosine": Cosine}.get(self.schedule)
        return self.trainer if falling is None else replace(self.trainer, schedule=falling(steps))


def contrastive_options(estimator: Any, learner: object = None) -> ContrastiveOptions:
    """Check the parameters that an estimator was made with.

    Parameters
    ----------
    estimator : RBM or its like
    learner : estimator, optional
        Whose fit it is, where that is another.

    Raises
    ------
    OptionError
    """
    batch_size = whole_number("batch_size", estimator.batch_size, least=1, remedy="start with 20")
    chains, target, rate = estimator.n_chains, estimator.sparsity_target, estimator.learning_rate
    auto = isinstance(rate, str) and rate == "auto"
    learner = estimator if learner is None else learner
    ranks = ranks_of(learner)
    trainer = ContrastiveLearning(
        cast(Any, method := choice("method", estimator.method, "pcd", "cd", "pt")),
        steps=whole_number("gibbs_steps", estimator.gibbs_steps, least=1, remedy="start with 1"),
        chains=whole_number("n_chains", chains, least=1 if method == "cd" else ranks.size, remedy="start with 100"),
        learning_rate=FASTEST if auto else number("learning_rate", rate, above=0.0, remedy="leave it at 'auto'"),
        momentum=number("momentum", estimator.momentum, least=0.0, below=1.0, remedy="start with 0.5"),
        weight_decay=number("weight_decay", estimator.weight_decay, least=0.0, remedy="start with 0.0001"),
        centred=flag("centred", estimator.centred),
        temperatures=whole_number("temperatures", estimator.temperatures, least=2, remedy="start with 10"),
        optimiser=estimator.optimiser,
        l1=number("l1", estimator.l1, least=0.0, remedy="start with 0.0001"),
        max_norm=_above_zero("max_norm", estimator.max_norm),
        clip_norm=_above_zero("clip_norm", estimator.clip_norm),
        sparsity_target=None if target is None else number("sparsity_target", target, remedy="start with 0.1"),
        sparsity_cost=number("sparsity_cost", estimator.sparsity_cost, least=0.0, remedy="start with 0.1"),
        sparsity_penalty="kl" if estimator.hidden == "bernoulli" else "quadratic",
        averaging=number("averaging", estimator.averaging, least=0.0, below=1.0, remedy="start with 0.999"),
        ranks=ranks,
    )
    return ContrastiveOptions(
        trainer,
        auto,
        choice("schedule", estimator.schedule, "linear", "constant", "cosine"),
        batch_size,
        whole_number("n_iter", estimator.n_iter, least=0, remedy="start with 20"),
        _stopping(estimator.early_stopping),
        number("validation_fraction", estimator.validation_fraction, above=0.0, below=1.0, remedy="start with 0.1"),
        whole_number("n_iter_no_change", estimator.n_iter_no_change, least=1, remedy="start with 5"),
        number("max_gap", estimator.max_gap, above=0.0, remedy="start with 5 nats"),
        training_device(estimator.device),
        loudness(learner),
        audience_of(learner),
    )


def _stopping(value: object) -> Stopping:
    if isinstance(value, str):
        return cast(Stopping, choice("early_stopping", value, "likelihood", "pseudo-likelihood", "gap"))
    return "auto" if flag("early_stopping", value) else "no"


def _above_zero(name: str, value: object) -> float | None:
    return None if value is None else number(name, value, above=0.0, remedy="leave it at None")
