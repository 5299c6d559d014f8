"""A deep belief network whose recognition has couplings of its own, as the wake-sleep algorithm needs it.

References
----------
.. [1] G. E. Hinton, P. Dayan, B. J. Frey, R. M. Neal (1995). The wake-sleep algorithm for unsupervised neural networks.
   Science 268.
.. [2] G. E. Hinton, S. Osindero, Y.-W. Teh (2006). A fast learning algorithm for deep belief nets.
   Neural Computation 18.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from layerwise import kernels
from layerwise.energy.belief_net import BeliefNet
from layerwise.energy.conditional import Conditional
from layerwise.energy.directed_stack import DirectedStack
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.units import UnitKind

__all__ = ["WakeSleepNet"]


class WakeSleepNet(DirectedStack):
    """Directed layers with one set of couplings up and another down, under an RBM.

    Parameters
    ----------
    recognition : sequence of Conditional
        Each layer below the top given the one under it, from the data upwards.
    generation : sequence of Conditional
        Each layer below the top given the one above it, from the data upwards.
    top : RBM
        With or without label units.

    Everything given becomes the net's own and is copied: nothing else moves with it.
    """

    def __init__(self, recognition: Sequence[Conditional], generation: Sequence[Conditional], top: RBM) -> None:
        super().__init__()
        if len(recognition) != len(generation):
            rule = "must be as many as there are layers of recognition"
            raise OptionError("generation", len(generation), rule, f"give {len(recognition)}")
        for up, down in zip(recognition, generation, strict=True):
            if up.weights.shape != down.weights.T.shape:
                rule = f"must be {tuple(up.weights.T.shape)}: it looks down where the recognition looks up"
                raise OptionError("generation.weights.shape", tuple(down.weights.shape), rule)
        self._up_weights, self._up_units = _own(recognition)
        self._down_weights, self._down_units = _own(generation)
        self._top = RBM(copy.deepcopy(top.visible), copy.deepcopy(top.hidden), top.weights).to(top.weights)

    @classmethod
    def untied(cls, net: BeliefNet) -> WakeSleepNet:
        """A belief network with its couplings untied: the same model and the same recognition, to begin with."""
        return cls(net.recognition, net.generation, net.top)

    @property
    def top(self) -> RBM:
        """The machine of the two uppermost layers."""
        return self._top

    @property
    def recognition(self) -> list[Conditional]:
        """Each layer below the top given the one under it."""
        return _conditionals(self._up_weights, self._up_units)

    @property
    def generation(self) -> list[Conditional]:
        """Each layer below the top given the one above it."""
        return _conditionals(self._down_weights, self._down_units)


def _own(layers: Sequence[Conditional]) -> tuple[nn.ParameterList, nn.ModuleList]:
    weights: list[nn.Parameter] = []
    for layer in layers:
        # Rows that begin on a cache line, where single precision leaves the choice: the sparse product reads them so.
        kept = torch.empty_like(layer.weights)
        if kept.is_cpu and kept.dtype == torch.float32:
            kept = kernels.padded(*kept.shape)
        weights.append(nn.Parameter(kept.copy_(layer.weights), requires_grad=False))
    return nn.ParameterList(weights), nn.ModuleList([copy.deepcopy(layer.units) for layer in layers])


def _conditionals(weights: nn.ParameterList, units: nn.ModuleList) -> list[Conditional]:
    return [Conditional(w, cast(UnitKind, kind)) for w, kind in zip(weights, units, strict=True)]
