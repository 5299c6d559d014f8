"""The two phases of contrastive learning: what the data say, what the model dreams.

Each is a set of visible rows with the hidden units' expectations given them. A phase is averaged over its own rows;
the rows of the data may have weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from layerwise import kernels
from layerwise.data.minibatches import Batch
from layerwise.energy.clamping import clamped_gibbs, draw_unknown
from layerwise.energy.rbm import RBM
from layerwise.errors import DataError
from layerwise.kernels import SparseRows
from layerwise.randomness import RandomStream
from layerwise.shapes import HiddenChains, VisibleBatch
from layerwise.training.ranks import ALONE, Ranks

__all__ = ["Phase", "complete", "data_phase", "relative_weights", "share_of"]


@dataclass(slots=True)
class Phase:
    """Visible rows and the hidden units' expectations given them."""

    values: Tensor
    """(rows, visible)"""
    listed: Tensor | SparseRows
    """The same, listed where they have few non-zero entries."""
    field: Tensor
    """(rows, hidden): what the rows send up."""
    hidden: Tensor
    """(rows, hidden): E[h | v]."""
    share: Tensor | None = None
    """(rows, 1): the weight of each row over the mean weight of all, times this rank's part of the rows; None where all
    weigh the same."""

    def weighted(self, values: Tensor) -> Tensor:
        """Numbers of the rows, such that their plain mean is the phase's."""
        return values if self.share is None else values * self.share

    def means(self, ranks: Ranks, *values: Tensor) -> list[Tensor]:
        """Means over the rows of all ranks, each by its weight."""
        means = [self.weighted(of_one).mean(0) for of_one in values]
        if self.share is None and ranks.size == 1:
            return means
        weight = means[0].new_ones(()) if self.share is None else self.share.mean()
        ranks.sum_(*means, weight)
        return [mean / weight for mean in means]


def relative_weights(batch: Batch, ranks: Ranks = ALONE) -> Tensor | None:
    """Weights of rows over the mean of all, as a column of the rows' precision.

    Over the mean of a minibatch a row would weigh less for standing beside heavy ones, and alone it would weigh one.

    Raises
    ------
    DataError
        A weight is negative or no number, or none is above 0.
    """
    weights = batch.weights
    if weights is None:
        return None
    mean = ranks.mean(weights, batch.total)
    if bool((weights < 0).any()) or not 0 < float(mean) < float("inf"):
        rule = "must be at least 0 and finite, and some of a minibatch above 0"
        raise DataError(
            "weights", f"{float(weights.min())} to {float(weights.max())}", rule, "leave rows out that weigh nothing"
        )
    return (weights / (batch.mean_weight or mean))[:, None].to(batch.values.dtype)


def share_of(rows: Tensor, part: float, weights: Tensor | None) -> Tensor | None:
    """What each row counts, of shape (rows, 1): this rank's part times its weight; None where that is 1.

    Parameters
    ----------
    rows : Tensor of shape (rows, columns)
    part : float
    weights : Tensor of shape (rows, 1) or (), or None
    """
    if part == 1.0:
        return None if weights is None else weights.expand(len(rows), 1)
    return rows.new_full((len(rows), 1), part) if weights is None else weights.expand(len(rows), 1) * part


def complete(rbm: RBM, values: VisibleBatch, steps: int, random: RandomStream, first_row: int) -> VisibleBatch:
    """Rows with their NaN entries drawn from the machine given the others; the same rows where nothing is missing.

    The draws have a stream of their own, so that a batch with missing values moves the run's stream no further than one
    without.
    """
    known = ~values.isnan()
    if bool(known.all()):
        return values
    of_these = random.child(f"missing values {random.position}")
    start = draw_unknown(rbm, values, known, of_these, first_row)
    return clamped_gibbs(rbm, start, known, steps, of_these, first_row)[0]


def data_phase(
    rbm: RBM,
    values: VisibleBatch,
    share: Tensor | None,
    random: RandomStream | None,
    first_row: int,
    fill: Callable[[], VisibleBatch] | None = None,
) -> tuple[Phase, HiddenChains | None]:
    """The phase of given rows; with a stream also a draw of the hidden units, in the same pass.

    ``fill`` gives the rows again without missing values; it is called where there seem to be some.
    """
    v = kernels.compress(values)
    field = rbm.field_of_hidden(v)
    # A row that misses a value has no field: one number a row is looked at, and not all of its values.
    if fill is not None and math.isnan(field[:, 0].sum().item()):
        values = fill()
        v = kernels.compress(values)
        field = rbm.field_of_hidden(v)
    if random is None:
        return Phase(values, v, field, rbm.hidden.mean(field), share), None
    mean, h = rbm.hidden.mean_and_sample(field, random, first_row)
    return Phase(values, v, field, mean, share), h
