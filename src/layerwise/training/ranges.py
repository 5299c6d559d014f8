"""The ranges that options of training must keep, each with its error."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from layerwise.errors import OptionError

__all__ = ["at_least", "not_negative", "positive", "share", "under_its_own_name"]


def at_least(what: str, value: int, least: int, unit: str = "") -> None:
    """Refuse a whole number that is too small."""
    if value < least:
        raise OptionError(what, value, f"must be at least {least}{unit}")


def positive(what: str, value: float | None, remedy: str = "") -> None:
    """Refuse what is not a positive finite number; None, an option left out, is let through."""
    if value is not None and not 0 < value < float("inf"):
        raise OptionError(what, value, "must be a positive number", remedy)


def not_negative(what: str, value: float) -> None:
    """Refuse what is negative or no finite number."""
    if not 0 <= value < float("inf"):
        raise OptionError(what, value, "must be at least 0")


def share(what: str, value: float, remedy: str = "") -> None:
    """Refuse what is not in [0, 1)."""
    if not 0 <= value < 1:
        raise OptionError(what, value, "must be at least 0 and below 1", remedy)


@contextmanager
def under_its_own_name(what: str) -> Generator[None]:
    """Let an option that breaks a part's rule be named as its user knows it, and not as that part does."""
    try:
        yield
    except OptionError as problem:
        raise OptionError(what, problem.received, problem.rule, problem.remedy) from None
