"""Figures as SVG inside a page: they take the page's text colour, its fonts and its shades, light or dark.

Matplotlib keeps the settings that decide how an SVG is written in one global table. They are set for the length of one
figure and put back; a lock keeps two of this module's figures apart.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layerwise.plots.colours import INK, SERIES, WRONG

__all__ = ["figure_svg"]

_ONE_AT_A_TIME = threading.RLock()
# Of matplotlib's SVG: a figure of w/72 inches is w units wide, and a font of 11 points 11 units high.
_UNITS_PER_INCH = 72
_SHADES = {INK: "currentColor"} | {c.light: f"var(--{c.name}, {c.light})" for c in (*SERIES, WRONG)}
_PAGE_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "layerwise",
    "text.parse_math": False,
    "font.size": 11.0,
    "axes.titlesize": 11.0,
    "axes.titlepad": 10.0,
    "axes.labelsize": 11.0,
    "xtick.labelsize": 11.0,
    "ytick.labelsize": 11.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "figure.constrained_layout.w_pad": 0.02,
    "figure.constrained_layout.h_pad": 0.02,
} | dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color"), INK)
_UNUSED = ("metadata", "style")
_PRESENTATION = ("fill", "stroke")
_REFERENCE = re.compile(r"#([^)\"']+)")
_DECIMALS = re.compile(r"(\d+\.\d\d)\d+")


def figure_svg(draw: Callable[[Axes], object], width: int, height: int, name: str, alt: str) -> str:
    """Draw a figure for a page.

    Parameters
    ----------
    draw : callable
        Is given the axes.
    width, height : int
        In pixels of the page, before it is scaled to the room there is.
    name : str
        Unique on the page: the figure's inner references begin with it.
    alt : str
        What the figure shows, for those who do not see it.

    Returns
    -------
    str
        An ``<svg>`` element. The same figure is the same text.
    """
    with _page_style():
        figure = Figure(figsize=(width / _UNITS_PER_INCH, height / _UNITS_PER_INCH), layout="constrained")
        draw(cast(Any, figure).subplots())
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _for_page(file.getvalue(), width, height, name, alt)


@contextmanager
def _page_style() -> Generator[None]:
    """Matplotlib's own defaults, whatever the user's settings say, and on top of them those of the page."""
    own: dict[Any, Any] = {name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith("backend")}
    with _ONE_AT_A_TIME, mpl.rc_context(own | _PAGE_STYLE):
        yield


def _for_page(svg: bytes, width: int, height: int, name: str, alt: str) -> str:
    root = ElementTree.fromstring(svg)
    for parent in root.iter():
        parent.tag = parent.tag.rpartition("}")[2]
        for child in [child for child in parent if child.tag.rpartition("}")[2] in _UNUSED]:
            parent.remove(child)
    for element in root.iter():
        attributes = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
        element.attrib.clear()
        element.attrib.update(_tidy(attributes))
    _rename(root, name)
    for group in root.iter("g"):
        _share_style(group)
    root.attrib.clear()
    root.attrib.update({"viewBox": f"0 0 {width} {height}", "width": str(width), "height": str(height), "role": "img"})
    root.set("aria-label", alt)
    return ElementTree.tostring(root, encoding="unicode")


def _tidy(attributes: dict[str, str]) -> dict[str, str]:
    """Colours of the page, its fonts, and no more digits than the eye can see."""
    tidy: dict[str, str] = {}
    for key, value in attributes.items():
        if key == "style":
            rules = [rule.split(":", 1) for rule in value.split(";") if ":" in rule]
            pairs = ((property_.strip(), setting.strip()) for property_, setting in rules)
            tidy["style"] = ";".join(
                f"{property_}:{_SHADES.get(setting, setting)}"
                for property_, setting in pairs
                if property_ != "font-family"
            )
        elif key == "href" and not value.startswith("#"):
            tidy[key] = "".join(value.split())
        else:
            tidy[key] = _DECIMALS.sub(r"\1", value)
    return tidy


def _rename(root: ElementTree.Element, name: str) -> None:
    """Give what is referred to names that no other figure on the page uses; take the other names away."""
    names: dict[str, str] = {}
    for element in root.iter():
        for key in ("href", "clip-path"):
            value = element.get(key, "")
            found = None if value.startswith("data:") else _REFERENCE.search(value)
            if found:
                new = names.setdefault(found[1], f"{name}-{len(names)}")
                element.set(key, value.replace(found[1], new))
    for element in root.iter():
        old = element.attrib.pop("id", "")
        if old in names:
            element.set("id", names[old])
        elif old.startswith("class:"):
            element.set("class", old.removeprefix("class:"))


def _share_style(group: ElementTree.Element) -> None:
    """Say once what all the markers of a group have in common."""
    uses = group.findall("use")
    styles = {use.get("style") for use in uses}
    if len(uses) < 2 or len(uses) != len(group) or len(styles) != 1:
        return
    group.set("style", styles.pop() or "")
    for use in uses:
        del use.attrib["style"]
