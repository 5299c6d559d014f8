"""What a run found out, as plain arrays and numbers: the job fills it in, the report shows it, neither knows the other.

Rows are kept flat, ``(rows, columns)``; ``picture`` says how a row is laid out where it is a picture. In pictures 0 is
black and 1 white; other rows are in the units of the prepared data (see :class:`layerwise.data.Preparation`). A part
that a run has nothing to say about is left None or empty, and a figure that could not be measured is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Int64, Integer

from layerwise.plots.plane import Plane
from layerwise.runs.machine_findings import Chains, ColumnMarginal, Filling, Forgetting
from layerwise.runs.measured import (
    THIS_NETWORK,
    Curve,
    ErrorScore,
    FlowCurve,
    LayerFinding,
    LikelihoodFinding,
    NeuronFinding,
    Score,
    TargetScore,
)

__all__ = ["Findings", "Mistake"]

# How much of each a report has room for; a job need not compute more.
FILTERS = 100
RECONSTRUCTIONS = 10
SAMPLES = 60
CODED_ROWS = 1000
MISTAKES = 24


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
    visible : str
        Kind of the units that meet the data.
    picture : (height, width) or None
        Set where a row is a row-major grey picture.
    column_names : tuple of str or None
        Of rows that are no pictures.
    layers : tuple of LayerFinding
        Of an energy model, from the data upwards.
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
    model : str
        Its name in a recipe.
    hidden : tuple of int
        Size of each hidden layer, from the data upwards.
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
    flows : tuple of FlowCurve
        How learning reached each layer of a network, stage by stage.
    errors : tuple of ErrorScore
        Of test rows as an autoencoder gives them back, and what that is compared with.
    linear : ndarray of shape (rows, columns) or None
        ``inputs`` as principal components give them back, where the model is an autoencoder.
    neurons : tuple of NeuronFinding
        Of a perceptron.
    target : str
        Name of what is predicted, where the model predicts a number.
    targets : tuple of TargetScore
        Of the numbers predicted for test rows, and what they are compared with.
    predictions : (ndarray of shape (rows,), ndarray of shape (rows,)) or None
        True and predicted numbers of up to ``CODED_ROWS`` test rows.
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
    hidden: tuple[int, ...] = ()
    flows: tuple[FlowCurve, ...] = ()
    errors: tuple[ErrorScore, ...] = ()
    linear: Float[np.ndarray, "input column"] | None = None
    neurons: tuple[NeuronFinding, ...] = ()
    target: str = ""
    targets: tuple[TargetScore, ...] = ()
    predictions: tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]] | None = None

    @property
    def family(self) -> Literal["stack", "machine", "network"]:
        """A belief network, one machine by itself, or a network without energies."""
        return "stack" if self.model == "dbn" else "machine" if self.model in ("rbm", "class-rbm") else "network"

    @property
    def thing(self) -> str:
        """What the model is called in a sentence."""
        return "perceptron" if self.neurons else "machine" if self.family == "machine" else "network"

    def error(self, name: str) -> ErrorScore | None:
        """The error of that name, if there is one."""
        return next((error for error in self.errors if error.name == name), None)

    def score(self, name: str) -> Score | None:
        """The score of that name, if there is one."""
        return next((score for score in self.scores if score.name == name), None)

    def nearness(self, name: str) -> TargetScore | None:
        """The score of predicted numbers of that name, if there is one."""
        return next((score for score in self.targets if score.name == name), None)

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
