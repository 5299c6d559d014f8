"""What one course came to, as it is kept in ``metrics.jsonl``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from layerwise.errors import RunError
from layerwise.runs.measured import (
    BASELINE,
    COMPONENTS,
    MEAN_ROW,
    MEAN_TARGET,
    REGRESSION,
    THIS_NETWORK,
    WITHOUT_PRETRAINING,
    ErrorScore,
    LayerFinding,
    LikelihoodFinding,
    NeuronFinding,
    Score,
    TargetScore,
)

__all__ = ["Result", "error_scores", "scores", "target_scores"]

_OF_SOME = ("likelihood", "errors", "neurons", "targets")


@dataclass(frozen=True)
class Result:
    """One repeat.

    Parameters
    ----------
    seed : int
    data : str
        Where the rows came from, in words.
    rows, columns : int
        Size of what was learned from.
    labelled : int
        Rows among them that had a label.
    scored : int
        Labelled test rows.
    layers : tuple of LayerFinding
    accuracies : dict of str to float
        By the names of :class:`~layerwise.runs.measured.Score`; empty where nothing could be scored.
    seconds : float
        Of the whole run until then, over all sittings.
    likelihood : LikelihoodFinding or None
        Of the test rows, where the model is an RBM.
    errors : dict of str to float
        Of the test rows as they come back, by the names of :class:`~layerwise.runs.measured.ErrorScore`; empty where
        the model is no autoencoder.
    neurons : tuple of NeuronFinding
        Of a perceptron.
    targets : dict of str to (squared error, R²)
        Of the test rows' predicted numbers, by the names of :class:`~layerwise.runs.measured.TargetScore`; empty where
        the model predicts none.
    """

    seed: int
    data: str
    rows: int
    columns: int
    labelled: int
    scored: int
    layers: tuple[LayerFinding, ...]
    accuracies: dict[str, float]
    seconds: float
    likelihood: LikelihoodFinding | None = None
    errors: dict[str, float] = field(default_factory=dict[str, float])
    neurons: tuple[NeuronFinding, ...] = ()
    targets: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    def to_line(self) -> dict[str, Any]:
        """As plain containers; what only some models have is left out for others."""
        return {name: value for name, value in asdict(self).items() if value or name not in _OF_SOME}

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> Result:
        """Read it back.

        Raises
        ------
        RunError
            The line is damaged.
        """
        try:
            layers = tuple(
                LayerFinding(
                    int(layer["size"]), _number(layer["reconstruction_error"]), _number(layer["free_energy_gap"])
                )
                for layer in line["layers"]
            )
            counts: dict[str, Any] = {
                name: int(line[name]) for name in ("seed", "rows", "columns", "labelled", "scored")
            }
            accuracies = {str(name): float(value) for name, value in line["accuracies"].items()}
            data, seconds = str(line["data"]), float(line["seconds"])
            of_some: dict[str, Any] = {
                "likelihood": _likelihood(line.get("likelihood")),
                "errors": {str(name): float(value) for name, value in line.get("errors", {}).items()},
                "neurons": tuple(_neuron(neuron) for neuron in line.get("neurons", ())),
                "targets": {
                    str(name): (_number(error), _number(r2)) for name, (error, r2) in line.get("targets", {}).items()
                },
            }
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as problem:
            raise RunError("metrics.jsonl", dict(line), f"is damaged ({problem})", "use a copy of the run") from problem
        return cls(data=data, layers=layers, accuracies=accuracies, seconds=seconds, **of_some, **counts)


def _neuron(line: Mapping[str, Any]) -> NeuronFinding:
    separable = None if line["separable"] is None else bool(line["separable"])
    # An infinite bound is no JSON: it is that of a class which no hyperplane separates.
    bound = math.inf if separable is False else _number(line["bound"])
    counts = int(line["mistakes"]), int(line["left"])
    return NeuronFinding(str(line["name"]), *counts, separable, _number(line["margin"]), bound, bool(line["exact"]))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _likelihood(line: Mapping[str, Any] | None) -> LikelihoodFinding | None:
    if line is None:
        return None
    counts = {name: int(line[name]) for name in ("rows", "left_out")}
    apart = (*counts, "method", "bits")
    names = [entry.name for entry in fields(LikelihoodFinding) if entry.name not in apart]
    numbers = {name: _number(line[name]) for name in names}
    return LikelihoodFinding(**numbers, **counts, method=line["method"], bits=bool(line["bits"]))


def scores(results: Sequence[Result]) -> tuple[Score, ...]:
    """The accuracies of all repeats, by whose they are."""
    known = results[0].accuracies if results else {}
    names = [name for name in (THIS_NETWORK, WITHOUT_PRETRAINING, BASELINE) if name in known]
    return tuple(Score(name, [result.accuracies[name] for result in results]) for name in names)


def error_scores(results: Sequence[Result]) -> tuple[ErrorScore, ...]:
    """The reconstruction errors of all repeats, by whose they are."""
    known = results[0].errors if results else {}
    names = [name for name in (THIS_NETWORK, WITHOUT_PRETRAINING, COMPONENTS, MEAN_ROW) if name in known]
    return tuple(ErrorScore(name, [result.errors[name] for result in results]) for name in names)


def target_scores(results: Sequence[Result]) -> tuple[TargetScore, ...]:
    """How near the predicted numbers of all repeats come, by whose they are."""
    known = results[0].targets if results else {}
    names = [name for name in (THIS_NETWORK, REGRESSION, MEAN_TARGET) if name in known]
    found = ((name, zip(*(result.targets[name] for result in results), strict=True)) for name in names)
    return tuple(TargetScore(name, *(list(figures) for figures in pairs)) for name, pairs in found)
