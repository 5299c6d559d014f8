"""The whole course of a deep belief network: learn its layers one after the other, then fine-tune.

The course of one machine, an RBM or a machine of rows and labels, is a course of one layer without fine-tuning.

A course is a list of stages, each a trainer over a stream of minibatches. It can stop after any minibatch and go on
later to the same bits: its tree holds the layers learned so far, the State of the stage at hand and its place.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from layerwise.data.minibatches import MinibatchStream
from layerwise.energy.belief_net import BeliefNet
from layerwise.energy.rbm import RBM
from layerwise.errors import DataError, DivergenceError
from layerwise.networks import sigmoid_stack
from layerwise.randomness import RandomStream
from layerwise.training.contrastive_tree import snapshot
from layerwise.training.course_observer import CourseObserver, Info, Quiet, Stage, TuningInfo
from layerwise.training.divergence import LastGood
from layerwise.training.gradient_descent import DescentState
from layerwise.training.lessons import Lessons
from layerwise.training.loop import Place, run
from layerwise.training.machine_plan import ClassRBMPlan, RBMPlan
from layerwise.training.plan import Plan
from layerwise.training.pretraining import check_finite
from layerwise.training.unrolling import random_stack, unroll

__all__ = ["AnyPlan", "Course"]

AnyPlan = Plan | RBMPlan | ClassRBMPlan


@dataclass
class Course:
    """A course under way.

    Parameters
    ----------
    plan : Plan, RBMPlan or ClassRBMPlan
    lessons : Lessons
    random : RandomStream
        Every draw comes from its children: the same seed gives the same course.
    """

    plan: AnyPlan
    lessons: Lessons
    random: RandomStream
    layers: list[RBM] = field(default_factory=list[RBM])
    network: nn.Sequential | None = None
    twin: nn.Sequential | None = None
    stage_number: int = 0
    place: Place = field(default_factory=Place)
    _good: LastGood | None = None
    _trainer: Any = None
    _state: Any = None
    _saved: dict[str, Any] | None = None

    @property
    def stages(self) -> list[Stage]:
        """What there is to do, in order."""
        plan = self.plan
        stages = [Stage("layer", depth, plan.epochs) for depth in range(len(plan.hidden))]
        if plan.fine_tune_epochs and self.lessons.labelled is not None:
            stages.append(Stage("fine-tuning", len(plan.hidden), plan.fine_tune_epochs))
            if plan.twin:
                stages.append(Stage("twin", len(plan.hidden), plan.fine_tune_epochs))
        return stages

    @property
    def net(self) -> BeliefNet:
        """The belief network of the layers learned."""
        return BeliefNet(self.layers)

    def advance(self, observer: CourseObserver | None = None) -> bool:
        """Go on until all stages are done (True) or the observer asks to stop (False).

        Raises
        ------
        DivergenceError
            Some parameter left the finite numbers in the last epoch; see :meth:`last_good`.
        """
        observer = observer or Quiet()
        stages = self.stages
        while self.stage_number < len(stages):
            stage = stages[self.stage_number]
            stream = self._begin(stage)
            self._good = self._first_good(stage)
            observer.stage_started(stage, self.place, stream)
            watched = _StageObserver(self, stage, observer)
            try:
                outcome = run(self._trainer, self._state, stream, stage.epochs, start=self.place, observer=watched)
            except DivergenceError as problem:
                told = str(problem)
                raise DivergenceError(told if told.startswith(stage.title) else f"{stage.title}: {told}") from problem
            self._state, self.place = outcome.state, outcome.place
            if not outcome.finished:
                return False
            self._end(stage)
        return True

    def _begin(self, stage: Stage) -> MinibatchStream:
        """Make the stage's trainer, and its State unless one was restored; return its minibatches."""
        random = self.random.child(stage.title)
        if stage.kind == "layer":
            trainer, state, stream = self._begin_layer(self.layers[: stage.depth], random)
            if self._saved is not None:
                state = trainer.from_tree(state.rbm, self._saved)
        else:
            stream = self.lessons.labelled
            assert stream is not None
            assert isinstance(self.plan, Plan)  # one machine has no such stage
            trainer = self.plan.fine_tuning(steps=stage.epochs * stream.n_batches)
            network = self._first_network(stage, random.child("weights"))
            # Both networks see the same minibatches; the stream of dropout is the same, too.
            state = trainer.init(network, self.random.child("dropout"))
            if self._saved is not None:
                state = trainer.from_tree(network, self._saved)
        self._saved = None
        self._trainer = trainer
        if self._state is None:
            self._state = state
        return stream

    def _begin_layer(self, below: Sequence[RBM], random: RandomStream) -> tuple[Any, Any, MinibatchStream]:
        lessons = self.lessons
        rows = lessons.rows if self.plan.learns_from == "all" else lessons.labelled
        if rows is None:
            raise DataError("labels", None, "a class-rbm learns from labelled rows, and there are none")
        learner = self.plan.learner(lessons.units, lessons.classes)
        return learner.begin_layer(below, rows, lessons.sample, random)

    def _first_network(self, stage: Stage, random: RandomStream) -> nn.Sequential:
        net = self.net
        if stage.kind == "fine-tuning":
            return unroll(net, self.lessons.classes)
        return random_stack(net.sizes, self.lessons.classes, random).to(net.layers[0].weights.device)

    def _end(self, stage: Stage) -> None:
        if stage.kind == "layer":
            self.layers.append(self._state.rbm)
        elif stage.kind == "fine-tuning":
            self.network = self._state.network
        else:
            self.twin = self._state.network
        self._state = self._trainer = None
        self.stage_number += 1
        self.place = Place()

    def _first_good(self, stage: Stage) -> LastGood | None:
        if stage.kind == "layer":
            return None
        start, info = snapshot(dict(self._state.network.state_dict())), self.measure(stage)
        assert isinstance(info, TuningInfo)
        good = LastGood(start)
        good.epoch_done(info.loss, start)
        return good

    def last_good(self) -> nn.Sequential | None:
        """The network of the stage at hand before its loss began to explode; None where layers are still learned."""
        if self._good is None or self._state is None:
            return None
        network: nn.Sequential = copy.deepcopy(self._state.network)
        network.load_state_dict(self._good.kept)
        return network

    def measured(self, stage: Stage) -> Info:
        """Measure the stage at hand after an epoch, and keep its network if that is good.

        Raises
        ------
        DivergenceError
            Some parameter is not finite.
        """
        info = self.measure(stage)
        if self._good is not None and isinstance(info, TuningInfo):
            self._good.epoch_done(info.loss, snapshot(dict(self._state.network.state_dict())))
            self._good.batch_done(info.loss)  # it is the loss of what the epoch ended with
        return info

    def measure(self, stage: Stage) -> Info:
        """Measure the stage at hand; nothing is changed.

        Raises
        ------
        DivergenceError
            Some parameter is not finite.
        """
        if stage.kind == "layer":
            rows, held_out = self.lessons.sample, self.lessons.held_out
            if self.layers:
                rows, held_out = self.net.up(rows), None if held_out is None else self.net.up(held_out)
            learner = self.plan.learner(self.lessons.units, self.lessons.classes)
            return learner.measure(self._state, rows, held_out, self.lessons.labelled_sample, stage.title)
        state: DescentState = self._state
        check_finite(state.network, stage.title)
        if self.lessons.labelled_sample is None:
            return TuningInfo(math.nan, math.nan)
        values, labels = self.lessons.labelled_sample
        with torch.no_grad():
            scores = state.network(values)
        loss = float(functional.cross_entropy(scores, labels))
        return TuningInfo(loss, float((scores.argmax(1) == labels).double().mean()))

    def to_tree(self) -> dict[str, Any]:
        """All that :meth:`restore` needs, as plain containers of tensors and numbers."""
        return {
            "layers": [dict(rbm.state_dict()) for rbm in self.layers],
            "network": None if self.network is None else dict(self.network.state_dict()),
            "twin": None if self.twin is None else dict(self.twin.state_dict()),
            "stage": self.stage_number,
            "place": [self.place.epoch, self.place.batch],
            "state": self._saved if self._state is None else self._trainer.to_tree(self._state),
        }

    def restore(self, tree: dict[str, Any]) -> None:
        """Go back to where :meth:`to_tree` was called, under the same plan, lessons and seed."""
        self.layers = []
        for saved in tree["layers"]:
            _, state, _ = self._begin_layer(self.layers, RandomStream(0))
            state.rbm.load_state_dict(saved)
            self.layers.append(state.rbm)
        sizes = (self.lessons.sample.shape[1], *self.plan.hidden)
        for name in ("network", "twin"):
            if tree[name] is not None:
                network = sigmoid_stack(sizes, self.lessons.classes).to(self.lessons.sample.device)
                network.load_state_dict(tree[name])
                setattr(self, name, network)
        self.stage_number = int(tree["stage"])
        self.place = Place(*tree["place"])
        self._trainer, self._state, self._saved = None, None, tree["state"]


@dataclass(frozen=True)
class _StageObserver:
    course: Course
    stage: Stage
    observer: CourseObserver

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        self.observer.batch_done(self.stage, place, rows, info)

    def epoch_done(self, epoch: int) -> None:
        self.observer.epoch_done(self.stage, epoch, self.course.measured(self.stage))

    def wants_to_stop(self) -> bool:
        return self.observer.wants_to_stop()
