"""How a gradient moves parameters: momentum of the library's own, or any of torch's optimisers.

The library's own movement never stores the couplings' gradient: it is summed where the couplings are moved. Clipping
and torch's optimisers need it whole.

The couplings lie in memory with gaps between their rows. torch's plain loops respect that; its fused ones read such a
matrix as if it had none (docs/design_notes.md, "Memory is used again"), so they are switched off.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from layerwise import kernels
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.training.descent_optimisers import PaperAdam
from layerwise.training.gradient import Gradient
from layerwise.training.ranks import ALONE, Ranks
from layerwise.training.schedules import Schedule

__all__ = [
    "TorchMovement",
    "TorchSchedule",
    "blank_like",
    "check_optimiser",
    "clip",
    "first_movement",
    "follow",
    "from_tree",
    "move",
    "move_along",
    "set_rate",
    "to_tree",
    "whole_gradient",
]

_OF_OTHER_USE = ("Optimizer", "LBFGS", "Muon", "SparseAdam")
"""The idea itself, and what asks for the loss again, for matrices alone, or for sparse gradients."""
TorchSchedule = Callable[[Optimizer], LRScheduler]
"""Makes one of torch's schedulers for an optimiser; it is asked once a minibatch."""


@dataclass(frozen=True)
class TorchMovement:
    """An optimiser over a machine's parameters, and its schedule. Both are moved in place."""

    optimiser: Optimizer
    schedule: LRScheduler | None


def blank_like(weights: Tensor) -> Tensor:
    """Zeros for something of the couplings' size, laid out as they are where that is faster."""
    if weights.device.type == "cpu" and weights.dtype == torch.float32:
        return kernels.padded(*weights.shape).zero_()
    return torch.zeros_like(weights)


def follow(
    rbm: RBM, velocity: dict[str, Tensor], gradient: Gradient, rate: float, momentum: float, decay: float
) -> None:
    """Move a machine by momentum; the couplings' gradient is summed where they are.

    ``velocity = momentum · velocity + gradient``, ``parameter += rate · velocity``.

    Parameters
    ----------
    rbm : RBM
    velocity : dict
        By name of the parameter; empty where ``momentum`` is zero.
    gradient : Gradient
    rate, momentum, decay : float
    """
    _step_along(rbm, velocity, gradient.of_units, rate, momentum)
    moved, couple = velocity.get("weights"), gradient.couple
    if couple is not None and moved is not None:
        moved.addr_(*couple, alpha=-1.0 / momentum)  # the kernel multiplies it with the momentum again
    kernels.ascend(rbm.weights, moved, *gradient.phases, rate, momentum, decay)
    if couple is not None and moved is None:
        rbm.weights.addr_(*couple, alpha=-rate)
    _confine(rbm)


def whole_gradient(rbm: RBM, gradient: Gradient, decay: float, ranks: Ranks = ALONE) -> dict[str, Tensor]:
    """The gradient of every parameter by name over all ranks, that of the couplings summed up from its phases."""
    of_weights = blank_like(rbm.weights)
    kernels.ascend(of_weights, None, *gradient.phases, 1.0)
    if gradient.couple is not None:
        of_weights.addr_(*gradient.couple, alpha=-1.0)
    whole = {**gradient.of_units, "weights": of_weights}
    ranks.average_(*whole.values())
    if decay:
        of_weights.add_(rbm.weights, alpha=-decay)
    return whole


def clip(gradient: Mapping[str, Tensor], most: float) -> float:
    """Scale a gradient down to a norm where its own is greater, in place; return the norm it had."""
    norm = math.sqrt(sum(float(of_one.square().sum()) for of_one in gradient.values()))
    scale = most / max(norm, most)
    if scale < 1.0:
        for of_one in gradient.values():
            of_one.mul_(scale)
    return norm


def move_along(
    rbm: RBM,
    velocity: dict[str, Tensor],
    movement: TorchMovement | None,
    gradient: Mapping[str, Tensor],
    rate: float,
    momentum: float,
) -> None:
    """Move a machine along a whole gradient, by momentum or by an optimiser."""
    if movement is None:
        _step_along(rbm, velocity, gradient, rate, momentum)
        _confine(rbm)
        return
    for name, parameter in rbm.named_parameters():
        parameter.grad = gradient[name].neg()  # an optimiser goes downhill
    move(movement)
    for parameter in rbm.parameters():
        parameter.grad = None
    _confine(rbm)


def move(movement: TorchMovement) -> None:
    """One step of an optimiser along the gradients that its parameters hold, and of its schedule."""
    optimiser, schedule = movement.optimiser, movement.schedule
    if isinstance(optimiser, PaperAdam) and schedule is None:
        optimiser.move()
        return
    optimiser.step()
    if schedule is not None:
        schedule.step()


def pass_by(movement: TorchMovement) -> None:
    """A step in which nothing moves: the schedule counts it all the same."""
    if movement.schedule is None:
        return
    with warnings.catch_warnings():
        # torch warns of a schedule that is asked before its optimiser; there was nothing to do for that one.
        warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
        movement.schedule.step()


