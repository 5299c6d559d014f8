"""A fitted deep belief network as networks of torch and as an ONNX file."""

from __future__ import annotations

from typing import Any, cast

import torch
from sklearn.utils import validation
from torch import nn

from layerwise.energy.directed_stack import DirectedStack
from layerwise.errors import DataError
from layerwise.estimators.code_estimator import FillingEstimator
from layerwise.estimators.options import Whole, whole_number
from layerwise.training.unrolling import unroll, unroll_autoencoder, unroll_regressor, upward_pass

__all__ = ["NetworkEstimator"]


class NetworkEstimator(FillingEstimator):
    """An estimator whose fit leaves ``net_``.

    Its networks have weights of their own, and nothing in them is layerwise's. They read rows of units,
    ``preparation_.prepare(X)``: that is ``X`` itself where it is a matrix of numbers in [0, 1].
    """

    net_: DirectedStack

    def to_torch(self) -> nn.Sequential:
        """The upward pass: from rows of units to what :meth:`transform` gives.

        Label units are at rest in it: they send what their mean sends, and not what the row makes of them.

        Returns
        -------
        torch.nn.Sequential
            A linear map and a sigmoid for each layer.
        """
        return upward_pass(self._fitted())

    def to_classifier(self, n_classes: Whole) -> nn.Sequential:
        """The upward pass under a layer of class scores that starts at zero, to be fine-tuned.

        Parameters
        ----------
        n_classes : int
            At least 2.
        """
        return unroll(self._fitted(), whole_number("n_classes", n_classes, least=2))

    def to_regressor(self, start: object = 0.0) -> nn.Sequential:
        """The upward pass under a linear layer, to be fine-tuned.

        Parameters
        ----------
        start : float or array-like of shape (n_outputs,), default=0.0
            What is predicted before anything is learned, such as the mean of the targets.
        """
        net = self._fitted()
        first: Any = torch.as_tensor(cast(Any, start), dtype=net.top.weights.dtype)
        if first.ndim > 1 or not first.numel() or not bool(first.isfinite().all()):
            raise DataError("start", start, "must be a finite number, or one for each output")
        return unroll_regressor(net, first.reshape(-1))

    def to_autoencoder(self) -> nn.Sequential:
        """Up and down again, ``encoder`` and ``decoder``, to be fine-tuned: its output is the mean of the row's units.

        Raises
        ------
        OptionError
            The columns are of several kinds: their mean is no activation of torch.
        """
        return unroll_autoencoder(self._fitted())

    def _fitted(self) -> DirectedStack:
        validation.check_is_fitted(self)
        return self.net_
