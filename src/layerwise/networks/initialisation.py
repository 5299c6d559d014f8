"""Random weights that keep signals and gradients of one size through the layers."""

from __future__ import annotations

import math

import torch
from torch import nn

from layerwise import kernels
from layerwise.randomness import RandomStream

__all__ = ["glorot"]

SIGMOID_GAIN = 4.0
"""A sigmoid's slope at zero is 1/4: weights four times as large pass on what a tanh would."""


@torch.no_grad()
def glorot(layer: nn.Linear, random: RandomStream, gain: float = SIGMOID_GAIN) -> None:
    """Uniform weights of variance ``gain² · 2 / (in + out)``, zero bias.

    References
    ----------
    .. [1] X. Glorot, Y. Bengio (2010). Understanding the difficulty of training deep feedforward neural networks.
       AISTATS. (The gain of 4 for the logistic sigmoid is theirs too.)
    """
    limit = gain * math.sqrt(6.0 / (layer.in_features + layer.out_features))
    drawn = kernels.uniform(layer.out_features, layer.in_features, random)
    layer.weight.copy_((2.0 * drawn - 1.0) * limit)
    layer.bias.zero_()
