r"""The deep belief network: an RBM on top of layers that point downwards.

.. math:: p(v, h^1, \dots, h^L) = p(h^{L-1}, h^L) \prod_{l=0}^{L-2} p(h^l \mid h^{l+1}), \qquad h^0 = v

Only the top two layers are an undirected machine; below it each layer's RBM lends its downward half.

References
----------
.. [1] G. E. Hinton, S. Osindero, Y.-W. Teh (2006). A fast learning algorithm for deep belief nets.
   Neural Computation 18.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from layerwise.energy.gibbs import gibbs
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import VisibleBatch, VisibleChains

__all__ = ["BeliefNet"]


class BeliefNet(nn.Module):
    """A stack of RBMs, each layer's hidden units being the next one's visible units.

    Parameters
    ----------
    layers : iterable of RBM
        From the data upwards.
    """

    def __init__(self, layers: Iterable[RBM]) -> None:
        super().__init__()
        stack = list(layers)
        if not stack:
            raise OptionError("layers", stack, "must hold at least one RBM")
        for below, above in pairwise(stack):
            if below.hidden.size != above.visible.size:
                rule = "each RBM must have as many visible units as the one below has hidden ones"
                raise OptionError("layers", f"{below.hidden.size} hidden under {above.visible.size} visible", rule)
        self._stack = nn.ModuleList(stack)

    @property
    def layers(self) -> list[RBM]:
        """The RBMs from the data upwards."""
        return [cast(RBM, layer) for layer in self._stack]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Visible size, then the size of each hidden layer."""
        return (self.layers[0].visible.size, *(layer.hidden.size for layer in self.layers))

    def up(self, v: VisibleBatch, depth: int | None = None) -> Tensor:
        """Carry rows up by means, through ``depth`` layers (all if None).

        Returns
        -------
        Tensor of shape (batch, size of that layer)
        """
        for layer in self.layers[:depth]:
            v = layer.mean_h_from_v(v)
        return v

    def down(self, h: Tensor, depth: int | None = None) -> VisibleBatch:
        """Carry the units of layer ``depth`` (the top if None) down by means."""
        for layer in reversed(self.layers[:depth]):
            h = layer.mean_v_from_h(h)
        return h

    def reconstruct(self, v: VisibleBatch, depth: int | None = None) -> VisibleBatch:
        """Up through ``depth`` layers and down again, by means."""
        return self.down(self.up(v, depth), depth)

    def sample(
        self, count: int, random: RandomStream, steps: int = 1000, start: VisibleBatch | None = None
    ) -> VisibleChains:
        """Draw rows: Gibbs steps in the top RBM, then one pass down.

        Parameters
        ----------
        count : int
            Number of rows.
        random : RandomStream
        steps : int
            Gibbs steps in the top RBM.
        start : Tensor of shape (count, visible), optional
            Rows that are carried up (by samples) to start the chains; noise if left out.

        Returns
        -------
        Tensor of shape (count, visible)
            E[v | h¹] for a sampled h¹: the grey levels are probabilities of the last, binary step.
        """
        if count < 1:
            raise OptionError("count", count, "must be at least 1")
        *below, top = self.layers
        if start is None:
            x = top.visible.sample(top.visible.bias.expand(count, -1).contiguous(), random)
        else:
            x = start
            for layer in below:
                x = layer.sample_h_from_v(x, random)
        # The last step down inside the top machine is by means if it is the only layer.
        x, h = gibbs(top, x, steps, random)
        if not below:
            return top.mean_v_from_h(h)
        for layer in reversed(below[1:]):
            x = layer.sample_v_from_h(x, random)
        return below[0].mean_v_from_h(x)

    def free_energy_at(self, v: VisibleBatch, depth: int) -> Tensor:
        """Free energy, in layer ``depth``'s RBM, of rows carried up to it."""
        with torch.no_grad():
            return self.layers[depth].free_energy(self.up(v, depth))
