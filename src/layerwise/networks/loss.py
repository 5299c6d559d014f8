r"""What a loss is: a number a row, its derivative, and the mean of both over a batch's own rows.

With weights of rows the loss of a batch of n is :math:`\sum_r w_r \ell_r / (n \bar w)`. Their mean is that of the batch
or, so that a row weighs the same in every minibatch, that of all rows there are.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from torch import Tensor

from layerwise.errors import DataError
from layerwise.shapes import PerRow, Scalar, UnitBatch

__all__ = ["NUMBERS_OF_A_REGISTER", "Loss", "Targets"]

NUMBERS_OF_A_REGISTER = 16
"""Of float32, in the widest vector register: torch goes through fewer outputs of a row one by one."""

Targets = Tensor
"""One number an output, of shape (batch, unit), or one label a row, of shape (batch,)."""


class Loss(ABC):
    """How wrong a network's scores are, in a number a row."""

    link: str = ""
    """The name of the output's activation that the loss has in itself; empty where it has none."""

    @abstractmethod
    def rows(self, z: UnitBatch, targets: Targets) -> PerRow:
        """The loss of every row."""

    @abstractmethod
    def rows_derivative(self, z: UnitBatch, targets: Targets) -> UnitBatch:
        """The derivative of each row's loss by its scores."""

    def row_weights(self, targets: Targets, weights: PerRow | None) -> PerRow | None:
        """What each row counts; None where all count the same."""
        return weights

    def value(
        self, z: UnitBatch, targets: Targets, weights: Tensor | None = None, mean_weight: float | None = None
    ) -> Scalar:
        """The mean loss of a batch, which autograd can follow.

        Parameters
        ----------
        z : Tensor of shape (batch, unit)
            Scores.
        targets : Tensor of shape (batch, unit), or labels of shape (batch,)
            What the loss takes.
        weights : Tensor of shape (batch,), optional
            What each row counts, at least 0.
        mean_weight : float, optional
            What the weights are relative to; their own mean if left out.

        Raises
        ------
        DataError
            Targets of another shape than the scores; or weights of which none is above 0, relative to their own mean.
        """
        share = self._shares(z, targets, weights, mean_weight)
        rows = self.rows(z, targets)
        return (rows if share is None else rows * share.to(rows)).mean()

    def derivative(
        self, z: UnitBatch, targets: Targets, weights: Tensor | None = None, mean_weight: float | None = None
    ) -> UnitBatch:
        """The derivative of :meth:`value` by the scores.

        Raises
        ------
        DataError
            Targets of another shape than the scores; or weights of which none is above 0, relative to their own mean.
        """
        share = self._shares(z, targets, weights, mean_weight)
        rows = self.rows_derivative(z, targets) / len(z)
        return rows if share is None else rows * share[:, None].to(rows)

    def value_and_derivative(
        self, z: UnitBatch, targets: Targets, weights: Tensor | None = None, mean_weight: float | None = None
    ) -> tuple[Scalar, UnitBatch]:
        """:meth:`value` and :meth:`derivative` at once, in memory of their own.

        Raises
        ------
        DataError
            Targets of another shape than the scores; or weights of which none is above 0, relative to their own mean.
        """
        share = self._shares(z, targets, weights, mean_weight)
        rows, slopes = self._rows_and_derivative(z, targets)
        if share is None:
            return rows.mean(), slopes / len(z)
        share = share.to(rows)
        return (rows * share).mean(), slopes * (share / len(z))[:, None]

    def _rows_and_derivative(self, z: UnitBatch, targets: Targets) -> tuple[PerRow, UnitBatch]:
        return self.rows(z, targets), self.rows_derivative(z, targets)

    def _check(self, z: Tensor, targets: Tensor) -> None:
        if targets.shape != z.shape:
            rule = f"must have the shape of the scores, {tuple(z.shape)}"
            raise DataError("targets", tuple(targets.shape), rule, "give one target an output")

    def _shares(self, z: Tensor, targets: Tensor, weights: Tensor | None, mean_weight: float | None) -> Tensor | None:
        """What each row counts over the mean of that."""
        self._check(z, targets)
        if weights is not None and weights.shape != (len(z),):
            raise DataError("weights", tuple(weights.shape), f"must be one a row, {len(z)} of them")
        counts = self.row_weights(targets, weights)
        if counts is None:
            return None
        mean = counts.mean()
        some = mean_weight or float(mean) > 0  # relative to other rows, these may count nothing
        if bool((counts < 0).any()) or not (some and float(mean) < math.inf):
            rule = "must be at least 0 and finite, and some of a minibatch above 0"
            received = f"{float(counts.min())} to {float(counts.max())}"
            raise DataError("weights", received, rule, "leave rows out that weigh nothing")
        return counts / (mean_weight or mean)
