"""The gradient of a network's loss over the rows of all ranks, of which each has found its own rows' part.

torch's DistributedDataParallel weighs every rank alike, which is wrong where the last minibatch leaves parts of unequal
size, and hears of gradients from autograd, which the sweep through dense layers does without (docs/design_notes.md).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]  # all batch norms, by torch

from layerwise.data.batches import Batch
from layerwise.errors import OptionError
from layerwise.networks.loss import Loss, Targets
from layerwise.training.ranks import Ranks

__all__ = ["average_gradients", "check_divisible", "mean_count"]


def check_divisible(network: nn.Sequential, penalty: bool, ranks: Ranks) -> None:
    """Refuse a loss that is no mean over rows where several ranks share them.

    Raises
    ------
    OptionError
    """
    normed = any(isinstance(module, _BatchNorm) for module in network.modules())
    if ranks.size == 1 or not (normed or penalty):
        return
    what, received = ("network", "a batch norm") if normed else ("penalty", "of a minibatch")
    rule = f"may mix the rows of a minibatch, of which each of {ranks.size} ranks has a part"
    remedy = "take a layer norm, or train in one process" if normed else "leave it out, or train in one process"
    raise OptionError(what, received, rule, remedy)


def mean_count(loss: Loss, targets: Targets, batch: Batch, part: float, ranks: Ranks) -> float | None:
    """What a row of the whole minibatch counts on average; None where all count the same.

    Parameters
    ----------
    loss : Loss
    targets : Tensor
    batch : Batch
        This rank's.
    part : float
        Its rows over an equal part of all; 0 where it has none, and the row in their place counts nothing.
    ranks : Ranks
    """
    counts = loss.row_weights(targets, batch.weights)
    if counts is None:
        return None
    return float(ranks.mean(counts.double() if part else counts.new_zeros(1).double(), batch.total))


def average_gradients(network: nn.Sequential, ranks: Ranks, part: float, *numbers: Tensor) -> list[Tensor]:
    """Bring the gradients in the parameters' ``grad``, and numbers beside them, to their means over all rows.

    Parameters
    ----------
    network : torch.nn.Sequential
    ranks : Ranks
    part : float
        This rank's rows over an equal part of all.
    *numbers : Tensor of shape ()
        Means over this rank's rows.

    Returns
    -------
    list of Tensor of shape ()
        The numbers over the rows of all ranks.
    """
    if ranks.size == 1:
        return list(numbers)
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    numbers = tuple(number.detach().to(gradients[0], copy=True) for number in numbers)
    for mine in (*gradients, *numbers):
        mine.mul_(part)
    ranks.average_(*gradients, *numbers)
    return list(numbers)
