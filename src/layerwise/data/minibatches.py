"""Seeded minibatches that know their rank.

The order of an epoch is a pure function of (seed, epoch): an interrupted run goes on in the middle of one without
having kept anything but the number of the next batch. With several ranks each *global* batch is cut into contiguous
parts of nearly equal size, so that one rank or eight see the same rows in the same batch.

Rows pass through memory window by window (:mod:`layerwise.data.windows`). Rows that are in memory are one window; of
rows on disk the next one is read in a thread while this one is learned from.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layerwise.data.ahead import ahead
from layerwise.data.batches import Batch, Mapped, MinibatchStream
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.data.stored import StoredValues
from layerwise.data.values import Values
from layerwise.data.windows import Window, windows_of
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, UnitBatch

__all__ = ["Batch", "MinibatchStream", "Minibatches", "taken"]


class Minibatches:
    """Minibatches of rows, in memory or on disk.

    Rows are gathered and prepared batch by batch: uint8 and sparse rows stay as they are in memory, only the batch
    becomes dense float32. The last batch holds what is left over, as it is. Rows on disk that one window holds are
    read once and then in memory.

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
        self._stored, held = None, rows.values
        if isinstance(held, StoredValues):
            if len(held) > held.window_rows:
                self._stored = held
            else:
                held = held.toarray()
        self._values = None if isinstance(held, StoredValues) else _resident(held, self.device)
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
        with closing(self._windows(number, start * self.batch_size)) as windows:
            held = next(windows)
            for batch in range(start, self.n_batches):
                first = batch * self.batch_size
                total = min(self.batch_size, self._n_rows - first)
                first_row = total * self._rank // self._world_size
                end = total * (self._rank + 1) // self._world_size
                pieces = [self._piece(held, first + first_row, first + end)]
                while held.end < first + end:
                    held = None  # the window behind is not kept while the next one is waited for
                    held = next(windows)
                    pieces.append(self._piece(held, first + first_row, first + end))
                batch_of_rank = replace(_joined(pieces), first_row=first_row, total=total)
                del pieces
                yield batch_of_rank

    def _windows(self, number: int, place: int) -> Generator[_Held]:
        """The windows of an epoch in memory, from the one that holds a place on."""
        random = self._random.child(f"order {number}") if self._shuffle else None
        if self._stored is None:
            order = Window(0, np.array([[0, self._n_rows]]), random).order()
            yield _Held(0, self._values, order, order)
            return
        stored = self._stored
        every = windows_of(stored.groups(), stored.window_rows, random)
        left = [window for window in every if window.end > place]
        with closing(ahead(stored[window.numbers()].toarray for window in left)) as read:
            for window in left:
                # Only reading is done in a thread: kernels are not called from two at once.
                yield self._held(window, next(read))

    def _held(self, window: Window, values: npt.NDArray[Any]) -> _Held:
        order = window.order()
        return _Held(window.first, _resident(values, self.device), order, torch.from_numpy(window.numbers())[order])

    def _piece(self, held: _Held, first: int, end: int) -> Batch:
        """What a window holds of the rows from one place of the epoch to another."""
        part = slice(max(first - held.first, 0), max(end - held.first, 0))
        rows = held.rows[part].to(self.device)
        labels, weights, targets = (
            None if of_all is None else of_all.index_select(0, rows)
            for of_all in (self._labels, self._weights, self._targets)
        )
        values = self._gather(held.values, held.order[part])
        return Batch(values, labels, 0, len(rows), weights, targets, self._mean_weight)

    def _gather(self, held: Any, places: Tensor) -> Tensor:
        """Prepared rows of a window."""
        raw = taken(held, places).to(self.device)
        return raw if self._preparation is None else self._preparation.prepare(raw)

    def map(self, function: Callable[[Tensor], Tensor]) -> MinibatchStream:
        """Give the same stream with its values carried through a function, batch by batch as they are asked for.

        Parameters
        ----------
        function : callable
            From (batch, columns) to (batch, new columns), the same for the same rows.
        """
        return Mapped(self, function)


@dataclass(frozen=True, eq=False)
class _Held:
    """A window in memory: its first place in the epoch, its values, and where and which its rows are, in order."""

    first: int
    values: Any
    order: Tensor
    rows: Tensor

    @property
    def end(self) -> int:
        return self.first + len(self.order)


def _joined(pieces: list[Batch]) -> Batch:
    if len(pieces) == 1:
        return pieces[0]
    parts: dict[str, Any] = {}
    for name in ("values", "labels", "weights", "targets"):
        of_pieces = [getattr(piece, name) for piece in pieces]
        parts[name] = None if of_pieces[0] is None else torch.cat(of_pieces)
    return replace(pieces[0], **parts)


def taken(held: Any, places: Tensor) -> Tensor:
    """Some rows of a dense or a sparse matrix."""
    if isinstance(held, Tensor):
        # Places must lie where what they point at lies; rows may be on the host while labels are on the GPU.
        return held.index_select(0, places.to(held.device))
    return torch.from_numpy(held[places.numpy()].toarray())


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
