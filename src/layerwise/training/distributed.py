"""How processes come to train together: started by torchrun, Slurm or Kubernetes, joined here by torch.distributed.

A launcher tells each process by environment variables who it is (``RANK``, ``LOCAL_RANK``), how many there are
(``WORLD_SIZE``) and where they meet (``MASTER_ADDR``, ``MASTER_PORT``) [1]_. A process without them is alone.

References
----------
.. [1] The PyTorch contributors. torchrun (Elastic Launch). https://docs.pytorch.org/docs/stable/elastic/run.html
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from itertools import count

import torch
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous  # pyright: ignore[reportUnknownVariableType]

from layerwise.errors import RankError
from layerwise.training.ranks import ALONE, Ranks

__all__ = ["joined", "started_as"]

_TOLD = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
SILENCE = timedelta(minutes=30)
"""A rank that is killed is missed at once; one that falls silent, as when a cable is cut, after so long."""
_MEETINGS = count()
"""How often this process has met the others: all of them meet equally often."""


def started_as(environment: Mapping[str, str] = os.environ) -> Ranks:
    """Who a launcher says that this process is; alone without a launcher.

    Examples
    --------
    >>> started_as({"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "node0", "MASTER_PORT": "29500"})
    Ranks(rank=1, size=4)
    >>> started_as({})
    Ranks(rank=0, size=1)
    """
    if not all(name in environment for name in _TOLD):
        return ALONE
    return Ranks(int(environment["RANK"]), int(environment["WORLD_SIZE"]))


@contextmanager
def joined() -> Generator[Ranks]:
    """Join the other processes for the length of a block; alone where a launcher started no others.

    Numbers on the CPU are summed by Gloo, those on GPUs by NCCL. Where there are GPUs, ``cuda`` is the one with the
    number ``LOCAL_RANK``. A default process group that is there already is used, and left as it is.

    Raises
    ------
    RankError
        The others cannot be reached, or the process group that is there does not sum numbers on the CPU.

    Examples
    --------
    >>> with joined() as ranks:
    ...     ranks.size
    1
    """
    if torch.distributed.is_initialized():
        yield _those_of_the_group()
        return
    ranks = started_as()
    if ranks.size == 1:
        yield ranks
        return
    local = int(os.environ.get("LOCAL_RANK", ranks.rank))
    on_gpu = torch.cuda.is_available() and local < torch.cuda.device_count()
    if on_gpu:
        torch.cuda.set_device(local)
    hook = sys.excepthook
    try:
        # What was said at an earlier meeting stays in the store, and must not be taken for what is said at this one.
        store = PrefixStore(f"meeting {next(_MEETINGS)}", _store(os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]))
        torch.distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
            timeout=SILENCE,
            store=store,
            rank=ranks.rank,
            world_size=ranks.size,
        )
    except (RuntimeError, ValueError) as problem:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise RankError(f"rank {ranks.rank} cannot meet the others at {where} ({problem})") from problem
    try:
        yield ranks
    finally:
        torch.distributed.destroy_process_group()
        sys.excepthook = hook  # torch wraps it at each meeting, and every line of a traceback would say so


@cache
def _store(address: str, port: str) -> Store:
    """Where the processes say how they can be reached; kept while this one runs, so that they can meet again."""
    store, _, _ = next(iter(rendezvous("env://", timeout=SILENCE)))
    return store


def _those_of_the_group() -> Ranks:
    sums = torch.distributed.get_backend_config()
    if "cpu:" not in sums:
        rule = "the process group that is there does not sum numbers on the CPU"
        raise RankError(f"{rule} (it is {sums}); make it with init_process_group('cpu:gloo,cuda:nccl')")
    return Ranks(torch.distributed.get_rank(), torch.distributed.get_world_size())
