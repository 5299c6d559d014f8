"""First-layer filters: the weights between the data and each hidden unit, as pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes

from layerwise.plots.display import new_axes, quiet
from layerwise.plots.mosaic import arrange, signed, signed_scale

__all__ = ["FiltersDisplay"]


@dataclass(frozen=True, eq=False)
class FiltersDisplay:
    """One picture a hidden unit: blue where a bright pixel excites it, orange where it inhibits it, blank at zero.

    Parameters
    ----------
    weights : ndarray of shape (units, pixels)
        Row-major.
    picture : (height, width)

    Examples
    --------
    >>> display = FiltersDisplay(np.eye(4), (2, 2))
    >>> display.rgba().shape
    (2, 11, 4)
    """

    weights: Float[np.ndarray, "unit pixel"]
    picture: tuple[int, int]

    @property
    def scale(self) -> float:
        """The weight that has the full colour, the same in all pictures."""
        return signed_scale(self.weights)

    def rgba(self) -> UInt8[np.ndarray, "tall wide 4"]:
        """All filters in one picture, pixel by pixel."""
        return signed(arrange(self.weights.reshape(-1, *self.picture)), self.scale)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it.

        Parameters
        ----------
        ax : Axes, optional
            A new figure's if left out.
        """
        ax = new_axes(ax, 5.0, 5.0)
        ax.imshow(self.rgba(), interpolation="none")
        ax.set_xticks([])
        ax.set_yticks([])
        quiet(ax)
        return ax
