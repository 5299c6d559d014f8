"""Seeded minibatches that know their rank.

The order of an epoch is a pure function of (seed, epoch): an interrupted run goes on in the middle of one without
having kept anything but the number of the next batch. With several ranks each *global* batch is cut into contiguous
parts of nearly equal size, so that one rank or eight see the same rows in the same batch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from layerwise import kernels
from layerwise.data.batches import Batch, Mapped, MinibatchStream
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.data.values import Values
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, UnitBatch

__all__ = ["Batch", "MinibatchStream", "Minibatches"]


class Minibatches:
    """Minibatches of rows in memory.

    Rows are gathered and prepared batch by batch: uint8 and sparse rows stay as they are in memory, only the batch
    becomes dense float32. The last batch holds what is left over, as it is.

    Parameters
    ----------
    rows : Rows
    preparation : Preparation
    batch_size : int
        Rows of a global batch, over all ranks.
    random : RandomStream
        Only its seed is used: the order of epoch ``number`` comes from ``random.child(f"order {number}")``.
    rank, world_size : int
        This process and the number of processes.
    shuffle : bool
        False gives the rows in their order.
    device : str or torch.device
        Where the batches are wanted.
    weights : Tensor of shape (rows,), optional
        How much each row counts beside the others.
    targets : Tensor of shape (rows, outputs), optional
        What a network should give for each row.

    Raises
    ------
    OptionError, DataError

    Examples
    --------
    >>> rows = Rows.from_arrays([[0.0], [0.25], [1.0]], [0, 1, 1])
    >>> batches = Minibatches(rows, Preparation.fit(rows, "bernoulli"), 2, RandomStream(0), shuffle=False)
    >>> [(batch.values.tolist(), batch.labels.tolist()) for batch in batches.epoch(0)]
    [([[0.0], [0.25]], [0, 1]), ([[1.0]], [1])]
    """

    def __init__(
        self,
        rows: Rows,
        preparation: Preparation,
        batch_size: int,
        random: RandomStream,
        *,
        rank: int = 0,
        world_size: int = 1,
        shuffle: bool = True,
        device: str | torch.device = "cpu",
        weights: PerRow | None = None,
        targets: UnitBatch | None = None,
    ) -> None:
        if batch_size < 1:
            raise OptionError("batch_size", batch_size, "must be at least 1", "give a size such as 100")
        if world_size < 1:
            raise OptionError("world_size", world_size, "must be at least 1")
        if not 0 <= rank < world_size:
            raise OptionError("rank", rank, f"must be from 0 to {world_size - 1}, one below world_size")
        if len(rows) == 0:
            raise DataError("rows", 0, "must be at least one to make a minibatch")
        if rows.n_columns != preparation.n_columns:
            rule = f"must be {preparation.n_columns}, as many as the preparation was measured on"
            raise DataError("rows.n_columns", rows.n_columns, rule)
        for name, given in (("weights", weights), ("targets", targets)):
            if given is not None and len(given) != len(rows):
                raise DataError(name, f"{len(given)} of them", f"must be one for each of the {len(rows)} rows")
        self.batch_size = batch_size
        self.device = torch.device(device)
        self._n_rows, self._n_columns = len(rows), preparation.n_units
        self._rank, self._world_size = rank, world_size
        self._random = random
        self._shuffle = shuffle
        # A step takes about 2 ms: rows that need no preparation cost their gathering and nothing else.
        self._preparation = None if preparation.leaves(rows.values) else preparation.to(self.device)
        self._values = _resident(rows.values, self.device)
        self._labels = None if rows.labels is None else _shared(rows.labels).to(self.device)
        self._weights = None if weights is None else weights.to(self.device)
        self._mean_weight = None if weights is None else float(weights.double().mean())
        self._targets = None if targets is None else targets.to(self.device)

    @property
    def n_rows(self) -> int:
        """Rows of one epoch, over all ranks."""
        return self._n_rows

    @property
    def n_batches(self) -> int:
        """Global batches of one epoch, the ragged last one counted."""
        return -(-self._n_rows // self.batch_size)

    @property
    def n_columns(self) -> int:
        """Columns of a batch's values: visible units."""
        return self._n_columns

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """Give the batches of an epoch.

        Parameters
        ----------
        number : int
            Number of the epoch: the same number gives the same batches.
        start : int
            First batch to give; those before it are not gathered.
        """
        if start < 0:
            raise OptionError("start", start, "must be at least 0, the number of the first batch to give")
        return self._batches(number, start)

    def _batches(self, number: int, start: int) -> Iterator[Batch]:
        if start >= self.n_batches:
            return
        if self._shuffle:
            order = kernels.permutation(self._n_rows, self._random.child(f"order {number}"))
        else:
            order = torch.arange(self._n_rows)
        # Places must lie where what they point at lies; rows may be on the host while labels are on the GPU.
        values_order = order.to(self._values.device) if isinstance(self._values, Tensor) else order
        labels_order = order.to(self.device)
        for batch in range(start, self.n_batches):
            first = batch * self.batch_size
            total = min(self.batch_size, self._n_rows - first)
            first_row = total * self._rank // self._world_size
            end = total * (self._rank + 1) // self._world_size
            part = slice(first + first_row, first + end)
            places = labels_order[part]
            labels, weights, targets = (
                None if of_all is None else of_all.index_select(0, places)
                for of_all in (self._labels, self._weights, self._targets)
            )
            yield Batch(self._gather(values_order[part]), labels, first_row, total, weights, targets, self._mean_weight)

    def _gather(self, places: Tensor) -> Tensor:
        if isinstance(self._values, Tensor):
            raw = self._values.index_select(0, places).to(self.device)
        else:
            raw = torch.from_numpy(self._values[places.numpy()].toarray()).to(self.device)
        return raw if self._preparation is None else self._preparation.prepare(raw)

    def map(self, function: Callable[[Tensor], Tensor]) -> MinibatchStream:
        """Give the same stream with its values carried through a function, batch by batch as they are asked for.

        Parameters
        ----------
        function : callable
            From (batch, columns) to (batch, new columns), the same for the same rows.
        """
        return Mapped(self, function)


def _resident(values: Values, device: torch.device) -> Any:
    """Rows where they are gathered from: on the GPU where they take at most a quarter of what is free there."""
    if not isinstance(values, np.ndarray):
        return values
    tensor = _shared(np.ascontiguousarray(values))
    if device.type == "cuda" and values.nbytes <= torch.cuda.mem_get_info(device)[0] // 4:
        return tensor.to(device)
    return tensor


def _shared(array: Any) -> Tensor:
    with warnings.catch_warnings():
        # torch warns of read-only arrays because it could write into them; nothing here does.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(array)
