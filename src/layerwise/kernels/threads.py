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
    of_torch, before = torch.get_num_threads(), get_num_threads()
    threads = max(1, min(of_torch, config.NUMBA_NUM_THREADS, work // SHARE))
    # A parallel region wakes all of numba's threads, those without a share too, unless it is told.
    if threads != before:
        set_num_threads(threads)
    try:
        return kernel(*arguments, threads)
    finally:
        if threads != before:
            set_num_threads(before)
        # numba's first parallel region sets the number for the whole process, torch's too where both use OpenMP.
        if torch.get_num_threads() != of_torch:
            torch.set_num_threads(of_torch)
