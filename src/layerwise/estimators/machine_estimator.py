"""What every estimator of one RBM shares: its parameters as arrays, and the code of rows, up and down."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, validation

from layerwise import kernels
from layerwise.data.columns import TablePreparation
from layerwise.data.preparation import Preparation
from layerwise.energy import RBM
from layerwise.errors import DataError
from layerwise.estimators.coding import Coding, as_precision
from layerwise.estimators.unit_rows import UnitRows, filled
from layerwise.randomness import RandomStream

__all__ = ["Floats", "MachineEstimator"]

Floats = npt.NDArray[np.floating[Any]]


class MachineEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """An estimator whose fit leaves ``machine_`` and ``preparation_``."""

    machine_: RBM
    preparation_: Preparation | TablePreparation
    _seed: int

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
