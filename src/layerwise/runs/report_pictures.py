"""The pixel pictures of a report: filters, reconstructions, samples and mistakes, inside the page as data URIs."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from layerwise.plots import FiltersDisplay, ReconstructionsDisplay, SamplesDisplay
from layerwise.plots.mosaic import png
from layerwise.runs.findings import Findings, Mistake

__all__ = ["Picture", "Pictures", "picture_of", "pictures"]

_WIDEST = 660
_MISTAKE = 84


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
        lines = display.lines()
        if findings.model != "dbn":
            lines = dict(zip(("Input", "Given back"), lines.values(), strict=False))
        reconstructions = {
            name: picture_of(line, f"{len(findings.inputs)} rows: {name.lower()}") for name, line in lines.items()
        }
    filters, scale = None, 0.0
    if findings.filters is not None:
        weights = FiltersDisplay(findings.filters, shape)
        units = "first-layer units" if findings.model == "dbn" else "hidden units"
        filters = picture_of(weights.rgba(), f"Weights of {len(findings.filters)} {units}, one square each")
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
