"""What a multilayer perceptron is given, as what it learns from: rows in its own precision, targets, weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from sklearn.utils import validation
from torch import Tensor

from layerwise.data.stored import StoredValues
from layerwise.data.values import Values
from layerwise.errors import DataError
from layerwise.estimators.conversion import OwnPrecision, stored_rows
from layerwise.estimators.holding_out import REMEDY, held_count
from layerwise.networks.loss import Loss
from layerwise.randomness import RandomStream
from layerwise.training.gradient_descent import Aim
from layerwise.training.ranks import ALONE, Ranks
from layerwise.warning import warn

__all__ = ["Lesson", "hold_out", "read_rows", "read_rows_and_targets"]

LARGEST_BATCH = 200
"""Of ``batch_size="auto"``."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """Rows, what a network should say of each, what each counts, and what it costs to be wrong.

    Parameters
    ----------
    values : ndarray or csr_array of shape (rows, columns)
    targets : Tensor of shape (rows,), int64, or (rows, outputs)
    weights : ndarray of shape (rows,), optional
    loss : Loss
    """

    values: Values
    targets: Tensor
    weights: npt.NDArray[np.float64] | None
    loss: Loss

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def aim(self) -> Aim:
        """What of a minibatch the loss compares with."""
        return "targets" if self.targets.is_floating_point() else "labels"

    def select(self, rows: npt.NDArray[np.int64]) -> Lesson:
        """Some of the rows, in the order that they are named in.

        Rows on disk that one window does not hold are in that of their file, which is how they are read.
        """
        if isinstance(self.values, StoredValues) and len(rows) > self.values.window_rows:
            rows = np.sort(rows)
        weights = None if self.weights is None else self.weights[rows]
        return replace(self, values=cast(Any, self.values)[rows], targets=self.targets[rows], weights=weights)

    def batch_size(self, asked: object) -> int:
        """The size of a minibatch: no more than there are rows, which is warned of."""
        if asked == "auto":
            return min(LARGEST_BATCH, len(self))
        if cast(int, asked) > len(self):
            said = "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
            warn(said)
        return min(int(cast(int, asked)), len(self))

    def stream(
        self,
        batch_size: int,
        random: RandomStream,
        dtype: torch.dtype,
        shuffle: bool,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> OwnPrecision:
        """Minibatches, in a new order every epoch if they are shuffled; with several ranks this one's part of each."""
        return OwnPrecision(
            self.values,
            batch_size,
            random,
            dtype=dtype,
            labels=self.targets.numpy() if self.aim == "labels" else None,
            shuffle=shuffle,
            device=device,
            weights=None if self.weights is None else torch.from_numpy(self.weights),
            targets=self.targets.to(dtype) if self.aim == "targets" else None,
            rank=ranks.rank,
            world_size=ranks.size,
        )


def read_rows(estimator: Any, X: object) -> Values:
    """Check rows by scikit-learn's rules against those that the estimator was fitted on.

    Raises
    ------
    ValueError, TypeError
    """
    if (stored := stored_rows(estimator, X, reset=False)) is not None:
        return stored
    rows: Any = cast(Any, validation).validate_data(estimator, X, accept_sparse=["csr", "csc"], reset=False)
    return _by_rows(rows)


def read_rows_and_targets(estimator: Any, X: object, y: object, *, reset: bool, numeric: bool) -> tuple[Values, Any]:
    """Check rows and targets by scikit-learn's rules.

    Returns
    -------
    values : ndarray or csr_array of shape (rows, columns), float32 or float64
    y : ndarray of shape (rows,) or (rows, outputs)

    Raises
    ------
    ValueError, TypeError
    """
    validate = cast(Any, validation).validate_data
    about_targets: dict[str, Any] = {"multi_output": True, "y_numeric": numeric, "reset": reset}
    rows: Any = stored_rows(estimator, X, reset=reset)
    if rows is not None:
        targets: Any = validate(estimator, y=y, **about_targets)
        cast(Any, validation).check_consistent_length(rows, targets)
    else:
        rows, targets = validate(
            estimator,
            X,
            y,
            accept_sparse=["csr", "csc"],
            dtype=(np.float64, np.float32),
            order="C",
            **about_targets,
        )
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = cast(Any, validation).column_or_1d(targets, warn=True)
    return _by_rows(rows), targets


def _by_rows(rows: Any) -> Values:
    return cast(Values, rows if isinstance(rows, np.ndarray | StoredValues) else csr_array(rows))


def hold_out(
    lesson: Lesson, share: float, random_state: Any, stratify: Any
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Which rows are learned from, and which decide when to stop.

    Parameters
    ----------
    lesson : Lesson
    share : float
    random_state : int, RandomState or None
    stratify : ndarray of shape (rows,), optional
        Of each class the same share is taken, where there are rows enough.

    Raises
    ------
    DataError
        Too few rows, or none with a weight on one of the two sides.
    """
    from sklearn import model_selection  # heavy

    every, count = np.arange(len(lesson)), held_count(len(lesson), share)
    if count < 2:
        rule = f"The validation set is too small: {count} of {len(lesson)} rows, and there must be two"
        raise DataError("validation_fraction", share, rule, f"raise it, or {REMEDY}")
    if stratify is not None:
        _, counts = np.unique(stratify, return_counts=True)
        possible = counts.min() > 1 and len(counts) <= min(count, len(lesson) - count)
        stratify = stratify if possible else None
    split = cast(Any, model_selection).train_test_split(
        every, random_state=random_state, test_size=share, stratify=stratify
    )
    learned, held = split
    if lesson.weights is not None and not lesson.weights[held].any():
        rule = "The sample weights for validation set are all zero"
        raise DataError("sample_weight", "zero for each row held out", rule, "take another random_state")
    if lesson.weights is not None and not lesson.weights[learned].any():
        rule = "some row that is learned from must have a sample weight above zero"
        raise DataError("sample_weight", "zero for each row not held out", rule, "take another random_state")
    return learned, held
