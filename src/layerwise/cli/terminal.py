"""What the commands say, and where: results on stdout, one line of complaint and notes on stderr."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager

import typer
from rich.console import Console

__all__ = ["complain", "console", "note", "say", "tell", "warnings_as_notes"]


def console() -> Console:
    """Stdout; figures are not coloured one by one. Of several ranks only the first one speaks."""
    return Console(highlight=False, quiet=_rank() > 0)


def say(text: str = "") -> None:
    """Print a line as it is, never broken: a path may be copied from it."""
    if _rank() == 0:
        typer.echo(text)


def tell(screen: Console, text: str) -> None:
    """Print a sentence, broken between words on a terminal and nowhere else."""
    screen.print(text, soft_wrap=not screen.is_terminal, markup=False)


def complain(text: str, *, everywhere: bool = False) -> None:
    """Print one line on stderr; of several ranks the first one does, and the others where it is asked of them."""
    if (rank := _rank()) > 0 and not everywhere:
        return
    # Not typer.echo: while a live table is shown rich stands in for sys.stderr, and puts the line above the table.
    who = f"layerwise: rank {rank}" if rank else "layerwise"
    sys.stderr.write(f"{who}: {' '.join(text.split())}\n")


def _rank() -> int:
    """This process among those that a launcher started; 0 of one."""
    return int(os.environ.get("RANK", "0"))


def note(text: str) -> None:
    """Print one line on stderr about something that a result is to be read with."""
    complain(f"note: {text}")


@contextmanager
def warnings_as_notes() -> Generator[None]:
    """Show every warning as a note, without the path and the line of source that Python adds.

    A warning that comes again with other figures, as after every epoch, is not shown again.
    """
    said: set[str] = set()

    def show(message: Warning | str, *_: object) -> None:
        if (gist := re.sub(r"\d+", "#", str(message))) not in said:
            said.add(gist)
            note(str(message))

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
