"""Dropout: units that are silent for the length of a step, each row for itself.

References
----------
.. [1] N. Srivastava et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. JMLR 15.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from layerwise import kernels
from layerwise.networks.layers import Layer, layers_of
from layerwise.randomness import RandomStream

__all__ = ["Dropout", "scores_in_part"]


@dataclass(frozen=True)
class Dropout:
    """Factors of what goes from one layer to the next: 0 for a share of the units, so much more for the others.

    Parameters
    ----------
    hidden, inputs : float
        Share of each hidden layer's units, and of the inputs, that is silenced.
    random : RandomStream
        A position is taken of it for each layer that loses some.
    first_row : int
        The global number of the batch's first row.
    """

    hidden: float
    inputs: float
    random: RandomStream
    first_row: int

    def __call__(self, below: Layer | None, x: Tensor) -> Tensor | None:
        """What the values of a layer, None for the rows themselves, are multiplied with; None for nothing."""
        share = self.inputs if below is None else self.hidden
        # A layer without an activation is half of one: of a batch norm and what follows it, or a linear code.
        if not share or (below is not None and below.activation.name == "identity"):
            return None
        rows, units = len(x), math.prod(x.shape[1:])
        kept = kernels.uniform(rows, units, self.random, self.first_row, x.device).reshape(x.shape).ge_(share)
        return kept.to(x.dtype).div_(1.0 - share)  # their mean stays


def scores_in_part(network: nn.Sequential, x: Tensor, link: str, dropout: Dropout) -> Tensor:
    """What :func:`~layerwise.networks.scores` gives of a network some of whose units are silent.

    Parameters
    ----------
    network : torch.nn.Sequential
    x : Tensor of shape (batch, in)
    link : str
        The name of the activation that the loss has in itself.
    dropout : Dropout
    """
    below: Layer | None = None
    for layer in (layers := layers_of(network)):
        factors = dropout(below, x)
        x = x if factors is None else x * factors
        inside = layer is layers[-1] and layer.activation.name == link
        x, below = layer.pre_activation(x) if inside else layer(x), layer
    return x
