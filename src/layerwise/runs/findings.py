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
    "Chains",
    "ColumnMarginal",
    "Curve",
    "FilledCell",
    "Filling",
    "Findings",
    "Forgetting",
    "LayerFinding",
    "LikelihoodFinding",
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
class Chains:
    """The same Gibbs chains, looked at several times.

    Parameters
    ----------
    start : str
        Where they started, in words.
    times : dict of int to ndarray of shape (chains, columns)
        Rows after so many steps.
    """

    start: str
    times: Mapping[int, Float[np.ndarray, "chain column"]]


@dataclass(frozen=True)
class Forgetting:
    """How fast Gibbs chains forget, seen by their free energy.

    Parameters
    ----------
    time, error : float
        Autocorrelation time in steps, and its standard error; infinite where nothing moved.
    effective : float
        Independent draws that all chains together are worth.
    chains, steps : int
        What was looked at.
    autocorrelation : sequence of float
        At each lag, from 0.
    """

    time: float
    error: float
    effective: float
    chains: int
    steps: int
    autocorrelation: Sequence[float]


@dataclass(frozen=True)
class ColumnMarginal:
    """How often a column has its values, in the data and in the machine's samples.

    Parameters
    ----------
    name : str
    kind : str
        Of its units.
    places : tuple of str or tuple of float
        Names of the values, or the edges of bins, one more than shares.
    data, samples : sequence of float
        Share of rows with each value or in each bin.
    """

    name: str
    kind: str
    places: tuple[str, ...] | tuple[float, ...]
    data: Sequence[float]
    samples: Sequence[float]

    @property
    def distance(self) -> float:
        """Total variation: the share of rows that would have to change their value."""
        return 0.5 * float(np.abs(np.asarray(self.data) - np.asarray(self.samples)).sum())


@dataclass(frozen=True)
class FilledCell:
    """A cell that was hidden from the machine: what it held, and what it was filled with, as texts."""

    row: int
    column: str
    true: str
    filled: str


@dataclass(frozen=True, eq=False)
class Filling:
    """Values that were hidden from the machine and filled by it.

    Parameters
    ----------
    share : float
        Of the values that were hidden.
    error, baseline : float
        Mean over hidden units of the squared difference between the truth and the filling, and between the truth and
        the mean of the learning rows.
    cells : tuple of FilledCell
        Of a table, some.
    rows, hidden, filled : ndarray of shape (rows, columns) or None
        Of pictures: as they were; with NaN where they were hidden; as they came back.
    """

    share: float
    error: float
    baseline: float
    cells: tuple[FilledCell, ...] = ()
    rows: Float[np.ndarray, "row column"] | None = None
    hidden: Float[np.ndarray, "row column"] | None = None
    filled: Float[np.ndarray, "row column"] | None = None


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
    visible : str
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
    model : {"dbn", "rbm", "class-rbm"}
    likelihoods : tuple of LikelihoodFinding
        Of the test rows, one a repeat; empty where it was not measured.
    chains : Chains or None
        Of a single machine whose rows are pictures.
    forgetting : Forgetting or None
        Of a single machine.
    marginals : tuple of ColumnMarginal
        Of a single machine whose rows are no pictures.
    filling : Filling or None
        Of an RBM.
    """

    title: str
    data: str
    rows: int
    columns: int
    labelled: int
    scored: int
    visible: str
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
    model: str = "dbn"
    likelihoods: tuple[LikelihoodFinding, ...] = ()
    chains: Chains | None = None
    forgetting: Forgetting | None = None
    marginals: tuple[ColumnMarginal, ...] = ()
    filling: Filling | None = None

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
