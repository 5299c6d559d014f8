"""What every estimator of hidden units shares: rows of columns up to a code, and a code down to rows of columns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, validation
from torch import Tensor

from layerwise.data.columns import TablePreparation
from layerwise.data.preparation import Preparation
from layerwise.energy import RBM
from layerwise.errors import DataError
from layerwise.estimators.coding import Coding
from layerwise.estimators.estimator import Estimator
from layerwise.estimators.unit_rows import UnitRows, filled
from layerwise.randomness import RandomStream

__all__ = ["CodeEstimator", "FeatureEstimator", "FillingEstimator", "Floats"]

Floats = npt.NDArray[np.floating[Any]]


class FeatureEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """An estimator whose fit leaves ``preparation_`` and hidden units."""

    preparation_: Preparation | TablePreparation
    _takes_gaps: ClassVar[bool] = False

    def transform(self, X: object) -> Floats:
        """Mean of each hidden unit at the top given the row, layer by layer.

        Missing cells, where the estimator takes them, are filled by clamped means first.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, number of hidden units at the top)
            float32 where ``X`` is a matrix of anything but float64, float64 otherwise.
        """
        rows = self._read(X)
        return self._carried(rows, self._n_features_out, self._upwards(rows.dtype))

    def __sklearn_tags__(self) -> Tags:
        tags = cast(Tags, super().__sklearn_tags__())
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self._takes_gaps
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    @abstractmethod
    def _n_features_out(self) -> int:
        """Number of hidden units at the top."""

    @abstractmethod
    def _upwards(self, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        """From rows of units of a precision to the hidden units' means."""

    def _carried(self, rows: UnitRows, width: int, carry: Callable[[Tensor], Tensor]) -> Floats:
        """Rows without gaps, carried through a function so many at a time."""
        result = np.empty((len(rows), width), rows.precision)
        with torch.no_grad():
            for part, v in rows.parts():
                result[part] = carry(self._whole(v).to(rows.dtype)).numpy()
        return result

    def _whole(self, v: Tensor) -> Tensor:
        """Rows of units without gaps."""
        return v

    @property
    def _coding(self) -> Coding:
        return Coding(self.preparation_)

    def _read(self, X: object, *, missing: bool = True) -> UnitRows:
        validation.check_is_fitted(self)
        return self._coding.read(self, X, missing=missing and self._takes_gaps)


class CodeEstimator(FeatureEstimator):
    """One that knows a way back from the hidden units to the row."""

    def inverse_transform(self, X: object) -> Any:
        """Mean of each column given the hidden units at the top, layer by layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, number of hidden units at the top)
            Values of the hidden units.

        Returns
        -------
        ndarray or table of shape (n_samples, n_features)
            A table where the estimator was fitted on one; choices as the most probable level.
        """
        validation.check_is_fitted(self)
        h = cast(Any, validation).check_array(X, dtype=[np.float64, np.float32], input_name="X", estimator=self)
        if h.shape[1] != self._n_features_out:
            rule = f"must have {self._n_features_out} columns, one for each hidden unit"
            raise DataError("X.shape", tuple(h.shape), rule)
        with torch.no_grad():
            v = self._downwards(torch.from_numpy(h.astype(np.float32)))
        return self._coding.restore(v, precision=h.dtype)

    @abstractmethod
    def _downwards(self, h: Tensor) -> Tensor:
        """From hidden units to the means of rows."""


class FillingEstimator(CodeEstimator):
    """One whose lowest machine fills the gaps of rows."""

    _takes_gaps: ClassVar[bool] = True
    _seed: int

    @property
    @abstractmethod
    def _first(self) -> RBM:
        """The machine of the rows and the lowest hidden units."""

    def _whole(self, v: Tensor) -> Tensor:
        return filled(self._first, v, RandomStream(self._seed).child("gaps"))
