"""Asking a run to stop: Ctrl-C and SIGTERM set a flag that is looked at after each minibatch."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Stop", "StopOnSignals"]


class Stop:
    """Whether the run was asked to stop; this one never is."""

    @property
    def asked(self) -> bool:
        """Looked at after each minibatch."""
        return False

    @contextmanager
    def at_once(self) -> Generator[None]:
        """A block that writes nothing and whose work can be done again: it may be left in the middle."""
        yield


class StopOnSignals(Stop):
    """Is asked by SIGINT or SIGTERM while its block is entered. Asking twice does no more than asking once.

    Parameters
    ----------
    heard : callable, optional
        Called when the first signal comes.
    """

    def __init__(self, heard: Callable[[], None] | None = None) -> None:
        self.signal: int | None = None
        self._heard = heard
        self._may_break = False
        self._earlier: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether a signal came."""
        return self.signal is not None

    def __enter__(self) -> StopOnSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._earlier[number] = signal.signal(number, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        first, self.signal = self.signal is None, self.signal or number
        if self._may_break:
            self._may_break = False  # leave the block once; its clean-up is not disturbed
            raise KeyboardInterrupt
        if first and self._heard is not None:
            self._heard()

    @contextmanager
    def at_once(self) -> Generator[None]:
        """See :class:`Stop`.

        Raises
        ------
        KeyboardInterrupt
            When a signal comes inside, or came before.
        """
        if self.asked:
            raise KeyboardInterrupt
        self._may_break = True
        try:
            yield
        finally:
            self._may_break = False
