"""What a person sees while a run goes: one live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from layerwise.runs.epoch_figures import HEADS, epoch_figures, epoch_line
from layerwise.training.course_observer import Info, Stage
from layerwise.training.loop import Place

__all__ = ["Display", "LiveDisplay", "PlainDisplay", "display_on"]

_COLUMNS = 7
"""Stage, bar, epoch, two figures, rows/s, time left."""


class Display:
    """What a job tells of itself; this one shows nothing."""

    def course_started(
        self, repeat: int, repeats: int, seed: int, stages: Sequence[Stage], hidden: Sequence[int]
    ) -> None:
        """Called before a course begins or goes on."""

    def stage_started(self, stage: Stage, place: Place, n_rows: int, n_batches: int) -> None:
        """Called when a stage begins, and again whenever it goes on."""

    def batch_done(self, stage: Stage, place: Place, rows: int) -> None:
        """Called after each minibatch."""

    def epoch_done(self, stage: Stage, epoch: int, info: Info, rows_per_second: float) -> None:
        """Called after each epoch; ``epoch`` counts from 0."""

    def doing(self, what: str) -> None:
        """Called before work that is not a stage."""

    def stopping(self) -> None:
        """Called inside a signal's handler: it may have come in the middle of a line, so nothing is written here."""


@dataclass
class _Pace:
    """How far a stage is, and how long it will take."""

    stage: Stage
    total: int = 0
    done: int = 0
    epochs_done: int = 0
    rows_per_second: float = math.nan
    info: Info | None = None
    _begun_at: int = 0
    _begun: float = field(default_factory=time.perf_counter)

    def begin(self, place: Place, n_rows: int, n_batches: int) -> None:
        self.total = self.stage.epochs * n_rows
        if not self.done:
            self.epochs_done = place.epoch
            self.done = place.epoch * n_rows + place.batch * n_rows // n_batches
            self._begun_at, self._begun = self.done, time.perf_counter()

    @property
    def seconds_left(self) -> float:
        """From the pace of this sitting; NaN before anything is known."""
        done = self.done - self._begun_at
        return (time.perf_counter() - self._begun) * (self.total - self.done) / done if done else math.nan


