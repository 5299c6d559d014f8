"""The charts of a report: which of the findings go into which, how large it is and what it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from layerwise.plots import (
    CodesDisplay,
    ConfusionDisplay,
    HeatMapDisplay,
    LearningCurvesDisplay,
)
from layerwise.plots.codes import SHAPES, shape_and_colour
from layerwise.plots.learning_curves import MEASURES
from layerwise.plots.page import figure_svg
from layerwise.runs.findings import Findings
from layerwise.runs.measured import THIS_NETWORK, WITHOUT_PRETRAINING, Curve

__all__ = [
    "Chart",
    "HeatMaps",
    "MixUp",
    "class_legend",
    "code_charts",
    "confusion_chart",
    "heat_maps",
    "layer_charts",
    "mix_ups",
    "tuning_charts",
    "tuning_legend",
]

# What fits on a page and can still be read.
MOST_COLUMNS = 40
MOST_CLASSES = 24
MOST_MIX_UPS = 6
_HEAT_MAP = 440

# As SVG writes the dashes of LearningCurvesDisplay's lines.
DASHES = ("none", "9 4", "3 4", "12 4 3 4")

UNITS = {"stack": "first-layer units", "machine": "hidden units", "network": "units of the first layer"}
"""What filters are of, by the family of the model."""

_OF_A_LAYER = ("reconstruction_error", "free_energy_gap")
_OF_A_MACHINE = ("held_out_log_likelihood", "held_out_pseudo_likelihood", "accuracy")


@dataclass(frozen=True)
class Chart:
    """A drawing: an ``<svg>`` element, with its width in pixels before it is scaled."""

    svg: str
    width: int
    title: str = ""


@dataclass(frozen=True)
class HeatMaps:
    """What there is to see where rows are no pictures; ``shown`` is the number of columns that found room."""

    shown: int
    filters: Chart | None = None
    filter_scale: float = 0.0
    reconstructions: Chart | None = None
    reconstruction_scale: float = 0.0


@dataclass(frozen=True)
class MixUp:
    """Rows of one class that were taken for another."""

    true: str
    predicted: str
    count: int
    of: int


def layer_charts(findings: Findings) -> list[Chart]:
    """For each layer: reconstruction error and free-energy gap after every epoch; of a single machine also more."""
    charts: list[Chart] = []
    for curve in findings.curves if findings.family != "network" else ():
        if not curve.stage.startswith("layer "):
            continue
        stage = curve.stage[0].upper() + curve.stage[1:]
        measures = _OF_A_LAYER if findings.family == "stack" else (*_OF_A_LAYER, *_OF_A_MACHINE)
        for measure in measures:
            title = MEASURES[measure]
            title = f"{stage}: {title}" if findings.family == "stack" else title[0].upper() + title[1:]
            charts += _curves({stage: curve}, measure, title, f"curve-{len(charts)}")
    return charts


def tuning_charts(findings: Findings) -> list[Chart]:
    """Loss and accuracy of fine-tuning, this network's and its twin's in the same axes."""
    charts: list[Chart] = []
    for measure in ("loss", "accuracy"):
        title = MEASURES[measure][0].upper() + MEASURES[measure][1:]
        charts += _curves(_tuned(findings), measure, title, f"tuning-{len(charts)}")
    return charts


def tuning_legend(findings: Findings) -> list[tuple[str, str]]:
    """The lines of fine-tuning's charts: name, and dashes of a stroke as SVG has them."""
    return [(name, DASHES[place]) for place, name in enumerate(_tuned(findings))]


def _tuned(findings: Findings) -> dict[str, Curve]:
    by_stage = {curve.stage: curve for curve in findings.curves}
    names = {THIS_NETWORK: "fine-tuning", WITHOUT_PRETRAINING: WITHOUT_PRETRAINING}
    return {name: by_stage[stage] for name, stage in names.items() if stage in by_stage}


def _curves(curves: dict[str, Curve], measure: str, title: str, name: str) -> list[Chart]:
    """One chart, or none where the measure was never taken."""
    lines = {
        line: (curve.epochs, values)
        for line, curve in curves.items()
        if np.isfinite(values := curve.measures.get(measure, ())).any()
    }
    if not lines:
        return []
    ends = ", ".join(f"{line} from {values[0]:.3g} to {values[-1]:.3g}" for line, (_, values) in lines.items())
    display = LearningCurvesDisplay(lines, "", percent=measure == "accuracy")
    alt = f"{title} over {len(next(iter(lines.values()))[0])} epochs: {ends}"
    return [_chart(display.plot, 340, 190, name, alt, title)]


