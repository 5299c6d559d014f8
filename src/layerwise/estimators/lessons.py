"""What a course learns from, made of rows in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from layerwise.data.classes import UNLABELLED
from layerwise.data.minibatches import Minibatches
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.randomness import RandomStream
from layerwise.training.lessons import Lessons
from layerwise.training.ranks import ALONE, Ranks

__all__ = ["lessons_from", "measured"]

MEASURED = 1000
"""Training rows that measurements are taken on."""


def lessons_from(
    rows: Rows,
    preparation: Preparation,
    batch_size: int,
    random: RandomStream,
    device: torch.device,
    weights: npt.NDArray[np.float64] | None = None,
    ranks: Ranks = ALONE,
) -> Lessons:
    """All rows for the layers, the labelled ones for the classifier, some of both for measurements.

    Parameters
    ----------
    rows : Rows
        With labels, some of which may be missing; or without any, for the layers alone.
    preparation : Preparation
    batch_size : int
    random : RandomStream
        Its children decide the order of the rows and which are measured.
    device : torch.device
    weights : ndarray of shape (rows,), optional
        What each row counts.
    ranks : Ranks
        Who learns together; the minibatches are this one's part of each.
    """
    place: dict[str, Any] = {"device": device, "rank": ranks.rank, "world_size": ranks.size}

    def batches(of: Rows, counts: npt.NDArray[np.float64] | None, name: str) -> Minibatches:
        told = None if counts is None else torch.from_numpy(counts)
        return Minibatches(of, preparation, batch_size, random.child(name), weights=told, **place)

    sample = rows.select(measured(len(rows), random.child("measured rows")))
    lessons = Lessons(
        rows=batches(rows, weights, "rows"),
        labelled=None,
        classes=len(rows.classes),
        sample=preparation.prepare(sample.values).to(device),
        ranks=ranks,
    )
    if rows.labels is None:
        return lessons
    labelled = rows
    if rows.n_labelled < len(rows):
        labelled, weights = rows.labelled(), None if weights is None else weights[rows.labels != UNLABELLED]
    some = labelled.select(measured(len(labelled), random.child("measured labels")))
    assert some.labels is not None
    return replace(
        lessons,
        labelled=batches(labelled, weights, "labelled rows"),
        labelled_sample=(preparation.prepare(some.values).to(device), torch.from_numpy(some.labels).to(device)),
    )


def measured(count: int, random: RandomStream) -> npt.NDArray[np.int64]:
    """Places of the rows, of so many, that measurements are taken on."""
    return random.permutation(count)[:MEASURED].sort().values.numpy()
