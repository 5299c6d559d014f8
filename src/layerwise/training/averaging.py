r"""The running mean of the parameters: a better estimate than the last one, where steps are noisy.

With a memory of :math:`\alpha` the t-th step keeps the share :math:`\min(\alpha, 1 - 1/t)` of the past: a plain mean at
first, which forgets exponentially later, so that the first parameters leave no trace.

References
----------
.. [1] B. T. Polyak, A. B. Juditsky (1992). Acceleration of stochastic approximation by averaging. SIAM Journal on
   Control and Optimization 30.
.. [2] K. Swersky, B. Chen, B. Marlin, N. de Freitas (2010). A tutorial on stochastic approximation algorithms for
   training restricted Boltzmann machines and deep belief nets. ITA.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.training.contrastive_state import ContrastiveState
from layerwise.units import kind_from

__all__ = ["average_in", "averaged", "twin_of"]


def average_in(average: dict[str, Tensor], model: nn.Module, memory: float, step: int) -> None:
    """Take the parameters after the ``step``-th step, counted from 1, into their running mean, in place."""
    kept = min(memory, 1.0 - 1.0 / step)
    for name, parameter in model.named_parameters():
        average[name].lerp_(parameter, 1.0 - kept)


@torch.no_grad()
def averaged(state: ContrastiveState) -> RBM:
    """A machine of its own with the running mean of the parameters.

    Raises
    ------
    OptionError
        The trainer was not asked to average.
    """
    if not state.average:
        raise OptionError("averaging", 0, "was off while this machine was trained", "train with averaging=0.999")
    machine = twin_of(state.rbm)
    for name, parameter in machine.named_parameters():
        parameter.copy_(state.average[name])
    return machine


@torch.no_grad()
def twin_of(rbm: RBM) -> RBM:
    """The same machine again, in memory of its own."""
    machine = RBM(kind_from(rbm.visible.spec()), kind_from(rbm.hidden.spec()))
    machine.to(dtype=rbm.weights.dtype, device=rbm.weights.device)
    machine.load_state_dict(rbm.state_dict())
    return machine
