"""How many threads a kernel gets: as many as torch uses, and no more than its work is worth."""

# pyright: basic, reportAttributeAccessIssue=false
from __future__ import annotations

from typing import Any

import torch
from numba import config, get_num_threads, set_num_threads

__all__ = ["launch"]

SHARE = 8192
"""Numbers a thread must have: waking a second one costs as much as these, and far more where it is busy."""


def launch(kernel: Any, work: int, *arguments: Any) -> Any:
    """Call a compiled kernel whose last parameter is its number of threads.

    Parameters
    ----------
    kernel : callable
    work : int
        Numbers that it goes through.
    """
    threads = max(1, min(torch.get_num_threads(), config.NUMBA_NUM_THREADS, work // SHARE))
    before = get_num_threads()
    if threads == before:
        return kernel(*arguments, threads)
    # A parallel region wakes all of numba's threads, those without a share too, unless it is told.
    set_num_threads(threads)
    try:
        return kernel(*arguments, threads)
    finally:
        set_num_threads(before)
