"""Greedy layer-wise pretraining: each RBM learns the code of the layer below, one after the other.

The upper layers' inputs are never stored: every minibatch is carried up on the fly, by means.

References
----------
.. [1] G. E. Hinton, S. Osindero, Y.-W. Teh (2006). A fast learning algorithm for deep belief nets.
   Neural Computation 18.
.. [2] Y. Bengio, P. Lamblin, D. Popovici, H. Larochelle (2007). Greedy layer-wise training of deep networks. NIPS 19.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from layerwise.data.minibatches import MinibatchStream
from layerwise.energy.belief_net import BeliefNet
from layerwise.energy.rbm import RBM
from layerwise.errors import DivergenceError, OptionError
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning, ContrastiveState
from layerwise.training.divergence import largest
from layerwise.training.ranks import ALONE, Ranks
from layerwise.units import BernoulliUnits, GaussianUnits, kind_named

__all__ = ["GreedyPretraining", "LayerInfo", "check_finite", "measure_layer"]

GAUSSIAN_SHARE = 1 / 20
"""Of the learning rate, for Gaussian visible units."""


@dataclass(frozen=True)
class LayerInfo:
    """What is measured of a layer after an epoch.

    Parameters
    ----------
    reconstruction_error : float
        Mean over rows of the summed squared difference between the layer's input and its reconstruction.
    free_energy_gap : float
        Mean free energy of held-out rows less that of as many training rows, in nats: it grows when the machine begins
        to know its training rows by heart. NaN where nothing was held out.
    hidden_activity : float
        Mean of E[h | v] over units and rows.
    """

    reconstruction_error: float
    free_energy_gap: float
    hidden_activity: float


@dataclass(frozen=True)
class GreedyPretraining:
    """Which layers are learned, and how.

    Parameters
    ----------
    visible : str
        Kind of the units that meet the data.
    hidden : sequence of int
        Size of each hidden layer, from the data upwards.
    trainer : ContrastiveLearning
        How each layer is trained; where visible units are Gaussian, whose gradients are larger, by a twentieth of its
        learning rate.
    """

    visible: str
    hidden: Sequence[int]
    trainer: ContrastiveLearning

    def __post_init__(self) -> None:
        kind_named(self.visible, 1)  # an unknown kind is refused before any work
        if not self.hidden:
            raise OptionError("hidden", self.hidden, "must name at least one layer's size", "give 500,500,2000")
        for size in self.hidden:
            if size < 1:
                raise OptionError("hidden", size, "every layer must have at least 1 unit", "give a size such as 500")

    @torch.no_grad()
    def begin_layer(
        self, below: Sequence[RBM], stream: MinibatchStream, sample: Tensor, random: RandomStream, ranks: Ranks = ALONE
    ) -> tuple[ContrastiveLearning, ContrastiveState, MinibatchStream]:
        """What the next layer needs to be trained: a trainer, its first State and its minibatches.

        Parameters
        ----------
        below : sequence of RBM
            The layers already learned.
        stream : MinibatchStream
            Prepared rows of the data.
        sample : Tensor of shape (rows, columns)
            Some of the rows: binary visible units start from their mean. Units with a variance of their own start
            from all rows, because a column that is constant in some of them may not be in the others.
        random : RandomStream
            Of this layer.
        ranks : Ranks
            Who learns it together.
        """
        depth = len(below)
        visible = kind_named(self.visible, stream.n_columns) if depth == 0 else BernoulliUnits(self.hidden[depth - 1])
        rbm = RBM(visible, BernoulliUnits(self.hidden[depth])).to(sample.device)
        rbm.scatter_weights(random)
        if below:
            net = BeliefNet(below)
            stream, sample = stream.map(net.up), net.up(sample)
        mean, variance = sample.mean(0), sample.var(0, correction=0)
        if not isinstance(visible, BernoulliUnits):
            mean, variance = _moments(stream, ranks)
        rbm.visible.start_from(mean, variance)
        trainer = replace(self.trainer_for(rbm), ranks=ranks)
        return trainer, trainer.init(rbm, random), stream

    def measure(
        self, state: ContrastiveState, rows: Tensor, held_out: Tensor | None, labelled: object, title: str
    ) -> LayerInfo:
        """Measure the layer at hand on rows of its own input; nothing is changed.

        Raises
        ------
        DivergenceError
            Some parameter is not finite.
        """
        check_finite(state.rbm, title)
        return measure_layer(state.rbm, rows, held_out)

    def trainer_for(self, rbm: RBM) -> ContrastiveLearning:
        """The trainer with the learning rate that the visible units stand."""
        if not isinstance(rbm.visible, GaussianUnits):
            return self.trainer
        return replace(self.trainer, learning_rate=self.trainer.learning_rate * GAUSSIAN_SHARE)


def _moments(stream: MinibatchStream, ranks: Ranks) -> tuple[Tensor, Tensor]:
    """Mean and variance of every column over all rows, missing entries left out."""
    total = torch.zeros(3, stream.n_columns, dtype=torch.float64)
    for batch in stream.epoch(0):
        values = batch.values.double()
        known = ~values.isnan()
        values = values.nan_to_num()
        total = total.to(values.device) + torch.stack([known.sum(0).double(), values.sum(0), values.square().sum(0)])
    ranks.sum_(total)
    count = total[0].clamp_min(1)
    mean = total[1] / count
    return mean.float(), (total[2] / count - mean * mean).clamp_min(0).float()


@torch.no_grad()
def measure_layer(rbm: RBM, rows: Tensor, held_out: Tensor | None) -> LayerInfo:
    """Measure a layer on rows of its own input; the model is not changed."""
    hidden = rbm.mean_h_from_v(rows)
    error = (rows - rbm.mean_v_from_h(hidden)).square().sum(1).mean()
    gap = math.nan
    if held_out is not None and len(held_out):
        gap = float(rbm.free_energy(held_out).double().mean() - rbm.free_energy(rows).double().mean())
    return LayerInfo(float(error), gap, float(hidden.mean()))


def check_finite(module: torch.nn.Module, where: str) -> None:
    """Refuse to go on with parameters that are no numbers.

    Raises
    ------
    DivergenceError
        Some parameter is NaN or infinite.
    """
    for name, parameter in module.named_parameters():
        if not math.isfinite(largest(parameter)):
            raise DivergenceError(
                f"{where}: {name} left the finite numbers; only what was saved before is intact; "
                "lower the learning rate (a tenth is a good first try)"
            )
