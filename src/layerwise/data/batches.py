"""What a minibatch is, and what gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from layerwise.shapes import Labels, PerRow, UnitBatch, VisibleBatch

__all__ = ["Batch", "Mapped", "MinibatchStream"]


@dataclass(frozen=True, eq=False)
class Batch:
    """The part of one global batch that falls to this rank.

    Parameters
    ----------
    values : Tensor of shape (batch, columns), float32
        Prepared rows, carried up by :meth:`MinibatchStream.map` where that was asked for. May have no row where there
        are more ranks than rows left.
    labels : Tensor of shape (batch,), int64, or None
        Class codes, -1 for a row without label.
    first_row : int
        Place of the first row inside the global batch: what the random stream calls the global row.
    total : int
        Rows of the global batch over all ranks.
    weights : Tensor of shape (batch,), or None
        How much each row counts beside the others; None where all count the same.
    targets : Tensor of shape (batch, outputs), or None
        What a network should give for each row.
    mean_weight : float or None
        Mean of the weights of all rows that there are, in other batches, too; None where these are all.
    """

    values: VisibleBatch
    labels: Labels | None
    first_row: int
    total: int
    weights: PerRow | None = None
    targets: UnitBatch | None = None
    mean_weight: float | None = None


@runtime_checkable
class MinibatchStream(Protocol):
    """Where training gets its minibatches from; :class:`Minibatches` is the special case of rows in memory."""

    @property
    def n_rows(self) -> int:
        """Rows of one epoch, over all ranks."""
        ...

    @property
    def n_batches(self) -> int:
        """Global batches of one epoch."""
        ...

    @property
    def n_columns(self) -> int:
        """Columns of a batch's values."""
        ...

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """Give the batches of an epoch, from batch ``start`` on; the same ones whenever it is asked."""
        ...

    def map(self, function: Callable[[Tensor], Tensor]) -> MinibatchStream:
        """Give the same stream with its values carried through a function."""
        ...


class Mapped:
    """A stream with its values carried through a function, batch by batch as they are asked for.

    Parameters
    ----------
    stream : MinibatchStream
    function : callable
        From (batch, columns) to (batch, new columns), the same for the same rows.
    """

    def __init__(self, stream: MinibatchStream, function: Callable[[Tensor], Tensor]) -> None:
        self._stream, self._function = stream, function
        self._n_columns: int | None = None

    @property
    def n_rows(self) -> int:
        """Rows of one epoch, over all ranks."""
        return self._stream.n_rows

    @property
    def n_batches(self) -> int:
        """Global batches of one epoch."""
        return self._stream.n_batches

    @property
    def n_columns(self) -> int:
        """Columns of a batch's values."""
        if self._n_columns is None:
            # The function is the only one that knows: ask it once, with the first row there is.
            with torch.no_grad():
                row = self._function(next(self._stream.epoch(0)).values[:1])
            self._n_columns = int(row.shape[1])
        return self._n_columns

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, carried through."""
        for batch in self._stream.epoch(number, start):
            yield replace(batch, values=self._function(batch.values))

    def map(self, function: Callable[[Tensor], Tensor]) -> MinibatchStream:
        """The same, carried through another function."""
        return Mapped(self, function)
