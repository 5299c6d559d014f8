"""What every estimator of one RBM shares: its parameters as arrays, and its layer up and down."""

from __future__ import annotations

from collections.abc import Callable

import torch
from sklearn.utils import validation
from torch import Tensor, nn

from layerwise import kernels
from layerwise.energy import RBM, BeliefNet
from layerwise.estimators.code_estimator import FillingEstimator, Floats
from layerwise.estimators.coding import as_precision
from layerwise.training.unrolling import upward_pass

__all__ = ["Floats", "MachineEstimator"]


class MachineEstimator(FillingEstimator):
    """An estimator whose fit leaves ``machine_`` and ``preparation_``."""

    machine_: RBM

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
    def _first(self) -> RBM:
        return self.machine_

    @property
    def _n_features_out(self) -> int:
        return self.machine_.hidden.size

    def to_torch(self) -> nn.Sequential:
        """From rows of units, ``preparation_.prepare(X)``, to what :meth:`transform` gives.

        Returns
        -------
        torch.nn.Sequential
            A linear map and an activation. Of rectified hidden units it gives the most probable value, and of noisy
            ones the softplus that their mean is close to: torch has no module for those means.
        """
        validation.check_is_fitted(self)
        return upward_pass(BeliefNet([self.machine_]))

    def _upwards(self, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        machine = as_precision(self.machine_, dtype)
        return lambda v: machine.hidden.mean(machine.field_of_hidden(kernels.compress(v)))

    def _downwards(self, h: Tensor) -> Tensor:
        return self.machine_.mean_v_from_h(h)
