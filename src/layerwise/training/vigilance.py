"""Divergence is noticed after each epoch and named with its likely cause; the last good State is kept.

References
----------
.. [1] A. Fischer, C. Igel (2010). Empirical analysis of the divergence of Gibbs sampling based learning algorithms for
   restricted Boltzmann machines. ICANN.
.. [2] G. E. Hinton (2012). A practical guide to training restricted Boltzmann machines. Neural networks: tricks of the
   trade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Generic, cast

import torch
from torch import Tensor

from layerwise.energy.ladder import ladder
from layerwise.energy.path import Path
from layerwise.energy.rbm import RBM
from layerwise.energy.tempering import start_tempering, temper
from layerwise.errors import DivergenceError
from layerwise.randomness import RandomStream
from layerwise.shapes import VisibleBatch
from layerwise.training.classification_state import ClassificationState
from layerwise.training.contrastive_state import ContrastiveState
from layerwise.training.contrastive_tree import snapshot
from layerwise.training.divergence import largest
from layerwise.training.keeping import Keeper, State
from layerwise.warning import warn

__all__ = ["Symptom", "TrainingWarning", "Vigilance", "diagnose", "diagnose_growth"]

LARGE, GROWTH, LARGEST = 10.0, 10.0, 1000.0
"""A coupling of 10 nats decides for its unit alone. Couplings explode where one is above that and their norm has grown
tenfold within an epoch; or where one is beyond 1,000 nats, whatever went before."""
EDGE = 0.01
"""As a share of a unit's range: nearer to its end for every row, it is dead or always on."""
FEWEST = 64
"""Numbers of the chains below which it is no wonder that they are the same again."""
ASTRAY = 5.0
"""Nats by which what tempered chains find is more probable than the data: beyond chance, and beyond a poor fit."""
REPLICAS, DREAMS, DREAM_STEPS = 10, 20, 100
"""Of the tempered chains that look for them."""


class TrainingWarning(UserWarning):
    """Training goes on, but something is not as it should be."""


@dataclass(frozen=True)
class Symptom:
    """What is wrong, its likely cause and what to do; whether training cannot go on."""

    what: str
    cause: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.what}; likely cause: {self.cause}"


def diagnose(
    state: ContrastiveState | ClassificationState,
    sample: VisibleBatch,
    norm_before: float | None = None,
    rows_before: Tensor | None = None,
) -> list[Symptom]:
    """Look for what goes wrong in training; nothing is changed.

    Parameters
    ----------
    state : ContrastiveState or ClassificationState
        Of the latter only growth is looked at: it may classify well with units that are always on, or chains that rest.
    sample : Tensor of shape (batch, visible)
        Some training rows; those with a missing value are left out.
    norm_before : float, optional
        Of the couplings, an epoch ago.
    rows_before : Tensor, optional
        The chains, an epoch ago.

    Returns
    -------
    list of Symptom
        The fatal ones first.
    """
    return _symptoms(state, _complete(sample), norm_before, chains_of(state), rows_before)


def _complete(sample: Tensor) -> Tensor:
    return sample[~sample.isnan().any(1)]


def _symptoms(
    state: ContrastiveState | ClassificationState,
    rows: VisibleBatch,
    norm_before: float | None,
    chains: Tensor | None,
    rows_before: Tensor | None,
) -> list[Symptom]:
    """:func:`diagnose` on rows without a missing value, and on the chains of all ranks."""
    rbm = state.rbm
    growth = diagnose_growth(rbm, norm_before)
    if growth is not None and not all(math.isfinite(largest(parameter)) for parameter in rbm.parameters()):
        return [growth]  # nothing else can be looked at
    found = [] if growth is None else [growth]
    if isinstance(state, ClassificationState):
        return found
    if rows_before is not None and chains is not None and chains.numel() >= FEWEST and torch.equal(chains, rows_before):
        found.append(_standstill(rbm, rows))
    dead, on = silent_units(rbm, rows)
    if dead + on:
        units = rbm.hidden.size
        cause = "a learning rate too high at the start, or a sparsity_cost too high: lower it"
        what = f"{dead} of {units} hidden units are off for every row looked at, {on} always on"
        if 2 * (dead + on) > units:
            found.append(Symptom(what, cause, dead + on == units))
    return sorted(found, key=lambda symptom: not symptom.fatal)


@torch.no_grad()
def _standstill(rbm: RBM, rows: VisibleBatch) -> Symptom:
    """What chains that do not move mean: fatal where they hide from training what the machine has come to be.

    Rows that lie far apart may leave chains in their modes though all is learned well. But then nothing keeps one mode
    from outgrowing another, or a mode that no chain shows from outgrowing all: tempered chains find it, and its free
    energy is below that of the data.
    """
    still = "no unit of any chain has changed within an epoch"
    cause = "couplings too large for Gibbs steps: take method 'pt', lower the learning rate, or raise weight_decay"
    if not len(rows):
        return Symptom(still, cause, False)
    path, random = Path.from_mean(rbm, rows.mean(0)), RandomStream(0)
    dreams = temper(path, start_tempering(path, ladder(REPLICAS), DREAMS, random), DREAM_STEPS, random).rows
    more_probable = float(rbm.free_energy(rows).double().mean() - rbm.free_energy(dreams).double().mean())
    if more_probable > ASTRAY:
        astray = f"what tempered chains find is {more_probable:.1f} nats more probable than the data"
        return Symptom(f"{still}, and {astray}", cause, True)
    return Symptom(f"{still}, but the data are as probable as what tempered chains find", cause, False)


