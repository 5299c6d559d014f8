"""How near networks come to the targets of rows that nothing was learned from, beside linear regression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.runs.scores import at_once, in_order

__all__ = ["linear_regression", "nearness", "predicted"]

Numbers = npt.NDArray[np.float64]


@torch.no_grad()
def predicted(network: nn.Sequential, rows: Rows, preparation: Preparation) -> Numbers:
    """The number that a network gives each row, of shape (rows,)."""
    device = next(network.parameters()).device
    parts = [network(batch.values)[:, 0].cpu() for batch in in_order(rows, preparation, device).epoch(0)]
    return torch.cat(parts).double().numpy()


def linear_regression(learning: Rows, test: Rows, preparation: Preparation) -> Numbers:
    """What least squares on the learning rows predict for the test rows, both prepared as the network's are.

    Parameters
    ----------
    learning, test : Rows
        Every learning row has a target.
    """
    from sklearn.linear_model import LinearRegression

    model: Any = LinearRegression().fit(at_once(learning, preparation), learning.targets)
    parts: list[Any] = [model.predict(batch.values.numpy()) for batch in in_order(test, preparation).epoch(0)]
    return np.concatenate(parts).astype(np.float64)


def nearness(given: Numbers, targets: Numbers) -> tuple[float, float]:
    """Mean squared difference, and the share of the targets' variance that is explained: NaN where there is none."""
    error, variance = float(np.mean((given - targets) ** 2)), float(np.var(targets))
    return error, 1 - error / variance if variance > 0 else math.nan
