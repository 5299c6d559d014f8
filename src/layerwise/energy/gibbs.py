"""Block Gibbs sampling: all hidden units given the visible, then all visible given the hidden."""

from __future__ import annotations

from layerwise import kernels
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import HiddenChains, VisibleChains

__all__ = ["gibbs"]


def gibbs(
    rbm: RBM, v: VisibleChains, steps: int, random: RandomStream, first_row: int = 0
) -> tuple[VisibleChains, HiddenChains]:
    """Run block Gibbs chains; the joint distribution of the machine is invariant.

    Parameters
    ----------
    rbm : RBM
    v : Tensor of shape (chain, visible)
        Where the chains start.
    steps : int
        Number of full steps, at least 1.
    random : RandomStream
        Two positions a step are taken.
    first_row : int
        Global number of the first chain.

    Returns
    -------
    v : Tensor of shape (chain, visible)
    h : Tensor of shape (chain, hidden)
        The hidden units that v was drawn from.

    Raises
    ------
    OptionError
        ``steps`` is below 1.
    """
    if steps < 1:
        raise OptionError("steps", steps, "must be at least 1")
    h = v  # for the checker: there is at least one step
    for _ in range(steps):
        h = rbm.hidden.sample(rbm.field_of_hidden(kernels.compress(v)), random, first_row)
        v = rbm.visible.sample(rbm.field_of_visible(kernels.compress(h)), random, first_row)
    return v, h
