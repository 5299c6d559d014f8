"""Autocorrelation: how much of where a chain was is left so many steps later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from layerwise.plots.colours import INK, SERIES
from layerwise.plots.display import Display

__all__ = ["AutocorrelationDisplay"]


@dataclass(eq=False)
class AutocorrelationDisplay(Display):
    """A chain's autocorrelation over the lag, and its autocorrelation time as an upright line.

    Parameters
    ----------
    values : sequence of float
        At each lag, from 0.
    time : float
        In steps; drawn where it lies within the lags.

    Examples
    --------
    >>> AutocorrelationDisplay([1.0, 0.5, 0.25], 3.0).plot().ax_.get_xlabel()
    'lag, steps'
    """

    values: Sequence[float]
    time: float = math.nan

    def _draw(self, ax: Axes) -> None:
        """Draw it."""
        last = max(1, len(self.values) - 1)
        ax.axhline(0, color=INK, linewidth=0.8, alpha=0.35)
        if self.time <= last:
            ax.axvline(self.time, color=SERIES[1].light, linewidth=1.4, linestyle=(0, (4, 2)), label="time")
        ax.plot(range(len(self.values)), self.values, color=SERIES[0].light, linewidth=1.8, label="autocorrelation")
        ax.set_xlim(0, last)
        ax.set_ylim(min(-0.1, *self.values), 1.05)
        ax.set_xlabel("lag, steps")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.set_yticks([0, 0.5, 1])
        ax.grid(axis="y", alpha=0.18, linewidth=0.8)
        ax.tick_params(length=0)
        ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
