"""Processes that train together: each has its part of every minibatch, and sums over rows are sums over all of them.

A *rank* is one of the processes. Its part of so many rows or chains is contiguous, so that every draw, a function of
the global row, is the one that a single process makes. What a rank finds of its rows is their mean times its part,
which is 1 where all parts are of one size; the mean of that over the ranks is the mean over all rows.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from layerwise.data.batches import Batch
from layerwise.errors import LayerwiseError, RankError
from layerwise.training.checkpoint import read_tree, write_tree

__all__ = ["ALONE", "Ranks"]

_OF_ROWS = ("values", "labels", "weights", "targets")
"""What a minibatch has for each row."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; by default it is the only one.

    Parameters
    ----------
    rank : int
        From 0.
    size : int
        How many there are. Beyond one, torch's default process group must be there:
        :func:`layerwise.training.distributed.joined` makes it.

    Examples
    --------
    >>> [Ranks(rank, 3).part(8) for rank in range(3)]
    [(0, 2), (2, 5), (5, 8)]
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and shows."""
        return self.rank == 0

    def part(self, total: int) -> tuple[int, int]:
        """Where this rank's part of so many rows begins, and where it ends."""
        return total * self.rank // self.size, total * (self.rank + 1) // self.size

    def of(self, batch: Batch) -> Batch:
        """This rank's part of a minibatch that every rank has whole."""
        if self.size == 1:
            return batch
        first, end = self.part(batch.total)
        of_rows = {name: getattr(batch, name) for name in _OF_ROWS}
        mine = {name: None if value is None else value[first:end] for name, value in of_rows.items()}
        return replace(batch, **mine, first_row=first)

    def own(self, batch: Batch) -> tuple[Batch, float]:
        """This rank's minibatch, and its rows over an equal part of all.

        Where there are more ranks than rows, some have none, or none that weighs anything. Such a rank gets a row of
        zeros that counts nothing: it goes through the same draws as the others, and their positions stay the same.
        """
        if self.size == 1:
            return batch, 1.0
        rows = len(batch.values)
        if rows and (batch.weights is None or bool(batch.weights.any())):
            return batch, rows * self.size / batch.total
        of_rows = {name: getattr(batch, name) for name in _OF_ROWS}
        blank = {
            name: None if value is None else value.new_zeros(1, *value.shape[1:]) for name, value in of_rows.items()
        }
        return replace(batch, **blank), 0.0

    def sum_(self, *tensors: Tensor) -> None:
        """Sum tensors over the ranks, in place and in one message.

        Raises
        ------
        RankError
            Another rank is gone.
        """
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        with _told():
            torch.distributed.all_reduce(flat)
        first = 0
        for tensor in tensors:
            tensor.copy_(flat[first : first + tensor.numel()].view(tensor.shape))
            first += tensor.numel()

    def average_(self, *tensors: Tensor) -> None:
        """The mean of tensors over the ranks, in place and in one message; they are of one type."""
        self.sum_(*tensors)
        if self.size > 1:
            for tensor in tensors:
                tensor.div_(self.size)

    def mean(self, values: Tensor, total: int) -> Tensor:
        """Mean over the ``total`` rows of all ranks, of which this one's part has one number each."""
        if self.size == 1:
            return values.mean()
        whole = values.sum() / total
        self.sum_(whole)
        return whole

    def any(self, flag: bool) -> bool:
        """Whether any rank says so: all of them know it at the same time."""
        if self.size == 1:
            return flag
        said = torch.tensor([float(flag)])
        self.sum_(said)
        return bool(said)

    def rows(self, mine: Tensor, total: int) -> Tensor:
        """All rows in their order, of which ``mine`` are this rank's part."""
        if self.size == 1:
            return mine
        whole = mine.new_zeros(total, *mine.shape[1:])
        whole[slice(*self.part(total))] = mine
        self.sum_(whole)
        return whole

    def share(self, tree: Mapping[str, Any] | None) -> dict[str, Any]:
        """The tree that rank 0 gives, for all of them; the others give none."""
        if self.size == 1:
            return dict(tree or {})
        with tempfile.TemporaryDirectory() as folder, _told():
            path = Path(folder) / "tree"
            if tree is not None:
                write_tree(path, tree, "message")
            content = path.read_bytes() if tree is not None else b""
            length = torch.tensor([len(content)])
            torch.distributed.broadcast(length, 0)
            told = torch.frombuffer(bytearray(content or bytes(int(length))), dtype=torch.uint8)
            torch.distributed.broadcast(told, 0)
            if tree is None:
                path.write_bytes(told.numpy().tobytes())
            return read_tree(path, "message")

    def agree(self, what: str, text: str, remedy: str = "give all machines the same files") -> None:
        """Refuse to go on where a text is not the same on all ranks.

        Parameters
        ----------
        what : str
            What the text is, for the message.
        text : str
        remedy : str

        Raises
        ------
        RankError
        """
        digest = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest())
        all_of_them = self.rows(torch.tensor([digest]), self.size)
        others = (all_of_them != all_of_them[0]).nonzero()
        if len(others):
            raise RankError(f"rank {int(others[0])} has another {what} than rank 0; {remedy}")

    @contextmanager
    def together(self) -> Generator[None]:
        """A block that every rank does by itself, at whose end all of them go on or none.

        Raises
        ------
        RankError
            The block failed on another rank; that one raises its own error. Where it failed on several, the lowest
            speaks for all.
        """
        problem: LayerwiseError | None = None
        try:
            yield
        except LayerwiseError as own:
            problem = own
        failed = torch.zeros(self.size)
        failed[self.rank] = problem is not None
        self.sum_(failed)
        if not bool(failed.any()):
            return
        lowest = int(failed.argmax())
        if problem is not None and lowest == self.rank:
            raise problem
        raise RankError(f"rank {lowest} could not go on, and said why")


ALONE = Ranks()
"""One process, which has all rows."""


@contextmanager
def _told() -> Generator[None]:
    try:
        yield
    except RuntimeError as problem:
        if isinstance(problem, LayerwiseError):
            raise
        gist = re.sub(r"^\[\S+\] ", "", " ".join(str(problem).split())).split(". ")[0]
        raise RankError(f"another rank is gone, and training cannot go on without it ({gist})") from problem
