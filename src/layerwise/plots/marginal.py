"""Marginals: how often a column has its values, in the data and in samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from layerwise.plots.colours import SERIES
from layerwise.plots.display import Display
from layerwise.plots.heat_map import shortened

__all__ = ["MarginalDisplay"]


@dataclass(eq=False)
class MarginalDisplay(Display):
    """One column: numbers as two histograms in the same bins, names as two bars each.

    Parameters
    ----------
    places : sequence of str or sequence of float
        Names of the values, or the edges of bins, one more than shares.
    data, samples : sequence of float
        Share of rows with each value or in each bin.

    Examples
    --------
    >>> MarginalDisplay(["no", "yes"], [0.25, 0.75], [0.5, 0.5]).bars
    True
    """

    places: Sequence[str] | Sequence[float]
    data: Sequence[float]
    samples: Sequence[float]

    @property
    def bars(self) -> bool:
        """Whether the values have names."""
        return isinstance(self.places[0], str)

    @property
    def _size(self) -> tuple[float, float]:
        return 3.0, 2.0

    def _draw(self, ax: Axes) -> None:
        """Draw it: data as a filled ground, samples as a line around or a bar below."""
        ours, theirs = SERIES[0].light, SERIES[1].light
        if self.bars:
            lines = np.arange(len(self.places))
            ax.barh(lines - 0.19, self.data, 0.36, color=ours, alpha=0.45, label="data")
            ax.barh(lines + 0.19, self.samples, 0.36, color=theirs, label="samples")
            text: dict[str, Any] = {"parse_math": False}  # a name with two dollar signs is a name, no formula
            ax.set_yticks(lines, [shortened(str(place), 14) for place in self.places], **text)
            ax.set_ylim(len(lines) - 0.4, -0.6)
            ax.set_xlim(0, 1.05 * max(1e-9, *self.data, *self.samples))
            ax.xaxis.set_major_locator(MaxNLocator(3))
            ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        else:
            edges = cast("Sequence[float]", self.places)
            ax.stairs(self.data, edges, fill=True, color=ours, alpha=0.45, label="data")
            ax.stairs(self.samples, edges, color=theirs, linewidth=1.8, label="samples")
            ax.set_xlim(edges[0], edges[-1])
            ax.set_ylim(0, 1.05 * max(1e-9, *self.data, *self.samples))
            ax.xaxis.set_major_locator(MaxNLocator(4))
            ax.set_yticks([])
        ax.tick_params(length=0)
        ax.spines[["top", "right", "left"]].set_visible(False)
