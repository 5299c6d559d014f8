r"""The classes of rows with missing values: p(y | x) averaged over what the missing values may be.

.. math:: p(k \mid x_{known}) = E\big[p(k \mid x)\big], \qquad x_{unknown} \sim p(x_{unknown} \mid x_{known})

A step of the chain draws a label given the row, exactly and with the hidden units summed away, then the hidden units
given both, then the missing values given those. Averaged is not the label that is drawn but its distribution [1]_: of a
row without missing values nothing is left to chance.

References
----------
.. [1] D. Blackwell (1947). Conditional expectation and unbiased sequential estimation. Annals of Mathematical
   Statistics 18.
"""

from __future__ import annotations

import torch
from torch import Tensor

from layerwise.energy.clamping import check_known, draw_unknown
from layerwise.energy.class_rbm import (
    class_log_probabilities,
    class_log_weights,
    fields_by_class,
    label_units,
)
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import ClassBatch, UnitBatch

__all__ = ["class_log_probabilities_of_known"]

ROWS_AT_ONCE = 256


@torch.no_grad()
def class_log_probabilities_of_known(
    rbm: RBM,
    x: UnitBatch,
    random: RandomStream,
    *,
    steps: int = 20,
    burn_in: int = 20,
    chains: int = 10,
) -> ClassBatch:
    """``log p(k | known values)`` of every class, in nats: exact for whole rows, else an average over clamped chains.

    Parameters
    ----------
    rbm : RBM
        With label units.
    x : Tensor of shape (batch, features)
        NaN where a value is missing. A row may miss all of them.
    random : RandomStream
        It moves no further: the same figures every time.
    steps : int
        Steps of each chain that are averaged over.
    burn_in : int
        Steps before them.
    chains : int
        Independent chains for each row.

    Returns
    -------
    Tensor of shape (batch, classes)

    Raises
    ------
    OptionError
        The machine has no label units; fewer than 1 step or chain, or a negative burn-in.
    DataError
        A categorical site is missing in part.

    Examples
    --------
    >>> from layerwise.energy.class_rbm import class_rbm
    >>> rbm = class_rbm(1, 1, classes=2)
    >>> rbm.weights[:, 0] = torch.tensor([3.0, -3.0, 0.0])
    >>> rows = torch.tensor([[0.0], [1.0], [float("nan")]])
    >>> class_log_probabilities_of_known(rbm, rows, RandomStream(0)).exp()
    tensor([[0.34, 0.66],
            [0.09, 0.91],
            [0.12, 0.88]])
    """
    for name, value, least in (("steps", steps, 1), ("burn_in", burn_in, 0), ("chains", chains, 1)):
        if value < least:
            raise OptionError(name, value, f"must be at least {least}")
    torn = x.isnan().any(1)
    result = class_log_probabilities(rbm, torch.where(torn[:, None], 0.0, x))
    for first, places in enumerate(torch.split(torn.nonzero()[:, 0], ROWS_AT_ONCE)):
        if len(places):
            streams = [random.child(f"class chain {chain}") for chain in range(chains)]
            sums = [_summed(rbm, x[places], one, steps, burn_in, first * ROWS_AT_ONCE) for one in streams]
            result[places] = torch.stack(sums).logsumexp(0).log_softmax(1).to(result.dtype)
    return result


def _summed(rbm: RBM, x: UnitBatch, random: RandomStream, steps: int, burn_in: int, first_row: int) -> Tensor:
    """Log of the sum of p(k | x) over the last steps of one chain a row, in float64."""
    label, known = label_units(rbm), ~x.isnan()
    assert label is not None
    both = torch.nn.functional.pad(x, (0, label.size), value=torch.nan)
    check_known(rbm.visible, ~both.isnan())
    row = draw_unknown(rbm, both, ~both.isnan(), random, first_row)[:, : x.shape[1]]
    total = torch.full((len(x), label.size), -torch.inf, dtype=torch.float64, device=x.device)
    for step in range(burn_in + steps):
        fields = fields_by_class(rbm, row)
        log_p = torch.log_softmax(class_log_weights(rbm, fields), dim=1)
        if step >= burn_in:
            total = torch.logaddexp(total, log_p.double())
        chosen = label.sample(log_p, random, first_row).argmax(1)
        h = rbm.hidden.sample(fields[torch.arange(len(x)), chosen], random, first_row)
        row = torch.where(known, x, rbm.sample_v_from_h(h, random, first_row)[:, : x.shape[1]])
    return total
