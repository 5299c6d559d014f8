"""What estimators learned as networks of torch's own modules, with weights of their own."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from layerwise.networks import Network, layers_of

__all__ = ["linear_map", "plain_copy", "with_output"]


def plain_copy(network: nn.Sequential) -> nn.Sequential:
    """A copy of a network, dense layers being linear maps and activations, ready to be used."""
    return Network.from_sequential(copy.deepcopy(network)).to_sequential().eval()


def with_output(network: nn.Sequential, name: str, *output: nn.Module) -> nn.Sequential:
    """A plain copy that ends with an activation; the network may have it already.

    Parameters
    ----------
    network : torch.nn.Sequential
    name : str
        Of the activation.
    *output : torch.nn.Module
        What computes it, and whatever follows.
    """
    there = layers_of(network)[-1].activation.name == name
    return nn.Sequential(plain_copy(network), *output[1 if there else 0 :]).eval()


@torch.no_grad()
def linear_map(weights: npt.NDArray[np.floating], bias: npt.NDArray[np.floating]) -> nn.Linear:
    """``x W + b`` for weights of shape (columns, outputs)."""
    below, above = weights.shape
    with torch.device("meta"):  # without torch's own draws
        linear = nn.Linear(below, above)
    linear.weight = nn.Parameter(torch.from_numpy(weights.T.copy()))
    linear.bias = nn.Parameter(torch.from_numpy(bias.copy()))
    return linear
