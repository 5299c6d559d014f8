r"""A belief network given some of its visible units: the others, and every hidden layer, are drawn given them.

What is drawn is :math:`p(v_{unknown}, h \mid v_{known})` of the model itself, its directed layers and its top machine;
the recognition but starts the chains. The units of a directed layer are drawn one after another
(:mod:`layerwise.energy.one_by_one`), the hidden units of the top machine as in any machine. So a sweep takes time with
the units of each layer times those of the layer below it.

References
----------
.. [1] R. M. Neal (1992). Connectionist learning of belief networks. Artificial Intelligence 56.
.. [2] D. Blackwell (1947). Conditional expectation and unbiased sequential estimation. Annals of Mathematical
   Statistics 18.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from layerwise.energy.clamping import check_known
from layerwise.energy.class_rbm import features_of, label_units
from layerwise.energy.conditional import Conditional
from layerwise.energy.directed_stack import DirectedStack
from layerwise.energy.one_by_one import draw_one_by_one
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import Labels, VisibleBatch
from layerwise.units import NoisyRectifiedUnits, UnitKind

__all__ = ["impute_given", "sample_given"]


@torch.no_grad()
def sample_given(
    net: DirectedStack,
    v: VisibleBatch,
    steps: int,
    random: RandomStream,
    *,
    labels: Labels | None = None,
    start: VisibleBatch | None = None,
    first_row: int = 0,
) -> VisibleBatch:
    """Draw the missing units of rows given the others, and given a label where there is one.

    Parameters
    ----------
    net : DirectedStack
        Its layers below the top of units whose states can be counted, but for the visible ones.
    v : Tensor of shape (batch, visible)
        NaN where a unit is to be drawn.
    steps : int
        Sweeps through all layers.
    random : RandomStream
    labels : Tensor of shape (batch,), int64, optional
        -1 where a row has none; for a top with label units.
    start : Tensor of shape (batch, visible), optional
        Values of the unknown units that chains start from; from units without couplings if left out, or NaN.
    first_row : int
        Global number of the first row.

    Returns
    -------
    Tensor of shape (batch, visible)
        The known units as they were.

    Raises
    ------
    OptionError
        Fewer than 1 step; units that cannot be drawn one after another.
    DataError
        A categorical site is known in part, or a label is none of the classes.
    """
    _at_least("steps", steps, 1)
    chains = _Chains.of(net, v, labels)
    layers = chains.start(start, random, first_row)
    for _ in range(steps):
        layers = chains.sweep(layers, random, first_row)
    drawn = chains.lowest.sample(chains.first_hidden(layers), random, first_row)
    return torch.where(chains.known, v, drawn)


@torch.no_grad()
def impute_given(
    net: DirectedStack,
    v: VisibleBatch,
    random: RandomStream,
    *,
    steps: int = 100,
    burn_in: int = 100,
    chains: int = 10,
    labels: Labels | None = None,
    start: VisibleBatch | None = None,
    first_row: int = 0,
) -> VisibleBatch:
    r"""Fill missing units by their means given the others, as :func:`layerwise.energy.clamping.impute` does.

    Averaged is :math:`E[v_{unknown} \mid h^1]` [2]_; a categorical site gets the probabilities of its states.

    Parameters
    ----------
    net : DirectedStack
    v : Tensor of shape (batch, visible)
        NaN where a value is missing. A row may miss all of them.
    random : RandomStream
    steps, burn_in, chains : int
        Sweeps that are averaged over, sweeps before them, and independent chains for each row.
    labels : Tensor of shape (batch,), int64, optional
        -1 where a row has none; for a top with label units.
    start : Tensor of shape (batch, visible), optional
        As for :func:`sample_given`.
    first_row : int
        Global number of the first row.

    Returns
    -------
    Tensor of shape (batch, visible)

    Raises
    ------
    OptionError, DataError
        As :func:`sample_given`.

    Examples
    --------
    >>> from layerwise.energy import BeliefNet, bernoulli_rbm
    >>> both = bernoulli_rbm(2, 1, torch.tensor([[8.0], [8.0]]))  # both on or both off, as the unit above says
    >>> both.visible.bias.fill_(-4.0)
    Parameter containing:
    tensor([-4., -4.])
    >>> net = BeliefNet([both, bernoulli_rbm(1, 1)])
    >>> filled = impute_given(net, torch.tensor([[1.0, float("nan")], [0.0, float("nan")]]), RandomStream(0))
    >>> (filled[:, 1] > 0.5).tolist()
    [True, False]
    """
    for name, value, least in (("steps", steps, 1), ("burn_in", burn_in, 0), ("chains", chains, 1)):
        _at_least(name, value, least)
    of_rows = None if labels is None else labels.repeat_interleave(chains)
    copies = _Chains.of(net, v.repeat_interleave(chains, 0), of_rows)
    layers = copies.start(None if start is None else start.repeat_interleave(chains, 0), random, first_row * chains)
    total = torch.zeros(v.shape, dtype=torch.float64, device=v.device)
    for step in range(burn_in + steps):
        layers = copies.sweep(layers, random, first_row * chains)
        if step >= burn_in:
            total += copies.lowest.mean(copies.first_hidden(layers)).double().reshape(len(v), chains, -1).mean(1)
    return torch.where(v.isnan(), (total / steps).to(v.dtype), v)


@dataclass(frozen=True)
class _Chains:
    """Rows with gaps over the layers that are drawn above them: h¹, h², … and the top's visible units, label beside."""

    net: DirectedStack
    v: Tensor
    known: Tensor
    labels: Tensor | None
    kinds: Sequence[UnitKind]
    """Of the layers."""

    @classmethod
    def of(cls, net: DirectedStack, v: Tensor, labels: Tensor | None) -> _Chains:
        kinds = [*(layer.units for layer in net.generation[1:]), net.top.visible]
        if not net.generation:
            raise OptionError("net", "one layer", "has no directed layer", "take clamped_gibbs, or impute, of its top")
        for kind in kinds:
            if kind.states() is None:
                rule = "must have states that can be counted, to be drawn one after another"
                raise OptionError("units below the top", kind.name, rule, "take bernoulli, spin or categorical units")
        if any(isinstance(module, NoisyRectifiedUnits) for module in net.generation[0].units.modules()):
            raise OptionError("visible units", "noisy_rectified", "have no density", "take rectified units")
        known = ~v.isnan()
        check_known(net.generation[0].units, known)
        return cls(net, v, known, labels, kinds)

    @property
    def lowest(self) -> Conditional:
        """The visible units given those above them."""
        return self.net.generation[0]

    def first_hidden(self, layers: list[Tensor]) -> Tensor:
        """What the visible units look at: with a single directed layer the label stands beside it."""
        return layers[0][:, : len(self.lowest.weights)]

    def start(self, start: Tensor | None, random: RandomStream, first_row: int) -> list[Tensor]:
        """Every layer as the recognition draws it from the rows, their gaps filled by units without couplings."""
        units = self.lowest.units
        v = units.sample(units.bias.expand(len(self.v), -1).contiguous(), random, first_row)
        if start is not None:
            v = torch.where(start.isnan(), v, start)
        layers = [torch.where(self.known, self.v, v)]
        for layer in self.net.recognition:
            layers.append(layer.sample(layers[-1], random, first_row))
        return [*layers[1:-1], self.net.beside_labels(layers[-1], self.labels, random, first_row)]

    def sweep(self, layers: list[Tensor], random: RandomStream, first_row: int) -> list[Tensor]:
        """Every layer drawn once given the others, from the top downwards; their joint distribution is invariant."""
        top, drawn = self.net.top, list(layers)
        field = top.field_of_visible(top.sample_h_from_v(layers[-1], random, first_row))
        features = features_of(top)
        label = self._label(field[:, features:], random, first_row)
        x, field = layers[-1][:, :features], field[:, :features]
        for depth in range(len(layers) - 1, -1, -1):
            down = self.net.generation[depth]
            below, known = (layers[depth - 1], None) if depth else (self.v, self.known)
            x = draw_one_by_one(x, field, self.kinds[depth], down, below, known, random, first_row)
            drawn[depth] = x
            if depth:
                x, field = layers[depth - 1], down.field(x)
        drawn[-1] = torch.cat([drawn[-1], label], dim=1)
        return drawn

    def _label(self, field: Tensor, random: RandomStream, first_row: int) -> Tensor:
        """The label's units, those that are known as they are; of no width where the top has none."""
        units = label_units(self.net.top) if self.net.classes else None
        if units is None:
            return field
        label = units.sample(field, random, first_row)
        if self.labels is None:
            return label
        known = torch.nn.functional.one_hot(self.labels.clamp_min(0), self.net.classes).to(label)
        return torch.where(self.labels[:, None] >= 0, known, label)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise OptionError(name, value, f"must be at least {least}")
