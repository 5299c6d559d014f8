"""Reconstructions: rows beside what each depth of the network gives back of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes

from layerwise.plots.display import new_axes, quiet
from layerwise.plots.mosaic import arrange, drawn_on_black, grey

__all__ = ["ReconstructionsDisplay"]


@dataclass(frozen=True, eq=False)
class ReconstructionsDisplay:
    """A line of pictures, and under it the same pictures from each depth.

    Parameters
    ----------
    inputs : ndarray of shape (rows, pixels)
        Row-major, 0 for black and 1 for white.
    reconstructions : mapping of int to ndarray of shape (rows, pixels)
        By depth, counted from 1.
    picture : (height, width)
    """

    inputs: Float[np.ndarray, "row pixel"]
    reconstructions: Mapping[int, Float[np.ndarray, "row pixel"]]
    picture: tuple[int, int]

    @property
    def on_black(self) -> bool:
        """Whether black is an empty ground and left transparent."""
        return drawn_on_black(self.inputs.reshape(-1, *self.picture))

    def lines(self, on_black: bool | None = None) -> dict[str, UInt8[np.ndarray, "tall wide 4"]]:
        """Each line as one picture, by its name, from the input downwards.

        Parameters
        ----------
        on_black : bool, optional
            Whether black is left transparent; by default what the inputs suggest.
        """
        rows = {"Input": self.inputs}
        for depth in sorted(self.reconstructions):
            rows["Layer 1" if depth == 1 else f"Layers 1–{depth}"] = self.reconstructions[depth]
        on_black = self.on_black if on_black is None else on_black
        return {
            name: grey(arrange(line.reshape(-1, *self.picture), across=len(line)), on_black)
            for name, line in rows.items()
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it, on black where the ground is transparent.

        Parameters
        ----------
        ax : Axes, optional
            A new figure's if left out.
        """
        lines = self.lines()
        height = next(iter(lines.values())).shape[0]
        gap = np.zeros((max(1, height // 8), *next(iter(lines.values())).shape[1:]), dtype=np.uint8)
        stacked = np.concatenate([part for line in lines.values() for part in (line, gap)])
        ax = new_axes(ax, 6.0, 0.7 * len(lines))
        ax.set_facecolor("black")
        ax.imshow(stacked, interpolation="none")
        ax.set_xticks([])
        ax.set_yticks([height / 2 + place * (height + len(gap)) for place in range(len(lines))], list(lines))
        quiet(ax)
        return ax
