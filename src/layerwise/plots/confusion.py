"""The confusion matrix: which class was taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from layerwise.plots.colours import SERIES, WRONG
from layerwise.plots.display import Display, quiet
from layerwise.plots.heat_map import shortened

__all__ = ["ConfusionDisplay"]


@dataclass(eq=False)
class ConfusionDisplay(Display):
    """A square of counts: right answers blue, wrong ones orange, the deeper the larger their share of the true class.

    Parameters
    ----------
    counts : ndarray of shape (classes, classes)
        Line: true class; column: class predicted.
    classes : sequence of str
    """

    counts: Integer[np.ndarray, "class class"]
    classes: Sequence[str]

    @property
    def _size(self) -> tuple[float, float]:
        size = len(self.classes)
        return 1.5 + 0.45 * size, 1.5 + 0.45 * size

    def _draw(self, ax: Axes) -> None:
        """Draw it."""
        size = len(self.classes)
        shares = self.counts / np.maximum(1, self.counts.sum(axis=1, keepdims=True))
        for true, predicted in np.argwhere(self.counts).tolist():
            colour = (SERIES[0] if true == predicted else WRONG).light
            # The root lifts what is rare but worth seeing; half the colour leaves the count readable on both pages.
            opacity = 0.08 + 0.47 * float(shares[true, predicted]) ** 0.5
            ax.add_patch(Rectangle((predicted, true), 1, 1, color=colour, alpha=opacity, linewidth=0))
            count = str(self.counts[true, predicted])
            ax.text(predicted + 0.5, true + 0.5, count, ha="center", va="center", fontsize=_small(count))
        names = [shortened(name, 14) for name in self.classes]
        middles = [place + 0.5 for place in range(size)]
        upright = max(len(name) for name in names) > 3
        ax.set_xticks(middles, names, rotation=90 if upright else 0, parse_math=False)
        ax.set_yticks(middles, names, parse_math=False)
        ax.set_xlim(0, size)
        ax.set_ylim(size, 0)
        ax.set_aspect("equal")
        ax.set_xlabel("predicted")
        ax.set_ylabel("true")
        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
        ax.hlines(range(size + 1), 0, size, linewidth=0.6, alpha=0.2, color=ax.xaxis.label.get_color())
        ax.vlines(range(size + 1), 0, size, linewidth=0.6, alpha=0.2, color=ax.xaxis.label.get_color())
        quiet(ax)


def _small(count: str) -> float:
    return 10.0 if len(count) <= 3 else 8.0
