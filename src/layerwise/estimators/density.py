"""What every estimator of one RBM is asked, however it was trained: codes, likelihoods, samples, gaps to be filled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, validation
from torch import Tensor

from layerwise import kernels
from layerwise.data.columns import TablePreparation
from layerwise.data.preparation import Preparation
from layerwise.energy import RBM, LogLikelihood, log_likelihood
from layerwise.errors import DataError, OptionError
from layerwise.estimators.coding import Coding, as_precision
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.dreams import clamped_rows, free_rows, repeated, tempered_rows
from layerwise.estimators.options import Seed, Whole, choice, whole_number
from layerwise.estimators.unit_rows import UnitRows, filled
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveState

__all__ = ["MachineEstimator"]

Floats = npt.NDArray[np.floating[Any]]
AIS_CHAINS, AIS_TEMPERATURES, AIS_SETTLE = 100, 2_000, 1_000
"""Of the log Z that scores share."""


class MachineEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """An estimator whose fit leaves ``machine_`` and ``preparation_``."""

    machine_: RBM
    preparation_: Preparation | TablePreparation
    _state: ContrastiveState
    _mean: Tensor
    _seed: int
    _precision: np.dtype[Any]
    _log_z: LogLikelihood | None

    @property
    def components_(self) -> Floats:
        """The couplings, of shape (n_components, number of visible units)."""
        return self.machine_.weights.T.numpy()

    @property
    def intercept_hidden_(self) -> Floats:
        """The hidden biases, of shape (n_components,)."""
        return self.machine_.hidden.bias.numpy()

    @property
    def intercept_visible_(self) -> Floats:
        """The visible biases, of shape (number of visible units,)."""
        return self.machine_.visible.bias.numpy()

    @property
    def log_partition_(self) -> float:
        """Log Z of the prepared rows' machine, in nats: exact where it can be summed, else annealed once and kept."""
        return self._partition().log_partition

    @property
    def log_partition_error_(self) -> float:
        """Standard error of ``log_partition_``, in nats; 0 where it is exact."""
        return self._partition().log_partition_error

    def transform(self, X: object) -> Floats:
        """Mean of each hidden unit given the row, ``E[h | v]``; missing cells are filled by clamped means first.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            float32 where ``X`` is a matrix of anything but float64, float64 otherwise.
        """
        rows = self._read(X)
        machine = as_precision(self.machine_, rows.dtype)
        code = np.empty((len(rows), self._n_features_out), rows.precision)
        with torch.no_grad():
            for part, v in rows.parts():
                v = filled(self.machine_, v, RandomStream(self._seed).child("gaps")).to(rows.dtype)
                code[part] = machine.hidden.mean(machine.field_of_hidden(kernels.compress(v))).numpy()
        return code

    def inverse_transform(self, X: object) -> Any:
        """Mean of each column given the hidden units, ``E[v | h]``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Values of the hidden units.

        Returns
        -------
        ndarray or table of shape (n_samples, n_features)
            As :meth:`sample` gives it; choices as the most probable level.
        """
        validation.check_is_fitted(self)
        h = cast(Any, validation).check_array(X, dtype=[np.float64, np.float32], input_name="X", estimator=self)
        if h.shape[1] != self._n_features_out:
            rule = f"must have {self._n_features_out} columns, one for each hidden unit"
            raise DataError("X.shape", tuple(h.shape), rule)
        with torch.no_grad():
            v = self.machine_.mean_v_from_h(torch.from_numpy(h.astype(np.float32)))
        return self._coding.restore(v, precision=h.dtype)

    def free_energy(self, X: object) -> Floats:
        """``F(v) = -log Σ_h exp(-E(v, h))`` of each prepared row, in nats.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            Without missing cells.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        rows = self._read(X, missing=False)
        machine = as_precision(self.machine_, torch.float64)
        with torch.no_grad():
            energies = [machine.free_energy(v.double()).numpy() for _, v in rows.parts()]
        return np.concatenate(energies).astype(rows.precision)

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
        return (constant - self.free_energy(X).astype(np.float64)).astype(rows.precision)

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
        found = log_likelihood(
            self.machine_,
            v,
            method=cast(Any, choice("method", method, "auto", "exact", "ais")),
            chains=whole_number("chains", chains, least=2),
            temperatures=whole_number("temperatures", temperatures, least=1),
            random=stream_from(random_state),
            mean=self._mean,
        )
        constant = self._coding.log_volume()
        moved = {name: getattr(found, name) + constant for name in ("mean", "lower", "upper", "per_row")}
        return replace(found, **moved)

    def gibbs(self, X: object, steps: Whole = 1, *, random_state: Seed = None) -> Any:
        """Draw hidden units given the rows, then rows given those, so many times.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            Where the chains start; what is missing is drawn.
        steps : int, default=1
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray or table of shape (n_samples, n_features)
        """
        rows, steps = self._read(X), whole_number("steps", steps, least=1)
        v = torch.cat([part for _, part in rows.parts()])
        drawn = free_rows(self.machine_, v, steps, stream_from(random_state))
        return self._coding.restore(drawn, precision=rows.precision)

    def sample(
        self,
        n_samples: Whole = 1,
        *,
        given: object = None,
        steps: Whole = 1000,
        tempered: bool = False,
        start: object = None,
        random_state: Seed = None,
    ) -> Any:
        """Draw rows from the machine, or from its distribution given some of the cells.

        Parameters
        ----------
        n_samples : int, default=1
        given : dict, array-like or table, optional
            Cells that are held still: a dict from some columns to a value of each, or rows whose other cells are
            missing. Fewer rows than ``n_samples`` are used again and again.
        steps : int, default=1000
            Gibbs steps of every chain.
        tempered : bool, default=False
            Whether each chain is kept at ten temperatures that trade places, which reaches modes that lie far apart.
        start : array-like, table or "chains", optional
            Where chains start: rows, or the persistent chains of training. Independent units by default.
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray or table of shape (n_samples, n_features)
            A table of the library that was fitted; a matrix where a matrix was.
        """
        validation.check_is_fitted(self)
        count, steps = whole_number("n_samples", n_samples, least=1), whole_number("steps", steps, least=1)
        random = stream_from(random_state)
        if tempered:
            for name, value in (("given", given), ("start", start)):
                if value is not None:
                    raise OptionError(name, value, "cannot be had with tempered chains", "give tempered=False")
            drawn = tempered_rows(self.machine_, self._mean, count, steps, random)
        else:
            first = self._starts(start, count, random)
            if given is None:
                drawn = free_rows(self.machine_, first, steps, random)
            else:
                known = self._coding.read_given(self, given).units()
                drawn = clamped_rows(self.machine_, first, repeated(known, count), steps, random)
        return self._coding.restore(drawn, precision=self._precision)

    def impute(
        self,
        X: object,
        *,
        steps: Whole = 100,
        burn_in: Whole = 100,
        chains: Whole = 10,
        random_state: Seed = 0,
    ) -> Any:
        """Fill missing cells by their means given the others, or by their most probable level.

        Parameters
        ----------
        X : array-like or table of shape (n_samples, n_features)
            NaN, ``None`` and whatever else stands for a missing cell in its library.
        steps, burn_in, chains : int, default=100, 100, 10
            Of clamped Gibbs sampling: averaged, forgotten before, and independent chains a row.
        random_state : int, RandomState or None, default=0

        Returns
        -------
        ndarray or table of shape (n_samples, n_features)
            Of the type of ``X``; the cells that were known as they were.
        """
        rows = self._read(X)
        options = {
            "steps": whole_number("steps", steps, least=1),
            "burn_in": whole_number("burn_in", burn_in, least=0),
            "chains": whole_number("chains", chains, least=1),
        }
        v = filled(self.machine_, rows.units(), stream_from(random_state), **options)
        if isinstance(self.preparation_, TablePreparation):
            return self._coding.restore(v, X)
        dense = rows.values if isinstance(rows.values, np.ndarray) else rows.values.toarray()
        return self._coding.restore(v, dense, rows.precision)

    def __sklearn_tags__(self) -> Tags:
        tags = cast(Tags, super().__sklearn_tags__())
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.machine_.hidden.size

    @property
    def _coding(self) -> Coding:
        return Coding(self.preparation_)

    def _read(self, X: object, *, missing: bool = True) -> UnitRows:
        validation.check_is_fitted(self)
        return self._coding.read(self, X, missing=missing)

    def _starts(self, start: object, count: int, random: RandomStream) -> Tensor:
        if start is None:
            return torch.full((count, self.machine_.visible.size), math.nan)
        if not isinstance(start, str):
            return repeated(self._coding.read(self, cast("Mapping[Any, Any]", start)).units(), count)
        choice("start", start, "chains")
        kept = self._chains(random)
        if kept is None:
            rule = "needs a machine that was trained with persistent chains"
            raise OptionError("start", start, rule, "train it with method='pcd', or start at rows")
        return repeated(kept, count)

    def _chains(self, random: RandomStream) -> Tensor | None:
        """The model's rows that training kept, if it kept any."""
        state = self._state
        if state.tempering is not None:
            return state.tempering.chains.rows
        if state.chains is None:
            return None
        with torch.no_grad():
            return self.machine_.sample_v_from_h(state.chains, random)

    def _partition(self) -> LogLikelihood:
        validation.check_is_fitted(self)
        if self._log_z is None:
            random = RandomStream(self._seed).child("partition")
            kept = self._chains(random)
            v = torch.full((AIS_CHAINS, self.machine_.visible.size), math.nan) if kept is None else kept
            v = repeated(v, max(2, len(v)))
            self._log_z = log_likelihood(
                self.machine_,
                free_rows(self.machine_, v, 1, random),
                chains=AIS_CHAINS,
                temperatures=AIS_TEMPERATURES,
                random=random,
                mean=self._mean,
                settle=AIS_SETTLE,
            )
        return self._log_z
