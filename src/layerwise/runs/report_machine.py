"""What a report shows of a single machine alone: its chains, how fast they forget, its columns, what it filled in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from layerwise.plots import AutocorrelationDisplay, MarginalDisplay
from layerwise.plots.mosaic import arrange, grey
from layerwise.plots.page import figure_svg
from layerwise.runs.findings import Findings
from layerwise.runs.machine_findings import ColumnMarginal
from layerwise.runs.report_figures import Chart
from layerwise.runs.report_pictures import Picture, picture_of

__all__ = ["MachineFigures", "machine_figures"]

# What is hidden of a picture: neither black nor white.
_HIDDEN = 0.4
_ACROSS = 10
# Lags that are drawn, in autocorrelation times: after these nothing is left but noise.
_LAG_TIMES = 10
_FEWEST_LAGS = 20


@dataclass(frozen=True)
class MachineFigures:
    """Pictures and charts, empty where there is nothing to show.

    Parameters
    ----------
    chains : dict of str to Picture
        The same chains, by how many steps they have taken.
    forgetting : Chart or None
        Autocorrelation over the lag.
    forgetting_line : str
        The same in a sentence.
    marginals : list of (ColumnMarginal, Chart)
    filling : dict of str to Picture
        Pictures as they were, with a part hidden, and filled.
    """

    chains: dict[str, Picture] = field(default_factory=dict[str, Picture])
    forgetting: Chart | None = None
    forgetting_line: str = ""
    marginals: list[tuple[ColumnMarginal, Chart]] = field(default_factory=list[tuple[ColumnMarginal, Chart]])
    filling: dict[str, Picture] = field(default_factory=dict[str, Picture])


def machine_figures(findings: Findings, on_black: bool) -> MachineFigures:
    """Draw all of them.

    Parameters
    ----------
    findings : Findings
    on_black : bool
        Whether black is an empty ground, as it is in the page's other pictures.
    """
    chart, line = _forgetting(findings)
    return MachineFigures(
        _chains(findings, on_black), chart, line, _marginals(findings), _filling_pictures(findings, on_black)
    )


def _chains(findings: Findings, on_black: bool) -> dict[str, Picture]:
    if findings.chains is None or findings.picture is None:
        return {}
    shown = dict[str, Picture]()
    for time, rows in sorted(findings.chains.times.items()):
        name = f"{time:,} step" if time == 1 else f"{time:,} steps"
        tiles = arrange(np.asarray(rows).reshape(-1, *findings.picture), across=min(_ACROSS, len(rows)))
        shown[name] = picture_of(grey(tiles, on_black), f"{len(rows)} chains after {name}")
    return shown


def _forgetting(findings: Findings) -> tuple[Chart | None, str]:
    found = findings.forgetting
    if found is None:
        return None, ""
    watched = f"{found.chains:,} chains were watched for {found.steps:,} steps by their free energy"
    if not math.isfinite(found.time) or not np.isfinite(found.autocorrelation).all():
        return None, f"{watched}, and it did not move: samples of these chains are worth nothing as independent draws."
    line = (
        f"{watched}. The autocorrelation time is {found.time:.2f} ± {found.error:.2f} steps: about so many make one "
        f"independent draw, and all {found.chains * found.steps:,} states together are worth {found.effective:,.0f}."
    )
    lags = found.autocorrelation[: max(_FEWEST_LAGS, math.ceil(_LAG_TIMES * found.time)) + 1]
    display = AutocorrelationDisplay(lags, found.time)
    alt = f"Autocorrelation of the free energy over {len(lags)} lags; its time is {found.time:.2f} steps"
    return Chart(figure_svg(display.plot, 340, 190, "forgetting", alt), 340, "Autocorrelation of the free energy"), line


def _marginals(findings: Findings) -> list[tuple[ColumnMarginal, Chart]]:
    charts: list[tuple[ColumnMarginal, Chart]] = []
    for place, column in enumerate(findings.marginals):
        display = MarginalDisplay(column.places, column.data, column.samples)
        height = 44 + 26 * len(column.places) if display.bars else 140
        alt = f"{column.name}: {100 * column.distance:.0f} % between data and samples"
        svg = figure_svg(display.plot, 260, height, f"marginal-{place}", alt)
        charts.append((column, Chart(svg, 260, column.name)))
    return charts


def _filling_pictures(findings: Findings, on_black: bool) -> dict[str, Picture]:
    found, shape = findings.filling, findings.picture
    if found is None or shape is None or found.rows is None or found.hidden is None or found.filled is None:
        return {}
    lines = {"As it was": found.rows, "Hidden": _without_gaps(found.hidden), "Filled": found.filled}
    shown = dict[str, Picture]()
    for name, rows in lines.items():
        tiles = arrange(rows.reshape(-1, *shape), across=len(rows))
        shown[name] = picture_of(grey(tiles, on_black), f"{len(rows)} pictures: {name.lower()}")
    return shown


def _without_gaps(rows: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "row column"]:
    return np.where(np.isnan(rows), _HIDDEN, rows)
