r"""Pseudo-likelihood: how well each bit of a row is told by its other bits; it needs no partition function.

References
----------
.. [1] J. Besag (1975). Statistical analysis of non-lattice data. The Statistician 24.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from layerwise.data.values import Values
from layerwise.energy import RBM
from layerwise.estimators.audience import Stage
from layerwise.estimators.conversion import as_tensor, parts, result_type
from layerwise.randomness import RandomStream, random_words
from layerwise.training.loop import Place

__all__ = ["ScoreInfo", "ScoreWatch", "pseudo_likelihood"]


@torch.no_grad()
def pseudo_likelihood(machine: RBM, values: Values, random: RandomStream) -> npt.NDArray[Any]:
    r"""Estimate the log pseudo-likelihood of each row at one random bit.

    With :math:`\tilde v` the row with that bit flipped, :math:`F` the free energy and :math:`n` columns,

    .. math:: n \log p(v_i \mid v_{-i}) = n \log \sigma(F(\tilde v) - F(v)).

    Parameters
    ----------
    machine : RBM
    values : ndarray or csr_array of shape (rows, columns)
    random : RandomStream
        Its seed decides which bits; its position is neither read nor moved.

    Returns
    -------
    ndarray of shape (rows,), in nats
    """
    n_rows, n_columns = int(values.shape[0]), int(values.shape[1])
    # The high half of a 32-bit word times n is a whole number from 0 to n - 1.
    flipped = (random_words(random.child("flips"), n_rows, 1)[:, 0] * n_columns) >> 32
    result = np.empty(n_rows, dtype=result_type(values))
    for part in parts(values):
        v = as_tensor(values[part], machine.weights.dtype)
        free_energy = machine.free_energy(v)
        rows, columns = torch.arange(len(v)), flipped[part]
        v[rows, columns] = 1 - v[rows, columns]
        result[part] = (n_columns * functional.logsigmoid(machine.free_energy(v) - free_energy)).numpy()
    return result


@dataclass(frozen=True)
class ScoreInfo:
    """What is measured after an epoch.

    Parameters
    ----------
    pseudo_likelihood : float
        Mean over the rows of :func:`pseudo_likelihood`, in nats.
    """

    pseudo_likelihood: float


@dataclass
class ScoreWatch:
    """Prints what scikit-learn prints, and tells callbacks. Its draws are its own, so that watching changes nothing."""

    machine: RBM
    values: Values
    random: RandomStream
    tells: bool
    stage: Stage
    begin: float = 0.0

    def __post_init__(self) -> None:
        self.begin = time.perf_counter()

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        """See nothing."""

    def epoch_done(self, epoch: int) -> None:
        """Measure."""
        end = time.perf_counter()
        score = pseudo_likelihood(self.machine, self.values, self.random.child(f"watch {epoch}")).mean()
        if self.tells:
            self._print(epoch, score, end)
        self.stage.epoch_done(epoch, ScoreInfo(float(score)), self.machine)
        self.begin = time.perf_counter()

    def _print(self, epoch: int, score: float, end: float) -> None:
        line = f"[BernoulliRBM] Iteration {epoch + 1}, pseudo-likelihood = {score:.2f}, time = {end - self.begin:.2f}s"
        print(line)  # noqa: T201  # this is what verbose asks for

    def wants_to_stop(self) -> bool:
        """Whether a callback has asked to."""
        return self.stage.enough
