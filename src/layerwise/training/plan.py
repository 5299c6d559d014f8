"""What the course of a deep belief network does: its layers one after the other, then fine-tuning with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from torch import nn

from layerwise.energy.belief_net import BeliefNet
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.networks.losses import CrossEntropy
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.course_observer import Stage
from layerwise.training.descent_task import ClassesGauge, DescentTask
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.layer_task import LayerTask
from layerwise.training.lessons import Lessons
from layerwise.training.pretraining import GreedyPretraining
from layerwise.training.ranges import share
from layerwise.training.schedules import Linear
from layerwise.training.task import Task
from layerwise.training.unrolling import random_stack, unroll

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """Every option of pretraining and fine-tuning, checked before any work.

    The defaults suit binary or grey-level rows.

    Parameters
    ----------
    hidden : sequence of int
        Size of each hidden layer, from the data upwards.
    visible : {"bernoulli", "gaussian"}
        Kind of the units that meet the data.
    method, gibbs_steps : "cd" or "pcd", int
        Contrastive learning's negative phase.
    epochs : int
        Passes over all rows, for each layer.
    learning_rate, momentum, weight_decay : float
        Of contrastive learning.
    fine_tune_epochs : int
        Passes over the labelled rows; 0 leaves fine-tuning out.
    fine_tune_learning_rate, fine_tune_weight_decay, dropout, input_dropout, label_smoothing : float
        Of fine-tuning.
    twin : bool
        Whether the same network is also trained from random weights, with the same fine-tuning, for comparison.
    """

    model: ClassVar[str] = "dbn"
    needs_labels: ClassVar[bool] = False
    takes_missing: ClassVar[bool] = False
    takes_streams: ClassVar[bool] = True
    divisible: ClassVar[bool] = True

    hidden: Sequence[int]
    visible: Literal["bernoulli", "gaussian"] = "bernoulli"
    method: Literal["cd", "pcd"] = "cd"
    gibbs_steps: int = 1
    epochs: int = 20
    batch_size: int = 100
    learning_rate: float = 0.1
    momentum: float = 0.5
    weight_decay: float = 0.0002
    fine_tune_epochs: int = 30
    fine_tune_learning_rate: float = 0.001
    fine_tune_weight_decay: float = 0.0
    dropout: float = 0.5
    input_dropout: float = 0.0
    label_smoothing: float = 0.0
    twin: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "fine_tune_epochs"):
            if getattr(self, name) < 0:
                raise OptionError(name, getattr(self, name), "must be at least 0")
        if self.batch_size < 1:
            raise OptionError("batch_size", self.batch_size, "must be at least 1", "give a size such as 100")
        share("label_smoothing", self.label_smoothing)
        # Their rules are checked before any work, under the names that they have here.
        again = {"learning_rate": "fine_tune_learning_rate", "weight_decay": "fine_tune_weight_decay"}
        for make, names in ((self.pretraining, {"steps": "gibbs_steps"}), (lambda: self.fine_tuning(steps=1), again)):
            try:
                make()
            except OptionError as problem:
                name = names.get(problem.what, problem.what)
                raise OptionError(name, problem.received, problem.rule, problem.remedy) from None

    def pretraining(self) -> GreedyPretraining:
        """How the layers are learned."""
        trainer = ContrastiveLearning(
            self.method, self.gibbs_steps, self.batch_size, self.learning_rate, self.momentum, self.weight_decay
        )
        return GreedyPretraining(self.visible, self.hidden, trainer)

    def fine_tuning(self, steps: int) -> GradientDescent:
        """How the unrolled network is trained: AdamW with a learning rate that reaches zero after so many steps."""
        return GradientDescent(
            CrossEntropy(self.label_smoothing),
            learning_rate=self.fine_tune_learning_rate,
            schedule=Linear(steps),
            weight_decay=self.fine_tune_weight_decay,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
        )

    def stages(self, lessons: Lessons) -> list[Stage]:
        """A stage a layer; fine-tuning and the twin where there are labels and both are asked for."""
        depth = len(self.hidden)
        stages = [Stage("layer", number, self.epochs, "energy") for number in range(depth)]
        if self.fine_tune_epochs and lessons.labelled is not None:
            stages.append(Stage("fine-tuning", depth, self.fine_tune_epochs, "classes"))
            if self.twin:
                stages.append(Stage("twin", depth, self.fine_tune_epochs, "classes"))
        return stages

    def task(self, stage: Stage, learned: Mapping[str, nn.Module], lessons: Lessons, random: RandomStream) -> Task:
        """Begin a stage."""
        below = [module for module in learned.values() if isinstance(module, RBM)]
        own = random.child(stage.title)
        if stage.kind == "layer":
            return LayerTask(self.pretraining(), below, lessons.rows, lessons, own, stage.title)
        assert lessons.labelled is not None  # there would be no such stage
        net, stream = BeliefNet(below), lessons.labelled
        if stage.kind == "fine-tuning":
            network = unroll(net, lessons.classes)
        else:
            network = random_stack(net.sizes, lessons.classes, own.child("weights")).to(lessons.sample.device)
        gauge = ClassesGauge(lessons.labelled_sample, None)
        trainer = replace(self.fine_tuning(steps=stage.epochs * stream.n_batches), ranks=lessons.ranks)
        # Both networks see the same minibatches; the stream of dropout is the same, too.
        return DescentTask(network, trainer, stream, gauge, random.child("dropout"), stage.title)
