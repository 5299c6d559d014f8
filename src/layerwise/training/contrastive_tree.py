"""The State of contrastive learning as plain containers of tensors and numbers, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from torch import Tensor

from layerwise.energy.path import Path
from layerwise.energy.tempering import TemperedChains
from layerwise.randomness import RandomStream
from layerwise.training import movement
from layerwise.training.centring import Offsets
from layerwise.training.contrastive_state import ContrastiveState, Tempering

__all__ = ["from_tree", "snapshot", "to_tree"]


def to_tree(state: ContrastiveState) -> dict[str, Any]:
    """All of a State; what is None or empty stays so."""
    offsets = state.offsets
    return {
        "rbm": dict(state.rbm.state_dict()),
        "velocity": state.velocity,
        "chains": state.chains,
        "random": [state.random.seed, state.random.position],
        "steps_done": state.steps_done,
        "offsets": None if offsets is None else [offsets.visible, offsets.hidden],
        "activity": state.activity,
        "average": state.average,
        "movement": None if state.movement is None else movement.to_tree(state.movement),
        "tempering": None if state.tempering is None else _tempering(state.tempering),
    }


def snapshot(tree: Any) -> Any:
    """A tree with memory of its own: what is moved in place later does not change it."""
    if isinstance(tree, Tensor):
        return tree.clone()
    if isinstance(tree, dict):
        return {key: snapshot(value) for key, value in cast("dict[Any, Any]", tree).items()}
    if isinstance(tree, list):
        return [snapshot(value) for value in cast("list[Any]", tree)]
    return tree


def from_tree(first: ContrastiveState, tree: dict[str, Any]) -> ContrastiveState:
    """The State of a tree, in the place of a first State of the same trainer and machine."""
    rbm, device = first.rbm, first.rbm.weights.device
    for kept, saved in ((first.velocity, tree["velocity"]), (first.average, tree["average"])):
        for name, value in kept.items():
            value.copy_(saved[name])
    offsets = tree["offsets"]
    activity, chains = tree["activity"], tree["chains"]
    if first.movement is not None:
        movement.from_tree(first.movement, tree["movement"])
    tempering = first.tempering
    if tempering is not None:
        saved = tree["tempering"]
        path = Path(rbm, saved["visible_bias"].to(device), saved["hidden_bias"].to(device))
        counted = saved["betas"], saved["tried"], saved["accepted"], int(saved["steps"])
        tempering = Tempering(path, TemperedChains(saved["v"].to(device), *counted))
    return replace(
        first,
        chains=None if chains is None else chains.to(device),
        random=RandomStream(*tree["random"]),
        steps_done=int(tree["steps_done"]),
        offsets=None if offsets is None else Offsets(*(offset.to(device) for offset in offsets)),
        activity=None if activity is None else activity.to(device),
        tempering=tempering,
    )


def _tempering(tempering: Tempering) -> dict[str, Any]:
    path, chains = tempering.path, tempering.chains
    return {
        "visible_bias": path.visible_bias,
        "hidden_bias": path.hidden_bias,
        "v": chains.v,
        "betas": chains.betas,
        "tried": chains.tried,
        "accepted": chains.accepted,
        "steps": chains.steps,
    }
