"""What a run came to, as tables for a terminal, however narrow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from layerwise.runs.measured import THIS_NETWORK, Curve, LikelihoodFinding, NeuronFinding, Score
from layerwise.runs.numerals import four_digits
from layerwise.runs.result import Result, error_scores, scores, target_scores
from layerwise.training.pretraining import LayerInfo

__all__ = ["curve_table", "energy_table", "figure_table", "likelihood_table", "result_tables", "table_of"]

_SEPARABLE = {True: "yes", False: "no", None: "not decided"}


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
            if not np.isnan(values).all()
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
    tables = [table_of(("", "units", "reconstruction error", "free-energy gap"), lines)] if lines else []
    if all(result.likelihood is not None for result in results):
        tables.append(likelihood_table([result.likelihood for result in results if result.likelihood is not None]))
    if errors := error_scores(results):
        lines = [(error.name, _spread(error.errors, ".2f")) for error in errors]
        tables.append(table_of(("test rows", "reconstruction error"), lines))
        tables[-1].rows[0].style = "bold"
    if predictions := target_scores(results):
        lines = [(score.name, four_digits(score.squared_error), _spread(score.r2s, ".3f")) for score in predictions]
        tables.append(table_of(("test rows", "squared error", "R²"), lines))
        tables[-1].rows[0].style = "bold"
    if neurons := results[0].neurons:
        tables.append(neuron_table(neurons))
    if found := scores(results):
        tables.append(table_of(("test accuracy", "%"), [(score.name, _accuracy(score)) for score in found]))
        for place, score in enumerate(found):
            tables[-1].rows[place].style = "bold" if score.name == THIS_NETWORK else None
    return tables


def neuron_table(neurons: Sequence[NeuronFinding]) -> Table:
    """Whether each class can be separated from the others, and the mistakes on the way."""
    lines = [
        (neuron.name, f"{neuron.mistakes:,}", f"{neuron.left:,}", _SEPARABLE[neuron.separable], most_mistakes(neuron))
        for neuron in neurons
    ]
    return table_of(("class", "mistakes", "wrong at the end", "separable", "most mistakes there can be"), lines)


def most_mistakes(neuron: NeuronFinding) -> str:
    """The bound of Rosenblatt's rule."""
    return f"{neuron.bound:,.0f}" if math.isfinite(neuron.bound) else "no end" if neuron.bound > 0 else "–"


def energy_table(sizes: Sequence[int], measured: Sequence[tuple[LayerInfo, float]]) -> Table:
    """What each layer of an energy model makes of rows: reconstruction error and mean free energy."""
    lines = [
        (f"layer {depth}", str(size), f"{info.reconstruction_error:.2f}", f"{energy:.2f}")
        for depth, (size, (info, energy)) in enumerate(zip(sizes, measured, strict=True), 1)
    ]
    return table_of(("", "units", "reconstruction error", "free energy (nats)"), lines)


def figure_table(what: str, figures: Mapping[str, float]) -> Table:
    """Figures by name."""
    return table_of((what, ""), [(name, f"{value:.4g}") for name, value in figures.items()])


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
    return f"{mean:{form}}" + (f" ± {float(np.std(values, ddof=1)):{form.lstrip('+')}}" if len(values) > 1 else "")
