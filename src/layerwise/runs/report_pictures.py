"""The pixel pictures of a report: filters, reconstructions, samples and mistakes, inside the page as data URIs."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from layerwise.plots import FiltersDisplay, ReconstructionsDisplay, SamplesDisplay
from layerwise.plots.mosaic import png
from layerwise.runs.findings import Findings, Mistake
from layerwise.runs.report_figures import UNITS

__all__ = ["Picture", "Pictures", "picture_of", "pictures"]

_WIDEST = 660
_MISTAKE = 84
_NAMES = ("Input", "Given back")


@dataclass(frozen=True)
class Picture:
    """Pixels: a data URI, with the size on the page."""

    uri: str
    width: int
    height: int
    alt: str


@dataclass(frozen=True)
class Pictures:
    """What there is to see where rows are pictures."""

    on_black: bool
    filters: Picture | None = None
    filter_scale: float = 0.0
    reconstructions: dict[str, Picture] = field(default_factory=dict[str, Picture])
    samples: Picture | None = None
    mistakes: list[tuple[Picture, Mistake]] = field(default_factory=list[tuple[Picture, Mistake]])


def pictures(findings: Findings) -> Pictures | None:
    """All pictures, or None where rows are none."""
    shape = findings.picture
    if shape is None:
        return None
    on_black, reconstructions = False, dict[str, Picture]()
    if findings.inputs is not None:
        display = ReconstructionsDisplay(findings.inputs, findings.reconstructions, shape)
        on_black = display.on_black
        lines = display.lines() if findings.reconstructions else {}
        if findings.family != "stack":
            lines: dict[str, UInt8[np.ndarray, "tall wide 4"]] = dict(zip(_NAMES, lines.values(), strict=False))
        if findings.linear is not None:
            linear = ReconstructionsDisplay(findings.linear, {}, shape).lines(on_black)["Input"]
            lines["Principal components"] = linear
        reconstructions = {
            name: picture_of(line, f"{len(findings.inputs)} rows: {name.lower()}") for name, line in lines.items()
        }
    filters, scale = None, 0.0
    if findings.filters is not None:
        weights = FiltersDisplay(findings.filters, shape)
        filters = picture_of(weights.rgba(), f"Weights of {len(findings.filters)} {UNITS[findings.family]}")
        scale = weights.scale
    samples = None
    if findings.samples is not None:
        drawn = SamplesDisplay(findings.samples, shape, on_black if findings.inputs is not None else None)
        samples = picture_of(drawn.rgba(), f"{len(findings.samples)} pictures drawn by the network")
    mistakes: list[tuple[Picture, Mistake]] = []
    for mistake in findings.mistakes:
        row = SamplesDisplay(mistake.row[None], shape, on_black)
        mistakes.append((picture_of(row.rgba(), f"Row {mistake.index}, of class {mistake.true}", _MISTAKE), mistake))
    return Pictures(on_black, filters, scale, reconstructions, samples, mistakes)


def picture_of(rgba: UInt8[np.ndarray, "tall wide 4"], alt: str, widest: int = _WIDEST) -> Picture:
    """A picture in whole multiples of its pixels, so that none is wider than another."""
    tall, wide = rgba.shape[:2]
    times = max(1, widest // wide)
    uri = "data:image/png;base64," + base64.b64encode(png(rgba)).decode("ascii")
    return Picture(uri, wide * times, tall * times, alt)
