"""Learning curves: one figure after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    LogLocator,
    MaxNLocator,
    NullLocator,
    PercentFormatter,
    ScalarFormatter,
    StrMethodFormatter,
)

from layerwise.plots.colours import SERIES
from layerwise.plots.display import new_axes

__all__ = ["DASHES", "LearningCurvesDisplay"]

DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
"""Lines differ in their dashes, too: for readers who see fewer colours, and for paper."""


@dataclass(frozen=True, eq=False)
class LearningCurvesDisplay:
    """One measure over the epochs, a line for each of those that are compared.

    Parameters
    ----------
    lines : mapping of str to (epochs, values)
        In the order of drawing; NaN is left out.
    measure : str
        Name of what is measured, with its unit.
    percent : bool
        Whether the values are shares, shown in per cent.
    logarithmic : bool
        Whether equal factors are equal heights: for values above zero of many sizes.
    """

    lines: Mapping[str, tuple[Sequence[int], Sequence[float]]]
    measure: str
    percent: bool = False
    logarithmic: bool = False

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it; a legend is needed only where there is more than one line and is left to the caller's taste.

        Parameters
        ----------
        ax : Axes, optional
            A new figure's if left out.
        """
        ax = new_axes(ax)
        for place, (name, (epochs, values)) in enumerate(self.lines.items()):
            alone = len(epochs) == 1
            style: dict[str, Any] = {"linestyle": DASHES[place % len(DASHES)], "marker": "o" if alone else ""}
            colour = SERIES[place % len(SERIES)].light
            ax.plot(epochs, values, label=name, color=colour, linewidth=1.8, clip_on=False, **style)
        every = [epoch for epochs, _ in self.lines.values() for epoch in epochs]
        ax.set_xlim(min(every), max(max(every), min(every) + 1))
        values = np.concatenate([np.asarray(values, dtype=np.float64) for _, values in self.lines.values()])
        if self.logarithmic:
            _in_factors(ax, values[np.isfinite(values)])
        else:
            _leave_room(ax, values[np.isfinite(values)])
        ax.set_xlabel("epoch")
        ax.set_title(self.measure, loc="left", parse_math=False)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if not self.logarithmic:
            ax.yaxis.set_major_locator(MaxNLocator(4))
            ax.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %") if self.percent else ScalarFormatter())
        ax.grid(axis="y", alpha=0.18, linewidth=0.8)
        ax.tick_params(length=0)
        ax.spines[["top", "right", "left"]].set_visible(False)
        return ax


def _in_factors(ax: Axes, values: np.ndarray) -> None:
    """Ticks at powers of ten, and between them where there would be too few; written out, as no page sets formulas."""
    ax.set_yscale("log")
    narrow = bool(values.size) and float(values.max()) < 30 * float(values.min())
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=6))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())


def _leave_room(ax: Axes, values: np.ndarray) -> None:
    """A margin above and below the curves, that is not nothing where they are flat."""
    if not values.size:
        return
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    ax.set_ylim(low - margin, high + margin)
