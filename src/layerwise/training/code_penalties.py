r"""What is asked of an autoencoder's code beside rows that come back: to be sparse, or to move little with its rows.

References
----------
.. [1] A. Ng (2011). Sparse autoencoder. CS294A lecture notes, Stanford University.
.. [2] S. Rifai, P. Vincent, X. Muller, X. Glorot, Y. Bengio (2011). Contractive auto-encoders: explicit invariance
   during feature extraction. ICML.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from layerwise.errors import OptionError
from layerwise.networks.autoencoder import Autoencoder
from layerwise.networks.layers import layers_of
from layerwise.shapes import Scalar
from layerwise.training.ranges import not_negative

__all__ = ["ContractiveCode", "SparseCode"]


@dataclass(frozen=True)
class SparseCode:
    r"""The divergence of a wanted mean activity from that of each code unit over the minibatch [1]_.

    .. math:: \beta \sum_j \rho \log\frac{\rho}{q_j} + (1 - \rho) \log\frac{1 - \rho}{1 - q_j}

    Parameters
    ----------
    target : float
        :math:`\rho`, between 0 and 1; code units must be so, too: a sigmoid's.
    cost : float
        :math:`\beta`.
    """

    target: float = 0.05
    cost: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.target < 1:
            raise OptionError("target", self.target, "must be above 0 and below 1", "start with 0.05")
        not_negative("cost", self.cost)

    def __call__(self, network: nn.Sequential, shown: Tensor) -> Scalar:
        """What is added to the loss."""
        encoder = _encoder(network)
        last = layers_of(encoder)[-1].activation.name
        if last != "sigmoid":
            rule = "a mean activity needs a code of sigmoid units"
            raise OptionError("code activation", last, rule, "make it a sigmoid, or leave the sparsity out")
        # A unit that is never on in a minibatch has an infinite divergence, and no gradient to leave it by.
        q = encoder(shown).mean(0).clamp(1e-6, 1 - 1e-6)
        p = self.target
        return self.cost * (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).sum()


@dataclass(frozen=True)
class ContractiveCode:
    r"""The squared length of the code's derivative by the row, averaged over the minibatch [2]_.

    .. math:: \lambda \Big\langle \sum_{ji} \Big(\frac{\partial h_j}{\partial x_i}\Big)^2 \Big\rangle

    Parameters
    ----------
    cost : float
        :math:`\lambda`.
    """

    cost: float = 0.1

    def __post_init__(self) -> None:
        not_negative("cost", self.cost)

    def __call__(self, network: nn.Sequential, shown: Tensor) -> Scalar:
        """What is added to the loss."""
        layers, x, slopes = layers_of(_encoder(network)), shown, list[tuple[Tensor, Tensor]]()
        for layer in layers:
            if layer.dense is None or layer.activation.jacobian_product is not None:
                rule = "needs an encoder of dense layers whose units do not depend on each other"
                raise OptionError("contraction", layer.name, rule, "leave the contraction out")
            z = layer.pre_activation(x)
            slopes.append((layer.activation.derivative(z), layer.dense.weight))
            x = layer.activation.value(z)
        if len(slopes) == 1:
            slope, weight = slopes[0]
            return self.cost * (slope.square() @ weight.square().sum(1)).mean()
        # From the code downwards, as it is the narrow end: (batch, code, units of the layer below).
        jacobian = torch.diag_embed(slopes[-1][0]) @ slopes[-1][1]
        for slope, weight in reversed(slopes[:-1]):
            jacobian = (jacobian * slope[:, None, :]) @ weight
        return self.cost * jacobian.square().sum((1, 2)).mean()


def _encoder(network: nn.Sequential) -> nn.Sequential:
    if not isinstance(network, Autoencoder):
        raise OptionError("network", type(network).__name__, "must be an Autoencoder to have a code")
    return network.encoder
