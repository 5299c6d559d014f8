"""What a course of one machine does: an RBM of all rows, or of rows and their labels, every option checked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import nn

from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.training.classification_rbm import ClassificationLearning
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.course_observer import Stage
from layerwise.training.layer_task import LayerTask, Learner
from layerwise.training.lessons import Lessons
from layerwise.training.ranges import at_least
from layerwise.training.single_machine import OneClassMachine, OneMachine
from layerwise.training.task import Task

__all__ = ["ClassRBMPlan", "MachinePlan", "MachineVisible", "RBMPlan"]

MachineVisible = Literal["bernoulli", "gaussian", "spin", "rectified", "categorical", "mixed"]
"""Kinds of visible units; ``mixed`` is a table's, column by column."""


class MachinePlan(ABC):
    """What both machines have in common: one layer, learned from all rows or from those with a label."""

    model: ClassVar[str]
    takes_missing: ClassVar[bool] = True
    takes_streams: ClassVar[bool] = True
    divisible: ClassVar[bool] = True

    hidden: Sequence[int]
    epochs: int

    @property
    def learns_from(self) -> Literal["all", "labelled"]:
        """Which rows a minibatch is made of."""
        return "all"

    @abstractmethod
    def learner(self, units: Mapping[str, Any], classes: int) -> Learner:
        """How the machine is learned: ``units`` is what its visible layer is made from, labels left out."""

    def stages(self, lessons: Lessons) -> list[Stage]:
        """One layer."""
        return [Stage("layer", 0, self.epochs, "energy")]

    def task(self, stage: Stage, learned: Mapping[str, nn.Module], lessons: Lessons, random: RandomStream) -> Task:
        """Begin it."""
        rows = lessons.rows if self.learns_from == "all" else lessons.with_labels(self.model)
        learner = self.learner(lessons.units, lessons.classes)
        return LayerTask(learner, [], rows, lessons, random.child(stage.title), stage.title)


@dataclass(frozen=True)
class RBMPlan(MachinePlan):
    """One restricted Boltzmann machine of all rows, by contrastive learning with a rate that falls to zero.

    Parameters
    ----------
    hidden : sequence of int
        One size.
    visible : str
        Kind of the units that meet the data.
    method : {"cd", "pcd", "pt"}
        Where the model's rows come from.
    gibbs_steps, chains, temperatures : int
        Of the negative phase; ``chains`` count with pcd and pt, ``temperatures`` with pt.
    centred : bool
        Whether the gradient is the centred one.
    epochs, batch_size : int
    learning_rate : float
        Of the first minibatch; it falls linearly and reaches zero after the last.
    momentum, weight_decay : float
    annealing_chains, annealing_temperatures : int
        Of the log-likelihood of the test rows, where neither side can be counted.
    """

    model: ClassVar[str] = "rbm"
    needs_labels: ClassVar[bool] = False

    hidden: Sequence[int] = (500,)
    visible: MachineVisible = "bernoulli"
    method: Literal["cd", "pcd", "pt"] = "pcd"
    gibbs_steps: int = 1
    chains: int = 100
    temperatures: int = 10
    centred: bool = True
    epochs: int = 20
    batch_size: int = 100
    learning_rate: float = 0.3
    momentum: float = 0.5
    weight_decay: float = 0.0001
    annealing_chains: int = 100
    annealing_temperatures: int = 10_000

    def __post_init__(self) -> None:
        _check_machine(self.hidden, self.epochs, self.batch_size)
        at_least("annealing_chains", self.annealing_chains, 2)
        at_least("annealing_temperatures", self.annealing_temperatures, 2)
        _named("gibbs_steps", self._trainer)

    def _trainer(self) -> ContrastiveLearning:
        return ContrastiveLearning(
            method=self.method,
            steps=self.gibbs_steps,
            chains=self.chains,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            centred=self.centred,
            temperatures=self.temperatures,
        )

    def learner(self, units: Mapping[str, Any], classes: int) -> OneMachine:
        """How the machine is learned: ``units`` is what its visible layer is made from."""
        return OneMachine(units, self.hidden[0], self._trainer(), self.epochs)


@dataclass(frozen=True)
class ClassRBMPlan(MachinePlan):
    """One machine of rows and labels, by a gradient that mixes log p(label | row), log p(row, label) and log p(row).

    Parameters
    ----------
    hidden : sequence of int
        One size.
    visible : str
        Kind of the units that meet the data.
    discriminative, generative : float
        What log p(label | row) and log p(row, label) of a labelled row count.
    unlabelled : float
        What log p(row) of a row without label counts; at 0 those rows are left out.
    method : {"cd", "pcd"}
    gibbs_steps, chains : int
        Of the negative phase.
    epochs, batch_size : int
    learning_rate : float
        Of the first minibatch; it falls linearly and reaches zero after the last.
    momentum, weight_decay : float
    """

    model: ClassVar[str] = "class-rbm"
    needs_labels: ClassVar[bool] = True

    hidden: Sequence[int] = (500,)
    visible: MachineVisible = "bernoulli"
    discriminative: float = 1.0
    generative: float = 0.01
    unlabelled: float = 0.0
    method: Literal["cd", "pcd"] = "pcd"
    gibbs_steps: int = 1
    chains: int = 100
    epochs: int = 20
    batch_size: int = 100
    learning_rate: float = 0.05
    momentum: float = 0.5
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_machine(self.hidden, self.epochs, self.batch_size)
        _named("gibbs_steps", lambda: self._trainer(1))

    @property
    def learns_from(self) -> Literal["all", "labelled"]:
        """Which rows a minibatch is made of."""
        return "all" if self.unlabelled else "labelled"

    def _trainer(self, steps: int) -> ClassificationLearning:
        return ClassificationLearning(
            steps=steps,
            discriminative=self.discriminative,
            generative=self.generative,
            unlabelled=self.unlabelled,
            method=self.method,
            gibbs_steps=self.gibbs_steps,
            chains=self.chains,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )

    def learner(self, units: Mapping[str, Any], classes: int) -> OneClassMachine:
        """How the machine is learned: ``units`` is what its visible layer is made from, labels left out."""
        return OneClassMachine(units, self.hidden[0], classes, self._trainer, self.epochs)


def _check_machine(hidden: Sequence[int], epochs: int, batch_size: int) -> None:
    if len(hidden) != 1:
        rule = "must be one size: this machine has one hidden layer"
        raise OptionError("hidden", list(hidden), rule, "give a size such as 500, or model 'dbn' to stack layers")
    if hidden[0] < 1:
        raise OptionError("hidden", hidden[0], "the layer must have at least 1 unit", "give a size such as 500")
    at_least("epochs", epochs, 1)
    at_least("batch_size", batch_size, 1)


def _named(steps: str, make: Any) -> None:
    """Check a trainer's rules before any work, under the names that its options have here."""
    try:
        make()
    except OptionError as problem:
        name = steps if problem.what == "steps" else problem.what
        raise OptionError(name, problem.received, problem.rule, problem.remedy) from None
