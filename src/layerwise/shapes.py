"""The axis vocabulary of annotations: which axes a tensor has, and in which order.

Within one call the same axis name stands for the same length, so that ``(batch, visible)`` rows, ``(visible, hidden)``
weights and a ``(batch, hidden)`` result must fit together. Under pytest this is checked at run time; elsewhere the
annotations cost nothing.

=========== ==================================================================
axis        one entry for each
=========== ==================================================================
``batch``   row of a minibatch
``chain``   Markov chain
``visible`` visible unit of an energy model; column of the prepared data
``hidden``  hidden unit of an energy model
``unit``    unit of one layer, where it does not matter which side it is on
``class``   class
=========== ==================================================================

Batch comes first. Weights are ``(visible, hidden)`` inside energy models.
"""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor

__all__ = [
    "ClassBatch",
    "Couplings",
    "HiddenBatch",
    "HiddenChains",
    "HiddenVector",
    "Labels",
    "PerRow",
    "Scalar",
    "UnitBatch",
    "UnitVector",
    "VisibleBatch",
    "VisibleChains",
    "VisibleVector",
]

VisibleBatch = Float[Tensor, "batch visible"]
HiddenBatch = Float[Tensor, "batch hidden"]
UnitBatch = Float[Tensor, "batch unit"]
ClassBatch = Float[Tensor, "batch class"]
VisibleChains = Float[Tensor, "chain visible"]
HiddenChains = Float[Tensor, "chain hidden"]
Couplings = Float[Tensor, "visible hidden"]
VisibleVector = Float[Tensor, " visible"]
HiddenVector = Float[Tensor, " hidden"]
UnitVector = Float[Tensor, " unit"]
PerRow = Float[Tensor, " batch"]
Labels = Int64[Tensor, " batch"]
Scalar = Float[Tensor, ""]
