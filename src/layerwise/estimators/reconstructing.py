"""What every estimator that gives rows back through a code shares: codes, reconstructions and their errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.utils import validation
from torch import Tensor, nn

from layerwise.estimators.code_estimator import CodeEstimator, Floats
from layerwise.estimators.coding import as_precision
from layerwise.estimators.plain_networks import plain_copy
from layerwise.networks import Autoencoder
from layerwise.networks.reconstruction import Reconstruction

__all__ = ["ReconstructingEstimator"]


class ReconstructingEstimator(CodeEstimator):
    """An estimator whose fit leaves ``preparation_`` and ``network_``, an autoencoder."""

    loss: Any
    network_: Autoencoder
    _code_size: int

    def reconstruct(self, X: object) -> Any:
        """Rows as they come back through the code.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)

        Returns
        -------
        ndarray or table of shape (n_samples, n_features)
            Mean of each column given the code; a table where the estimator was fitted on one, choices as the most
            probable level.
        """
        rows = self._read(X)
        network, back = as_precision(self.network_, rows.dtype), self._reconstruction(rows.dtype)
        means = self._carried(rows, self.preparation_.n_units, lambda v: back.mean(network, v))
        return self._coding.restore(torch.from_numpy(means), precision=rows.precision)

    def score_samples(self, X: object) -> Floats:
        """Minus the reconstruction error of each row: the lower, the less a row is like those learned from.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Log-probability of the row's units given its own code, in nats; with ``loss="squared"`` minus half the
            squared distance between the units and their reconstruction.
        """
        rows = self._read(X)
        network, back = as_precision(self.network_, rows.dtype), self._reconstruction(rows.dtype)
        return self._carried(rows, 1, lambda v: -back.errors(network, v)[:, None])[:, 0]

    def score(self, X: object, y: object = None) -> float:
        """Mean of :meth:`score_samples`.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
        y : Ignored

        Returns
        -------
        float
        """
        return float(np.mean(self.score_samples(X), dtype=np.float64))

    def to_torch(self) -> nn.Sequential:
        """From rows of units, ``preparation_.prepare(X)``, to what :meth:`transform` gives: a copy of the encoder.

        ``network_`` holds both the encoder and the decoder.
        """
        validation.check_is_fitted(self)
        return plain_copy(self.network_.encoder)

    @property
    def _n_features_out(self) -> int:
        return self._code_size

    def _reconstruction(self, dtype: torch.dtype = torch.float32) -> Reconstruction:
        return Reconstruction.of(self._coding.layer().to(dtype), self.loss)

    def _upwards(self, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        return as_precision(self.network_, dtype).encoder

    def _downwards(self, h: Tensor) -> Tensor:
        return self._reconstruction().mean(self.network_.decoder, h)
