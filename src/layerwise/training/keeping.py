"""States of a single machine: put away and taken out again, divided among ranks and put together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from layerwise.energy.rbm import RBM
from layerwise.training.averaging import twin_of
from layerwise.training.classification_state import ClassificationState
from layerwise.training.contrastive_state import ContrastiveState
from layerwise.training.ranks import ALONE, Ranks

__all__ = ["Keeper", "State", "divided", "whole"]

State = TypeVar("State", ContrastiveState, ClassificationState)


@runtime_checkable
class Keeper(Protocol[State]):
    """A trainer whose State can be written as plain containers of tensors and numbers."""

    @property
    def ranks(self) -> Ranks:
        """Who trains together."""
        ...

    def to_tree(self, state: State) -> dict[str, Any]:
        """The State as such containers, sharing memory with it."""
        ...

    def from_tree(self, rbm: RBM, tree: dict[str, Any]) -> State:
        """The State again; ``rbm`` is overwritten with its parameters."""
        ...


Own = TypeVar("Own", bound=Keeper[Any])


def divided(trainer: Keeper[State], state: State) -> State:
    """A State that every rank has whole, with this rank's part of the chains."""
    if trainer.ranks.size == 1:
        return state
    return trainer.from_tree(state.rbm, _alone(trainer).to_tree(state))


def whole(trainer: Own, state: State) -> tuple[State, Own]:
    """A State on the CPU with the chains of all ranks, which ask for it together, and a trainer that goes on alone."""
    alone = _alone(trainer)
    if trainer.ranks.size > 1 or state.rbm.weights.device.type != "cpu":
        state = alone.from_tree(twin_of(state.rbm).cpu(), trainer.to_tree(state))
    return state, alone


def _alone(trainer: Own) -> Own:
    return trainer if trainer.ranks.size == 1 else replace(cast(Any, trainer), ranks=ALONE)
