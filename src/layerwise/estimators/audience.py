"""Between training and callbacks: who is told of a fit, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from layerwise.callbacks import Callback, Epoch

__all__ = ["Audience", "Stage", "audience_of"]


@dataclass(frozen=True)
class Audience:
    """The callbacks of a fit that is going on.

    Parameters
    ----------
    name : str
        Of the estimator's class.
    callbacks : sequence of Callback
    """

    name: str
    callbacks: Sequence[Callback] = ()

    def stage(self, name: str, epochs: int) -> Stage:
        """A part of the fit that begins.

        Parameters
        ----------
        name : str
            How messages call what is trained, the estimator's own name in front of it or alone.
        epochs : int
            The most there will be.
        """
        return Stage(self.callbacks, name.removeprefix(self.name).removeprefix(", ") or "training", epochs)


def audience_of(estimator: object) -> Audience:
    """Those who are told of the fit of an estimator; nobody outside of ``fit``."""
    audience: Audience | None = vars(estimator).get("_audience")
    return audience or Audience(type(estimator).__name__)


@dataclass
class Stage:
    """A part of a fit, from its first epoch to its last."""

    callbacks: Sequence[Callback]
    title: str
    most: int
    enough: bool = False
    """Whether a callback has asked to stop after the last epoch."""

    def epoch_done(self, epoch: int, info: object, learned: nn.Module | Callable[[], Mapping[str, Tensor]]) -> None:
        """Tell everybody, and ask whether it is enough.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        info : object
            What was measured.
        learned : torch.nn.Module or callable
            What is trained, or what gives its parameters; copies are handed out, and only where they are asked for.
        """
        if not self.callbacks:
            return
        told = Epoch(self.title, epoch + 1, self.most, info, lambda: _copies(learned))
        for callback in self.callbacks:
            callback.epoch_done(told)
        self.enough = any(callback.wants_to_stop() for callback in self.callbacks)


def _copies(learned: nn.Module | Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    values = learned.state_dict() if isinstance(learned, nn.Module) else learned()
    return {name: torch.clone(value.detach(), memory_format=torch.contiguous_format) for name, value in values.items()}
