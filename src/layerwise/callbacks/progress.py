"""A bar for each stage of a fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from layerwise.callbacks.callback import Callback, Epoch

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

__all__ = ["Progress"]

SHOWN = 2
"""Figures beside a bar."""


class Progress(Callback):
    """Shows a bar for each stage on the terminal, with the first figures of its last epoch.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to; by default the standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console
        self._bars: Bars | None = None
        self._stages: dict[str, TaskID] = {}

    def fit_started(self, estimator: str, parameters: Mapping[str, object]) -> None:
        """Begin with no bar."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, TextColumn("{task.fields[figures]}"), console=self.console)
        self._bars.start()
        self._name = estimator

    def epoch_done(self, epoch: Epoch) -> None:
        """Move the stage's bar."""
        assert self._bars is not None
        figures = "  ".join(f"{name} {value:.4g}" for name, value in list(epoch.figures.items())[:SHOWN])
        if epoch.stage not in self._stages:
            title = f"{self._name}, {epoch.stage}"
            self._stages[epoch.stage] = self._bars.add_task(title, total=epoch.most, figures="")
        self._bars.update(self._stages[epoch.stage], completed=epoch.number, figures=figures)

    def fit_ended(self, problem: BaseException | None) -> None:
        """Leave the bars as they are."""
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._stages = None, {}
