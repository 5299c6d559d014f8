"""What a run's model says of rows: a log-likelihood with its error and its bracket, or a bound."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from layerwise.energy.bound import Bound, variational_bound
from layerwise.energy.likelihood import LikelihoodWarning, LogLikelihood, log_likelihood
from layerwise.energy.rbm import RBM
from layerwise.randomness import RandomStream
from layerwise.runs.measured import LikelihoodFinding
from layerwise.training.single_machine import as_bits, moments
from layerwise.units import UnitKind, kind_from

__all__ = ["bound_of", "finding_of", "independent", "likelihood_of", "whole_rows"]


def whole_rows(rows: Tensor) -> Tensor:
    """Which rows miss no value: of the others the likelihood is a sum that nobody can do."""
    return ~rows.isnan().any(1)


def likelihood_of(rbm: RBM, rows: Tensor, mean: Tensor | None, **options: Any) -> LogLikelihood:
    """Log-likelihood of rows without missing values; grey levels of binary units are drawn as bits.

    Parameters
    ----------
    rbm : RBM
    rows : Tensor of shape (batch, visible)
    mean : Tensor of shape (visible,), or None
        Of the training rows.
    **options
        ``chains``, ``temperatures``, ``random``, as :func:`~layerwise.energy.likelihood.log_likelihood` takes them.
    """
    with warnings.catch_warnings():
        # The caller says so, in its own words and in its own place.
        warnings.simplefilter("ignore", LikelihoodWarning)
        return log_likelihood(rbm, as_bits(rbm.visible, rows), mean=mean, **options)


def bound_of(net: Any, rows: Tensor, **options: Any) -> Bound:
    """Lower bound on the log-likelihood of rows under a belief network; grey levels are drawn as bits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LikelihoodWarning)
        return variational_bound(net, as_bits(net.layers[0].visible, rows), **options)


@torch.no_grad()
def independent(units: UnitKind, learning: Tensor, rows: Tensor) -> float:
    """Mean log-likelihood of rows if every column were drawn by itself, with the learning rows' mean and variance."""
    alone = kind_from(units.spec()).to(rows.device)
    alone.start_from(*moments(learning))
    log_z = alone.cumulant(alone.bias[None]).double()
    return float((-alone.energy(as_bits(units, rows)).double() - log_z).mean())


def finding_of(
    rbm: RBM, rows: Tensor, learning: Tensor, mean: Tensor | None, chains: int, temperatures: int, seed: int
) -> LikelihoodFinding | None:
    """What a report says of the test rows; None where every one of them misses a value.

    Parameters
    ----------
    rbm : RBM
    rows : Tensor of shape (batch, visible)
        Test rows.
    learning : Tensor of shape (rows, visible)
        Some of the rows it learned from.
    mean : Tensor of shape (visible,), or None
        Of the learning rows.
    chains, temperatures, seed : int
        Of annealing.
    """
    whole = rows[whole_rows(rows)]
    if not len(whole):
        return None
    random = RandomStream(seed).child("likelihood")
    found = likelihood_of(rbm, whole, mean, chains=chains, temperatures=temperatures, random=random)
    return LikelihoodFinding(
        mean=found.mean,
        standard_error=found.standard_error,
        log_partition=found.log_partition,
        log_partition_error=found.log_partition_error,
        lower=found.lower,
        upper=found.upper,
        method=found.method,
        rows=len(whole),
        left_out=len(rows) - len(whole),
        independent=independent(rbm.visible, learning, whole),
        bits=as_bits(rbm.visible, whole) is not whole,
    )
