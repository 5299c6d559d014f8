"""What a run found out, as plain arrays and numbers: the job fills it in, the report shows it, neither knows the other.

Rows are kept flat, ``(rows, columns)``; ``picture`` says how a row is laid out where it is a picture. In pictures 0 is
black and 1 white; other rows are in the units of the prepared data (see :class:`layerwise.data.Preparation`). A part
that a run has nothing to say about is left None or empty, and a figure that could not be measured is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Int64, Integer

__all__ = [
    "BASELINE",
    "THIS_NETWORK",
    "WITHOUT_PRETRAINING",
    "Curve",
    "Findings",
    "LayerFinding",
    "Mistake",
    "Plane",
    "Score",
]

THIS_NETWORK = "this network"
WITHOUT_PRETRAINING = "without pretraining"
BASELINE = "logistic regression"

# How much of each a report has room for; a job need not compute more.
FILTERS = 100
RECONSTRUCTIONS = 10
SAMPLES = 60
CODED_ROWS = 1000
MISTAKES = 24


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
        :class:`~layerwise.training.course.TuningInfo`.
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


@dataclass(frozen=True, eq=False)
class Plane:
    """A code seen from where it is widest: its first two principal components.

    Parameters
    ----------
    points : ndarray of shape (rows, 2)
    share : float
        Share of the code's variance that the two directions hold; NaN for a code that does not vary.
    """

    points: Float[np.ndarray, "row 2"]
    share: float

    @classmethod
    def of(cls, code: Float[np.ndarray, "row unit"]) -> Plane:
        """Project a code. Each direction's largest loading is made positive, so that the picture does not flip.

        Parameters
        ----------
        code : ndarray of shape (rows, units)

        Examples
        --------
        >>> plane = Plane.of(np.array([[0.0, 0.0, 1.0], [2.0, 0.0, 1.0], [4.0, 0.0, 1.0]]))
        >>> plane.points[:, 0], plane.share
        (array([-2.,  0.,  2.]), 1.0)
        """
        centred = np.asarray(code, dtype=np.float64) - np.mean(code, axis=0, dtype=np.float64)
        _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
        leading = directions[:2]
        largest = np.abs(leading).argmax(axis=1)
        leading = leading * np.where(leading[np.arange(len(leading)), largest] < 0, -1.0, 1.0)[:, None]
        points = np.zeros((len(centred), 2))
        points[:, : len(leading)] = centred @ leading.T
        variance = np.square(lengths)
        total = float(variance.sum())
        return cls(points, float(variance[:2].sum()) / total if total > 0 else math.nan)


@dataclass(frozen=True, eq=False)
class Mistake:
    """A scored row that this network took for another class.

    Parameters
    ----------
    row : ndarray of shape (columns,)
    index : int
        Its number among the scored rows, from 0.
    true, predicted : str
        Names of the classes.
    probability : float
        What the network gave the class it predicted.
    """

    row: Float[np.ndarray, " column"]
    index: int
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything a report shows. Arrays, curves and layers are those of the first repeat.

    Parameters
    ----------
    title : str
        Of the report: ``"digits: 64-500-500"``.
    data : str
        Where the rows came from, in words.
    rows, columns : int
        Size of what was learned from.
    labelled : int
        Training rows that had a label; 0 without labels.
    scored : int
        Rows that the scores were measured on and nothing was learned from; 0 where there are none.
    visible : {"bernoulli", "gaussian"}
        Kind of the units that meet the data.
    picture : (height, width) or None
        Set where a row is a row-major grey picture.
    column_names : tuple of str or None
        Of rows that are no pictures.
    layers : tuple of LayerFinding
        From the data upwards.
    curves : tuple of Curve
        In the order of the stages.
    scores : tuple of Score
        Empty without labels or without scored rows.
    filters : ndarray of shape (units, columns) or None
        Weights of up to ``FILTERS`` units of the first layer.
    inputs : ndarray of shape (rows, columns) or None
        Up to ``RECONSTRUCTIONS`` rows.
    reconstructions : dict of int to ndarray of shape (rows, columns)
        The same rows, carried up to a depth (from 1) and down again.
    samples : ndarray of shape (rows, columns) or None
        Up to ``SAMPLES`` rows drawn from the network.
    codes : tuple of Plane
        The code of up to ``CODED_ROWS`` rows in each layer, from the data upwards.
    code_labels : ndarray of shape (rows,) or None
        Codes into ``classes`` of the rows in ``codes``; -1 for a row without label.
    classes : tuple of str
        Names of the classes in code order.
    confusion : ndarray of shape (classes, classes) or None
        Scored rows of a true class (line) that were taken for a class (column).
    mistakes : tuple of Mistake
        Up to ``MISTAKES``, the most confident first.
    facts : dict of str to str
        Seed, device, wall time, versions …, in the order of showing.
    recipe : str
        TOML that makes the run again.
    command : str
        What to type for that.
    """

    title: str
    data: str
    rows: int
    columns: int
    labelled: int
    scored: int
    visible: Literal["bernoulli", "gaussian"]
    layers: tuple[LayerFinding, ...]
    recipe: str
    command: str
    picture: tuple[int, int] | None = None
    column_names: tuple[str, ...] | None = None
    curves: tuple[Curve, ...] = ()
    scores: tuple[Score, ...] = ()
    filters: Float[np.ndarray, "filter column"] | None = None
    inputs: Float[np.ndarray, "input column"] | None = None
    reconstructions: Mapping[int, Float[np.ndarray, "input column"]] = field(default_factory=dict[int, np.ndarray])
    samples: Float[np.ndarray, "sample column"] | None = None
    codes: tuple[Plane, ...] = ()
    code_labels: Int64[np.ndarray, " coded"] | None = None
    classes: tuple[str, ...] = ()
    confusion: Integer[np.ndarray, "class class"] | None = None
    mistakes: tuple[Mistake, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict[str, str])

    def score(self, name: str) -> Score | None:
        """The score of that name, if there is one."""
        return next((score for score in self.scores if score.name == name), None)

    def gain(self, over: str) -> tuple[float, float] | None:
        """How much more accurate this network is than another.

        Parameters
        ----------
        over : str
            Name of the other's score.

        Returns
        -------
        (mean, standard deviation) over the repeats, or None
            Of the differences between equal seeds, as shares; the deviation is NaN for a single repeat.
        """
        ours, theirs = self.score(THIS_NETWORK), self.score(over)
        if ours is None or theirs is None:
            return None
        paired = Score("gain", [a - b for a, b in zip(ours.accuracies, theirs.accuracies, strict=True)])
        return paired.mean, paired.std


def _percent(mean: float, std: float) -> str:
    spread = "" if math.isnan(std) else f" ± {100 * std:.1f}"
    return f"{100 * mean:.1f}{spread} %"
