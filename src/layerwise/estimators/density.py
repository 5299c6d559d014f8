"""How probable a fitted machine finds rows."""

from __future__ import annotations

import math
from typing import Any, Literal, cast

import numpy as np
import torch
from sklearn.utils import validation
from torch import Tensor

from layerwise.energy import RBM, LogLikelihood, log_likelihood
from layerwise.estimators.coding import as_precision
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.dreams import free_rows, repeated
from layerwise.estimators.machine_estimator import Floats
from layerwise.estimators.options import Seed, Whole, choice, whole_number
from layerwise.estimators.sampling import SamplingEstimator, kept_chains
from layerwise.estimators.unit_rows import UnitRows
from layerwise.randomness import RandomStream
from layerwise.training.classification_state import ClassificationState
from layerwise.training.contrastive import ContrastiveState
from layerwise.training.memory import enough_memory

__all__ = ["DensityEstimator", "partition_of"]

AIS_CHAINS, AIS_TEMPERATURES, AIS_SETTLE = 100, 2_000, 1_000
"""Of the log Z that scores share."""


class DensityEstimator(SamplingEstimator):
    """One that tells the log-likelihood of rows; log Z is computed when it is first asked for, and kept."""

    _log_z: LogLikelihood | None

    @property
    def log_partition_(self) -> float:
        """Log Z of the prepared rows' machine, in nats: exact where it can be summed, else annealed once and kept."""
        return self._partition().log_partition

    @property
    def log_partition_error_(self) -> float:
        """Standard error of ``log_partition_``, in nats; 0 where it is exact."""
        return self._partition().log_partition_error

    def free_energy(self, X: object) -> Floats:
        """``F(v) = -log Σ_h exp(-E(v, h))`` of each prepared row, in nats; a label, where there is one, summed away.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            Without missing cells.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        rows = self._read(X, missing=False)
        return self._free_energies(rows).astype(rows.precision)

    def score_samples(self, X: object) -> Floats:
        r"""Log-likelihood of each row, in nats: a density where columns are real, in the columns' own units.

        .. math:: \log p(x) = -F(v) - \log Z + \sum_i \log s_i, \qquad v_i = s_i (x_i - m_i)

        with the scales :math:`s_i` of Gaussian and rectified columns, and 1 for all others; a column that was constant
        counts with the density of its unit. Log Z is ``log_partition_``.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            Without missing cells.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        rows = self._read(X, missing=False)
        constant = self._coding.log_volume() - self.log_partition_
        return (constant - self._free_energies(rows)).astype(rows.precision)

    def score(self, X: object, y: object = None) -> float:
        """Mean of :meth:`score_samples`: what ``GridSearchCV`` compares.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
        y : Ignored
        """
        return float(self.score_samples(X).astype(np.float64).mean())

    def log_likelihood(
        self,
        X: object,
        *,
        method: Literal["auto", "exact", "ais"] = "auto",
        chains: Whole = AIS_CHAINS,
        temperatures: Whole = 10_000,
        random_state: Seed = 0,
    ) -> LogLikelihood:
        """Mean log-likelihood of rows with its standard error, log Z, and a bracket from annealing both ways.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            Without missing cells.
        method : {"auto", "exact", "ais"}, default="auto"
            Sum over the states of the smaller side, anneal, or sum where at most 2²⁴ states are to be counted.
        chains, temperatures : int, default=100, 10000
            Of annealing, in each direction.
        random_state : int, RandomState or None, default=0

        Returns
        -------
        LogLikelihood
            In nats a row, in the columns' own units as :meth:`score_samples`.

        Warns
        -----
        LikelihoodWarning
            The two directions lie more than one nat apart.
        """
        rows = self._read(X, missing=False)
        v = torch.cat([part for _, part in rows.parts()])
        return self._likelihood(v, method, chains, temperatures, random_state).moved(self._coding.log_volume())

    def _likelihood(
        self, v: Tensor, method: object, chains: int, temperatures: int, random_state: Seed
    ) -> LogLikelihood:
        """Of rows of the machine."""
        with enough_memory({"chains": chains, "temperatures": temperatures}, "give fewer"):
            return log_likelihood(
                self.machine_,
                v,
                method=cast(Any, choice("method", method, "auto", "exact", "ais")),
                chains=whole_number("chains", chains, least=2),
                temperatures=whole_number("temperatures", temperatures, least=1),
                random=stream_from(random_state),
                mean=self._mean,
            )

    def _free_energies(self, rows: UnitRows) -> Floats:
        """In float64."""
        machine = as_precision(self.machine_, torch.float64)
        with torch.no_grad():
            return np.concatenate([self._free_energy(machine, v.double()).numpy() for _, v in rows.parts()])

    def _free_energy(self, machine: RBM, v: Tensor) -> Tensor:
        return machine.free_energy(v)

    def _partition(self) -> LogLikelihood:
        validation.check_is_fitted(self)
        if self._log_z is None:
            self._log_z = partition_of(self.machine_, self._state, self._mean, self._seed)
        return self._log_z


def partition_of(machine: RBM, state: ContrastiveState | ClassificationState, mean: Tensor, seed: int) -> LogLikelihood:
    """Log Z of a machine that was trained, to be kept: exact where it can be summed, else annealed.

    Parameters
    ----------
    machine : RBM
    state : ContrastiveState or ClassificationState
        The last of its training: the way back starts at the chains that it kept, if it kept any.
    mean : Tensor of shape (visible,)
        Of the training rows.
    seed : int
    """
    random = RandomStream(seed).child("partition")
    kept = kept_chains(machine, state, random)
    v = torch.full((AIS_CHAINS, machine.visible.size), math.nan) if kept is None else kept
    v = repeated(v, max(2, len(v)))
    return log_likelihood(
        machine,
        free_rows(machine, v, 1, random),
        chains=AIS_CHAINS,
        temperatures=AIS_TEMPERATURES,
        random=random,
        mean=mean,
        settle=AIS_SETTLE,
    )
