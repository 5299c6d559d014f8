"""What a fitted deep belief network says of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

import numpy.typing as npt
import torch
from sklearn.utils import metaestimators, validation
from torch import Tensor

from layerwise.energy import LogLikelihood
from layerwise.energy.bound import Bound, log_weight, variational_bound
from layerwise.estimators.code_estimator import Floats
from layerwise.estimators.coding import as_precision
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.deep_sampling import DeepSamplingEstimator
from layerwise.estimators.density import AIS_CHAINS, partition_of
from layerwise.estimators.options import Seed, Whole, choice, whole_number
from layerwise.randomness import RandomStream
from layerwise.training.memory import enough_memory

__all__ = ["DeepDensityEstimator"]

DRAWS = 20
"""Of the layers below the top, for the score of a row."""


def _has_label_units(estimator: Any) -> bool:
    return bool(estimator.labels)


_with_labels = cast(Any, metaestimators).available_if(_has_label_units)


class DeepDensityEstimator(DeepSamplingEstimator):
    """One that bounds the log-likelihood of rows; log Z of its top is computed when it is first asked for, and kept."""

    _log_z: LogLikelihood | None

    @property
    def log_partition_(self) -> float:
        """Log Z of the top machine, in nats: exact where it can be summed, else annealed once and kept."""
        return self._partition().log_partition

    @property
    def log_partition_error_(self) -> float:
        """Standard error of ``log_partition_``, in nats; 0 where it is exact."""
        return self._partition().log_partition_error

    def score_samples(self, X: object) -> Floats:
        r"""A lower bound on the log-likelihood of each row, in nats: of a density, in the columns' own units.

        .. math:: \log p(x) \ge E_q\Big[\log \frac{p(v, h)}{q(h \mid v)}\Big] + \sum_i \log s_i

        with q what the rows are recognised by on their way up, the top's hidden units and label summed away, and the
        scales :math:`s_i` of real columns. The expectation is an average over 20 draws, which are the same for every
        row: a score depends on its row alone. :meth:`log_likelihood` has its error.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            Without missing cells.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        rows = self._read(X, missing=False)
        net, random = as_precision(self.net_, torch.float64), RandomStream(self._seed).child("score")
        scores: list[Tensor] = []
        for _, v in rows.parts():
            for row in v.double():
                random.position = 0
                # The draws as rows: done together with other rows' they would depend on the row's place.
                scores.append(log_weight(net, row.expand(DRAWS, -1), None, "samples", random).mean())
        return (torch.stack(scores).numpy() + self._constant()).astype(rows.precision)

    def score(self, X: object, y: object = None) -> float:
        """Lower bound on the mean log-likelihood of rows, in nats: what ``GridSearchCV`` compares.

        Every row has 20 draws of its own, so that the error falls with the number of rows, which that of the mean of
        :meth:`score_samples` does not.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            Without missing cells.
        y : Ignored
        """
        rows = self._read(X, missing=False)
        net, random = as_precision(self.net_, torch.float64), RandomStream(self._seed).child("score")
        total = 0.0
        for part, v in rows.parts():
            for _ in range(DRAWS):
                total += float(log_weight(net, v.double(), None, "samples", random, part.start).sum())
        return total / (DRAWS * len(rows)) + self._constant()

    def log_likelihood(
        self,
        X: object,
        y: object = None,
        *,
        draws: Whole = 10,
        posterior: Literal["samples", "means"] = "samples",
        method: Literal["auto", "exact", "ais"] = "auto",
        chains: Whole = AIS_CHAINS,
        temperatures: Whole = 10_000,
        random_state: Seed = 0,
    ) -> Bound:
        """A lower bound on the mean log-likelihood of rows, with its standard error and the top's log Z.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            Without missing cells.
        y : array-like of shape (n_samples,), optional
            Labels: with them the bound is on the joint probability of rows and labels.
        draws : int, default=10
            Of the layers below the top, for each row; at least 2.
        posterior : {"samples", "means"}, default="samples"
            What is passed on upwards where rows are recognised: draws or means, each a bound of its own.
        method : {"auto", "exact", "ais"}, default="auto"
            Sum over the states of the top's smaller side, anneal, or sum where at most 2²⁴ states are to be counted.
        chains, temperatures : int, default=100, 10000
            Of annealing, in each direction.
        random_state : int, RandomState or None, default=0

        Returns
        -------
        Bound
            In nats a row, in the columns' own units as :meth:`score_samples`.

        Warns
        -----
        LikelihoodWarning
            The two directions of annealing lie more than one nat apart.
        """
        rows = self._read(X, missing=False)
        v = torch.cat([part for _, part in rows.parts()])
        with enough_memory({"chains": chains, "temperatures": temperatures}, "give fewer"):
            bound = variational_bound(
                self.net_,
                v,
                None if y is None else self._codes(y, len(v)),
                draws=whole_number("draws", draws, least=2),
                posterior=cast(Any, choice("posterior", posterior, "samples", "means")),
                method=cast(Any, choice("method", method, "auto", "exact", "ais")),
                chains=whole_number("chains", chains, least=2),
                temperatures=whole_number("temperatures", temperatures, least=1),
                random=stream_from(random_state),
                mean=self._mean,
            )
        return bound.moved(self._coding.log_volume())

    @_with_labels
    def predict_proba(self, X: object) -> Floats:
        """Probability of each class: exactly at the top, given the means that rows are carried up to.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        rows = self._read(X)
        net = as_precision(self.net_, rows.dtype)
        return self._carried(rows, len(self.classes_), lambda v: net.class_log_probabilities(v).exp())

    @_with_labels
    def predict(self, X: object) -> npt.NDArray[Any]:
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Of the type of ``classes_``.
        """
        most_probable = self.predict_proba(X).argmax(axis=1)
        return self.classes_[most_probable]

    @property
    def _n_features_out(self) -> int:
        return self.net_.top.hidden.size

    def _upwards(self, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        return as_precision(self.net_, dtype).up

    def _downwards(self, h: Tensor) -> Tensor:
        return self.net_.down(h)

    def _constant(self) -> float:
        """What a row's weight lacks to be its bound."""
        return self._coding.log_volume() - self.log_partition_

    def _partition(self) -> LogLikelihood:
        validation.check_is_fitted(self)
        if self._log_z is None:
            self._log_z = partition_of(self.net_.top, self._state, self._mean, self._seed)
        return self._log_z
