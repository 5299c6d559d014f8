"""Targets with mean 0 and standard deviation 1, which is what a network learns, and the way back to their own scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from layerwise.networks.layers import layers_of

__all__ = ["TargetScale", "explained"]


@dataclass(frozen=True)
class TargetScale:
    """Mean and standard deviation of each output.

    Parameters
    ----------
    mean, deviation : ndarray of shape (outputs,), float64
        In the targets' own units; 1 in the place of the deviation of an output that is constant.
    """

    mean: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64]

    @classmethod
    def of(cls, targets: npt.NDArray[np.float64], weights: npt.NDArray[np.float64] | None = None) -> TargetScale:
        """Measure it.

        Parameters
        ----------
        targets : ndarray of shape (rows, outputs)
        weights : ndarray of shape (rows,), optional
            What each row counts.
        """
        mean = np.average(targets, axis=0, weights=weights)
        deviation = np.sqrt(np.average((targets - mean) ** 2, axis=0, weights=weights))
        return cls(mean, np.where(deviation > 0, deviation, 1.0))

    def standard(self, targets: npt.NDArray[np.float64]) -> Tensor:
        """What a network learns in the place of targets, float32."""
        return torch.from_numpy((targets - self.mean) / self.deviation).float()

    @torch.no_grad()
    def put_into(self, network: nn.Sequential) -> None:
        """Let the last layer, a linear map, give targets on their own scale."""
        last = layers_of(network)[-1].dense
        assert last is not None
        assert last.bias is not None
        deviation = torch.from_numpy(self.deviation).to(last.weight)
        last.weight.mul_(deviation[:, None])
        last.bias.mul_(deviation).add_(torch.from_numpy(self.mean).to(last.bias))


def explained(given: Tensor, targets: Tensor) -> float:
    r"""Coefficient of determination: the share of the targets' variance that is explained.

    .. math:: R^2 = 1 - \frac{\sum_i (y_i - \hat y_i)^2}{\sum_i (y_i - \bar y)^2}

    Parameters
    ----------
    given, targets : Tensor of shape (rows, outputs)

    Returns
    -------
    float
        Mean over the outputs; one that is constant is left out, and NaN if all are.
    """
    left = (given - targets).square().sum(0).double()
    spread = (targets - targets.mean(0)).square().sum(0).double()
    return float((1 - left / spread)[spread > 0].mean())
