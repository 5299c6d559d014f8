"""What a course measures, kept for the caller, printed if asked for, and told to callbacks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from layerwise.data.minibatches import MinibatchStream
from layerwise.estimators.audience import Audience
from layerwise.estimators.audience import Stage as Told
from layerwise.training.course import Course
from layerwise.training.course_observer import Info, Stage, TuningInfo
from layerwise.training.loop import Place
from layerwise.training.pretraining import LayerInfo

__all__ = ["LearningCurves"]


@dataclass
class LearningCurves:
    """Keeps what is measured after each epoch, prints it if asked to, and tells callbacks.

    Parameters
    ----------
    name : str
        How lines call the estimator.
    verbose : bool
    audience : Audience
    course : Course
        That is measured.
    measured : dict of str to list
        By the stage's title, in the order of the epochs.
    """

    name: str
    verbose: bool
    audience: Audience
    course: Course
    measured: dict[str, list[Info]] = field(default_factory=dict[str, list[Info]])
    begin: float = 0.0
    _told: Told | None = None

    def stage_started(self, stage: Stage, place: Place, stream: MinibatchStream) -> None:
        """Open a curve."""
        self.measured[stage.title] = []
        self.begin = time.perf_counter()
        self._told = self.audience.stage(stage.title, stage.epochs)

    def batch_done(self, stage: Stage, place: Place, rows: int, info: object) -> None:
        """See nothing."""

    def epoch_done(self, stage: Stage, epoch: int, info: Info) -> None:
        """Keep what was measured."""
        self.measured[stage.title].append(info)
        if self.verbose:
            self._print(stage, epoch, info)
        if self._told is not None and self.course.module is not None:
            self._told.epoch_done(epoch, info, self.course.module)

    def has_seen_enough(self) -> bool:
        """Whether a callback has asked to stop."""
        return self._told is not None and self._told.enough

    def wants_to_stop(self) -> bool:
        """Never: what a course has not finished is of no use to an estimator."""
        return False

    def _print(self, stage: Stage, epoch: int, info: Info) -> None:
        what = f"{info}"
        if isinstance(info, LayerInfo):
            what = f"reconstruction error = {info.reconstruction_error:.3f}"
        elif isinstance(info, TuningInfo):
            what = f"loss = {info.loss:.3f}, accuracy = {info.accuracy:.3f}"
        end = time.perf_counter()
        line = f"[{self.name}] {stage.title}, epoch {epoch + 1}, {what}, time = {end - self.begin:.2f}s"
        print(line)  # noqa: T201  # this is what verbose asks for
        self.begin = end