def diagnose_growth(rbm: RBM, norm_before: float | None = None) -> Symptom | None:
    """Parameters that are no numbers, or couplings that explode; both are fatal.

    Parameters
    ----------
    rbm : RBM
    norm_before : float, optional
        Of the couplings, an epoch ago.
    """
    reach = {name: largest(parameter) for name, parameter in rbm.named_parameters()}
    for name, most in reach.items():
        if not math.isfinite(most):
            return Symptom(f"{name} left the finite numbers", _cause_of_growth(rbm), True)
    most = reach["weights"]
    grown = most > LARGE and norm_before is not None and _norm(rbm) > GROWTH * norm_before
    if grown or most > LARGEST:
        return Symptom(f"the couplings explode (the largest is {most:.3g})", _cause_of_growth(rbm), True)
    return None


def _norm(rbm: RBM) -> float:
    return float(cast(Tensor, torch.linalg.vector_norm(rbm.weights, dtype=torch.float64)))


def _cause_of_growth(rbm: RBM) -> str:
    real = any(units.states() is None for units in (rbm.visible, rbm.hidden))
    also = ", and real-valued units need a smaller one than binary ones" if real else ""
    return f"the learning rate is too high{also}: lower the learning rate (a tenth is a good first try)"


def chains_of(state: ContrastiveState | ClassificationState) -> Tensor | None:
    """What the next dreams start from, where that is kept."""
    if isinstance(state, ClassificationState):
        return state.chains
    return state.chains if state.tempering is None else state.tempering.chains.rows


def _chains_in(tree: dict[str, Any]) -> Tensor | None:
    """The same of all ranks, in what a trainer makes of a State."""
    tempering = tree.get("tempering")
    if tempering is None:
        return tree["chains"]
    replicas = len(tempering["betas"])
    return tempering["v"][replicas - 1 :: replicas]


@torch.no_grad()
def silent_units(rbm: RBM, rows: VisibleBatch) -> tuple[int, int]:
    """How many hidden units are at the lower end of their range for every row, and how many at the upper."""
    if not len(rows):
        return 0, 0
    mean = rbm.mean_h_from_v(rows)
    least, most = mean.amin(0), mean.amax(0)
    if float(most.min()) >= EDGE and float(least.max()) <= 1 - 2 * EDGE:
        return 0, 0  # whatever the range: none of a kind that has an end is nearer to it
    tried = torch.tensor([[-1.0], [0.0]]).expand(-1, rbm.hidden.size).to(least)
    below_zero, zero = rbm.hidden.accepts(tried)
    states = rbm.hidden.states()
    if states is None:
        # Of real-valued units only those that cannot be negative have an end.
        return int(((most < EDGE) & zero & ~below_zero).sum()), 0
    low = -below_zero.to(least.dtype)
    off, on = most < low + EDGE * (1 - low), least > 1 - EDGE * (1 - low)
    choices = torch.tensor([len(of_site) > 1 for of_site in states for _ in range(of_site.shape[1])]).to(off.device)
    return int((off & choices).sum()), int((on & choices).sum())


class Vigilance(Generic[State]):
    """``after_epoch`` of :func:`layerwise.training.loop.run` that stops what diverges.

    Parameters
    ----------
    trainer : ContrastiveLearning or ClassificationLearning
        Whose State is kept.
    sample : Tensor of shape (batch, visible)
        Some training rows.
    where : str
        What is trained, for the message.

    Attributes
    ----------
    good_epoch : int
        The last epoch, counted from 0, after which nothing was fatally wrong; -1 before there was one.
    """

    def __init__(self, trainer: Keeper[State], sample: VisibleBatch, where: str = "RBM") -> None:
        self.trainer, self.where = trainer, where
        self._rows = _complete(sample)
        self.good_epoch = -1
        self._good: dict[str, Any] | None = None
        self._norm: float | None = None
        self._chains: Tensor | None = None
        self._said: set[str] = set()

    def after_epoch(self, state: State, epoch: int) -> State:
        """Look; the State goes on as it is.

        Raises
        ------
        DivergenceError
            Parameters that are no numbers, exploding couplings, no hidden unit that moves any more, or chains that
            stand still while the machine leaves the data.

        Warns
        -----
        TrainingWarning
            More than half of the hidden units are dead or always on, or chains stand still; said once.
        """
        tree = snapshot(self.trainer.to_tree(state))
        chains = _chains_in(tree)
        for symptom in _symptoms(state, self._rows, self._norm, chains, self._chains):
            if symptom.fatal:
                kept = f"the State after epoch {self.good_epoch + 1} is kept" if self._good else "nothing good is kept"
                raise DivergenceError(f"{self.where}: {symptom} ({kept}; this is epoch {epoch + 1})")
            if symptom.cause not in self._said:
                self._said.add(symptom.cause)
                warn(f"{self.where}: {symptom}", TrainingWarning)
        self._norm, self._chains = _norm(state.rbm), chains
        self.good_epoch, self._good = epoch, tree
        return state

    def restore(self, rbm: RBM) -> State | None:
        """The State after the last good epoch, None if there was none; ``rbm`` is overwritten with its parameters."""
        return None if self._good is None else self.trainer.from_tree(rbm, snapshot(self._good))
