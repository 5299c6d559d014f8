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
    "COMPONENTS",
    "MEAN_ROW",
    "MEAN_TARGET",
    "REGRESSION",
    "THIS_NETWORK",
    "WITHOUT_PRETRAINING",
    "Curve",
    "ErrorScore",
    "FlowCurve",
    "LayerFinding",
    "LikelihoodFinding",
    "NeuronFinding",
    "Score",
    "TargetScore",
]

THIS_NETWORK = "this network"
WITHOUT_PRETRAINING = "without pretraining"
BASELINE = "logistic regression"
COMPONENTS = "principal components"
MEAN_ROW = "the mean row"
REGRESSION = "linear regression"
MEAN_TARGET = "the mean target"


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
class FlowCurve:
    """How learning reached each layer of a network, after each epoch of a stage.

    Parameters
    ----------
    stage : str
        The stage's title.
    epochs : sequence of int
        Counted from 1.
    layers : tuple of str
        Names of the layers that learn, from the data upwards.
    measures : mapping of str to sequence of sequence of float
        One line an epoch with a figure for each layer, under the names of
        :class:`~layerwise.networks.flow.GradientFlowInfo`.
    """

    stage: str
    epochs: Sequence[int]
    layers: tuple[str, ...]
    measures: Mapping[str, Sequence[Sequence[float]]]


@dataclass(frozen=True)
class ErrorScore:
    """Squared difference between test rows and what comes back of them, once for each repeat.

    Parameters
    ----------
    name : str
        ``THIS_NETWORK``, ``WITHOUT_PRETRAINING``, ``COMPONENTS`` or ``MEAN_ROW``.
    errors : sequence of float
        Summed over the units, mean over the rows; in the order of the repeats.
    """

    name: str
    errors: Sequence[float]

    @property
    def mean(self) -> float:
        """Mean over the repeats."""
        return float(np.mean(self.errors))

    @property
    def std(self) -> float:
        """Standard deviation over the repeats (with n - 1); NaN for a single one."""
        return float(np.std(self.errors, ddof=1)) if len(self.errors) > 1 else math.nan


@dataclass(frozen=True)
class TargetScore:
    """How near predicted numbers come to the targets of test rows, once for each repeat.

    Parameters
    ----------
    name : str
        ``THIS_NETWORK``, ``REGRESSION`` or ``MEAN_TARGET``.
    squared_errors : sequence of float
        Mean squared difference, in squared units of the target; in the order of the repeats.
    r2s : sequence of float
        Share of the test targets' variance that is explained; NaN where they do not vary.
    """

    name: str
    squared_errors: Sequence[float]
    r2s: Sequence[float]

    @property
    def squared_error(self) -> float:
        """Mean over the repeats."""
        return float(np.mean(self.squared_errors))

    @property
    def r2(self) -> float:
        """Mean over the repeats."""
        return float(np.mean(self.r2s))

    @property
    def std(self) -> float:
        """Standard deviation of R² over the repeats (with n - 1); NaN for a single one."""
        return float(np.std(self.r2s, ddof=1)) if len(self.r2s) > 1 else math.nan


@dataclass(frozen=True)
class NeuronFinding:
    """What a threshold neuron came to, and whether it could come to an end.

    Parameters
    ----------
    name : str
        Of the class that it tells from the others.
    mistakes : int
        In all epochs.
    left : int
        Training rows on the wrong side of what was learned.
    separable : bool or None
        Whether a hyperplane separates the class from the others; None where that was not decided.
    margin : float
        Of the hyperplane that stays furthest from both sides, in prepared units; 0 where there is none.
    bound : float
        Most mistakes that Rosenblatt's rule can make; infinite where no hyperplane separates, NaN where not decided.
    exact : bool
        Of a class that is not separable: whether a common point of both hulls was found in exact arithmetic.
    """

    name: str
    mistakes: int
    left: int
    separable: bool | None = None
    margin: float = math.nan
    bound: float = math.nan
    exact: bool = False


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
