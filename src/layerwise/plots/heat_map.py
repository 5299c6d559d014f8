"""Heat maps for rows that are no pictures: one line a column of the table, with its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from layerwise.plots.display import Display, quiet
from layerwise.plots.mosaic import signed, signed_scale

__all__ = ["HeatMapDisplay", "shortened"]


def shortened(name: str, longest: int = 22) -> str:
    """A name that fits beside a figure, on one line."""
    name = " ".join(name.split())
    return name if len(name) <= longest else name[: longest - 1] + "…"


@dataclass(eq=False)
class HeatMapDisplay(Display):
    """Signed numbers as colours: blue above zero, orange below, blank at zero.

    Parameters
    ----------
    panels : mapping of str to ndarray of shape (rows, columns)
        Stand side by side under their names; the columns of the table run down the page.
    column_names : sequence of str
        In the order of the columns.

    Examples
    --------
    >>> HeatMapDisplay({"hidden unit": np.eye(3)}, ["a", "b", "c"]).scale
    1.0
    """

    panels: Mapping[str, Float[np.ndarray, "_ column"]]
    column_names: Sequence[str]

    @property
    def scale(self) -> float:
        """The number that has the full colour."""
        return signed_scale(np.concatenate(list(self.panels.values())))

    @property
    def _size(self) -> tuple[float, float]:
        return 5.0, 0.8 + 0.2 * len(self.column_names)

    def _draw(self, ax: Axes) -> None:
        """Draw it."""
        scale, left = self.scale, 0.0
        gap = max(0.6, 0.03 * sum(len(panel) for panel in self.panels.values()))
        centres: list[float] = []
        text: dict[str, Any] = {"parse_math": False}  # a name with two dollar signs is a name, no formula
        for panel in self.panels.values():
            extent = (left, left + len(panel), len(self.column_names), 0)
            ax.imshow(signed(panel.T, scale), interpolation="none", aspect="auto", extent=extent)
            ax.add_patch(_frame(left, len(panel), len(self.column_names), ax))
            centres.append(left + len(panel) / 2)
            left += len(panel) + gap
        ax.set_xlim(-0.02 * left, left - gap + 0.02 * left)
        ax.set_ylim(len(self.column_names) + 0.1, -0.1)
        ax.set_xticks(centres, list(self.panels), **text)
        ax.set_yticks(
            [line + 0.5 for line in range(len(self.column_names))], [shortened(n) for n in self.column_names], **text
        )
        ax.xaxis.tick_top()
        quiet(ax)


def _frame(left: float, width: int, height: int, ax: Axes) -> Rectangle:
    return Rectangle((left, 0), width, height, fill=False, edgecolor=ax.xaxis.label.get_color(), alpha=0.35, lw=0.8)
