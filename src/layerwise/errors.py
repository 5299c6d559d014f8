"""Every exception that layerwise raises on purpose.

::

    LayerwiseError
    ├── InputError (ValueError)      something the caller gave is not acceptable
    │   ├── OptionError              a parameter, a flag, a line of a recipe
    │   ├── DataError                rows, labels or a file that holds them
    │   └── RunError                 a run's folder: missing, damaged or of another version
    ├── DivergenceError (ArithmeticError)   training left the finite numbers
    ├── StorageError (OSError)       a file could not be written; what was there before is intact
    ├── RankError (RuntimeError)     a process that shares the training cannot be reached, or is gone
    └── Interrupted                  the user asked to stop; the checkpoint is written

An :class:`InputError` names four things: what was given, the value received, the rule it breaks and what to do next.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "DataError",
    "DivergenceError",
    "InputError",
    "Interrupted",
    "LayerwiseError",
    "OptionError",
    "RankError",
    "RunError",
    "StorageError",
]

_LONGEST_VALUE = 80


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, Path) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


class LayerwiseError(Exception):
    """Root of the tree: catch it to catch everything layerwise raises on purpose."""


class InputError(LayerwiseError, ValueError):
    """Something the caller gave breaks a rule.

    Parameters
    ----------
    what : str
        The parameter, column, file or flag, as the caller wrote it.
    received : object
        The value, shortened for display.
    rule : str
        What is accepted, as a clause: ``"must be at least 1"``.
    remedy : str
        The next step, as an imperative: ``"give a size such as 500"``.
    """

    def __init__(self, what: str, received: object, rule: str, remedy: str = "") -> None:
        # Exception keeps what it is given, and rebuilds itself from it in another process.
        super().__init__(what, received, rule, remedy)
        self.what, self.received, self.rule, self.remedy = what, received, rule, remedy

    def __str__(self) -> str:
        return f"{self.what} = {_shown(self.received)}: {self.rule}" + (f"; {self.remedy}" if self.remedy else "")


class OptionError(InputError):
    """A parameter, a command-line flag or a line of a recipe."""


class DataError(InputError):
    """Rows, labels or a file that holds them."""


class RunError(InputError):
    """A run's folder: missing, damaged or of another version."""


class DivergenceError(LayerwiseError, ArithmeticError):
    """Training left the finite numbers; the last good state is kept."""


class StorageError(LayerwiseError, OSError):
    """A file could not be written; what was there before is intact."""


class RankError(LayerwiseError, RuntimeError):
    """A process that shares the training cannot be reached, or is gone; what was saved before is intact."""


class Interrupted(LayerwiseError):
    """The user asked to stop. ``checkpoint`` is where training can go on from."""

    def __init__(self, checkpoint: Path | None) -> None:
        super().__init__(checkpoint)
        self.checkpoint = checkpoint

    def __str__(self) -> str:
        return "interrupted" + (f"; resume from {self.checkpoint}" if self.checkpoint else "")
