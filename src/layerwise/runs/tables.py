"""What a run came to, as tables for a terminal, however narrow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from layerwise.runs.measured import THIS_NETWORK, Curve, LikelihoodFinding, Score
from layerwise.runs.result import Result, scores

__all__ = ["curve_table", "likelihood_table", "result_tables", "table_of"]


def table_of(head: Sequence[str], lines: Sequence[Sequence[str]], *, figures: bool = True) -> Table:
    """A plain table; all columns but the first are figures, which stand to the right, unless said otherwise."""
    table = Table(*head, box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(table.columns):
        column.justify, column.overflow = ("right" if figures and place else "left"), "fold"
    for line in lines:
        table.add_row(*(escape(cell) for cell in line))
    return table


def curve_table(curves: Sequence[Curve]) -> Table:
    """Where each stage's curves end."""
    lines: list[Sequence[str]] = []
    for curve in curves:
        last = ", ".join(
            f"{name.replace('_', ' ')} {'–' if math.isnan(values[-1]) else format(values[-1], '.4g')}"
            for name, values in curve.measures.items()
        )
        lines.append((curve.stage, str(curve.epochs[-1]), last))
    return table_of(("stage", "epochs", "at the end"), lines, figures=False)


def result_tables(results: Sequence[Result]) -> list[Table]:
    """The layers and, where there are any, the accuracies; mean ± standard deviation of several repeats."""
    lines: list[Sequence[str]] = []
    for depth, layer in enumerate(results[0].layers):
        errors = [result.layers[depth].reconstruction_error for result in results]
        gaps = [result.layers[depth].free_energy_gap for result in results]
        lines.append((f"layer {depth + 1}", str(layer.size), _spread(errors, ".2f"), _spread(gaps, "+.2f")))
    tables = [table_of(("", "units", "reconstruction error", "free-energy gap"), lines)]
    if all(result.likelihood is not None for result in results):
        tables.append(likelihood_table([result.likelihood for result in results if result.likelihood is not None]))
    if found := scores(results):
        tables.append(table_of(("test accuracy", "%"), [(score.name, _accuracy(score)) for score in found]))
        for place, score in enumerate(found):
            tables[-1].rows[place].style = "bold" if score.name == THIS_NETWORK else None
    return tables


def likelihood_table(found: Sequence[LikelihoodFinding]) -> Table:
    """What the test rows have of likelihood; mean ± standard error of a single run, ± standard deviation of several."""
    first = found[0]
    exact, one = first.method == "exact", len(found) == 1

    def figure(name: str, error: str = "") -> str:
        values = [float(getattr(entry, name)) for entry in found]
        return f"{values[0]:.2f} ± {getattr(first, error):.2f}" if one and error else _spread(values, ".2f")

    lines: list[Sequence[str]] = [("log-likelihood" + (", exact" if exact else ""), figure("mean", "standard_error"))]
    if not exact:
        lines += [("annealed backward (lower)", figure("lower")), ("annealed forward (upper)", figure("upper"))]
    lines += [
        ("independent columns", figure("independent")),
        ("log Z", figure("log_partition") if exact else figure("log_partition", "log_partition_error")),
    ]
    table = table_of(("test rows", "nats a row"), lines)
    table.rows[0].style = "bold"
    return table


def _accuracy(score: Score) -> str:
    return _spread([100 * accuracy for accuracy in score.accuracies], ".2f")


def _spread(values: Sequence[float], form: str) -> str:
    mean = float(np.mean(values))
    if math.isnan(mean):
        return "–"
    return f"{mean:{form}}" + (f" ± {float(np.std(values, ddof=1)):.2f}" if len(values) > 1 else "")
