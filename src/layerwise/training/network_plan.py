"""What the course of a network does that is trained as a whole, and of a multilayer perceptron."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from torch import nn

from layerwise.errors import DataError, OptionError
from layerwise.networks import Network
from layerwise.networks.initialisation import INITIALISATIONS
from layerwise.networks.losses import Squared
from layerwise.randomness import RandomStream
from layerwise.training.course_observer import Stage
from layerwise.training.descent_task import ClassesGauge, DescentTask, TargetsGauge
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.lessons import Lessons
from layerwise.training.machine_plan import MachineVisible
from layerwise.training.ranges import at_least
from layerwise.training.schedules import Linear
from layerwise.training.task import Task
from layerwise.units import activation_named, kind_from

__all__ = ["MLPPlan", "NetworkPlan"]


class NetworkPlan(ABC):
    """What all networks have in common: dense layers, trained by AdamW at a rate that falls to zero."""

    takes_missing: ClassVar[bool] = False
    takes_streams: ClassVar[bool] = True
    divisible: ClassVar[bool] = True

    hidden: Sequence[int]
    activation: str
    initialisation: str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float

    def __post_init__(self) -> None:
        if not self.hidden:
            raise OptionError("hidden", [], "must name at least one layer's size", "give a size such as 100")
        for size in self.hidden:
            if size < 1:
                raise OptionError("hidden", size, "every layer must have at least 1 unit", "give a size such as 100")
        at_least("epochs", self.epochs, 1)
        at_least("batch_size", self.batch_size, 1)
        activation_named(self.activation)
        if self.initialisation not in INITIALISATIONS:
            rule = f"must be one of {', '.join(sorted(INITIALISATIONS))}"
            raise OptionError("initialisation", self.initialisation, rule)
        self.descent(1)

    @abstractmethod
    def descent(self, steps: int) -> GradientDescent:
        """The trainer, whose learning rate reaches zero after so many steps."""

    def stages(self, lessons: Lessons) -> list[Stage]:
        """One, the whole network."""
        return [Stage("network", len(self.hidden), self.epochs, "rows")]

    @abstractmethod
    def network(self, units: Mapping[str, Any], classes: int, random: RandomStream) -> Network:
        """The network with random weights.

        Parameters
        ----------
        units : mapping
            What the units of the rows are made from.
        classes : int
            That are told apart.
        random : RandomStream
        """

    @abstractmethod
    def task(self, stage: Stage, learned: Mapping[str, nn.Module], lessons: Lessons, random: RandomStream) -> Task:
        """Begin a stage."""


@dataclass(frozen=True)
class MLPPlan(NetworkPlan):
    """A multilayer perceptron: hidden layers under class scores or a number, trained on the rows that have an answer.

    Parameters
    ----------
    hidden : sequence of int
        Size of each hidden layer, from the data upwards.
    visible : str
        Kind of units that the rows are prepared for: how columns are scaled.
    activation : str
        Of the hidden layers.
    initialisation : str
        See :func:`~layerwise.networks.initialise`.
    epochs, batch_size : int
    learning_rate : float
        Of the first minibatch; it falls linearly and reaches zero after the last.
    weight_decay : float
    dropout, input_dropout : float
        Share of each hidden layer's units, and of the inputs, that is silenced in a step.
    predicts : {"classes", "numbers"}
        What the rows' answers are. Of numbers the squared error is descended, mean and standard deviation of the
        training rows' targets being 0 and 1.
    """

    model: ClassVar[str] = "mlp"
    needs_labels: ClassVar[bool] = True

    hidden: Sequence[int]
    visible: MachineVisible = "bernoulli"
    activation: str = "relu"
    initialisation: str = "he_uniform"
    epochs: int = 20
    batch_size: int = 100
    learning_rate: float = 0.001
    weight_decay: float = 0.0
    dropout: float = 0.2
    input_dropout: float = 0.0
    predicts: Literal["classes", "numbers"] = "classes"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.predicts not in ("classes", "numbers"):
            raise OptionError("predicts", self.predicts, "must be 'classes' or 'numbers'")

    def descent(self, steps: int) -> GradientDescent:
        """The trainer, whose learning rate reaches zero after so many steps."""
        told = GradientDescent(Squared(), "targets") if self.regresses else GradientDescent()
        return replace(
            told,
            learning_rate=self.learning_rate,
            schedule=Linear(steps),
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
        )

    @property
    def regresses(self) -> bool:
        """Whether a number is predicted."""
        return self.predicts == "numbers"

    def stages(self, lessons: Lessons) -> list[Stage]:
        """One, the whole network."""
        return [Stage("network", len(self.hidden), self.epochs, "targets" if self.regresses else "classes")]

    def network(self, units: Mapping[str, Any], classes: int, random: RandomStream) -> Network:
        """The network with random weights."""
        sizes = (kind_from(units).size, *self.hidden, 1 if self.regresses else classes)
        return Network.of_sizes(sizes, self.activation, initialisation=self.initialisation, random=random)

    def task(self, stage: Stage, learned: Mapping[str, nn.Module], lessons: Lessons, random: RandomStream) -> Task:
        """Begin it."""
        stream = lessons.with_labels(self.model)
        network = self.network(lessons.units, lessons.classes, random.child("weights")).to(lessons.sample.device)
        measured, scale = (lessons.labelled_sample, lessons.held_out_labelled), lessons.target_scale
        if self.regresses == (scale is None):
            remedy = "give rows with labels to learn classes, and with targets to learn numbers"
            raise DataError("predicts", self.predicts, "is not what the rows tell", remedy)
        gauge = ClassesGauge(*measured) if scale is None else TargetsGauge(*measured, scale)
        trainer = replace(self.descent(stage.epochs * stream.n_batches), ranks=lessons.ranks)
        return DescentTask(network, trainer, stream, gauge, random.child("draws"), stage.title, scale)
