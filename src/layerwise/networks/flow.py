"""How learning reaches each layer: the profile in which vanishing and exploding gradients are seen.

References
----------
.. [1] S. Hochreiter (1991). Untersuchungen zu dynamischen neuronalen Netzen. Diploma thesis, TU München.
.. [2] X. Glorot, Y. Bengio (2010). Understanding the difficulty of training deep feedforward neural networks. AISTATS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from layerwise.networks.backprop import Sweep
from layerwise.networks.layers import layers_of

__all__ = ["GradientFlowInfo", "gradient_flow"]


@dataclass(frozen=True)
class GradientFlowInfo:
    """One number a layer that learns, from the first to the last."""

    names: tuple[str, ...]
    gradient_norm: tuple[float, ...]
    """Length of ∂loss/∂weights; NaN where a layer uses those of another."""
    residual_norm: tuple[float, ...]
    """Length of a row's residual, ∂(its own loss)/∂pre-activation: the root of the mean square over the rows."""
    saturated: tuple[float, ...]
    """Share of the units, over all rows, whose activation passes back little; 0 where a layer has none."""
    update_ratio: tuple[float, ...]
    """Length of the last step of the weights over their length before; NaN where it is not known, infinite from 0."""


def gradient_flow(
    network: nn.Sequential, sweep: Sweep, before: Mapping[str, Tensor] | None = None, share: float = 0.1
) -> GradientFlowInfo:
    """The profile of a network at one batch.

    Parameters
    ----------
    network : torch.nn.Sequential
    sweep : Sweep
        What :func:`~layerwise.networks.backpropagate` computed of the batch.
    before : mapping of str to Tensor, optional
        Copies of the parameters before the last step, by name as in ``named_parameters``.
    share : float
        A unit is saturated where its derivative is at most this share of the activation's steepest.

    Raises
    ------
    OptionError
        The share is not between 0 and 1.

    Examples
    --------
    >>> import torch
    >>> from layerwise.networks import Network, Squared, backpropagate
    >>> from layerwise.randomness import RandomStream
    >>> network = Network.of_sizes((8,) * 7, "sigmoid", initialisation="glorot_uniform", random=RandomStream(0))
    >>> flow = gradient_flow(network, backpropagate(network, torch.ones(1, 8), Squared(), torch.ones(1, 8)))
    >>> flow.gradient_norm[0] < 0.01 * flow.gradient_norm[-1]
    True
    """
    layers = [layer for layer in layers_of(network) if any(True for _ in layer.transform.parameters())]
    parameters = dict(network.named_parameters())

    def gradient_norm(name: str) -> float:
        return _length(sweep.gradients[name]) if name in parameters else math.nan

    def update_ratio(name: str) -> float:
        if before is None or name not in parameters:
            return math.nan
        start = _length(before[name])
        return _length(parameters[name].detach() - before[name]) / start if start else math.inf

    return GradientFlowInfo(
        names=tuple(layer.name for layer in layers),
        gradient_norm=tuple(gradient_norm(f"{layer.name}.weight") for layer in layers),
        # The residual of the mean over rows is each row's own over their number.
        residual_norm=tuple(_length(r) * math.sqrt(len(r)) for r in (sweep.residuals[layer.name] for layer in layers)),
        saturated=tuple(
            float(layer.activation.saturated(sweep.values[layer.name].pre_activation, share).double().mean())
            for layer in layers
        ),
        update_ratio=tuple(update_ratio(f"{layer.name}.weight") for layer in layers),
    )


def _length(values: Tensor) -> float:
    return float(cast(Tensor, torch.linalg.vector_norm(values.detach(), dtype=torch.float64)))
