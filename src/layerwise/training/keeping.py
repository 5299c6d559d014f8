"""What keeps States of a single machine needs of its trainer: to put one away and to take it out again."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

from layerwise.energy.rbm import RBM
from layerwise.training.classification_state import ClassificationState
from layerwise.training.contrastive_state import ContrastiveState

__all__ = ["Keeper", "State"]

State = TypeVar("State", ContrastiveState, ClassificationState)


@runtime_checkable
class Keeper(Protocol[State]):
    """A trainer whose State can be written as plain containers of tensors and numbers."""

    def to_tree(self, state: State) -> dict[str, Any]:
        """The State as such containers, sharing memory with it."""
        ...

    def from_tree(self, rbm: RBM, tree: dict[str, Any]) -> State:
        """The State again; ``rbm`` is overwritten with its parameters."""
        ...
