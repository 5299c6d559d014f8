"""What asks for more memory than there is: said as a mistake in an option, before the work where that can be known."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from layerwise.data.limits import physical_memory
from layerwise.errors import OptionError

__all__ = ["check_parameters", "enough_memory"]

BYTES = 2 * 4
"""Of a parameter while it is learned: itself and its velocity in float32. On a GPU a checkpoint copies both here."""
RULE = "needs more memory than there is"

# torch says so in words alone; a size beyond 64 bits is a TypeError or a ValueError.
_WORDS = ("can't allocate memory", "out of memory", "overflow")


@contextmanager
def enough_memory(sizes: Mapping[str, object], remedy: str) -> Generator[None]:
    """Say which options are too large where numpy or torch cannot get the memory.

    Parameters
    ----------
    sizes : mapping
        What decides how much memory is needed: the option, as its user wrote it → its value.
    remedy : str
        The next step, as an imperative.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> import torch
    >>> with enough_memory({"count": 10**15}, "give fewer rows"):
    ...     rows = torch.zeros(10**15, 4)
    Traceback (most recent call last):
    layerwise.errors.OptionError: count = 1000000000000000: needs more memory than there is; give fewer rows
    """
    try:
        yield
    except (MemoryError, OverflowError, RuntimeError, TypeError, ValueError) as problem:
        words = str(problem).lower()
        if not isinstance(problem, MemoryError | OverflowError) and not any(said in words for said in _WORDS):
            raise
        received = list(sizes.values())
        raise OptionError(", ".join(sizes), received[0] if len(sizes) == 1 else received, RULE, remedy) from problem


def check_parameters(what: str, hidden: Sequence[int], visible: int) -> None:
    """Refuse layers whose parameters alone do not fit into the machine's memory while they are learned.

    Parameters
    ----------
    what : str
        The option, as its user wrote it.
    hidden : sequence of int
        Size of each hidden layer, from the data upwards.
    visible : int
        Units that meet the data.

    Raises
    ------
    OptionError
    """
    below, parameters = visible, 0
    for size in hidden:
        parameters += below * size + below + size
        below = size
    needed, there = BYTES * parameters, physical_memory()
    if there is not None and needed > there:
        rule = f"{RULE}: {needed / 1e9:,.0f} GB for the parameters alone, of {there / 1e9:,.0f} GB"
        raise OptionError(what, list(hidden), rule, "give smaller layers")
