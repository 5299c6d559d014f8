"""The command line: one file a command. Nothing heavy is imported before a command runs, so that help is quick.

Exit codes: 0; 2 for a user's mistake, with one line on stderr; 130 after Ctrl-C and 143 after SIGTERM.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, cast

import typer

from layerwise.cli.carrying_out import Stopped
from layerwise.cli.evaluate import evaluate
from layerwise.cli.impute import impute
from layerwise.cli.likelihood import likelihood
from layerwise.cli.resume import resume
from layerwise.cli.sample import sample
from layerwise.cli.show import show
from layerwise.cli.terminal import complain, say, warnings_as_notes
from layerwise.cli.train import train
from layerwise.cli.transform import transform
from layerwise.errors import LayerwiseError

__all__ = ["app", "main"]

USER_MISTAKE = 2
INTERRUPTED = 130

_ABOUT = """
Learn a deep belief network layer by layer from rows without labels, then classify with few labels; or one energy
model, as a density, sampler and imputer.

**layerwise train** makes a run: a folder with recipe, model, metrics, checkpoints and a report. The other commands
work on such a folder.
"""
_EXAMPLES = """
For example:

- layerwise train digits --labels 100
- layerwise show runs/digits-1
- layerwise sample runs/digits-1 --count 25 -o dreams.png
"""

app = typer.Typer(
    name="layerwise",
    help=_ABOUT,
    epilog=_EXAMPLES,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
"""The commands as one typer application."""

_TRAIN = "Learn"
_USE = "Use a run"
app.command(rich_help_panel=_TRAIN)(train)
app.command(rich_help_panel=_TRAIN)(resume)
app.command(rich_help_panel=_USE)(show)
app.command(rich_help_panel=_USE)(evaluate)
app.command(rich_help_panel=_USE)(transform)
app.command(rich_help_panel=_USE)(sample)
app.command(rich_help_panel=_USE)(likelihood)
app.command(rich_help_panel=_USE)(impute)


def _say_version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        say(f"layerwise {version('layerwise')}")
        raise typer.Exit
    return wanted


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction]
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; the process's own if left out.

    Returns
    -------
    int
        The exit code.
    """
    # Before torch is imported: numba and torch each keep threads, which spin while they wait unless they are told to
    # sleep, and take the cores from each other (docs/design_notes.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that knows no "±" shall see a question mark, not a traceback.
            stream.reconfigure(errors="replace")  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
    # typer has its own copy of click, or imports it, by version: this is ClickException in both.
    usage_error = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[2])
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with warnings_as_notes():
            code = app(given or ["--help"], prog_name="layerwise", standalone_mode=False)
    except Stopped as wish:
        complain(str(wish))
        return wish.exit_code
    except LayerwiseError as problem:
        complain(str(problem), everywhere=True)
        return USER_MISTAKE
    except usage_error as problem:
        complain(_in_one_line(problem))
        return USER_MISTAKE
    if code == INTERRUPTED:
        complain("interrupted")
    return int(code or 0)


def _in_one_line(problem: Any) -> str:
    """A mistake that typer found, and where its help is."""
    context = getattr(problem, "ctx", None)
    where = f"; see `{context.command_path} --help`" if context is not None else ""
    name = next((name for name in getattr(getattr(problem, "param", None), "opts", ()) if name.startswith("--")), None)
    if name is not None and hasattr(problem.__cause__, "errors"):  # pydantic's words name no value
        first = problem.__cause__.errors()[0]
        choices = first["msg"].partition(" is not one of ")[2]
        rules = {"int": "must be a whole number", "float": "must be a number"}
        rule = rules.get(first["type"].split("_")[0], f"must be one of {choices}" if choices else first["msg"])
        return f"{name} = {first['input']!r}: {rule.rstrip('.')}{where}"
    return f"{problem.format_message().rstrip('.')}{where}"
