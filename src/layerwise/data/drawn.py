"""Grey levels as the probabilities of bits, drawn anew each time that they are seen.

A machine that is given grey levels as they are learns their means and none of the bits' own variance. Where bits drawn
from them are what the machine shall find likely, it learns from such: with 500 hidden units on MNIST that was worth a
nat (docs/design_notes.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from layerwise import kernels
from layerwise.data.batches import Batch, Mapped, MinibatchStream
from layerwise.errors import DataError
from layerwise.randomness import RandomStream

__all__ = ["DrawnBits", "bits_of"]


def bits_of(grey: Tensor, random: RandomStream, first_row: int = 0) -> Tensor:
    """Zeros and ones with P(1) = grey; 0, 1 and NaN stay as they are.

    Parameters
    ----------
    grey : Tensor of shape (rows, columns)
        In [0, 1].
    random : RandomStream
        One position is taken.
    first_row : int
        Global number of the first row.

    Returns
    -------
    Tensor of shape (rows, columns)

    Raises
    ------
    DataError
        A value lies outside [0, 1].

    Examples
    --------
    >>> bits_of(torch.tensor([[0.0, 1.0, 0.5, 0.5]]), RandomStream(0)).tolist()
    [[0.0, 1.0, 1.0, 0.0]]
    """
    if bool(((grey < 0) | (grey > 1)).any()):
        value = float(grey[(grey < 0) | (grey > 1)][0])
        raise DataError("grey", value, "must lie in [0, 1], the probability of a one", "scale the columns first")
    rows, columns = grey.shape
    drawn = kernels.uniform(rows, columns, random, first_row, grey.device) < grey
    return torch.where(grey.isnan(), grey, drawn.to(grey))


@dataclass(frozen=True)
class DrawnBits:
    """A stream of minibatches whose grey levels are drawn as bits, other ones in every epoch.

    What is drawn is a function of the seed, the epoch and the row's place in it, so that a resumed run sees the same.

    Parameters
    ----------
    stream : MinibatchStream
        With values in [0, 1].
    random : RandomStream
        Only its seed is used.

    Examples
    --------
    >>> from layerwise.data import Minibatches, Preparation, Rows
    >>> rows = Rows.from_arrays([[0.5, 0.0, 1.0]] * 4)
    >>> stream = Minibatches(rows, Preparation.fit(rows, "bernoulli"), 2, RandomStream(0))
    >>> [batch.values.tolist() for batch in DrawnBits(stream, RandomStream(1)).epoch(0)]
    [[[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]], [[0.0, 0.0, 1.0], [1.0, 0.0, 1.0]]]
    """

    stream: MinibatchStream
    random: RandomStream

    @property
    def n_rows(self) -> int:
        """Rows of one epoch, over all ranks."""
        return self.stream.n_rows

    @property
    def n_batches(self) -> int:
        """Global batches of one epoch."""
        return self.stream.n_batches

    @property
    def n_columns(self) -> int:
        """Columns of a batch's values."""
        return self.stream.n_columns

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, drawn."""
        seed = self.random.child(f"bits of epoch {number}").seed
        for position, batch in enumerate(self.stream.epoch(number, start), start):
            yield replace(batch, values=bits_of(batch.values, RandomStream(seed, position), batch.first_row))

    def map(self, function: Callable[[Tensor], Tensor]) -> MinibatchStream:
        """The same with the bits carried through a function."""
        return Mapped(self, function)
