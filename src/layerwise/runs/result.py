"""What one course came to, as it is kept in ``metrics.jsonl``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from layerwise.errors import RunError
from layerwise.runs.measured import BASELINE, THIS_NETWORK, WITHOUT_PRETRAINING, LayerFinding, LikelihoodFinding, Score

__all__ = ["Result", "scores"]


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

    def to_line(self) -> dict[str, Any]:
        """As plain containers; what only an RBM has is left out for others."""
        line = asdict(self)
        return line if self.likelihood is not None else {k: v for k, v in line.items() if k != "likelihood"}

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
            counts = {name: int(line[name]) for name in ("seed", "rows", "columns", "labelled", "scored")}
            accuracies = {str(name): float(value) for name, value in line["accuracies"].items()}
            data, seconds = str(line["data"]), float(line["seconds"])
            likelihood = _likelihood(line.get("likelihood"))
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            raise RunError("metrics.jsonl", dict(line), f"is damaged ({problem})", "use a copy of the run") from problem
        return cls(data=data, layers=layers, accuracies=accuracies, seconds=seconds, likelihood=likelihood, **counts)


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
