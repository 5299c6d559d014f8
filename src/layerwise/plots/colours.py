"""The colours of every figure, each in a shade for a light page and one for a dark page.

Figures are drawn in the light shades; :mod:`layerwise.plots.page` puts style-sheet variables in their place, so that
one figure suits both pages.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["INK", "NEGATIVE", "POSITIVE", "SERIES", "WRONG", "Colour"]


@dataclass(frozen=True)
class Colour:
    """A colour of a figure.

    Parameters
    ----------
    name : str
        Of the style-sheet variable, without its dashes.
    light, dark : str
        Hexadecimal shades for a light and for a dark page; both stand out from their page at 3 to 1 or more.
    """

    name: str
    light: str
    dark: str


INK = "#1d2026"
"""Text and axes; on a page it becomes the text's own colour."""

SERIES = (
    Colour("series-0", "#2f6fb8", "#6fb1f5"),
    Colour("series-1", "#cf6a0a", "#ffab54"),
    Colour("series-2", "#268552", "#62cf98"),
    Colour("series-3", "#bd2f38", "#ff8078"),
    Colour("series-4", "#7648ad", "#bb9bf7"),
    Colour("series-5", "#85553f", "#cfa28b"),
    Colour("series-6", "#c44289", "#f79acb"),
    Colour("series-7", "#8f7500", "#e0c64d"),
    Colour("series-8", "#0f838f", "#5bd3df"),
    Colour("series-9", "#626a76", "#abb4c0"),
)
"""Ten that differ in hue and lightness; a figure that needs them also differs in shape, for readers who see fewer."""

WRONG = Colour("wrong", "#c8500a", "#ff9a57")

# Pictures cannot hold variables: these two are seen on both pages. Blue and orange differ for every kind of sight.
POSITIVE = (38, 121, 214)
NEGATIVE = (226, 105, 13)
