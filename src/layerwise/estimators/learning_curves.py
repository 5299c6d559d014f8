"""What a course measures, kept for the caller and printed if asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from layerwise.data.minibatches import MinibatchStream
from layerwise.training.course_observer import Info, Stage, TuningInfo
from layerwise.training.loop import Place
from layerwise.training.pretraining import LayerInfo

__all__ = ["LearningCurves"]


@dataclass
class LearningCurves:
    """Keeps what is measured after each epoch, and prints it if asked to.

    Parameters
    ----------
    name : str
        How lines call the estimator.
    verbose : bool
    measured : dict of str to list
        By the stage's title, in the order of the epochs.
    """

    name: str
    verbose: bool
    measured: dict[str, list[Info]] = field(default_factory=dict[str, list[Info]])
    begin: float = 0.0

    def stage_started(self, stage: Stage, place: Place, stream: MinibatchStream) -> None:
        """Open a curve."""
        self.measured[stage.title] = []
        self.begin = time.perf_counter()

    def batch_done(self, stage: Stage, place: Place, rows: int, info: object) -> None:
        """See nothing."""

    def epoch_done(self, stage: Stage, epoch: int, info: Info) -> None:
        """Keep what was measured."""
        self.measured[stage.title].append(info)
        if not self.verbose:
            return
        what = f"{info}"
        if isinstance(info, LayerInfo):
            what = f"reconstruction error = {info.reconstruction_error:.3f}"
        elif isinstance(info, TuningInfo):
            what = f"loss = {info.loss:.3f}, accuracy = {info.accuracy:.3f}"
        end = time.perf_counter()
        line = f"[{self.name}] {stage.title}, epoch {epoch + 1}, {what}, time = {end - self.begin:.2f}s"
        print(line)  # noqa: T201  # this is what verbose asks for
        self.begin = end

    def wants_to_stop(self) -> bool:
        """Never."""
        return False
