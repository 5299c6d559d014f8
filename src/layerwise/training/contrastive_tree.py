"""The State of contrastive learning as plain containers of tensors and numbers, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from layerwise.energy.path import Path
from layerwise.energy.tempering import TemperedChains
from layerwise.randomness import RandomStream
from layerwise.training import movement
from layerwise.training.centring import Offsets
from layerwise.training.contrastive_state import ContrastiveState, Tempering
from layerwise.training.ranks import Ranks

__all__ = ["from_tree", "snapshot", "to_tree"]


def to_tree(state: ContrastiveState, chains: int, ranks: Ranks) -> dict[str, Any]:
    """All of a State, with the chains of all ranks in their order; what is None or empty stays so."""
    offsets = state.offsets
    return {
        "rbm": dict(state.rbm.state_dict()),
        "velocity": state.velocity,
        "chains": None if state.chains is None else ranks.rows(state.chains, chains),
        "random": [state.random.seed, state.random.position],
        "steps_done": state.steps_done,
        "offsets": None if offsets is None else [offsets.visible, offsets.hidden],
        "activity": state.activity,
        "average": state.average,
        "movement": None if state.movement is None else movement.to_tree(state.movement),
        "tempering": None if state.tempering is None else _tempering(state.tempering, chains, ranks),
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


def from_tree(first: ContrastiveState, tree: dict[str, Any], ranks: Ranks) -> ContrastiveState:
    """The State of a tree, in the place of a first State of the same trainer and machine.

    A rank takes its part of the chains, however many ranks there were before.
    """
    rbm, device = first.rbm, first.rbm.weights.device
    for kept, saved in ((first.velocity, tree["velocity"]), (first.average, tree["average"])):
        for name, value in kept.items():
            value.copy_(saved[name])
    offsets = tree["offsets"]
    activity, rows = tree["activity"], tree["chains"]
    if first.movement is not None:
        movement.from_tree(first.movement, tree["movement"])
    tempering = first.tempering
    if tempering is not None:
        saved = tree["tempering"]
        path = Path(rbm, saved["visible_bias"].to(device), saved["hidden_bias"].to(device))
        # Counts are summed over the ranks: the first one has what was counted before.
        tried, accepted = (saved[name] if ranks.first else saved[name] * 0 for name in ("tried", "accepted"))
        replicas = len(saved["betas"])
        start, end = ranks.part(len(saved["v"]) // replicas)
        v = saved["v"][start * replicas : end * replicas].to(device)
        tempering = Tempering(path, TemperedChains(v, saved["betas"], tried, accepted, int(saved["steps"])))
    return replace(
        first,
        chains=None if rows is None else rows[slice(*ranks.part(len(rows)))].to(device),
        random=RandomStream(*tree["random"]),
        steps_done=int(tree["steps_done"]),
        offsets=None if offsets is None else Offsets(*(offset.to(device) for offset in offsets)),
        activity=None if activity is None else activity.to(device),
        tempering=tempering,
    )


def _tempering(tempering: Tempering, chains: int, ranks: Ranks) -> dict[str, Any]:
    path, here = tempering.path, tempering.chains
    counts, replicas = torch.stack([here.tried, here.accepted]), len(here.betas)
    ranks.sum_(counts)
    v = here.v.reshape(here.chains, replicas, here.v.shape[1])
    return {
        "visible_bias": path.visible_bias,
        "hidden_bias": path.hidden_bias,
        "v": ranks.rows(v, chains).flatten(0, 1),
        "betas": here.betas,
        "tried": counts[0],
        "accepted": counts[1],
        "steps": here.steps,
    }
