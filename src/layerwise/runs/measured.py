"""What was measured of a run, as numbers: its layers, its curves, its scores, its likelihood.

A figure that could not be measured is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = [
    "BASELINE",
    "THIS_NETWORK",
    "WITHOUT_PRETRAINING",
    "Curve",
    "LayerFinding",
    "LikelihoodFinding",
    "Score",
]

THIS_NETWORK = "this network"
WITHOUT_PRETRAINING = "without pretraining"
BASELINE = "logistic regression"


@dataclass(frozen=True)
class LayerFinding:
    """What a layer came to, at its last epoch.

    Parameters
    ----------
    size : int
        Number of hidden units.
    reconstruction_error : float
        Mean over rows of the summed squared difference between the layer's input and its reconstruction.
    free_energy_gap : float
        Mean free energy of held-out rows less that of training rows, in nats; NaN where no rows were held out.
    """

    size: int
    reconstruction_error: float
    free_energy_gap: float


@dataclass(frozen=True)
class Curve:
    """What was measured after each epoch of a stage.

    Parameters
    ----------
    stage : str
        The stage's title: ``"layer 1"``, ``"layer 2"``, …, ``"fine-tuning"``, ``"without pretraining"``.
    epochs : sequence of int
        Counted from 1.
    measures : mapping of str to sequence of float
        One figure an epoch under each name: the fields of :class:`~layerwise.training.pretraining.LayerInfo` or
        :class:`~layerwise.training.course_observer.TuningInfo`.
    """

    stage: str
    epochs: Sequence[int]
    measures: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Score:
    """Accuracy on the scored rows, once for each repeat.

    Parameters
    ----------
    name : str
        ``THIS_NETWORK``, ``WITHOUT_PRETRAINING`` or ``BASELINE``.
    accuracies : sequence of float
        Shares between 0 and 1, in the order of the repeats: the same place is the same seed in every score.
    """

    name: str
    accuracies: Sequence[float]

    @property
    def mean(self) -> float:
        """Mean over the repeats."""
        return float(np.mean(self.accuracies))

    @property
    def std(self) -> float:
        """Standard deviation over the repeats (with n - 1); NaN for a single one."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else math.nan

    def __str__(self) -> str:
        return _percent(self.mean, self.std)


@dataclass(frozen=True)
class LikelihoodFinding:
    """What a machine says of the test rows, in nats a row.

    Parameters
    ----------
    mean, standard_error : float
        Mean log-likelihood, and its standard error over rows like these.
    log_partition, log_partition_error : float
    lower, upper : float
        Where log Z was annealed: the mean by the backward and by the forward direction.
    method : {"exact", "ais"}
    rows : int
        Rows that were measured.
    left_out : int
        Rows that were not, because a value is missing in them.
    independent : float
        Mean log-likelihood of the same rows if every column were drawn by itself, as often as in the learning rows.
    bits : bool
        Whether grey levels were drawn as bits first.
    """

    mean: float
    standard_error: float
    log_partition: float
    log_partition_error: float
    lower: float
    upper: float
    method: Literal["exact", "ais"]
    rows: int
    left_out: int
    independent: float
    bits: bool

    @property
    def apart(self) -> float:
        """Nats between the two directions; 0 where log Z is exact."""
        return abs(self.upper - self.lower)


def _percent(mean: float, std: float) -> str:
    spread = "" if math.isnan(std) else f" ± {100 * std:.1f}"
    return f"{100 * mean:.1f}{spread} %"
