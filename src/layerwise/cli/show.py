"""``layerwise show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from layerwise.cli.carrying_out import way_out
from layerwise.cli.terminal import console, say, tell
from layerwise.errors import RunError

if TYPE_CHECKING:
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.metrics import Metrics
    from layerwise.runs.recipe import Recipe

__all__ = ["show"]


def show(run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]) -> None:
    """Say what a run was told, how far it is and what it came to.

    For example:

    - layerwise show runs/digits-1
    """
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.metrics import Metrics
    from layerwise.runs.portrait import outline
    from layerwise.runs.result import Result
    from layerwise.runs.tables import curve_table, result_tables, table_of
    from layerwise.runs.verdict import verdict

    folder = RunFolder.open(run)
    recipe, metrics = folder.recipe(), Metrics.read(folder.metrics_path)
    results = [Result.from_line(line) for line in metrics.results()]
    if folder.model_path.exists() and not results:
        rule = "is damaged: the result of the course that made the model is missing"
        raise RunError("metrics.jsonl", folder.metrics_path, rule, "use a copy of the run")
    screen, name = console(), Path(recipe.data.source).name
    screen.print(table_of(("run", str(run)), _told(recipe, folder), figures=False))
    if curves := metrics.curves():
        screen.print(curve_table(curves))
    if results:
        for table in result_tables(results):
            screen.print(table)
        tell(screen, verdict(outline(recipe, results, curves, folder, name)))
        say()
    say(_state(recipe, metrics, len(results), folder))


def _told(recipe: Recipe, folder: RunFolder) -> list[tuple[str, str]]:
    plan, run = recipe.training, recipe.run
    lines = [
        ("model", plan.model),
        ("data", recipe.data.source),
        ("labels", str(recipe.data.labels)),
        *([("layers", "-".join(str(size) for size in plan.hidden))] if plan.hidden else []),
        ("visible units", plan.visible),
        ("seeds", ", ".join(str(run.seed + repeat) for repeat in range(run.repeats))),
        ("device", run.device),
    ]
    if folder.model_path.exists():
        from layerwise.runs.model import Model

        counts = Model.load(folder.model_path).n_parameters
        lines += [(f"parameters of the {part}", f"{count:,}") for part, count in counts.items()]
    return lines


def _state(recipe: Recipe, metrics: Metrics, done: int, folder: RunFolder) -> str:
    repeats = recipe.run.repeats
    if done == repeats and folder.report_path.is_file():
        return f"finished; report: {folder.report_path}"
    if metrics.diverged is not None:
        return f"diverged: {metrics.diverged}; {way_out(metrics.diverged, recipe, folder)}"
    go_on = f"go on with: layerwise resume {folder.path}"
    if done == repeats:
        return f"all is learned, the report is not written; {go_on}"
    course = f" of course {done + 1} of {repeats}" if repeats > 1 else ""
    if not metrics.lines or "stage" not in (last := metrics.lines[-1]):
        return f"not finished: at the beginning{course}; {go_on}"
    return f"not finished: after epoch {last['epoch']} of {last['stage']}{course}; {go_on}"