class PlainDisplay(Display):
    """One line an epoch.

    Parameters
    ----------
    console : rich.console.Console
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._course = ""
        self._hidden: Sequence[int] = ()
        self._paces: dict[Stage, _Pace] = {}

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def course_started(
        self, repeat: int, repeats: int, seed: int, stages: Sequence[Stage], hidden: Sequence[int]
    ) -> None:
        """Remember how the lines begin."""
        self._course = f"repeat {repeat + 1}/{repeats} (seed {seed}), " if repeats > 1 else ""
        self._hidden = hidden
        self._paces = {stage: _Pace(stage) for stage in stages}

    def stage_started(self, stage: Stage, place: Place, n_rows: int, n_batches: int) -> None:
        """Start the clock."""
        self._paces[stage].begin(place, n_rows, n_batches)

    def batch_done(self, stage: Stage, place: Place, rows: int) -> None:
        """Count."""
        self._paces[stage].done += rows

    def epoch_done(self, stage: Stage, epoch: int, info: Info, rows_per_second: float) -> None:
        """Print the line."""
        units = f" ({self._hidden[stage.depth]} units)" if stage.kind == "layer" else ""
        left = _clock(self._paces[stage].seconds_left)
        place = f"{self._course}{stage.title}{units}, epoch {epoch + 1}/{stage.epochs}"
        self._print(f"{place}: {epoch_line(info)}, {rows_per_second:,.0f} rows/s, {left} left")

    def doing(self, what: str) -> None:
        """Print the line."""
        self._print(f"{self._course}{what} …")

    def _print(self, line: str) -> None:
        # One line stays one line, however narrow the log.
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)


class LiveDisplay(Display):
    """One line a stage, with a bar, renewed some times a second.

    Parameters
    ----------
    console : rich.console.Console
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._title, self._doing = "", ""
        self._hidden: Sequence[int] = ()
        self._paces: dict[Stage, _Pace] = {}
        self._current: Stage | None = None
        self._live: Live | None = None

    def __enter__(self) -> LiveDisplay:
        # What goes to the same terminal is put above the table; what goes to a file goes there.
        shared = sys.stderr.isatty()
        self._live = Live(
            get_renderable=self._table, console=self._console, refresh_per_second=8, redirect_stderr=shared
        )
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._doing = ""
        if self._live is not None:
            self._live.stop()

    def course_started(
        self, repeat: int, repeats: int, seed: int, stages: Sequence[Stage], hidden: Sequence[int]
    ) -> None:
        """Empty the table."""
        self._title = f"repeat {repeat + 1} of {repeats}, seed {seed}" if repeats > 1 else ""
        self._hidden, self._doing = hidden, ""
        self._paces = {stage: _Pace(stage) for stage in stages}

    def stage_started(self, stage: Stage, place: Place, n_rows: int, n_batches: int) -> None:
        """Start the clock; a run that was resumed has done the stages before."""
        for earlier, pace in self._paces.items():
            if earlier == stage:
                break
            pace.done, pace.total = max(pace.done, 1), max(pace.total, 1)
            pace.epochs_done = earlier.epochs
        self._paces[stage].begin(place, n_rows, n_batches)
        self._current = stage

    def batch_done(self, stage: Stage, place: Place, rows: int) -> None:
        """Move the bar."""
        self._paces[stage].done += rows

    def epoch_done(self, stage: Stage, epoch: int, info: Info, rows_per_second: float) -> None:
        """Show what was measured."""
        pace = self._paces[stage]
        pace.info, pace.rows_per_second, pace.epochs_done = info, rows_per_second, epoch + 1

    def stopping(self) -> None:
        """Show it when the table is renewed next."""
        self._doing = "stopping after this minibatch"

    def doing(self, what: str) -> None:
        """Show it under the table."""
        self._doing, self._current = what, None

    def _table(self) -> Table:
        width = self._console.width
        wide = width >= 70
        shown = range(_COLUMNS) if wide else (0, 2, 3, 4, 6) if width >= 60 else (0, 2, 3)
        table = Table.grid(padding=(0, 1))
        if wide:
            # The terminal's "^C" needs room beside the last line, or it would push the table down.
            table.width = width - 3
        table.title = self._title or None
        table.caption, table.caption_justify = (f"{self._doing} …" if self._doing else None), "left"
        for place in shown:
            justify = "left" if place < 2 else "right"
            table.add_column(justify=justify, no_wrap=place != 1, ratio=1 if place == 1 else None)
        head: tuple[str, ...] = ()
        for stage, pace in self._paces.items():
            name, *figures = HEADS[stage.measured]
            if (wanted := (name, "", "epoch", *figures, "rows/s", "left")) != head:
                if head:
                    table.add_row()
                head = wanted
                table.add_row(*(head[place] for place in shown), style="dim")
            bar = ProgressBar(total=max(pace.total, 1), completed=pace.done)
            first, second = ("", "") if pace.info is None else epoch_figures(pace.info)
            rate = "" if math.isnan(pace.rows_per_second) else f"{pace.rows_per_second:,.0f}"
            left = _clock(pace.seconds_left) if stage == self._current else ""
            cells = (self._name(stage), bar, f"{pace.epochs_done}/{stage.epochs}", first, second, rate, left)
            style = "bold" if stage == self._current else "" if pace.done else "dim"
            table.add_row(*(cells[place] for place in shown), style=style)
        return table

    def _name(self, stage: Stage) -> str:
        if stage.kind == "layer":
            return f"{stage.title}: {self._hidden[stage.depth]} units"
        return stage.title


def display_on(console: Console) -> LiveDisplay | PlainDisplay:
    """What suits the console."""
    live = console.is_terminal and not console.is_dumb_terminal and not console.quiet
    return LiveDisplay(console) if live else PlainDisplay(console)


def _clock(seconds: float) -> str:
    if math.isnan(seconds):
        return "–:––"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
