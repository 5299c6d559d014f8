"""What the course of a perceptron does: one layer of threshold neurons that learn from their mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import nn

from layerwise.networks import Network
from layerwise.randomness import RandomStream
from layerwise.training.course_observer import Stage
from layerwise.training.lessons import Lessons
from layerwise.training.machine_plan import MachineVisible
from layerwise.training.perceptron_rule import PerceptronLearning
from layerwise.training.perceptron_task import Neurons, PerceptronTask
from layerwise.training.ranges import at_least, under_its_own_name
from layerwise.training.task import Task
from layerwise.units import kind_from

__all__ = ["PerceptronPlan"]


@dataclass(frozen=True)
class PerceptronPlan:
    """A neuron for each class against the rest, of two classes one, trained on the rows that have a label.

    Parameters
    ----------
    visible : str
        Kind of units that the rows are prepared for: how columns are scaled.
    rule : {"rosenblatt", "pocket", "averaged", "delta"}
        See :mod:`layerwise.training.perceptron_rule`.
    epochs : int
        Most passes over the rows. All but the delta rule end with an epoch without a mistake.
    learning_rate : float
        Length of the steps; it matters to the delta rule alone, as weights start at zero.
    """

    model: ClassVar[str] = "perceptron"
    needs_labels: ClassVar[bool] = True
    takes_missing: ClassVar[bool] = False
    takes_streams: ClassVar[bool] = False
    divisible: ClassVar[bool] = False
    hidden: ClassVar[Sequence[int]] = ()
    batch_size: ClassVar[int] = 2**62  # all rows, however many

    visible: MachineVisible = "bernoulli"
    rule: Literal["rosenblatt", "pocket", "averaged", "delta"] = "rosenblatt"
    epochs: int = 100
    learning_rate: float = 1.0

    def __post_init__(self) -> None:
        at_least("epochs", self.epochs, 1)
        with under_its_own_name("learning_rate"):
            self._learning()

    def _learning(self) -> PerceptronLearning:
        return PerceptronLearning(self.rule, self.learning_rate)

    def stages(self, lessons: Lessons) -> list[Stage]:
        """One."""
        return [Stage("neurons", 0, self.epochs, "mistakes")]

    def network(self, units: Mapping[str, Any], classes: int, random: RandomStream) -> Network:
        """The network of one layer that gives each class its neuron's answer, with weights of zero."""
        return Network.of_sizes((kind_from(units).size, classes), initialisation="zeros", random=random)

    def task(self, stage: Stage, learned: Mapping[str, nn.Module], lessons: Lessons, random: RandomStream) -> Task:
        """Begin it."""
        neurons, stream = Neurons(self._learning(), lessons.classes), lessons.with_labels(self.model)
        network = self.network(lessons.units, lessons.classes, random)
        watched = lessons.labelled_sample, lessons.held_out_labelled
        return PerceptronTask(neurons, network, stream, *watched, random.child("order"), stage.title)
