"""What the commands say, and where: results on stdout, one line of complaint on stderr."""

from __future__ import annotations

import typer
from rich.console import Console

__all__ = ["complain", "console", "say", "tell"]


def console() -> Console:
    """Stdout; figures are not coloured one by one."""
    return Console(highlight=False)


def say(text: str = "") -> None:
    """Print a line as it is, never broken: a path may be copied from it."""
    typer.echo(text)


def tell(screen: Console, text: str) -> None:
    """Print a sentence, broken between words on a terminal and nowhere else."""
    screen.print(text, soft_wrap=not screen.is_terminal, markup=False)


def complain(text: str) -> None:
    """Print one line on stderr."""
    typer.echo(f"layerwise: {' '.join(text.split())}", err=True)
