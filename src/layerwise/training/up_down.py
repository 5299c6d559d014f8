r"""Up-down: contrastive wake-sleep, which fine-tunes all layers of a belief network together as one generative model.

*Wake*: rows are carried up by sampling the recognition, and each layer's generation learns to restore what was below,

.. math:: \Delta W_{down} \propto \langle h^{l+1} \otimes (h^l - E[h^l \mid h^{l+1}]) \rangle.

The *top* machine learns by CD-k from there. *Sleep*: what its chains end in is carried down by sampling the generation,
and each layer's recognition learns to find what the dream was made from,

.. math:: \Delta W_{up} \propto \langle h^l \otimes (h^{l+1} - E[h^{l+1} \mid h^l]) \rangle.

The dream starts near the data, so that recognition learns where it is used: wake-sleep's own dreams start anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from layerwise import kernels
from layerwise.data.minibatches import Batch
from layerwise.energy.conditional import Conditional
from layerwise.energy.gibbs import gibbs
from layerwise.energy.wake_sleep_net import WakeSleepNet
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.training.phases import relative_weights, share_of
from layerwise.training.ranges import at_least, not_negative, positive, share
from layerwise.training.ranks import ALONE, Ranks
from layerwise.training.schedules import Linear
from layerwise.training.up_down_movement import Difference, Statistics, Sums, follow
from layerwise.units import UnitKind

__all__ = ["UpDown", "UpDownInfo", "UpDownState"]


@dataclass(frozen=True)
class UpDownState:
    """All that the next step needs. The net and the velocities are moved in place."""

    net: WakeSleepNet
    velocity: dict[str, Tensor]
    """Running mean of the gradient of each parameter; empty where there is no momentum."""
    steps_done: int
    random: RandomStream


@dataclass(frozen=True)
class UpDownInfo:
    """What one step saw, before it moved anything."""

    recognised: list[Tensor]
    """The data, then each layer below the top as it was drawn given the one under it."""
    dreamt: list[Tensor]
    """The dream in the same places."""
    top_data: Tensor
    """Visible units of the top, labels included, where its chains started."""
    top_dream: Tensor
    """Where they ended."""

    @property
    def hidden_activity(self) -> list[float]:
        """Mean of each layer below the top over units and rows."""
        return [float(h.mean()) for h in self.recognised[1:]]


@dataclass(frozen=True)
class UpDown:
    """Contrastive wake-sleep with stochastic gradient ascent, momentum and a rate that falls linearly to zero.

    Parameters
    ----------
    steps : int
        Minibatches in all; the learning rate reaches zero after the last.
    gibbs_steps : int
        Gibbs steps in the top machine between wake and sleep.
    learning_rate : float
        Of the first step, for all layers.
    momentum : float
    weight_decay : float
        L2 penalty, on the couplings alone.
    dreams : {"samples", "means"}
        How a dream's lowest layer is shown to the recognition: drawn, as the model says, or by its means, which look
        like the grey levels that the recognition meets in the data [1]_.
    ranks : Ranks
        Processes that train together, each on its part of every minibatch.

    References
    ----------
    .. [1] G. E. Hinton, S. Osindero, Y.-W. Teh (2006). A fast learning algorithm for deep belief nets.
       Neural Computation 18.
    .. [2] G. E. Hinton, P. Dayan, B. J. Frey, R. M. Neal (1995). The wake-sleep algorithm for unsupervised neural
       networks. Science 268.
    """

    steps: int
    gibbs_steps: int = 3
    learning_rate: float = 0.01
    momentum: float = 0.5
    weight_decay: float = 0.0
    dreams: Literal["samples", "means"] = "samples"
    ranks: Ranks = ALONE

    def __post_init__(self) -> None:
        at_least("steps", self.steps, 1)
        at_least("gibbs_steps", self.gibbs_steps, 1)
        positive("learning_rate", self.learning_rate, "start with 0.01")
        share("momentum", self.momentum)
        not_negative("weight_decay", self.weight_decay)
        if self.dreams not in ("samples", "means"):
            raise OptionError("dreams", self.dreams, "must be 'samples' or 'means'")

    def init(self, net: WakeSleepNet, random: RandomStream) -> UpDownState:
        """The first State."""
        velocity: dict[str, Tensor] = {}
        for name, parameter in _parameters(net).items() if self.momentum else ():
            padded = parameter.dim() == 2 and parameter.is_cpu and parameter.dtype == torch.float32
            blank = kernels.padded(*parameter.shape) if padded else torch.empty_like(parameter)
            velocity[name] = blank.zero_()
        return UpDownState(net, velocity, 0, random)

    @torch.no_grad()
    def step(self, state: UpDownState, batch: Batch) -> tuple[UpDownState, UpDownInfo]:
        """Do one minibatch; where the top has label units a row's label is used, and drawn if it has none.

        Rows may have weights, relative to each other.

        Raises
        ------
        DataError
            A value is missing; a weight of a row is negative, or none is above 0.
        """
        batch, part = self.ranks.own(batch)
        net, random, row = state.net, state.random, batch.first_row
        share = share_of(batch.values, part, relative_weights(batch, self.ranks))
        if bool(batch.values.sum().isnan()):
            raise DataError("rows", "NaN", "up-down needs every value", "fill the gaps with the first layer's impute")
        recognition, generation, top = net.recognition, net.generation, net.top

        recognised = [batch.values]
        for layer in recognition:
            recognised.append(layer.sample(recognised[-1], random, row))
        top_data = net.beside_labels(recognised[-1], batch.labels, random, row)
        top_dream, _ = gibbs(top, top_data, self.gibbs_steps, random, row)
        dreamt = [top_dream[:, : top_dream.shape[1] - net.classes]]
        for number, layer in reversed(list(enumerate(generation))):
            by_mean = number == 0 and self.dreams == "means"
            dreamt.insert(0, layer.mean(dreamt[0]) if by_mean else layer.sample(dreamt[0], random, row))

        # A dream weighs what the row does that it began at.
        differences = [self._of_top(net, top_data, top_dream, share)]
        for number, (up, down) in enumerate(zip(recognition, generation, strict=True)):
            differences.append(_of_layer(f"down.{number}", down, recognised[number + 1], recognised[number], share))
            differences.append(_of_layer(f"up.{number}", up, dreamt[number], dreamt[number + 1], share))
        rate = self.learning_rate * Linear(self.steps)(state.steps_done)
        for difference in differences:  # after all of them were taken: each is a gradient of the same net
            follow(difference, state.velocity, rate, self.momentum, self.weight_decay, self.ranks)
        info = UpDownInfo(recognised, dreamt, top_data, top_dream)
        return UpDownState(net, state.velocity, state.steps_done + 1, random), info

    @staticmethod
    def _of_top(net: WakeSleepNet, data: Tensor, dream: Tensor, share: Tensor | None) -> Difference:
        top = net.top
        sides: list[tuple[Sums, Statistics, Statistics]] = []
        for v in (data, dream):
            rows = kernels.compress(v)
            field = top.field_of_hidden(rows)
            mean = top.hidden.mean(field)
            visible = _weighted(top.visible.statistics(v), share)
            hidden = _weighted(top.hidden.expected_statistics(field, mean), share)
            sides.append(((rows, _times(mean, share)), visible, hidden))
        (plus, visible, hidden), (minus, visible_dream, hidden_dream) = sides
        units: list[tuple[str, UnitKind, Statistics, Statistics]] = [
            ("top.visible", top.visible, visible, visible_dream),
            ("top.hidden", top.hidden, hidden, hidden_dream),
        ]
        return Difference("top", top.weights, plus, minus, units)

    def to_tree(self, state: UpDownState) -> dict[str, Any]:
        """The State as plain containers of tensors and numbers, for a checkpoint."""
        return {
            "net": dict(state.net.state_dict()),
            "velocity": state.velocity,
            "steps_done": state.steps_done,
            "random": [state.random.seed, state.random.position],
        }

    def from_tree(self, net: WakeSleepNet, tree: dict[str, Any]) -> UpDownState:
        """The State again: ``net`` is overwritten with the saved parameters."""
        net.load_state_dict(tree["net"])
        state = self.init(net, RandomStream(0))
        for name, velocity in state.velocity.items():
            velocity.copy_(tree["velocity"][name])
        return UpDownState(net, state.velocity, int(tree["steps_done"]), RandomStream(*tree["random"]))


def _of_layer(name: str, layer: Conditional, given: Tensor, wanted: Tensor, share: Tensor | None) -> Difference:
    """What makes ``wanted`` more probable given ``given``: the gradient of its mean log-probability."""
    rows = kernels.compress(given)
    field = kernels.product(rows, layer.weights, layer.units.bias)
    mean = layer.units.mean(field)
    plus = _weighted(layer.units.statistics(wanted), share)
    minus = _weighted(layer.units.expected_statistics(field, mean), share)
    sums: tuple[Sums, Sums] = (rows, _times(wanted, share)), (rows, _times(mean, share))
    return Difference(name, layer.weights, *sums, [(name, layer.units, plus, minus)])


def _times(values: Tensor, share: Tensor | None) -> Tensor:
    """Numbers of the rows, such that their plain mean is the weighted one."""
    return values if share is None else values * share


def _weighted(statistics: Statistics, share: Tensor | None) -> Statistics:
    return {name: _times(values, share) for name, values in statistics.items()}


def _parameters(net: WakeSleepNet) -> dict[str, Tensor]:
    """Every parameter by the name that its difference has."""
    found: dict[str, Tensor] = {f"top.{name}": parameter for name, parameter in net.top.named_parameters()}
    for direction, layers in (("up", net.recognition), ("down", net.generation)):
        for number, layer in enumerate(layers):
            found[f"{direction}.{number}.weights"] = layer.weights
            for name, parameter in layer.units.named_parameters():
                found[f"{direction}.{number}.{name}"] = parameter
    return found
