"""Looks on while a course goes: writes down what is measured, shows it, and pauses the course when a checkpoint is due.

Pausing is stopping and going on: a course that has stopped is whole, so that there is one way to save it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from layerwise.data.minibatches import MinibatchStream
from layerwise.runs.metrics import Metrics
from layerwise.runs.progress import Display
from layerwise.runs.stopping import Stop
from layerwise.training.course_observer import Info, Quiet, Stage
from layerwise.training.loop import Place

__all__ = ["Follow", "Watch"]

SECONDS_BETWEEN_CHECKPOINTS = 10.0


@dataclass
class Watch:
    """The observer of one course.

    Parameters
    ----------
    repeat : int
        Number of the course in its run, from 0.
    metrics : Metrics
    display : Display
    stop : Stop
    seconds : callable
        Seconds of training so far.
    save : callable
        Saves the course; called where it is whole.
    """

    repeat: int
    metrics: Metrics
    display: Display
    stop: Stop
    seconds: Callable[[], float]
    save: Callable[[], None]
    _due: bool = False
    _saved_at: float = field(default_factory=time.monotonic)
    _rows: int = 0
    _since: float = 0.0

    def save_now(self) -> None:
        """Save the course; the next checkpoint has time."""
        self.save()
        self._due, self._saved_at = False, time.monotonic()

    def stage_started(self, stage: Stage, place: Place, stream: MinibatchStream) -> None:
        """Save what the stage before came to."""
        if place == Place():
            self.save_now()
        self.display.stage_started(stage, place, stream.n_rows, stream.n_batches)
        self._rows, self._since = 0, time.perf_counter()

    def batch_done(self, stage: Stage, place: Place, rows: int, info: object) -> None:
        """Count the rows."""
        self._rows += rows
        self.display.batch_done(stage, place, rows)

    def epoch_done(self, stage: Stage, epoch: int, info: Info) -> None:
        """Write a line of metrics."""
        pace = self._rows / max(time.perf_counter() - self._since, 1e-9)
        line = {"repeat": self.repeat, "stage": stage.title, "epoch": epoch + 1, **asdict(info)}
        self.metrics.append({**line, "rows_per_second": round(pace, 1), "seconds": round(self.seconds(), 3)})
        self.display.epoch_done(stage, epoch, info, pace)
        self._rows, self._since = 0, time.perf_counter()
        self._due = time.monotonic() - self._saved_at >= SECONDS_BETWEEN_CHECKPOINTS

    def has_seen_enough(self) -> bool:
        """Never: a run does what its recipe says."""
        return False

    def wants_to_stop(self) -> bool:
        """When somebody asked, and when it is time to save."""
        return self._due or self.stop.asked


@dataclass
class Follow(Quiet):
    """The observer of a rank that learns its part and leaves it to the first one to measure, to show and to write.

    Parameters
    ----------
    stop : Stop
    save : callable
        Gives what this rank has of the course to those who save it.
    """

    stop: Stop
    save: Callable[[], None]

    def save_now(self) -> None:
        """Take part in saving the course."""
        self.save()

    def stage_started(self, stage: Stage, place: Place, stream: MinibatchStream) -> None:
        """Take part in saving what the stage before came to."""
        if place == Place():
            self.save()

    def wants_to_stop(self) -> bool:
        """When somebody asked."""
        return self.stop.asked
