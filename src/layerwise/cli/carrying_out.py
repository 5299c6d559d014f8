"""What ``train`` and ``resume`` have in common: a job is carried out before a person's eyes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from layerwise.cli.terminal import console, say, tell
from layerwise.errors import DivergenceError, Interrupted, RankError

if TYPE_CHECKING:
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.job import Job
    from layerwise.runs.recipe import Recipe
    from layerwise.training.ranks import Ranks

__all__ = ["Stopped", "carry_out", "way_out"]

_BY_SIGNAL = 128


class Stopped(Exception):
    """A person's wish was followed: what to say, and the exit code, 128 and the number of the signal."""

    def __init__(self, line: str, exit_code: int) -> None:
        super().__init__(line)
        self.exit_code = exit_code


def carry_out(folder: RunFolder, make: Callable[[], Job], ranks: Ranks) -> None:
    """Make the folder's job, run it, show what it came to; nothing is left to do for a run that is finished.

    Parameters
    ----------
    folder : RunFolder
        Of several ranks only the first one enters it.
    make : callable
    ranks : Ranks
        Who trains together.

    Raises
    ------
    RunError
        Another process trains in the folder.
    Stopped
        By a signal.
    DivergenceError, RankError
        With what to run next.
    """
    from layerwise.runs.lock import alone_in
    from layerwise.runs.progress import display_on
    from layerwise.runs.stopping import StopOnSignals
    from layerwise.runs.tables import result_tables
    from layerwise.runs.verdict import verdict

    screen = console()
    display = display_on(screen)
    run = folder.path
    with StopOnSignals(heard=display.stopping) as stop, ExitStack() as held:
        with ranks.together():
            if ranks.first:
                held.enter_context(alone_in(folder))
        job = make()
        if job.finished:
            say(f"{run} is finished; its report: {folder.report_path}")
            return
        try:
            with display:
                findings = job.run(display, stop)
        except Interrupted:
            line = f"stopped, and a checkpoint is written; go on with: layerwise resume {run}"
            raise Stopped(line, _BY_SIGNAL + (stop.signal or 0)) from None
        except RankError as problem:
            raise RankError(f"{problem}; go on with: layerwise resume {run}") from problem
        except DivergenceError as problem:
            raise DivergenceError(f"{problem}; {way_out(str(problem), job.recipe, folder)}") from problem
    if findings is None:
        return  # another rank has seen to it
    for table in result_tables(job.results):
        screen.print(table)
    tell(screen, verdict(findings))
    say()
    say(f"report: {folder.report_path}")
    say(f"        {folder.report_path.absolute().as_uri()}")


def way_out(diverged: str, recipe: Recipe, folder: RunFolder) -> str:
    """What to do about a run that left the finite numbers in the stage that ``diverged`` begins with."""
    again = f"layerwise train {folder.recipe_path}"
    if diverged.startswith(("fine-tuning", "without pretraining")):
        return f"give a smaller fine_tune_learning_rate in a copy of the recipe, and run it as: {again}"
    return f"a new run with a tenth of the rate: {again} --learning-rate {recipe.training.learning_rate / 10:g}"