def _confine(rbm: RBM) -> None:
    rbm.visible.confine()
    rbm.hidden.confine()


def _step_along(
    rbm: RBM, velocity: dict[str, Tensor], gradient: Mapping[str, Tensor], rate: float, momentum: float
) -> None:
    for name, step in gradient.items():
        if momentum:
            step = velocity[name].mul_(momentum).add_(step)
        rbm.get_parameter(name).add_(step, alpha=rate)


def set_rate(movement: TorchMovement, rate: float) -> float:
    """Give the optimiser its learning rate unless a schedule of torch's does; return the one it has."""
    for group in movement.optimiser.param_groups:
        if movement.schedule is None:
            group["lr"] = rate
        rate = float(group["lr"])
    return rate


def first_movement(
    parameters: list[torch.nn.Parameter] | list[dict[str, Any]],
    optimiser: str | type[Optimizer],
    rate: float,
    options: Mapping[str, Any] | None,
    schedule: TorchSchedule | None,
    fused: bool = False,
) -> TorchMovement:
    """An optimiser over parameters, or groups of them, and its schedule; fused where it can be and is asked for."""
    kind = _kind(optimiser)
    given = dict(options or {})
    if _can_be_fused(kind):
        given["fused"] = fused
    made = cast(Callable[..., Optimizer], kind)(parameters, lr=rate, **given)
    return TorchMovement(made, None if schedule is None else schedule(made))


@lru_cache(maxsize=32)
def _can_be_fused(kind: type[Optimizer]) -> bool:
    return "fused" in inspect.signature(kind).parameters


def to_tree(movement: TorchMovement) -> dict[str, Any]:
    """What an optimiser and its schedule keep, as plain containers of tensors and numbers."""
    schedule = movement.schedule
    return {
        "optimiser": movement.optimiser.state_dict(),
        "schedule": None if schedule is None else schedule.state_dict(),
    }


def from_tree(movement: TorchMovement, tree: Mapping[str, Any]) -> None:
    """Give an optimiser and its schedule back what they kept."""
    movement.optimiser.load_state_dict(tree["optimiser"])
    if movement.schedule is not None:
        movement.schedule.load_state_dict(tree["schedule"])


def check_optimiser(
    optimiser: str | type[Optimizer] | None,
    options: Mapping[str, Any] | None,
    schedule: TorchSchedule | None,
    other_schedule: Schedule | None,
) -> None:
    """Try an optimiser and its schedule on a few numbers, before any work.

    Raises
    ------
    OptionError
        No such optimiser, or one that cannot do with gradients alone; options that it refuses; two schedules.
    """
    if schedule is not None and other_schedule is not None:
        raise OptionError("schedule", other_schedule, "cannot be given beside torch_schedule", "give one of them")
    if optimiser is None:
        for name, value in (("optimiser_options", options), ("torch_schedule", schedule)):
            if value is not None:
                raise OptionError(name, value, "needs an optimiser", "name one: optimiser='sgd'")
        return
    kind = _kind(optimiser)
    if options and ({"lr", "fused", "maximize"} & set(options)):
        rule = "must leave out lr (it is learning_rate), fused and maximize (they are set for you)"
        raise OptionError("optimiser_options", options, rule)
    try:
        if options or schedule is not None:
            _try(kind, options, schedule)
        else:
            _try_plain(kind)
    except (TypeError, ValueError, RuntimeError) as problem:
        if isinstance(problem, OptionError):
            raise
        name = optimiser if isinstance(optimiser, str) else optimiser.__name__
        raise OptionError("optimiser", name, f"does not work here with {options or {}} ({problem})") from problem


def _try(kind: type[Optimizer], options: Mapping[str, Any] | None, schedule: TorchSchedule | None) -> None:
    trial = [torch.nn.Parameter(torch.zeros(size)) for size in ((2, 2), (2,))]
    movement = first_movement(trial, kind, 0.1, options, schedule)
    if isinstance(movement.schedule, ReduceLROnPlateau):
        raise OptionError("torch_schedule", "ReduceLROnPlateau", "must know the step alone", "give another")
    for parameter in trial:
        parameter.grad = torch.zeros_like(parameter)
    movement.optimiser.step()


@lru_cache(maxsize=32)
def _try_plain(kind: type[Optimizer]) -> None:
    """Once is enough: a fit of a stack makes a dozen trainers, and a trial takes half a millisecond."""
    _try(kind, None, None)


def _kind(optimiser: str | type[Optimizer]) -> type[Optimizer]:
    if not isinstance(optimiser, str):
        return optimiser
    known: dict[str, type[Optimizer]] = {
        name.lower(): kind
        for name, kind in vars(torch.optim).items()
        if isinstance(kind, type) and issubclass(kind, Optimizer) and name not in _OF_OTHER_USE
    }
    if optimiser.lower() not in known:
        raise OptionError("optimiser", optimiser, f"must be one of torch's: {', '.join(sorted(known))}")
    return known[optimiser.lower()]
