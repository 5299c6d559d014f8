"""What the displays of this room have in common: where they draw."""

from __future__ import annotations

from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["new_axes", "quiet"]


def new_axes(ax: Axes | None, width: float = 4.5, height: float = 3.0) -> Axes:
    """Give back the axes, or those of a new figure that no global list knows of.

    Parameters
    ----------
    ax : Axes or None
    width, height : float
        Of a new figure, in inches.
    """
    if ax is not None:
        return ax
    return cast(Any, Figure(figsize=(width, height), layout="constrained")).subplots()


def quiet(ax: Axes) -> None:
    """Take away the frame and the marks on the axes, where the picture needs none."""
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
