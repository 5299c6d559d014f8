"""Whether dense products are worth more than one of torch's threads."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

__all__ = ["cores_for"]

SHARE = 2**20
"""Multiplications a thread must have in a product: below twice these one thread is as fast as two where both cores are
idle, and far faster where one of them is busy."""


@contextmanager
def cores_for(multiplications: int) -> Generator[None]:
    """Let torch compute with one thread where the largest of some products needs no more.

    Parameters
    ----------
    multiplications : int
        Of the largest product: rows times the numbers of its matrix.
    """
    given = torch.get_num_threads()
    # All or one: a number between would end threads of OpenMP's, and start them anew for the next large product.
    alone = given > 1 and multiplications < 2 * SHARE
    if alone:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if alone:
            torch.set_num_threads(given)