def heat_maps(findings: Findings) -> HeatMaps | None:
    """Heat maps of rows that are no pictures, or None where they are."""
    if findings.picture is not None:
        return None
    names = findings.column_names or tuple(f"column {place}" for place in range(1, findings.columns + 1))
    # The columns that the first layer listens to most, in their own order.
    kept = list(range(min(MOST_COLUMNS, findings.columns)))
    if findings.filters is not None:
        kept = _largest(np.square(findings.filters).sum(axis=0), MOST_COLUMNS)
    shown = [names[place] for place in kept]
    height = 46 + 18 * len(kept)
    filters, filter_scale = None, 0.0
    if findings.filters is not None:
        units = "neurons" if findings.neurons else "hidden units"
        display = HeatMapDisplay({f"{len(findings.filters)} {units}": findings.filters[:, kept]}, shown)
        units = UNITS[findings.family]
        alt = f"Weights between {len(kept)} columns and {len(findings.filters)} {units}"
        filters, filter_scale = _chart(display.plot, _HEAT_MAP, height, "filters", alt), display.scale
    rows, row_scale = None, 0.0
    if findings.inputs is not None and findings.reconstructions:
        panels = {"input": _from_the_middle(findings, findings.inputs[:, kept])}
        for depth in sorted(findings.reconstructions):
            name = "layer 1" if depth == 1 else f"layers 1–{depth}"
            if findings.family != "stack":
                name = "given back"
            panels[name] = _from_the_middle(findings, findings.reconstructions[depth][:, kept])
        if findings.linear is not None:
            panels["by principal components"] = _from_the_middle(findings, findings.linear[:, kept])
        display = HeatMapDisplay(panels, shown)
        alt = f"{len(findings.inputs)} rows beside their reconstructions from each depth"
        if findings.family != "stack":
            alt = f"{len(findings.inputs)} rows beside what the {findings.thing} gives back of them"
        rows, row_scale = _chart(display.plot, _HEAT_MAP, height, "rows", alt), display.scale
    return HeatMaps(len(kept), filters, filter_scale, rows, row_scale)


def _from_the_middle(findings: Findings, rows: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "row column"]:
    """Standard deviations have their zero; shares of a column's range are shown from the middle of it."""
    # The units of a single machine are of many kinds, and most have a zero of their own.
    own_zero = findings.visible == "gaussian" if findings.family == "stack" else findings.visible != "bernoulli"
    return rows if own_zero else rows - 0.5


def code_charts(findings: Findings) -> list[Chart]:
    """Each layer's code, in the plane where it is widest."""
    # Rows may carry codes of classes that the network was never told of.
    labels = findings.code_labels if findings.classes else None
    charts: list[Chart] = []
    for depth, plane in enumerate(findings.codes, 1):
        display = CodesDisplay(plane.points, labels, findings.classes)
        alt = f"{len(plane.points)} rows in the two main directions of the code of layer {depth}"
        size = f"{findings.hidden[depth - 1]:,} units" if findings.hidden else "answers of the neurons"
        held = "" if np.isnan(plane.share) else f" ({100 * plane.share:.0f} %)"
        title = f"Layer {depth}: {size}{held}"
        if findings.family == "machine":
            alt = f"{len(plane.points)} rows in the two main directions of the hidden units"
            title = f"{findings.hidden[depth - 1]:,} hidden units{held}"
        elif not findings.hidden:
            title = f"Answers of the neurons{held}"
        elif findings.errors and depth == len(findings.codes):
            title = f"Code: {findings.hidden[-1]:,} numbers{held}"
        charts.append(_chart(display.plot, 340, 330, f"code-{depth}", alt, title))
    return charts


def class_legend(findings: Findings) -> list[tuple[str, str, int]]:
    """Of the classes in the pictures of the codes: name, shape, place among the colours."""
    if findings.code_labels is None or not findings.classes or not findings.codes:
        return []
    present = np.unique(findings.code_labels[findings.code_labels >= 0]).tolist()
    looks = {code: shape_and_colour(code) for code in present}
    return [(findings.classes[code], SHAPES[shape][1], colour) for code, (shape, colour) in looks.items()]


def confusion_chart(findings: Findings) -> Chart | None:
    """The confusion matrix, of the classes with the most mistakes where there are many."""
    if findings.confusion is None:
        return None
    kept = _most_confused(findings.confusion)
    classes = [findings.classes[code] for code in kept]
    counts = findings.confusion[np.ix_(kept, kept)]
    side = 60 + 34 * len(kept) + 6 * min(14, max(len(name) for name in classes))
    right, total = int(np.trace(findings.confusion)), int(findings.confusion.sum())
    alt = f"Confusion matrix of {len(kept)} classes; {right} of {total} rows lie on its diagonal"
    return _chart(ConfusionDisplay(counts, classes).plot, side, side, "confusion", alt)


def _most_confused(counts: np.ndarray) -> list[int]:
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    return _largest(wrong, MOST_CLASSES)


def _largest(values: np.ndarray, count: int) -> list[int]:
    """Places of the largest values, in the order of the places; of equal ones the first."""
    order: list[int] = np.argsort(-values, kind="stable")[:count].tolist()
    return sorted(order)


def mix_ups(findings: Findings) -> list[MixUp]:
    """The pairs of classes that were taken for each other most often."""
    if findings.confusion is None:
        return []
    wrong = findings.confusion - np.diag(np.diag(findings.confusion))
    order: list[int] = np.argsort(-wrong, axis=None, kind="stable")[:MOST_MIX_UPS].tolist()
    names = findings.classes
    return [
        MixUp(names[true], names[taken], int(wrong[true, taken]), int(findings.confusion[true].sum()))
        for true, taken in (divmod(place, len(names)) for place in order)
        if wrong[true, taken]
    ]


def _chart(draw: Callable[[Axes], object], width: int, height: int, name: str, alt: str, title: str = "") -> Chart:
    return Chart(figure_svg(draw, width, height, name, alt), width, title)
