"""What one stage of a course does: who learns, from which minibatches, what is measured, and what comes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import nn

from layerwise.data.minibatches import MinibatchStream
from layerwise.training.course_observer import Info

__all__ = ["Task"]


class Task(ABC):
    """A stage that was begun, its State apart: that is the course's, which saves it.

    Parameters
    ----------
    trainer : Trainer
        With ``to_tree`` from its State to plain containers.
    stream : MinibatchStream
    module : torch.nn.Module
        Where :meth:`finish` puts what was learned; a finished stage is restored into it.
    """

    def __init__(self, trainer: Any, stream: MinibatchStream, module: nn.Module) -> None:
        self.trainer, self.stream, self.module = trainer, stream, module

    @abstractmethod
    def first_state(self) -> Any:
        """The State before the first minibatch."""

    @abstractmethod
    def restored(self, tree: dict[str, Any]) -> Any:
        """The State that the trainer's ``to_tree`` gave."""

    @abstractmethod
    def measure(self, state: Any, seen: Any) -> Info:
        """Measure what was learned so far; nothing is changed.

        Parameters
        ----------
        state : State
            After an epoch.
        seen : Info
            What the trainer said of the epoch's last minibatch.

        Raises
        ------
        DivergenceError
            Some parameter is not finite.
        """

    def enough(self, state: Any) -> bool:
        """Asked after an epoch: whether more of them would change nothing."""
        return False

    def last_good(self) -> nn.Sequential | None:
        """The network before its loss began to explode; None of a stage that learns no network by descent."""
        return None

    @abstractmethod
    def finish(self, state: Any) -> nn.Module:
        """What was learned: ``module``."""
