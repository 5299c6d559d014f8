"""Where the model's rows come from: Gibbs steps from given hidden states, or parallel tempering.

References
----------
.. [1] G. Desjardins, A. Courville, Y. Bengio, P. Vincent, O. Delalleau (2010). Tempered Markov chain Monte Carlo for
   training of restricted Boltzmann machines. AISTATS.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from layerwise import kernels
from layerwise.energy.ladder import adapt_ladder, ladder, warn_if_coarse
from layerwise.energy.path import Path
from layerwise.energy.rbm import RBM
from layerwise.energy.tempering import start_tempering, temper
from layerwise.randomness import RandomStream
from layerwise.shapes import HiddenChains, VisibleChains
from layerwise.training.contrastive_state import Tempering
from layerwise.training.phases import Phase, data_phase
from layerwise.training.ranks import ALONE, Ranks

__all__ = ["ADAPTED_EVERY", "adapted", "dream", "dream_tempered", "first_tempering"]

ADAPTED_EVERY = 200
"""Minibatches after which the ladder follows its swap rates: with 100 chains 10,000 swaps of each pair are tried in
them, and the machine has not become another in the meantime."""


def dream(
    rbm: RBM, h: HiddenChains, steps: int, random: RandomStream, first_row: int, share: Tensor | None, keep: bool
) -> tuple[Phase, HiddenChains | None]:
    """Gibbs steps from hidden states, and the phase of where they end.

    Returns
    -------
    Phase
    Tensor of shape (chain, hidden) or None
        New hidden states for chains that are kept. They are drawn in the pass that gives their expectations, so that a
        step of persistent chains needs five products and not six.
    """
    for _ in range(steps - 1):
        v = kernels.compress(_seen(rbm, h, random, first_row))
        h = rbm.hidden.sample(rbm.field_of_hidden(v), random, first_row)
    return data_phase(rbm, _seen(rbm, h, random, first_row), share, random if keep else None, first_row)


def _seen(rbm: RBM, h: HiddenChains, random: RandomStream, first_row: int) -> VisibleChains:
    """Visible states drawn from hidden ones, of which few may be on."""
    return rbm.visible.sample(rbm.field_of_visible(kernels.compress(h)), random, first_row)


def first_tempering(rbm: RBM, temperatures: int, chains: int, random: RandomStream, first_chain: int = 0) -> Tempering:
    """Replicas at independent units with the machine's visible biases, which start from the data's mean.

    The start of the path stays as it is while the machine moves away from it.
    """
    path = Path.from_mean(rbm)
    return Tempering(path, start_tempering(path, ladder(temperatures), chains, random, first_chain))


def dream_tempered(
    rbm: RBM, tempering: Tempering, steps: int, random: RandomStream, first_chain: int
) -> tuple[Phase, Tempering]:
    """Swaps and Gibbs steps of all replicas, and the phase of those that are at the machine itself."""
    chains = temper(tempering.path, tempering.chains, steps, random, first_chain)
    return data_phase(rbm, chains.rows, None, None, 0)[0], replace(tempering, chains=chains)


def adapted(tempering: Tempering, steps_done: int, ranks: Ranks = ALONE) -> Tempering:
    """The same replicas on a ladder that follows the swap rates of all ranks' chains, where it is time for it.

    Warns
    -----
    LadderWarning
        Some neighbours hardly swap although the ladder was adapted before.
    """
    if steps_done % ADAPTED_EVERY:
        return tempering
    tried, accepted = tempering.chains.tried.double(), tempering.chains.accepted.double()
    ranks.sum_(tried, accepted)
    betas, rates = ([float(x) for x in of_one] for of_one in (tempering.chains.betas, accepted / tried))
    if steps_done > ADAPTED_EVERY:
        warn_if_coarse(betas, rates)
    return replace(tempering, chains=tempering.chains.on(adapt_ladder(betas, rates)))
