from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from layerwise.plots import CodesDisplay, HeatMapDisplay, LearningCurvesDisplay
from layerwise.plots.colours import INK, SERIES, WRONG
from layerwise.plots.page import figure_svg

CURVES = LearningCurvesDisplay({"a": ([1, 2, 3], [3.0, 2.0, 1.0]), "b": ([1, 2, 3], [1.0, 2.0, 2.5])}, "error")


def svg(name: str = "figure", alt: str = "what it shows") -> str:
    return figure_svg(CURVES.plot, 300, 200, name, alt)


def test_text_and_lines_take_the_colours_of_the_page() -> None:
    text = svg()
    assert "currentColor" in text
    assert f"var(--series-0, {SERIES[0].light})" in text
    assert INK not in text
    assert "font-family" not in text
    assert "#000000" not in text


def test_no_date_no_metadata_and_no_style_for_the_whole_page() -> None:
    text = svg()
    assert not re.search("<metadata|<style|<\\?xml|<!DOCTYPE|matplotlib", text)
    assert "http" not in text


def test_the_same_figure_is_the_same_text_in_any_thread() -> None:
    with ThreadPoolExecutor(4) as pool:
        texts = set(pool.map(lambda _: svg(), range(8)))
    assert texts == {svg()}


def test_two_figures_share_no_names() -> None:
    names = [set(re.findall(r' id="([^"]+)"', svg(name))) for name in ("first", "second")]
    assert names[0]
    assert not names[0] & names[1]
    for name, text in (("first", svg("first")), ("second", svg("second"))):
        referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
        assert referred
        assert all(reference.startswith(name) for reference in referred)
        assert referred <= set(re.findall(r' id="([^"]+)"', text))


def test_the_users_settings_neither_show_nor_change() -> None:
    plain = svg()
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path", "axes.grid": True}):
        before = dict(mpl.rcParams)
        assert svg() == plain
        assert dict(mpl.rcParams) == before


def test_hostile_text_is_escaped() -> None:
    hostile = "</svg><script>alert(1)</script> $\\frac$"
    display = HeatMapDisplay({hostile[:20]: np.eye(2)}, [hostile, "b"])
    text = figure_svg(display.plot, 300, 200, "n", alt=f'"{hostile}"')
    assert "<script" not in text
    assert text.count("</svg>") == 1
    root = ElementTree.fromstring(text)
    assert root.get("aria-label") == f'"{hostile}"'
    assert root.get("role") == "img"


def test_many_markers_say_their_style_once() -> None:
    points = np.random.default_rng(0).normal(size=(1000, 2))
    text = figure_svg(CodesDisplay(points, np.arange(1000) % 5, list("abcde")).plot, 300, 300, "n", "codes")
    assert text.count("<use") >= 1000
    assert len(text) < 75_000
    assert 'class="named"' in text


def test_both_shades_of_every_colour_stand_out_from_their_page() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colour in (*SERIES, WRONG):
        assert 1.05 / (luminance(colour.light) + 0.05) >= 3, colour
        assert (luminance(colour.dark) + 0.05) / (luminance("#14161a") + 0.05) >= 3, colour


def test_axes_are_given_in_the_size_of_the_page() -> None:
    sizes: list[tuple[float, float]] = []

    def draw(ax: Axes) -> None:
        sizes.append(tuple(ax.figure.get_size_inches()))

    text = figure_svg(draw, 360, 180, "n", "nothing")
    assert sizes == [(5.0, 2.5)]
    assert 'viewBox="0 0 360 180"' in text
