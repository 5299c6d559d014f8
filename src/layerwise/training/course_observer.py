"""What is told of a course while it goes: its stages, what is measured after each epoch, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from layerwise.data.minibatches import MinibatchStream
from layerwise.training.loop import Place
from layerwise.training.pretraining import LayerInfo
from layerwise.training.single_machine import ClassInfo, MachineInfo

__all__ = ["CourseObserver", "Info", "Quiet", "Stage", "TuningInfo"]


@dataclass(frozen=True)
class Stage:
    """One part of a course."""

    kind: Literal["layer", "fine-tuning", "twin"]
    depth: int
    epochs: int

    @property
    def title(self) -> str:
        """How a person calls it."""
        return {"layer": f"layer {self.depth + 1}", "fine-tuning": "fine-tuning", "twin": "without pretraining"}[
            self.kind
        ]


@dataclass(frozen=True)
class TuningInfo:
    """What is measured after an epoch of fine-tuning, on labelled training rows."""

    loss: float
    accuracy: float


Info = LayerInfo | MachineInfo | ClassInfo | TuningInfo
"""What is measured after an epoch, by the stage."""


@runtime_checkable
class CourseObserver(Protocol):
    """Looks on; see :class:`layerwise.training.loop.Observer`."""

    def stage_started(self, stage: Stage, place: Place, stream: MinibatchStream) -> None:
        """Called when a stage begins or goes on; the course is whole, and can be saved."""
        ...

    def batch_done(self, stage: Stage, place: Place, rows: int, info: object) -> None:
        """Called after each minibatch."""
        ...

    def epoch_done(self, stage: Stage, epoch: int, info: Info) -> None:
        """Called after each epoch with what was measured. To save the course, ask it to stop: it is whole then."""
        ...

    def wants_to_stop(self) -> bool:
        """Asked after each minibatch."""
        ...


class Quiet:
    """An observer that neither looks nor stops."""

    def stage_started(self, stage: Stage, place: Place, stream: MinibatchStream) -> None:
        """See nothing."""

    def batch_done(self, stage: Stage, place: Place, rows: int, info: object) -> None:
        """See nothing."""

    def epoch_done(self, stage: Stage, epoch: int, info: Info) -> None:
        """See nothing."""

    def wants_to_stop(self) -> bool:
        """Never."""
        return False
