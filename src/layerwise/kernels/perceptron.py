"""A perceptron's pass over its rows: what it is given, and what it moves in place.

The loop itself, :mod:`~layerwise.kernels.perceptron_loop`, is imported when the first pass needs it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["DELTA", "ROSENBLATT", "Memory", "Steps", "visit_rows"]

ROSENBLATT, DELTA = 0, 1


class Steps(NamedTuple):
    """How weights move at a row."""

    rule: int
    rate: float
    penalised: bool
    alpha: float
    l1_ratio: float
    bias: bool
    """Whether the intercept is learned."""
    bias_rate: float
    """What the steps of the intercept are multiplied with."""


class Memory(NamedTuple):
    """What is moved in place, a column or an entry for each problem; arrays of no rows where nothing asks for them."""

    weights: NDArray[Any]
    intercept: NDArray[np.float64]
    scale: NDArray[np.float64]
    norms: NDArray[np.float64]
    """Square of the Euclidean norm, and sum of the absolute values: two rows."""
    owed: NDArray[np.float64]
    """Absolute penalty that every weight owes by now."""
    paid: NDArray[np.float64]
    """What each weight was cut by for it."""
    visits: NDArray[np.float64]
    run: NDArray[np.int64]
    """Rows told right since the last mistake."""
    longest: NDArray[np.int64]
    champion: NDArray[Any]
    """The weights of the longest run, and in the last row their intercept."""
    drift: NDArray[np.float64]
    """Sum of all steps, each times the visits before it; the intercept's in the last row."""


def visit_rows(
    memory: Memory,
    steps: Steps,
    values: Any,
    order: NDArray[np.int64],
    signs: NDArray[np.int8],
    weights: NDArray[np.float64],
    positive: NDArray[np.float64],
    negative: NDArray[np.float64],
    active: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Visit rows one after the other, each with the weights of that moment, and move them.

    Parameters
    ----------
    memory : Memory
        Moved in place.
    steps : Steps
    values : ndarray or csr_array of shape (rows, columns)
        Of the weights' type.
    order : ndarray of shape (visits,)
        Rows, as they are visited.
    signs : ndarray of shape (rows, problems)
        1 where the row belongs to the problem's class, -1 elsewhere.
    weights : ndarray of shape (rows,)
    positive, negative : ndarray of shape (problems,)
        What a row of the class is weighted with, and any other.
    active : ndarray of shape (at most problems,)
        The problems that still learn.

    Returns
    -------
    ndarray of shape (3, problems)
        Mistakes, sum of the losses, sum of the objectives.
    """
    from layerwise.kernels import perceptron_loop

    rest = order, signs, weights, positive, negative, active
    if isinstance(values, np.ndarray):
        return perceptron_loop.learn_dense(memory, steps, values, *rest)
    listed = values.data, values.indices.astype(np.int32, copy=False), values.indptr.astype(np.int64)
    return perceptron_loop.learn_sparse(memory, steps, *listed, *rest)
