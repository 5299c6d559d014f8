from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from layerwise.networks import GradientFlowInfo
from layerwise.plots import (
    AutocorrelationDisplay,
    CodesDisplay,
    ConfusionDisplay,
    FiltersDisplay,
    GradientFlowDisplay,
    HeatMapDisplay,
    LearningCurvesDisplay,
    MarginalDisplay,
    PredictionsDisplay,
    ReconstructionsDisplay,
    SamplesDisplay,
)
from layerwise.plots.codes import shape_and_colour

RANDOM = np.random.default_rng(0)
HOSTILE = "<script>alert(1)</script> $\\frac{1}$"
DISPLAYS = [
    FiltersDisplay(RANDOM.normal(size=(7, 12)), (3, 4)),
    SamplesDisplay(RANDOM.random((7, 12)), (3, 4)),
    ReconstructionsDisplay(RANDOM.random((5, 12)), {2: RANDOM.random((5, 12)), 1: RANDOM.random((5, 12))}, (3, 4)),
    HeatMapDisplay({HOSTILE: RANDOM.normal(size=(6, 3)), "b": RANDOM.normal(size=(6, 3))}, ["x", "y", HOSTILE]),
    LearningCurvesDisplay({HOSTILE: ([1, 2, 3], [3.0, float("nan"), 1.0]), "b": ([1, 2], [1.0, 1.0])}, HOSTILE),
    LearningCurvesDisplay({"one epoch": ([1], [0.5])}, "accuracy", percent=True),
    LearningCurvesDisplay({"a length": ([1, 2, 3], [0.0, 1e-3, 1.0])}, "step", legend=True, logarithmic=True),
    LearningCurvesDisplay({"no length": ([1, 2], [0.0, 0.0])}, "step", logarithmic=True),
    GradientFlowDisplay([GradientFlowInfo(("0", "b"), (0.0, 1.0), (0.1, 0.1), (0.0, 1.0), (np.inf, np.nan))] * 2),
    LearningCurvesDisplay({"nothing": ([1], [float("nan")])}, "gap"),
    AutocorrelationDisplay([1.0, 0.5, -0.2], 1.5),
    AutocorrelationDisplay([1.0], float("inf")),
    PredictionsDisplay(RANDOM.normal(size=20), RANDOM.normal(size=20), HOSTILE),
    PredictionsDisplay(np.array([2.0]), np.array([2.0])),
    PredictionsDisplay(np.array([1.0, 2.0]), np.array([np.nan, 1.0])),
    MarginalDisplay([HOSTILE, "b"], [0.25, 0.75], [0.0, 1.0]),
    MarginalDisplay([0.0, 1.0, 2.0], [0.25, 0.75], [0.0, 0.0]),
    CodesDisplay(RANDOM.normal(size=(20, 2)), np.arange(20) % 4 - 1, ["a", HOSTILE, "c"]),
    CodesDisplay(RANDOM.normal(size=(20, 2))),
    CodesDisplay(np.zeros((3, 2)), np.zeros(3, dtype=np.int64), ["only"]),
    ConfusionDisplay(np.array([[9, 1], [0, 12345]]), ["short", HOSTILE]),
    ConfusionDisplay(np.zeros((2, 2), dtype=np.int64), ["0", "1"]),
]


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: type(display).__name__)
def test_it_draws_into_a_figure_of_its_own_or_into_given_axes(display: FiltersDisplay) -> None:
    own = display.plot().ax_
    figure = Figure()
    given = figure.subplots()
    assert display.plot(given) is display
    assert (display.ax_, display.figure_) == (given, figure)
    assert own.figure is not figure
    for drawn in (own.figure, figure):
        FigureCanvasAgg(drawn).draw()


def test_filters_share_one_scale() -> None:
    weights = np.zeros((2, 4))
    weights[0, 0], weights[1, 0] = 1.0, 0.5
    display = FiltersDisplay(weights, (2, 2))
    rgba = display.rgba()
    assert display.scale == pytest.approx(1.0, abs=0.01)
    assert rgba[0, 0, 3] == 255
    assert rgba[0, 3, 3] == pytest.approx(128, abs=3)


def test_reconstructions_stand_in_the_order_of_depth() -> None:
    lines = DISPLAYS[2].lines()
    assert list(lines) == ["Input", "Layer 1", "Layers 1–2"]
    assert {line.shape for line in lines.values()} == {(3, 5 * 5 - 1, 4)}


def test_no_two_of_a_hundred_classes_look_alike() -> None:
    assert len({shape_and_colour(code) for code in range(100)}) == 100


def test_classes_are_named_at_their_median_unless_there_are_too_many() -> None:
    points, labels = np.zeros((40, 2)), np.arange(40)
    assert len(CodesDisplay(points, labels % 3, ["a", "b", "c"]).plot().ax_.texts) == 3
    assert not CodesDisplay(points, labels, [str(code) for code in range(40)]).plot().ax_.texts


def test_the_confusion_matrix_writes_every_count_but_zero() -> None:
    axes = ConfusionDisplay(np.array([[9, 1], [0, 5]]), ["a", "b"]).plot().ax_
    assert sorted(text.get_text() for text in axes.texts) == ["1", "5", "9"]


def test_flat_and_missing_figures_leave_sane_limits() -> None:
    low, high = LearningCurvesDisplay({"flat": ([1, 2], [2.0, 2.0])}, "m").plot().ax_.get_ylim()
    assert low < 2 < high


@pytest.mark.parametrize(
    ("shares", "limits"),
    [([0.5, 1.0], (0.46, 1.0)), ([0.0, 0.5], (0.0, 0.54)), ([1.0, 1.0], (0.95, 1.0)), ([0.0], (0, 1))],
)
def test_an_axis_of_shares_ends_where_shares_end(shares: list[float], limits: tuple[float, float]) -> None:
    display = LearningCurvesDisplay({"line": (range(len(shares)), shares)}, "accuracy", percent=True)
    assert display.plot().ax_.get_ylim() == pytest.approx(limits)
    numbers = LearningCurvesDisplay({"line": (range(len(shares)), shares)}, "loss").plot().ax_.get_ylim()
    assert numbers[0] < min(shares) <= max(shares) < numbers[1]


def test_pyplot_is_never_imported() -> None:
    code = "import sys, layerwise.plots, layerwise.plots.page; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
