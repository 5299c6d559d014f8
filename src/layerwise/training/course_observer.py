"""What is told of a course while it goes: its stages, what is measured after each epoch, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from layerwise.data.minibatches import MinibatchStream
from layerwise.networks.flow import GradientFlowInfo
from layerwise.training.loop import Place
from layerwise.training.pretraining import LayerInfo
from layerwise.training.single_machine import ClassInfo, MachineInfo

__all__ = ["CourseObserver", "Info", "MistakesInfo", "Quiet", "RowsInfo", "Stage", "TargetsInfo", "TuningInfo"]

Kind = Literal["layer", "fine-tuning", "twin", "network", "neurons"]
Measured = Literal["energy", "classes", "targets", "rows", "mistakes"]
"""Which Info a stage has: of an energy model, of classes told apart, of numbers predicted, of rows that come back, of
mistakes."""

_TITLES = {"twin": "without pretraining"}


@dataclass(frozen=True)
class Stage:
    """One part of a course.

    Parameters
    ----------
    kind : {"layer", "fine-tuning", "twin", "network", "neurons"}
    depth : int
        Of a layer, from 0; of others the number of hidden layers.
    epochs : int
    measured : {"energy", "classes", "targets", "rows", "mistakes"}
    """

    kind: Kind
    depth: int
    epochs: int
    measured: Measured

    @property
    def title(self) -> str:
        """How a person calls it."""
        return f"layer {self.depth + 1}" if self.kind == "layer" else _TITLES.get(self.kind, self.kind)


@dataclass(frozen=True)
class TuningInfo:
    """What is measured of a classifying network after an epoch.

    Parameters
    ----------
    loss, accuracy : float
        On labelled training rows: mean of -log p(label | row) in nats, and share of rows told right.
    held_out_loss, held_out_accuracy : float or None
        The same on rows that nothing is learned from; None where there are none.
    flow : GradientFlowInfo or None
        How learning reaches each layer.
    """

    loss: float
    accuracy: float
    held_out_loss: float | None = None
    held_out_accuracy: float | None = None
    flow: GradientFlowInfo | None = None


@dataclass(frozen=True)
class TargetsInfo:
    """What is measured of a network that predicts numbers after an epoch.

    Parameters
    ----------
    squared_error, r2 : float
        On training rows that have a target: mean squared difference in squared units of the target, and the share of
        the targets' variance that is explained.
    held_out_squared_error, held_out_r2 : float or None
        The same on rows that nothing is learned from; None where there are none.
    flow : GradientFlowInfo or None
        How learning reaches each layer.
    """

    squared_error: float
    r2: float
    held_out_squared_error: float | None = None
    held_out_r2: float | None = None
    flow: GradientFlowInfo | None = None

    @property
    def loss(self) -> float:
        """What is descended: the squared error."""
        return self.squared_error


@dataclass(frozen=True)
class RowsInfo:
    """What is measured of an autoencoder after an epoch, on rows as they are: nothing is corrupted or dropped.

    Parameters
    ----------
    loss : float
        Mean over training rows of minus the log-probability of a row's units given its code, in nats.
    reconstruction_error : float
        Mean over training rows of the summed squared difference between a row and what comes back.
    held_out_loss, held_out_error : float or None
        The same on rows that nothing is learned from; None where there are none.
    flow : GradientFlowInfo or None
        How learning reaches each layer.
    """

    loss: float
    reconstruction_error: float
    held_out_loss: float | None = None
    held_out_error: float | None = None
    flow: GradientFlowInfo | None = None


@dataclass(frozen=True)
class MistakesInfo:
    """What is measured of threshold neurons after an epoch.

    Parameters
    ----------
    mistakes : int
        Rows on the wrong side when they were visited, over all neurons.
    accuracy : float
        Share of training rows told right by what was learned so far.
    held_out_accuracy : float or None
        The same of rows that nothing is learned from; None where there are none.
    of_neurons : tuple of int
        The mistakes of each neuron.
    """

    mistakes: int
    accuracy: float
    held_out_accuracy: float | None
    of_neurons: tuple[int, ...]


Info = LayerInfo | MachineInfo | ClassInfo | TuningInfo | TargetsInfo | RowsInfo | MistakesInfo
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

    def has_seen_enough(self) -> bool:
        """Asked after each epoch: whether the stage is to end here, as if it were done."""
        ...

    def wants_to_stop(self) -> bool:
        """Asked after each minibatch: whether the course is to rest."""
        ...


class Quiet:
    """An observer that neither looks nor stops."""

    def stage_started(self, stage: Stage, place: Place, stream: MinibatchStream) -> None:
        """See nothing."""

    def batch_done(self, stage: Stage, place: Place, rows: int, info: object) -> None:
        """See nothing."""

    def epoch_done(self, stage: Stage, epoch: int, info: Info) -> None:
        """See nothing."""

    def has_seen_enough(self) -> bool:
        """Never."""
        return False

    def wants_to_stop(self) -> bool:
        """Never."""
        return False
