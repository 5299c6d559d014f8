"""``metrics.jsonl``: what was measured, one JSON object a line, in the order in which it happened.

A line of an epoch has ``repeat``, ``stage``, ``epoch`` (from 1), the measures, ``rows_per_second`` and ``seconds``
(of training so far, over all sittings). A line with ``result`` closes each repeat; one with ``diverged`` says how
training left the finite numbers. What could not be measured is null.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from layerwise.data.limits import text_of
from layerwise.errors import RunError, StorageError
from layerwise.runs.measured import Curve, FlowCurve
from layerwise.training.checkpoint import write_atomically

__all__ = ["Metrics"]

_LONGEST = 1 << 28
_LARGEST_COUNT = 2**62
_NOT_MEASURES = ("repeat", "stage", "epoch", "rows_per_second", "seconds", "flow")


class Metrics:
    """The file and its lines.

    Parameters
    ----------
    path : Path
    lines : list of dict
        What it holds already.
    """

    def __init__(self, path: Path, lines: list[dict[str, Any]] | None = None) -> None:
        self.path = path
        self.lines = lines or []

    @classmethod
    def read(cls, path: Path, count: int | None = None) -> Metrics:
        """Read the file.

        Parameters
        ----------
        path : Path
        count : int, optional
            How many lines a checkpoint knows of: what was written after it is taken back, in the file, too.

        Raises
        ------
        RunError
            The file is missing, damaged or shorter than that.
        """
        remedy = "use a copy of the run"
        try:
            text = text_of(path, _LONGEST)
        except (OSError, ValueError) as problem:
            raise RunError("metrics.jsonl", path, f"cannot be read ({problem})", remedy) from problem
        *raw, rest = text.split("\n")  # not by splitlines: a name may hold what Unicode, too, takes for a line's end
        if count is not None and rest:
            raw.append(rest)  # without a checkpoint a run is under way, or was killed, in the middle of a line
        if count is not None and len(raw) < count:
            raise RunError("metrics.jsonl", path, f"is damaged: {len(raw)} lines of {count} are there", remedy)
        kept = raw[:count]
        try:
            lines = [json.loads(line) for line in kept]
            _check(lines)
        except (ValueError, RecursionError) as problem:
            raise RunError("metrics.jsonl", path, f"is damaged ({problem})", remedy) from problem
        if count is not None and len(raw) > count:
            write_atomically(path, "".join(f"{line}\n" for line in kept).encode())
        return cls(path, lines)

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line, on the disk before this returns: a checkpoint that counts it may follow at once.

        Raises
        ------
        StorageError
        """
        clean = _clean(line)
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(clean, allow_nan=False, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            reason = problem.strerror or problem
            raise StorageError(f"cannot write {self.path}: {reason}; the last checkpoint is intact") from problem
        self.lines.append(clean)

    @property
    def diverged(self) -> str | None:
        """How training left the finite numbers, where that is how it ended."""
        return self.lines[-1].get("diverged") if self.lines else None

    def results(self) -> list[dict[str, Any]]:
        """Result of each repeat that is done."""
        return [line["result"] for line in self.lines if "result" in line]

    def curves(self, repeat: int = 0) -> tuple[Curve, ...]:
        """What was measured after the epochs of a repeat, stage by stage."""
        lines = [line for line in self.lines if line["repeat"] == repeat and "stage" in line]
        curves: list[Curve] = []
        for stage in dict.fromkeys(line["stage"] for line in lines):
            of_stage = [line for line in lines if line["stage"] == stage]
            names = [name for name, value in of_stage[0].items() if name not in _NOT_MEASURES and _is_figure(value)]
            measures = {name: [_number(line.get(name)) for line in of_stage] for name in names}
            curves.append(Curve(stage, [line["epoch"] for line in of_stage], measures))
        return tuple(curves)

    def flows(self, repeat: int = 0) -> tuple[FlowCurve, ...]:
        """How learning reached each layer after the epochs of a repeat, of stages where that was looked at."""
        lines = [line for line in self.lines if line["repeat"] == repeat and line.get("flow") is not None]
        flows: list[FlowCurve] = []
        for stage in dict.fromkeys(line["stage"] for line in lines):
            of_stage = [line for line in lines if line["stage"] == stage]
            found = [line["flow"] for line in of_stage]
            measures = {
                name: [[_number(value) for value in flow[name]] for flow in found]
                for name in found[0]
                if name != "names"
            }
            flows.append(FlowCurve(stage, [line["epoch"] for line in of_stage], tuple(found[0]["names"]), measures))
        return tuple(flows)

    def mistakes(self, repeat: int) -> list[int]:
        """Mistakes of each threshold neuron, over all epochs of a repeat; empty where there is none."""
        counts = [line["of_neurons"] for line in self.lines if line["repeat"] == repeat and "of_neurons" in line]
        return [sum(of_neuron) for of_neuron in zip(*counts, strict=True)]


def _check(lines: list[Any]) -> None:
    """Refuse what no run writes: a line of another form, or another form than the first of its stage.

    Raises
    ------
    ValueError
    """
    forms: dict[tuple[int, str], object] = {}
    for line in lines:
        if not _is_line(line):
            raise ValueError("a line is no object of a run")
        if "stage" in line:
            figures = [name for name, value in line.items() if name not in _NOT_MEASURES and _is_figure(value)]
            flow: dict[str, Any] = line.get("flow") or {"names": []}
            counts: list[int] = line.get("of_neurons", [])
            form = (figures, sorted(flow), len(flow["names"]), len(counts))
            if forms.setdefault((line["repeat"], line["stage"]), form) != form:
                raise ValueError("lines of one stage measure different things")


def _is_line(line: Any) -> bool:
    if not isinstance(line, dict):
        return False
    of_run = cast("dict[str, Any]", line)
    flow, counts = of_run.get("flow"), of_run.get("of_neurons", [])
    of_stage = isinstance(of_run.get("stage"), str) and type(of_run.get("epoch")) is int
    return (
        type(of_run.get("repeat")) is int
        and (of_stage or not {"stage", "flow", "of_neurons"} & of_run.keys())
        and isinstance(of_run.get("result", {}), dict)
        and isinstance(of_run.get("diverged", ""), str)
        and isinstance(counts, list)
        and all(type(count) is int for count in cast("list[Any]", counts))
        and (flow is None or _is_flow(flow))
    )


def _is_flow(flow: Any) -> bool:
    if not isinstance(flow, dict) or not isinstance(names := cast("dict[str, Any]", flow).get("names"), list):
        return False
    measures = [values for name, values in cast("dict[str, Any]", flow).items() if name != "names"]
    return all(isinstance(name, str) for name in cast("list[Any]", names)) and all(
        isinstance(values, list) and all(_is_figure(value) for value in cast("list[Any]", values))
        for values in measures
    )


def _is_figure(value: Any) -> bool:
    return value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) <= _LARGEST_COUNT)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _clean(value: Any) -> Any:
    """The same without NaN and infinity, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _clean(entry) for key, entry in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_clean(entry) for entry in cast("list[Any]", value)]
    return value
