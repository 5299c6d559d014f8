"""What a network's output says of rows of units: their means, and how wrong they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from layerwise.errors import OptionError
from layerwise.networks.dense import Dense
from layerwise.networks.kind_loss import KindLoss
from layerwise.networks.layers import layers_of, scores
from layerwise.networks.loss import Loss
from layerwise.networks.losses import Squared
from layerwise.shapes import PerRow, UnitBatch
from layerwise.units import UnitKind

__all__ = ["Reconstruction"]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """How rows of a kind of unit come back from a network.

    Parameters
    ----------
    kind : UnitKind
    loss : Loss
        ``KindLoss(kind)``: the network gives the field of the units, or, for Bernoulli and spin units, ends in the
        activation that makes their mean of it. Any other: it gives the mean.

    Examples
    --------
    Log-odds of 0 are a probability of a half, whether or not the network has the sigmoid in itself:

    >>> import torch
    >>> from layerwise.units import BernoulliUnits
    >>> of_bits = Reconstruction.of(BernoulliUnits(1))
    >>> with_sigmoid = nn.Sequential(nn.Identity(), nn.Sigmoid())
    >>> [of_bits.mean(network, torch.zeros(1, 1)).item() for network in (with_sigmoid, with_sigmoid[:1])]
    [0.5, 0.5]
    """

    kind: UnitKind
    loss: Loss

    @classmethod
    def of(cls, kind: UnitKind, loss: str = "likelihood") -> Reconstruction:
        """For a kind and the name of a loss.

        Parameters
        ----------
        kind : UnitKind
        loss : {"likelihood", "squared"}
            Minus the log-probability of the units, or half the squared distance to their mean.

        Raises
        ------
        OptionError
            No such loss, or squared distances where the mean is no activation of each unit's own field.
        """
        own = KindLoss(kind)
        if loss == "likelihood":
            return cls(kind, own)
        if loss != "squared":
            raise OptionError("loss", loss, "must be 'likelihood' or 'squared'", "leave it at 'likelihood'")
        if not own.link and kind.name != "gaussian":
            rule = f"needs columns that are all bernoulli, spin or gaussian; these are {kind.name}"
            raise OptionError("loss", loss, rule, "leave it at 'likelihood'")
        return cls(kind, Squared())

    @property
    def activation(self) -> str:
        """What a network for this ends in."""
        return KindLoss(self.kind).link or "identity"

    def mean(self, network: nn.Sequential, x: Tensor) -> UnitBatch:
        """Means of the units that a network gives for a batch."""
        z = scores(network, x, self.loss.link)
        return self.kind.mean(z) if isinstance(self.loss, KindLoss) else z

    def errors(self, network: nn.Sequential, x: UnitBatch) -> PerRow:
        """The loss of every row with itself as its target."""
        return self.loss.rows(scores(network, x, self.loss.link), x)

    @torch.no_grad()
    def start_from(self, network: nn.Sequential, mean: Tensor) -> None:
        """Let a fresh decoder give the mean of the rows, whatever the code: it need not be learned.

        A last layer of random weights would add noise to it, and the shortest way to be rid of that is to silence the
        code: rectified units would die by it. Weights of a tied decoder are the encoder's and stay.

        Parameters
        ----------
        network : torch.nn.Sequential
            An autoencoder of dense layers.
        mean : Tensor of shape (units,)
        """
        last = layers_of(network)[-1].transform
        bias = last.bias
        assert isinstance(bias, Tensor)
        bias.copy_(self.kind.field_for(mean))
        if isinstance(last, Dense):
            last.weight.zero_()
