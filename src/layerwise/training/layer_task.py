"""A layer of a belief network, or a machine by itself, as a stage of a course."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from layerwise.data.minibatches import MinibatchStream
from layerwise.energy.belief_net import BeliefNet
from layerwise.energy.rbm import RBM
from layerwise.randomness import RandomStream
from layerwise.training.course_observer import Info
from layerwise.training.lessons import Lessons
from layerwise.training.ranks import Ranks
from layerwise.training.task import Task

__all__ = ["LayerTask", "Learner"]


@runtime_checkable
class Learner(Protocol):
    """How a layer is learned on those below it; see :mod:`~layerwise.training.pretraining`."""

    def begin_layer(
        self, below: Sequence[RBM], stream: MinibatchStream, sample: Tensor, random: RandomStream, ranks: Ranks
    ) -> tuple[Any, Any, MinibatchStream]:
        """A trainer, its first State and its minibatches."""
        ...

    def measure(
        self, state: Any, rows: Tensor, held_out: Tensor | None, labelled: tuple[Tensor, Tensor] | None, title: str
    ) -> Any:
        """Measure the layer on rows of its own input."""
        ...


class LayerTask(Task):
    """Learns a layer on those below it.

    Parameters
    ----------
    learner : Learner
    below : sequence of RBM
        From the data upwards; they stay as they are.
    rows : MinibatchStream
        Of the data.
    lessons : Lessons
        What is measured on.
    random : RandomStream
    title : str
        How messages call the layer.
    """

    def __init__(
        self,
        learner: Learner,
        below: Sequence[RBM],
        rows: MinibatchStream,
        lessons: Lessons,
        random: RandomStream,
        title: str,
    ) -> None:
        trainer, self._state, stream = learner.begin_layer(below, rows, lessons.sample, random, lessons.ranks)
        super().__init__(trainer, stream, self._state.rbm)
        self._learner, self._below, self._lessons, self._title = learner, list(below), lessons, title

    def first_state(self) -> Any:
        """The State before the first minibatch."""
        return self._state

    def restored(self, tree: dict[str, Any]) -> Any:
        """The State that the trainer's ``to_tree`` gave."""
        return self.trainer.from_tree(self.module, tree)

    def measure(self, state: Any, seen: object) -> Info:
        """Measure the layer on what those below make of the rows."""
        rows, held_out = self._lessons.sample, self._lessons.held_out
        if self._below:
            net = BeliefNet(self._below)
            rows, held_out = net.up(rows), None if held_out is None else net.up(held_out)
        return self._learner.measure(state, rows, held_out, self._lessons.labelled_sample, self._title)

    def finish(self, state: Any) -> RBM:
        """The layer."""
        return state.rbm
