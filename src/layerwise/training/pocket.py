"""The pocket: the best weights so far, exchanged for better ones only.

References
----------
.. [1] S. I. Gallant (1990). Perceptron-based learning algorithms. IEEE Transactions on Neural Networks 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.training.perceptron_state import SignedRows, answers

__all__ = ["Pocket", "offered", "pocket_on"]


@dataclass(frozen=True)
class Pocket:
    """Weights of some problems, each kept for itself.

    Parameters
    ----------
    weights : ndarray of shape (columns, problems)
    intercept : ndarray of shape (problems,)
    wrong : ndarray of shape (problems,)
        What the rows on the wrong side count.
    """

    weights: npt.NDArray[Any]
    intercept: npt.NDArray[np.float64]
    wrong: npt.NDArray[np.float64]


def pocket_on(
    rows: SignedRows,
    counts: npt.NDArray[np.float64],
    weights: npt.NDArray[Any],
    intercept: npt.NDArray[np.float64],
) -> Pocket:
    """A pocket of any weights, judged on these rows.

    Parameters
    ----------
    rows : SignedRows
    counts : ndarray of shape (rows, problems)
        Of :meth:`SignedRows.counts`.
    weights : ndarray of shape (columns, problems)
    intercept : ndarray of shape (problems,)
    """
    right = (answers(rows.values, weights, intercept) > 0) == (rows.signs > 0)
    return Pocket(weights, intercept, np.where(right, 0.0, counts).sum(axis=0))


def offered(pocket: Pocket, other: Pocket) -> Pocket:
    """The better of both, in each problem; the first where they are equal."""
    better = other.wrong < pocket.wrong
    return Pocket(
        np.where(better, other.weights, pocket.weights),
        np.where(better, other.intercept, pocket.intercept),
        np.minimum(pocket.wrong, other.wrong),
    )
