"""Samples: rows that the network drew by itself, as pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes

from layerwise.plots.display import new_axes, quiet
from layerwise.plots.mosaic import arrange, drawn_on_black, grey

__all__ = ["SamplesDisplay"]


@dataclass(frozen=True, eq=False)
class SamplesDisplay:
    """Grey pictures in lines.

    Parameters
    ----------
    samples : ndarray of shape (rows, pixels)
        Row-major, 0 for black and 1 for white.
    picture : (height, width)
    on_black : bool, optional
        Whether black is an empty ground and left transparent; judged by the pictures' edges if left out.
    """

    samples: Float[np.ndarray, "sample pixel"]
    picture: tuple[int, int]
    on_black: bool | None = None

    def rgba(self) -> UInt8[np.ndarray, "tall wide 4"]:
        """All samples in one picture, pixel by pixel."""
        tiles = self.samples.reshape(-1, *self.picture)
        return grey(arrange(tiles), drawn_on_black(tiles) if self.on_black is None else self.on_black)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it, on black where the ground is transparent.

        Parameters
        ----------
        ax : Axes, optional
            A new figure's if left out.
        """
        ax = new_axes(ax, 5.0, 5.0)
        ax.set_facecolor("black")
        ax.imshow(self.rgba(), interpolation="none")
        ax.set_xticks([])
        ax.set_yticks([])
        quiet(ax)
        return ax
