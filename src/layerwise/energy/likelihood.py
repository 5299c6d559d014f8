r"""The log-likelihood of rows under a machine, with its error and a bracket.

.. math:: \log p(v) = -F(v) - \log Z

The free energies are exact. Log Z is a sum where one side of the machine is small, and is otherwise estimated by
annealed importance sampling in both directions: forward it is too low on average, and the likelihood too high; backward
the other way round. A likelihood that is to be compared with others' should be the lower end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from layerwise.energy.annealing import Annealing, anneal, anneal_back, schedule
from layerwise.energy.enumeration import LARGEST, exact_log_partition, state_count
from layerwise.energy.gibbs import gibbs
from layerwise.energy.path import Path
from layerwise.energy.rbm import RBM
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, VisibleBatch, VisibleChains, VisibleVector
from layerwise.units import NoisyRectifiedUnits
from layerwise.warning import warn

__all__ = ["LikelihoodMethod", "LikelihoodWarning", "LogLikelihood", "log_likelihood"]

LikelihoodMethod = Literal["auto", "exact", "ais"]

TOLERANCE = 1.0
"""Nats that the two directions may lie apart before it is said."""
ROWS_AT_ONCE = 4096


class LikelihoodWarning(UserWarning):
    """A likelihood that is not to be relied upon yet."""


@dataclass(frozen=True)
class LogLikelihood:
    """What a machine says of some rows, in nats a row.

    Parameters
    ----------
    mean : float
        Mean of ``per_row``.
    standard_error : float
        Of ``mean``, as an estimate of the expectation over rows like these: the standard error of the mean over rows
        and that of ``log_partition``, squared, summed, and the root of it.
    log_partition, log_partition_error : float
        Log Z (by forward annealing) and its standard error; 0 where it is exact.
    lower, upper : float
        The mean with log Z from backward and from forward annealing: on average the truth for these rows lies between
        them, as far as backward annealing started at rows of the machine. Equal where log Z is exact.
    per_row : Tensor of shape (batch,)
        ``log p(v)`` of each row, float64.
    method : {"exact", "ais"}
    forward, backward : Annealing or None
        The two directions, to be looked into; None where log Z is exact.
    """

    mean: float
    standard_error: float
    log_partition: float
    log_partition_error: float
    lower: float
    upper: float
    per_row: PerRow
    method: Literal["exact", "ais"]
    forward: Annealing | None = None
    backward: Annealing | None = None

    def moved(self, by: float | PerRow) -> LogLikelihood:
        """The same of rows whose log-probability differs by so much from that of the machine's, in nats a row."""
        per_row = self.per_row + by
        shift = float(per_row.mean()) - self.mean
        error = math.hypot(_error_over(per_row), self.log_partition_error)
        bracket = {name: getattr(self, name) + shift for name in ("mean", "lower", "upper")}
        return replace(self, per_row=per_row, standard_error=error, **bracket)

    def __str__(self) -> str:
        value = f"log-likelihood {self.mean:.2f} ± {self.standard_error:.2f} nats a row ({len(self.per_row):,} rows; "
        if self.forward is None or self.backward is None:
            return f"{value}log Z {self.log_partition:.2f}, exact)"
        return (
            f"{value}log Z {self.log_partition:.2f} ± {self.log_partition_error:.2f} from "
            f"{len(self.forward.log_weights):,} annealed chains; between {self.lower:.2f} (annealed backward) and "
            f"{self.upper:.2f} (forward))"
        )


