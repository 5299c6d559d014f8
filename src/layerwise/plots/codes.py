"""The rows of a data set as a layer sees them: a cloud of points, coloured by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from matplotlib.axes import Axes

from layerwise.plots.colours import INK, SERIES
from layerwise.plots.display import new_axes, quiet
from layerwise.plots.heat_map import shortened

__all__ = ["SHAPES", "CodesDisplay", "shape_and_colour"]

SHAPES = (
    ("o", "●"),
    ("s", "■"),
    ("^", "▲"),
    ("D", "◆"),
    ("v", "▼"),
    ("P", "✚"),
    ("X", "✖"),
    ("<", "◀"),
    (">", "▶"),
    ("*", "★"),
)
"""Marker and, for legends outside the figure, the character that looks like it."""

MOST_NAMED = 30
"""More classes than this are not named inside the cloud."""


def shape_and_colour(code: int) -> tuple[int, int]:
    """Place in ``SHAPES`` and in ``SERIES`` of a class: no two of the first hundred agree in both."""
    return (code + code // len(SERIES)) % len(SHAPES), code % len(SERIES)


@dataclass(frozen=True, eq=False)
class CodesDisplay:
    """Points in two dimensions, in the colour and shape of their class, with the class's name at its median.

    Parameters
    ----------
    points : ndarray of shape (rows, 2)
    labels : ndarray of shape (rows,), int64, or None
        Codes into ``classes``; -1 for a row without label, drawn faintly.
    classes : sequence of str
    """

    points: Float[np.ndarray, "row 2"]
    labels: Int64[np.ndarray, " row"] | None = None
    classes: Sequence[str] = ()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it: no ticks, since only who is near whom has a meaning.

        Parameters
        ----------
        ax : Axes, optional
            A new figure's if left out.
        """
        ax = new_axes(ax, 4.0, 4.0)
        labels = np.full(len(self.points), -1) if self.labels is None else self.labels
        blank = self.points[labels < 0]
        alone = len(blank) == len(self.points)
        colour, opacity = (SERIES[0].light, 0.6) if alone else (INK, 0.15)
        ax.plot(blank[:, 0], blank[:, 1], "o", color=colour, markersize=3, markeredgewidth=0, alpha=opacity)
        # One class after the other would bury the first: draw the rare ones last.
        present, counts = np.unique(labels[labels >= 0], return_counts=True)
        for code in present[np.argsort(-counts, kind="stable")].tolist():
            shape, series = shape_and_colour(code)
            of_class = self.points[labels == code]
            ax.plot(
                *of_class.T,
                SHAPES[shape][0],
                color=SERIES[series].light,
                markersize=4.2,
                markeredgewidth=0,
                alpha=0.7,
                label=self.classes[code],
            )
        if len(present) <= MOST_NAMED:
            for code in present.tolist():
                self._name(ax, code, np.median(self.points[labels == code], axis=0))
        ax.set_xticks([])
        ax.set_yticks([])
        ax.margins(0.06)
        quiet(ax)
        return ax

    def _name(self, ax: Axes, code: int, place: np.ndarray) -> None:
        x, y = place.tolist()
        text = ax.text(x, y, shortened(self.classes[code], 14), ha="center", va="center", parse_math=False)
        text.set_fontweight("bold")
        text.set_gid("class:named")  # the page gives it a halo
