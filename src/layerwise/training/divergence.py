"""Training that explodes: which layer it comes from, and what was good before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from layerwise.networks.layers import layers_of

__all__ = ["LastGood", "largest", "trouble"]

GROWTH = 10.0
"""A loss that has grown by so many times its lowest value is an explosion under way."""


@torch.no_grad()
def largest(parameter: Tensor) -> float:
    """The greatest absolute number; NaN where one is. One operation that tells whether all are finite."""
    if not parameter.numel():
        return 0.0
    return float(cast(Tensor, torch.linalg.vector_norm(parameter, math.inf)))


@torch.no_grad()
def trouble(network: nn.Sequential, x: Tensor, step: int, loss: float) -> str:
    """Where a loss that is not finite comes from, as a line for a person.

    Parameters
    ----------
    network : torch.nn.Sequential
    x : Tensor of shape (batch, in)
        What it was shown.
    step : int
        Counted from 1.
    loss : float
    """
    largest, where = -1.0, ""
    for layer in layers_of(network):
        wrong = [name for name, p in layer.transform.named_parameters() if not bool(p.isfinite().all())]
        x = layer(x)
        if wrong or not bool(x.isfinite().all()):
            where = f"layer {layer.name!r}, whose {wrong[0] if wrong else 'values'} left the finite numbers first"
            break
        if (reach := float(x.abs().max())) > largest:
            largest, where = reach, f"layer {layer.name!r} gives the largest values, up to {reach:.2g}"
    remedy = "scale the columns and the targets" if step == 1 else "lower the learning rate, or clip the gradient"
    return f"step {step}: the loss is {loss} ({where}); {remedy}"


@dataclass
class LastGood:
    """What a network was before its loss began to explode.

    A loss that is still finite may be on its way out for several epochs: what an epoch ends with is good once the next
    minibatch has been seen.

    Parameters
    ----------
    kept : any
        Copies of what training starts from, such as parameters by name.

    Examples
    --------
    >>> good = LastGood("the start")
    >>> for loss, after in ((2.0, "epoch 1"), (1.5, "epoch 2"), (1e30, "epoch 3"), (1e90, "epoch 4")):
    ...     good.batch_done(loss)
    ...     good.epoch_done(loss, after)
    >>> good.kept
    'epoch 1'
    """

    kept: Any
    _candidate: Any = None
    _lowest: float = math.inf

    def batch_done(self, loss: float) -> None:
        """Take notice of a minibatch's loss."""
        if self._candidate is not None and loss - self._lowest <= GROWTH * (1.0 + abs(self._lowest)):
            self.kept = self._candidate
        self._candidate = None

    def epoch_done(self, loss: float, after: Any) -> None:
        """Take notice of an epoch's mean loss, and of copies of what it ended with."""
        self._lowest, self._candidate = min(self._lowest, loss), after
