r"""The centred gradient: each unit is seen as its difference from an offset near its mean.

A machine with offsets :math:`\mu, \lambda` has the energy

.. math:: E(v, h) = U_0(v) + U_0(h) - a_c v - b_c h - (v - \mu)^\top W (h - \lambda).

It is the same distribution as the machine with biases :math:`a = a_c - W\lambda` and :math:`b = b_c - W^\top\mu`, but
the gradient in its parameters is another: flipping zeros and ones of the data no longer matters, and couplings and
biases are learned nearly independently of each other [1]_ [2]_. Written for the machine without offsets it is

.. math:: \nabla_c W = \nabla W - \nabla a \, \lambda^\top - \mu \, \nabla b^\top, \qquad
          \nabla_c a = \nabla a - \nabla_c W \, \lambda, \qquad \nabla_c b = \nabla b - \nabla_c W^\top \mu.

The first correction costs nothing: hidden units enter the couplings' correlations less their offset. The second is one
outer product, and what the biases need are two products with vectors.

References
----------
.. [1] G. Montavon, K.-R. Müller (2012). Deep Boltzmann machines and the centering trick. Neural networks: tricks of the
   trade.
.. [2] J. Melchior, A. Fischer, L. Wiskott (2016). How to center deep Boltzmann machines. JMLR 17.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from layerwise.energy.rbm import RBM
from layerwise.shapes import HiddenVector, VisibleVector
from layerwise.training.phases import Phase
from layerwise.training.ranks import Ranks

__all__ = ["Offsets", "centre_biases", "first_offsets", "slide"]


@dataclass(frozen=True)
class Offsets:
    """Running means of the data on both sides; moved in place."""

    visible: VisibleVector
    hidden: HiddenVector


def first_offsets(rbm: RBM) -> Offsets:
    """Means of the units without couplings: those of the data, where visible biases started from them."""
    visible, hidden = (units.mean(units.bias[None])[0].clone() for units in (rbm.visible, rbm.hidden))
    return Offsets(visible, hidden)


def slide(offsets: Offsets, data: Phase, sliding: float, ranks: Ranks) -> None:
    """Let the offsets go after the means of one minibatch, by the share ``sliding`` of the way."""
    visible, hidden = data.means(ranks, data.values, data.hidden)
    offsets.visible.lerp_(visible, sliding)
    offsets.hidden.lerp_(hidden, sliding)


def centre_biases(
    gradient: dict[str, Tensor], offsets: Offsets, data: tuple[Tensor, Tensor], model: tuple[Tensor, Tensor]
) -> tuple[VisibleVector, HiddenVector]:
    """Change the gradients of both biases to the centred ones, in place.

    Parameters
    ----------
    gradient : dict
        Holds ``visible.bias`` and ``hidden.bias``.
    offsets : Offsets
    data, model : (left, right)
        Of shape (rows, visible) and (rows, hidden): the mean of their outer products is the phase's correlation, the
        hidden side less its offset.

    Returns
    -------
    Tensor of shape (visible,), Tensor of shape (hidden,)
        Their outer product is to be taken from the gradient of the couplings.
    """
    of_visible, of_hidden = gradient["visible.bias"], gradient["hidden.bias"]
    towards_visible = -offsets.visible * (of_hidden @ offsets.hidden)
    towards_hidden = -of_hidden * (offsets.visible @ offsets.visible)
    for (left, right), sign in ((data, 1.0), (model, -1.0)):
        share = sign / len(left)
        towards_visible.add_(torch.mv(left.T, torch.mv(right, offsets.hidden)), alpha=share)
        towards_hidden.add_(torch.mv(right.T, torch.mv(left, offsets.visible)), alpha=share)
    gradient["visible.bias"] = of_visible - towards_visible
    gradient["hidden.bias"] = of_hidden - towards_hidden
    return offsets.visible, of_hidden
