"""A course: what a plan asks for, stage by stage, from rows to what is learned of them.

Layers one after the other and then the whole network, one machine, one network: a plan says which stages there are and
what each does (:class:`~layerwise.training.task.Task`), and a course carries them out. It can stop after any minibatch
and go on later to the same bits: its tree holds what earlier stages learned, the State of the stage at hand and its
place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import nn

from layerwise.energy.belief_net import BeliefNet
from layerwise.energy.rbm import RBM
from layerwise.errors import DivergenceError
from layerwise.randomness import RandomStream
from layerwise.training.course_observer import CourseObserver, Quiet, Stage
from layerwise.training.lessons import Lessons
from layerwise.training.loop import Place, run
from layerwise.training.task import Task

__all__ = ["Course", "CoursePlan"]


@runtime_checkable
class CoursePlan(Protocol):
    """What a course is told; :mod:`layerwise.training.plans` has those of the models."""

    def stages(self, lessons: Lessons) -> list[Stage]:
        """What there is to do, in order."""
        ...

    def task(self, stage: Stage, learned: Mapping[str, nn.Module], lessons: Lessons, random: RandomStream) -> Task:
        """Begin a stage.

        Parameters
        ----------
        stage : Stage
        learned : mapping of str to torch.nn.Module
            What came of the stages before it, by their titles; it stays as it is.
        lessons : Lessons
        random : RandomStream
            Of the course: every draw comes from its children.
        """
        ...


@dataclass
class Course:
    """A course under way.

    Parameters
    ----------
    plan : CoursePlan
    lessons : Lessons
    random : RandomStream
        Every draw comes from its children: the same seed gives the same course.
    """

    plan: CoursePlan
    lessons: Lessons
    random: RandomStream
    learned: dict[str, nn.Module] = field(default_factory=dict[str, nn.Module])
    """What came of the stages that are done, by their titles."""
    stage_number: int = 0
    place: Place = field(default_factory=Place)
    _task: Task | None = None
    _state: Any = None
    _saved: dict[str, Any] | None = None

    @property
    def stages(self) -> list[Stage]:
        """What there is to do, in order."""
        return self.plan.stages(self.lessons)

    @property
    def layers(self) -> list[RBM]:
        """The machines learned, from the data upwards."""
        return [module for module in self.learned.values() if isinstance(module, RBM)]

    @property
    def net(self) -> BeliefNet:
        """The belief network of the machines learned."""
        return BeliefNet(self.layers)

    @property
    def network(self) -> nn.Sequential | None:
        """The network that was trained last, its twin left out; None where the course had none."""
        networks = (self.learned.get(title) for title in ("fine-tuning", "network", "neurons"))
        return next((network for network in networks if isinstance(network, nn.Sequential)), None)

    @property
    def twin(self) -> nn.Sequential | None:
        """The same network from random weights, where there is one to compare with."""
        twin = self.learned.get("without pretraining")
        return twin if isinstance(twin, nn.Sequential) else None

    @property
    def module(self) -> nn.Module | None:
        """What the stage at hand trains; None between stages."""
        return None if self._task is None else self._task.module

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
            task = self._begin(stage)
            observer.stage_started(stage, self.place, task.stream)
            watched = _StageObserver(task, stage, observer)
            try:
                outcome = run(
                    task.trainer,
                    self._state,
                    task.stream,
                    stage.epochs,
                    start=self.place,
                    observer=watched,
                    after_epoch=watched.reached,
                    enough=watched.enough,
                    ranks=self.lessons.ranks,
                )
            except DivergenceError as problem:
                told = str(problem)
                raise DivergenceError(told if told.startswith(stage.title) else f"{stage.title}: {told}") from problem
            self._state, self.place = outcome.state, outcome.place
            if not outcome.finished:
                return False
            self.learned[stage.title] = task.finish(self._state)
            self._state = self._task = None
            self.stage_number, self.place = self.stage_number + 1, Place()
        return True

    def _begin(self, stage: Stage) -> Task:
        """The stage's task and, unless it goes on, its State."""
        if self._task is None:
            self._task = self.plan.task(stage, self.learned, self.lessons, self.random)
            self._state = self._task.first_state() if self._saved is None else self._task.restored(self._saved)
            self._saved = None
        return self._task

    def last_good(self) -> nn.Sequential | None:
        """The network of the stage at hand before its loss began to explode; None where no network is learned."""
        return None if self._task is None else self._task.last_good()

    def to_tree(self) -> dict[str, Any]:
        """All that :meth:`restore` needs, as plain containers of tensors and numbers."""
        return {
            "learned": {title: dict(module.state_dict()) for title, module in self.learned.items()},
            "stage": self.stage_number,
            "place": [self.place.epoch, self.place.batch],
            "state": self._saved if self._task is None else self._task.trainer.to_tree(self._state),
        }

    def restore(self, tree: dict[str, Any]) -> None:
        """Go back to where :meth:`to_tree` was called, under the same plan, lessons and seed."""
        self.learned = {}
        for stage in self.stages[: int(tree["stage"])]:
            # Its task knows what the module looks like; what it holds was saved.
            module = self.plan.task(stage, self.learned, self.lessons, self.random).module
            module.load_state_dict(tree["learned"][stage.title])
            self.learned[stage.title] = module
        self.stage_number = int(tree["stage"])
        self.place = Place(*tree["place"])
        self._task, self._state, self._saved = None, None, tree["state"]


@dataclass
class _StageObserver:
    task: Task
    stage: Stage
    observer: CourseObserver
    _state: Any = None
    _seen: Any = None

    def reached(self, state: Any, epoch: int) -> Any:
        """Keep the State that is measured."""
        self._state = state
        return state

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        """Show the minibatch."""
        self._seen = info
        self.observer.batch_done(self.stage, place, rows, info)

    def epoch_done(self, epoch: int) -> None:
        """Measure, and show that."""
        self.observer.epoch_done(self.stage, epoch, self.task.measure(self._state, self._seen))

    def enough(self, state: Any) -> bool:
        """Asked after each epoch."""
        return self.task.enough(state) or self.observer.has_seen_enough()

    def wants_to_stop(self) -> bool:
        """Asked after each minibatch."""
        return self.observer.wants_to_stop()
