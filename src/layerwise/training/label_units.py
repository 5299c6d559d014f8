"""Minibatches whose labels stand beside their values, as the visible units of a machine with label units want them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from layerwise.data.minibatches import Batch, MinibatchStream
from layerwise.energy.class_rbm import check_labels
from layerwise.errors import DataError, OptionError

__all__ = ["JoinedLabels", "beside"]


@dataclass(frozen=True)
class JoinedLabels:
    """A stream of minibatches with the label's one-hot units after each row's values.

    So the generative training of p(x, y) is that of any machine: contrastive learning on this stream. A row without
    label (-1) has NaN there, which contrastive learning draws given the rest.

    Parameters
    ----------
    stream : MinibatchStream
        With labels; for the top of a belief network, its values carried up.
    classes : int
        At least 2.

    Examples
    --------
    >>> from layerwise.data import Minibatches, Preparation, Rows
    >>> from layerwise.randomness import RandomStream
    >>> rows = Rows.from_arrays([[0.0], [1.0]], [1, 0])
    >>> stream = Minibatches(rows, Preparation.fit(rows, "bernoulli"), 2, RandomStream(0), shuffle=False)
    >>> [batch.values.tolist() for batch in JoinedLabels(stream, 2).epoch(0)]
    [[[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]]
    """

    stream: MinibatchStream
    classes: int

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise OptionError("classes", self.classes, "must be at least 2")

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
        """Columns of a batch's values, the label's counted."""
        return self.stream.n_columns + self.classes

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, joined.

        Raises
        ------
        DataError
            The stream has no labels, or one that is none of the classes.
        """
        for batch in self.stream.epoch(number, start):
            yield replace(batch, values=self._joined(batch))

    def map(self, function: Callable[[Tensor], Tensor]) -> MinibatchStream:
        """The same with the values, labels apart, carried through a function."""
        return JoinedLabels(self.stream.map(function), self.classes)

    def _joined(self, batch: Batch) -> Tensor:
        if batch.labels is None:
            raise DataError("labels", None, "every row needs a label, or -1 for none", "give a stream with labels")
        return beside(batch.values, batch.labels, self.classes)


def beside(values: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Rows with their label's one-hot units beside them, NaN where a row has none.

    Parameters
    ----------
    values : Tensor of shape (batch, columns)
    labels : Tensor of shape (batch,), int64
        Codes, -1 for none.
    classes : int

    Raises
    ------
    DataError
        A label that is none of the classes.
    """
    check_labels(labels, classes, -1)
    units = torch.nn.functional.one_hot(labels.clamp_min(0), classes).to(values)
    units[labels < 0] = torch.nan
    return torch.cat([values, units], dim=1)