def log_likelihood(
    rbm: RBM,
    rows: VisibleBatch,
    *,
    method: LikelihoodMethod = "auto",
    chains: int = 100,
    temperatures: int = 10_000,
    random: RandomStream | None = None,
    mean: VisibleVector | None = None,
    starts: VisibleChains | None = None,
    settle: int = 1_000,
) -> LogLikelihood:
    """Mean log-likelihood of rows, its standard error, log Z and a bracket.

    Parameters
    ----------
    rbm : RBM
    rows : Tensor of shape (batch, visible)
    method : {"auto", "exact", "ais"}
        ``"exact"`` sums over the states of the smaller side, ``"ais"`` anneals in both directions, ``"auto"`` sums
        where at most 2²⁴ states are to be counted and anneals else.
    chains, temperatures : int
        Of annealing, in each direction. The time grows with their product, the bias falls with temperatures.
    random : RandomStream, optional
        ``RandomStream(0)`` if left out: the same figures every time.
    mean : Tensor of shape (visible,), optional
        Annealing starts at independent units with this mean: give that of the training data, and fewer temperatures are
        needed. The machine's own biases if left out. (Not the mean of ``starts``: if those sit in one mode, both
        directions would see that mode alone, and agree.)
    starts : Tensor of shape (chain, visible), optional
        Rows of the machine where the way back starts, such as the chains it was trained with; the more they are the
        machine's, the better. If left out: ``rows``, taken through ``settle`` Gibbs steps.
    settle : int
        Gibbs steps between ``rows`` and the way back; not used where ``starts`` are given.

    Returns
    -------
    LogLikelihood

    Raises
    ------
    DataError
        ``rows`` or ``starts`` are of the wrong width, or hold what the visible units cannot be.
    OptionError
        ``"exact"``, and neither side can be counted; an unknown method; too few chains, temperatures or steps.

    Warns
    -----
    LikelihoodWarning
        The two directions lie more than one nat apart, or the draws of a kind of unit are approximate.

    Examples
    --------
    >>> from layerwise.energy import bernoulli_rbm
    >>> print(log_likelihood(bernoulli_rbm(4, 2), torch.eye(4)))  # every row as probable as any: -4 log 2
    log-likelihood -2.77 ± 0.00 nats a row (4 rows; log Z 4.16, exact)
    """
    if method not in ("auto", "exact", "ais"):
        raise OptionError("method", method, "must be 'auto', 'exact' or 'ais'")
    rows = _checked(rbm, rows, "rows")
    if method == "exact" or (method == "auto" and min(state_count(rbm.visible), state_count(rbm.hidden)) <= LARGEST):
        log_z = exact_log_partition(rbm)
        per_row = _minus_free_energy(rbm, rows) - log_z
        average = float(per_row.mean())
        return LogLikelihood(average, _error_over(per_row), log_z, 0.0, average, average, per_row, "exact")

    random = RandomStream(0) if random is None else random
    betas = schedule(temperatures)
    # Chains that start at rows know modes that annealing may have missed: the two directions check each other.
    starts = _settled(rbm, rows, chains, settle, random) if starts is None else _checked(rbm, starts, "starts")
    path = Path.from_mean(rbm, mean)
    forward = anneal(path, betas, chains, random.child("forward"))
    backward = anneal_back(path, betas, starts, random.child("backward"))

    per_row = _minus_free_energy(rbm, rows) - forward.log_partition
    average = float(per_row.mean())
    lower = average + forward.log_partition - backward.log_partition
    error = math.hypot(_error_over(per_row), forward.standard_error)
    result = LogLikelihood(
        average, error, forward.log_partition, forward.standard_error, lower, average, per_row, "ais", forward, backward
    )
    _warn(rbm, result, chains, temperatures)
    return result


def _warn(rbm: RBM, result: LogLikelihood, chains: int, temperatures: int) -> None:
    apart = result.upper - result.lower
    if not abs(apart) <= TOLERANCE:
        # Forward annealing finds too small a log Z on average, so that nothing above its likelihood can be trusted.
        where = f"is somewhere near {result.lower:.2f} to {result.upper:.2f}"
        if apart < 0:
            where = f"is {result.upper:.2f} at most, since the backward chains' starts miss modes of the machine"
        warn(
            f"forward and backward annealing lie {abs(apart):.2f} nats apart: the log-likelihood {where}; anneal "
            f"through more temperatures than {temperatures:,} (then take more chains than {chains:,}), give the mean "
            "of the training data, or starts that have run longer",
            LikelihoodWarning,
        )
    if any(isinstance(module, NoisyRectifiedUnits) for module in rbm.modules()):
        warn(
            "noisy_rectified units are drawn approximately, so annealing through them is off by an amount that no "
            "standard error shows; take rectified units where the likelihood matters",
            LikelihoodWarning,
        )


@torch.no_grad()
def _settled(rbm: RBM, rows: VisibleBatch, chains: int, steps: int, random: RandomStream) -> VisibleChains:
    """Chains from rows taken evenly from all."""
    chosen = torch.arange(chains, device=rows.device) * len(rows) // chains
    return gibbs(rbm, rows[chosen], steps, random.child("settle"))[0]


@torch.no_grad()
def _minus_free_energy(rbm: RBM, rows: VisibleBatch) -> PerRow:
    """In float64, a few thousand rows at a time."""
    starts = range(0, len(rows), ROWS_AT_ONCE)
    return torch.cat([-rbm.free_energy(rows[low : low + ROWS_AT_ONCE]).double() for low in starts])


def _error_over(per_row: Tensor) -> float:
    """Standard error of the mean over rows; of a single row nothing is known."""
    return float(per_row.std() / math.sqrt(len(per_row))) if len(per_row) > 1 else math.nan


def _checked(rbm: RBM, rows: Tensor, name: str) -> Tensor:
    if rows.dim() != 2 or rows.shape[1] != rbm.visible.size or not len(rows):
        rule = f"must be rows of {rbm.visible.size} columns, one for each visible unit"
        raise DataError(f"{name}.shape", tuple(rows.shape), rule)
    rows = rows.to(rbm.weights)
    refused = ~rbm.visible.accepts(rows)
    if bool(refused.any()):
        row, column = (int(place) for place in torch.nonzero(refused)[0])
        value, rule = float(rows[row, column]), f"is no value of a {rbm.visible.name} unit"
        raise DataError(f"{name}[{row}, {column}]", value, rule, "fill it in first: impute" if value != value else "")
    return rows
