r"""The deep belief network as greedy training leaves it: a stack of RBMs, whose lower ones lend their halves.

.. math:: p(v, h^1, \dots, h^L) = p(h^{L-1}, h^L) \prod_{l=0}^{L-2} p(h^l \mid h^{l+1}), \qquad h^0 = v

Only the top two layers are an undirected machine; below it each layer's RBM generates by its downward half and
recognises by its upward half, with the same couplings (:class:`~layerwise.energy.wake_sleep_net.WakeSleepNet` unties
them).

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

from layerwise.energy.class_rbm import features_of, free_energy_of_features
from layerwise.energy.conditional import Conditional
from layerwise.energy.directed_stack import DirectedStack
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.shapes import VisibleBatch

__all__ = ["BeliefNet"]


class BeliefNet(DirectedStack):
    """A stack of RBMs, each layer's hidden units being the next one's visible units.

    Parameters
    ----------
    layers : iterable of RBM
        From the data upwards. The last of several may have label units beside the layer below, as
        :func:`~layerwise.energy.class_rbm.class_rbm` makes them.
    """

    def __init__(self, layers: Iterable[RBM]) -> None:
        super().__init__()
        stack = list(layers)
        if not stack:
            raise OptionError("layers", stack, "must hold at least one RBM")
        for below, above in pairwise(stack):
            fitting = above.visible.size, features_of(above) if above is stack[-1] else above.visible.size
            if below.hidden.size not in fitting:
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

    @property
    def top(self) -> RBM:
        """The uppermost RBM."""
        return self.layers[-1]

    @property
    def recognition(self) -> list[Conditional]:
        """The upward halves of the RBMs below the top."""
        return [Conditional(layer.weights, layer.hidden) for layer in self.layers[:-1]]

    @property
    def generation(self) -> list[Conditional]:
        """Their downward halves."""
        return [Conditional(layer.weights.T, layer.visible) for layer in self.layers[:-1]]

    def free_energy_at(self, v: VisibleBatch, depth: int) -> Tensor:
        """Free energy, in layer ``depth``'s RBM, of rows carried up to it; a label is summed away."""
        with torch.no_grad():
            layer, x = self.layers[depth], self.up(v, depth)
            return free_energy_of_features(layer, x) if x.shape[1] < layer.visible.size else layer.free_energy(x)
