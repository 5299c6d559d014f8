"""Fine-tuning a belief network to predict numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from layerwise.data.minibatches import Minibatches
from layerwise.data.rows import Rows
from layerwise.estimators.descent_fit import Teller
from layerwise.estimators.fine_tuned_dbn import LayersLesson
from layerwise.estimators.lessons import measured
from layerwise.networks import Squared
from layerwise.training.network_epochs import Descended, EpochInfo, descend, finished
from layerwise.training.target_scale import TargetScale, explained
from layerwise.training.unrolling import unroll_regressor

__all__ = ["fine_tune"]

Targets = npt.NDArray[np.float64]


def fine_tune(
    layers: LayersLesson,
    rows: Rows,
    targets: Targets,
    weights: npt.NDArray[np.float64] | None,
    name: str,
    keep: Callable[[LayersLesson, nn.Sequential, list[EpochInfo]], object],
) -> None:
    """Train the layers under a linear one on rows and their targets, brought to mean 0 and standard deviation 1.

    Parameters
    ----------
    layers : LayersLesson
        Whose course is done; it is not changed.
    rows : Rows
    targets : ndarray of shape (rows, outputs)
    weights : ndarray of shape (rows,), optional
        What each row counts, above 0.
    name : str
        How messages call the estimator.
    keep : callable
        Is given the network, from prepared rows to targets on their own scale, and the curve, with R² on training rows
        as what was seen: in the end, or what was good last before training diverged.

    Raises
    ------
    DivergenceError
    """
    plan, device = layers.plan, layers.device
    scale = TargetScale.of(targets, weights)
    standard = scale.standard(targets)
    ranks = layers.course.lessons.ranks
    stream = Minibatches(
        rows,
        layers.preparation,
        plan.batch_size,
        layers.random.child("rows with a target"),
        device=device,
        rank=ranks.rank,
        world_size=ranks.size,
        weights=None if weights is None else torch.from_numpy(weights),
        targets=standard,
    )
    few = measured(len(rows), layers.random.child("measured targets"))
    sample, told = layers.preparation.prepare(rows.values[few]).to(device), standard[few].to(device)
    trainer = plan.fine_tuning(plan.fine_tune_epochs * stream.n_batches)
    trainer = replace(trainer, loss=Squared(), aim="targets", watch_every=stream.n_batches, ranks=ranks)
    network = unroll_regressor(layers.course.net, torch.zeros(targets.shape[1], device=device))

    stage = layers.curves.audience.stage("fine-tuning", plan.fine_tune_epochs)
    teller = Teller(f"{name}, fine-tuning") if layers.curves.verbose else None

    def tell(epoch: int, info: EpochInfo) -> None:
        if teller is not None:
            teller(epoch, info)
        stage.epoch_done(epoch, info, network)

    def done(descended: Descended) -> None:
        tuned = finished(descended.state).cpu()
        scale.put_into(tuned)
        keep(layers, tuned, descended.curve)

    descended = descend(
        trainer,
        trainer.init(network, layers.course.random.child("dropout")),
        stream,
        plan.fine_tune_epochs,
        seen=lambda of: explained(of(sample), told),
        tell=tell,
        enough=lambda: stage.enough,
        keep=done,
        name="fine-tuning",
    )
    done(descended)
