"""Work that is done in a thread while what came of the work before it is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

T = TypeVar("T")


def ahead(jobs: Iterable[Callable[[], T]]) -> Generator[T]:
    """What jobs give, in their order; each is begun when that of the one before it is handed over.

    So at most one result waits. Nothing of a result that was handed over is kept here. What a job raises is raised
    where its result is asked for. Closing the generator waits for the job at hand and ends the thread.

    Parameters
    ----------
    jobs : iterable of callable

    Examples
    --------
    >>> list(ahead(lambda number=number: number**2 for number in range(4)))
    [0, 1, 4, 9]
    """
    remaining = iter(jobs)
    with ThreadPoolExecutor(1, "layerwise-ahead") as pool:
        waiting: deque[Future[T]] = deque()
        _begin(pool, remaining, waiting)
        while waiting:
            yield _handed_over(pool, remaining, waiting)


def _begin(pool: ThreadPoolExecutor, remaining: Iterator[Callable[[], T]], waiting: deque[Future[T]]) -> None:
    job = next(remaining, None)
    if job is not None:
        waiting.append(pool.submit(job))


def _handed_over(pool: ThreadPoolExecutor, remaining: Iterator[Callable[[], T]], waiting: deque[Future[T]]) -> T:
    # A name in the generator would keep the result until the next one is asked for.
    result = waiting.popleft().result()
    _begin(pool, remaining, waiting)
    return result
