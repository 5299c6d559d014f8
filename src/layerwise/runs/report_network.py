"""What a report shows of networks alone: how learning reached their layers, what comes back, what neurons came to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from layerwise.plots import LearningCurvesDisplay, PredictionsDisplay
from layerwise.plots.page import figure_svg
from layerwise.runs.findings import Findings
from layerwise.runs.measured import MEAN_ROW, THIS_NETWORK, Curve, ErrorScore, FlowCurve
from layerwise.runs.report_figures import DASHES, Chart

__all__ = ["ErrorLine", "Flow", "NetworkFigures", "TargetLine", "layer_names", "network_figures"]

_PAIRS = {
    "loss": ("held_out_loss", "loss, nats"),
    "squared_error": ("held_out_squared_error", "squared error"),
    "r2": ("held_out_r2", "R²"),
    "accuracy": ("held_out_accuracy", "accuracy"),
    "reconstruction_error": ("held_out_error", "reconstruction error"),
    "mistakes": ("", "mistakes of all neurons"),
}
"""What is measured on training rows, and its name on rows held out."""

_FLOW = {
    "gradient_norm": "Length of the gradient",
    "saturated": "Saturated units",
    "update_ratio": "Step over weights",
}
_ROWS = ("training rows", "rows held out")
_TITLES = {"network": "", "neurons": "", "fine-tuning": "Fine-tuning", "without pretraining": "Without pretraining"}


@dataclass(frozen=True)
class ErrorLine:
    """A line of the table of errors."""

    name: str
    error: float
    spread: float
    per_unit: float
    explained: float
    ours: bool


@dataclass(frozen=True)
class TargetLine:
    """A line of the table of predicted numbers."""

    name: str
    squared_error: float
    typical: float
    r2: float
    spread: float
    ours: bool


@dataclass(frozen=True)
class Flow:
    """How learning reached the layers in one stage."""

    title: str
    charts: list[Chart]
    legend: list[tuple[str, str, int]]
    """Of the lines: name, dashes of a stroke as SVG has them, place among the colours."""


@dataclass(frozen=True)
class NetworkFigures:
    """Charts and lines, empty where there is nothing to show.

    Parameters
    ----------
    curves : list of Chart
    curve_legend : list of (name, dashes)
    flows : list of Flow
    errors : list of ErrorLine
    targets : list of TargetLine
    predictions : Chart or None
    """

    curves: list[Chart] = field(default_factory=list[Chart])
    curve_legend: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    flows: list[Flow] = field(default_factory=list[Flow])
    errors: list[ErrorLine] = field(default_factory=list[ErrorLine])
    targets: list[TargetLine] = field(default_factory=list[TargetLine])
    predictions: Chart | None = None


def network_figures(findings: Findings) -> NetworkFigures:
    """Draw all of them."""
    curves = [chart for curve in findings.curves for chart in _curves(curve)] if findings.family == "network" else []
    names = _ROWS if any(_held_out(curve) for curve in findings.curves) else _ROWS[:1]
    last = "number" if findings.target else "classes"
    flows = [_flow(flow, last) for flow in findings.flows if not flow.stage.startswith("layer")]
    legend = [(name, dashes) for name, dashes in zip(names, DASHES, strict=False)]
    return NetworkFigures(
        curves, legend, flows, _error_lines(findings), _target_lines(findings), _predictions(findings)
    )


def _held_out(curve: Curve) -> bool:
    return any(np.isfinite(curve.measures.get(name, ())).any() for name, _ in _PAIRS.values())


def _curves(curve: Curve) -> list[Chart]:
    """Each measure of a stage, on training rows and on rows held out."""
    stage = _TITLES.get(curve.stage, curve.stage[0].upper() + curve.stage[1:])
    charts: list[Chart] = []
    for measure, (held_out, title) in _PAIRS.items():
        if measure not in curve.measures or (measure == "loss" and "reconstruction_error" in curve.measures):
            continue  # an autoencoder's loss says in nats what its error says in squares
        found = zip(_ROWS, (curve.measures[measure], curve.measures.get(held_out, ())), strict=True)
        lines = {name: (curve.epochs, values) for name, values in found if np.isfinite(values).any()}
        if not lines:
            continue
        title = f"{stage}: {title}" if stage else title[0].upper() + title[1:]
        ends = ", ".join(f"{name} from {values[0]:.3g} to {values[-1]:.3g}" for name, (_, values) in lines.items())
        alt = f"{title} over {len(curve.epochs)} epochs: {ends}"
        display = LearningCurvesDisplay(lines, "", percent=measure == "accuracy")
        name = f"{curve.stage.replace(' ', '-')}-{measure}"
        charts.append(Chart(figure_svg(display.plot, 340, 190, name, alt), 340, title))
    return charts


def _flow(flow: FlowCurve, last: str) -> Flow:
    names = layer_names(flow.layers, last)
    charts: list[Chart] = []
    for measure, title in _FLOW.items():
        values = np.asarray(flow.measures[measure], dtype=np.float64)
        logarithmic = measure != "saturated"
        if logarithmic:
            values = np.where(values > 0, values, np.nan)
        lines = {name: (flow.epochs, values[:, place].tolist()) for place, name in enumerate(names)}
        if not np.isfinite(values).any():
            continue
        last = ", ".join(f"{name} {ends[-1]:.2g}" for name, (_, ends) in lines.items())
        alt = f"{title}, layer by layer, over {len(flow.epochs)} epochs; at the end {last}"
        display = LearningCurvesDisplay(lines, "", percent=not logarithmic, logarithmic=logarithmic)
        name = f"flow-{flow.stage.replace(' ', '-')}-{measure}"
        charts.append(Chart(figure_svg(display.plot, 340, 210, name, alt), 340, title))
    legend = [(name, DASHES[place % len(DASHES)], place % 10) for place, name in enumerate(names)]
    return Flow(_TITLES.get(flow.stage, flow.stage), charts, legend)


def layer_names(names: Sequence[str], last: str = "classes") -> list[str]:
    """What a person calls layers whose modules have these names; ``last`` is what the top one of no autoencoder gives.

    >>> layer_names(("encoder.hidden1", "encoder.output", "decoder.output"))
    ['encoder 1', 'code', 'rows']
    >>> layer_names(("hidden1", "output")), layer_names(("0", "2"))
    (['layer 1', 'classes'], ['layer 1', 'classes'])
    """
    if any(name.startswith("encoder.") for name in names):
        parts = [name.split(".") for name in names]
        ends = {"encoder": "code", "decoder": "rows"}
        return [ends[side] if own == "output" else f"{side} {own.removeprefix('hidden')}" for side, own in parts]
    return [*(f"layer {place}" for place in range(1, len(names))), last]


def _error_lines(findings: Findings) -> list[ErrorLine]:
    """Each error beside that of the mean row, which knows nothing of a row."""
    nothing = findings.error(MEAN_ROW)
    return [_error_line(error, nothing, findings.columns) for error in findings.errors]


def _error_line(error: ErrorScore, nothing: ErrorScore | None, units: int) -> ErrorLine:
    explained = 1 - error.mean / nothing.mean if nothing is not None and nothing.mean else math.nan
    name = error.name[0].upper() + error.name[1:]
    return ErrorLine(name, error.mean, error.std, math.sqrt(error.mean / units), explained, error.name == THIS_NETWORK)


def _target_lines(findings: Findings) -> list[TargetLine]:
    """How near each comes to the targets."""
    return [
        TargetLine(
            "This network" if score.name == THIS_NETWORK else score.name[0].upper() + score.name[1:],
            score.squared_error,
            math.sqrt(score.squared_error),
            score.r2,
            score.std,
            score.name == THIS_NETWORK,
        )
        for score in findings.targets
    ]


def _predictions(findings: Findings) -> Chart | None:
    if findings.predictions is None:
        return None
    true, given = findings.predictions
    alt = f"{len(true)} test rows, the predicted {findings.target} of each against the true one"
    return Chart(figure_svg(PredictionsDisplay(true, given).plot, 380, 380, "predictions", alt), 380)
