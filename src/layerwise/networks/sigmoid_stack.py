"""A stack of sigmoid layers under a linear one: what a deep belief network becomes when it is unrolled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from layerwise.networks.dense import unset_linear
from layerwise.networks.layers import layer_values

__all__ = ["layer_outputs", "sigmoid_stack"]


def sigmoid_stack(sizes: Sequence[int], classes: int) -> nn.Sequential:
    """``Linear → Sigmoid`` for each pair of sizes, then a linear layer of class scores that starts at zero.

    A plain ``torch.nn.Sequential``; every parameter but the last layer's is still to be set.

    Parameters
    ----------
    sizes : sequence of int
        Columns of the data, then the size of each hidden layer.
    classes : int
    """
    modules: list[nn.Module] = []
    for below, above in pairwise(sizes):
        modules += [unset_linear(below, above), nn.Sigmoid()]
    scores = unset_linear(sizes[-1], classes)
    nn.init.zeros_(scores.weight)
    nn.init.zeros_(scores.bias)
    return nn.Sequential(*modules, scores)


def layer_outputs(network: nn.Sequential, v: Tensor) -> list[Tensor]:
    """What each layer gives for a batch: every hidden layer's activity, then the class scores."""
    return [values.output for values in layer_values(network, v).values()]
