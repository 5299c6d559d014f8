"""Ranks as forks of one command, in which torch is imported once for all of them."""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

Work = Callable[[str, str, Path], None]
"""What a rank does: from the first word of an order, the rest of it, and the folder that it leaves things in."""


def carry_out(work: Work, folder: Path, orders: list[str]) -> None:
    """Do orders such as ``"2 all"``, a number of ranks and their work, one after the other.

    The ranks' exit codes are left in ``codes.json``, and what each of them said in a file with the name of the order.
    """
    codes: list[list[int]] = []
    for order in orders:
        size, _, what = order.partition(" ")
        port = free_port()
        children = [fork(work, rank, int(size), port, what, folder) for rank in range(int(size))]
        codes.append([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
    (folder / "codes.json").write_text(json.dumps(codes))


def fork(work: Work, rank: int, size: int, port: int, what: str, folder: Path) -> int:
    """Start a rank; what it says goes to a file."""
    if child := os.fork():
        return child
    code = 1
    try:
        told = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ.update({name: str(value) for name, value in told.items()})
        log = os.open(folder / f"{what.replace('/', ' ')} {rank} of {size}.log", os.O_CREAT | os.O_WRONLY)
        os.dup2(log, 1)
        os.dup2(log, 2)
        torch.set_num_threads(1)
        work(*what.partition(" ")[::2], folder)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
