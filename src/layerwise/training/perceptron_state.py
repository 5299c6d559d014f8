"""What a perceptron learns from, what it carries from epoch to epoch, and what an epoch shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from layerwise.data.values import HeldValues
from layerwise.kernels.perceptron import Memory
from layerwise.randomness import RandomStream

__all__ = ["PerceptronInfo", "PerceptronState", "SignedRows", "answers", "signed"]


@dataclass(frozen=True)
class SignedRows:
    """Rows, and for each of some problems the side on which they belong.

    Parameters
    ----------
    values : ndarray or csr_array of shape (rows, columns), float32 or float64
    signs : ndarray of shape (rows, problems), int8
        1 where a row belongs to the problem's class, -1 elsewhere.
    weights : ndarray of shape (rows,), float64
    positive, negative : ndarray of shape (problems,), float64
        What a row of the problem's class counts, and any other; times the row's own weight.
    taught : ndarray of int64
        The rows that are learned from.
    """

    values: HeldValues
    signs: npt.NDArray[np.int8]
    weights: npt.NDArray[np.float64]
    positive: npt.NDArray[np.float64]
    negative: npt.NDArray[np.float64]
    taught: npt.NDArray[np.int64]

    def counts(self) -> npt.NDArray[np.float64]:
        """What each row counts in each problem, of shape (rows, problems); 0 where it is not learned from."""
        learned = np.zeros(len(self.weights))
        learned[self.taught] = self.weights[self.taught]
        return learned[:, None] * np.where(self.signs > 0, self.positive, self.negative)


def signed(values: HeldValues, codes: npt.NDArray[np.int64], n_classes: int) -> SignedRows:
    """Rows of classes as problems of one class against the rest; two classes are one problem, of the second class.

    Parameters
    ----------
    values : ndarray or csr_array of shape (rows, columns), float32 or float64
    codes : ndarray of shape (rows,)
        Places of the classes, from 0 to ``n_classes - 1``.
    n_classes : int

    Returns
    -------
    SignedRows
        Every row counts one and is learned from.
    """
    classes = np.arange(n_classes)[1 if n_classes == 2 else 0 :]
    signs = np.where(codes[:, None] == classes, 1, -1).astype(np.int8)
    ones = np.ones(len(classes))
    return SignedRows(values, signs, np.ones(len(codes)), ones, ones, np.arange(len(codes)))


@dataclass(frozen=True)
class PerceptronState:
    """All that the next epoch needs; what is in the memory is moved in place."""

    memory: Memory
    random: RandomStream
    kept: tuple[npt.NDArray[Any], npt.NDArray[np.float64]] | None = None
    """The pocket: weights of shape (columns, problems) and intercepts; None where there is none."""


@dataclass(frozen=True)
class PerceptronInfo:
    """What one epoch saw, an entry for each problem; a problem that has stopped shows zeros."""

    mistakes: npt.NDArray[np.int64]
    """Rows that were on the wrong side, or on the line itself, when they were visited."""
    loss: npt.NDArray[np.float64]
    """Mean over the rows of what the rule descends: ``max(0, -y a)``, or ``(y - a)² / 2`` of the delta rule."""
    objective: npt.NDArray[np.float64]
    """The same with the penalty."""


def answers(
    values: HeldValues, weights: npt.NDArray[Any], intercept: npt.NDArray[np.float64]
) -> npt.NDArray[np.floating[Any]]:
    """``w · x + b`` of each row and problem, of shape (rows, problems): above 0 on the side of the problem's class."""
    return np.asarray(cast(Any, values) @ weights) + intercept
