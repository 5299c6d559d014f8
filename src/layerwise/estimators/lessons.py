"""What a course learns from, made of rows in memory."""

from __future__ import annotations

import torch

from layerwise.data.minibatches import Minibatches
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.randomness import RandomStream
from layerwise.training.lessons import Lessons

__all__ = ["lessons_from"]

MEASURED = 1000
"""Training rows that measurements are taken on."""


def lessons_from(
    rows: Rows, preparation: Preparation, batch_size: int, random: RandomStream, device: torch.device
) -> Lessons:
    """All rows for the layers, the labelled ones for the classifier, some of both for measurements.

    Parameters
    ----------
    rows : Rows
        With labels, some of which may be missing.
    preparation : Preparation
    batch_size : int
    random : RandomStream
        Its children decide the order of the rows and which are measured.
    device : torch.device
    """
    labelled = rows if rows.n_labelled == len(rows) else rows.labelled()

    def batches(of: Rows, name: str) -> Minibatches:
        return Minibatches(of, preparation, batch_size, random.child(name), device=device)

    def some(of: Rows, name: str) -> Rows:
        return of.select(random.child(name).permutation(len(of))[:MEASURED].sort().values.numpy())

    sample, labelled_sample = some(rows, "measured rows"), some(labelled, "measured labels")
    assert labelled_sample.labels is not None
    return Lessons(
        rows=batches(rows, "rows"),
        labelled=batches(labelled, "labelled rows"),
        classes=len(rows.classes),
        sample=preparation.prepare(sample.values).to(device),
        labelled_sample=(
            preparation.prepare(labelled_sample.values).to(device),
            torch.from_numpy(labelled_sample.labels).to(device),
        ),
    )
