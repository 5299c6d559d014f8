"""Epochs of a perceptron until nothing gets better, each problem for itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layerwise.errors import DataError
from layerwise.training.perceptron_rule import PerceptronLearning
from layerwise.training.perceptron_state import PerceptronInfo, PerceptronState, SignedRows

__all__ = ["Patience", "Trained", "learn"]

Judge = Callable[[PerceptronState], npt.NDArray[np.float64]]
"""From a State to how good it is on rows of its own, for each problem."""


@dataclass(frozen=True)
class Patience:
    """When to stop: after ``epochs`` in a row in which the objective did not fall by ``least`` below its best.

    Parameters
    ----------
    epochs : int
    least : float, optional
        None never stops.
    judge : callable, optional
        Its value must rise by ``least`` instead.
    """

    epochs: int = 5
    least: float | None = 1e-3
    judge: Judge | None = None


@dataclass(frozen=True)
class Trained:
    """Where a perceptron came to.

    Parameters
    ----------
    state : PerceptronState
    epochs : ndarray of shape (problems,), int64
        Done by each problem.
    mistakes : ndarray of shape (most epochs, problems), int64
        Of each epoch; 0 after a problem has stopped.
    """

    state: PerceptronState
    epochs: npt.NDArray[np.int64]
    mistakes: npt.NDArray[np.int64]


def learn(
    learning: PerceptronLearning,
    state: PerceptronState,
    rows: SignedRows,
    epochs: int,
    patience: Patience,
    see: Callable[[int, PerceptronInfo, PerceptronState], bool] | None = None,
) -> Trained:
    """Do up to ``epochs`` epochs.

    Parameters
    ----------
    learning : PerceptronLearning
    state : PerceptronState
    rows : SignedRows
    epochs : int
        At least 1.
    patience : Patience
    see : callable, optional
        Shown the number of each epoch, from 0, its Info and State; says whether it is enough.

    Returns
    -------
    Trained

    Raises
    ------
    DataError
        The weights left the finite numbers.
    """
    problems = rows.signs.shape[1]
    best, idle, done = np.full(problems, np.inf), np.zeros(problems, np.int64), np.zeros(problems, np.int64)
    active = np.arange(problems, dtype=np.int64)
    mistakes: list[npt.NDArray[np.int64]] = []
    for epoch in range(epochs):
        state, info = learning.step(state, rows, active)
        _check_finite(state, rows, epoch)
        mistakes.append(info.mistakes)
        done[active] += 1
        enough = see is not None and see(epoch, info, state)
        cost = info.objective if patience.judge is None else -patience.judge(state)
        if patience.least is not None:
            # A cost that stands still improves by a `least` of 0, but not by any other.
            better = cost <= best - patience.least
            idle[active] = np.where(better, 0, idle + 1)[active]
        best[active] = np.minimum(best, cost)[active]
        active = active[idle[active] < patience.epochs]
        if enough or not len(active):
            break
    return Trained(state, done, np.stack(mistakes))


def _check_finite(state: PerceptronState, rows: SignedRows, epoch: int) -> None:
    memory = state.memory
    if np.isfinite(memory.weights).all() and np.isfinite(memory.intercept).all():
        return
    largest = float(np.abs(rows.values if isinstance(rows.values, np.ndarray) else rows.values.data).max())
    rule = f"Floating-point under-/overflow occurred at epoch #{epoch + 1}: the weights left the finite numbers"
    remedy = "scale the columns first, with sklearn.preprocessing.StandardScaler for instance"
    raise DataError("X", f"entries up to {largest:.3g}", rule, remedy)
