"""What the displays of this room have in common: where they draw, and what they ask of an estimator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeVar, cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.utils import validation

from layerwise.errors import OptionError

__all__ = ["Display", "fitted_with", "quiet"]

Drawn = TypeVar("Drawn", bound="Display")


class Display(ABC):
    """Something to be drawn, as often as one likes; holds what is shown and no estimator.

    Attributes
    ----------
    ax_ : Axes
        Where it was drawn last.
    figure_ : Figure
        The figure of these axes.
    """

    ax_: Axes
    figure_: Figure

    def plot(self: Drawn, ax: Axes | None = None) -> Drawn:
        """Draw it.

        Parameters
        ----------
        ax : Axes, optional
            Those of a new figure, that no global list knows of, if left out.

        Returns
        -------
        Display
            Itself.
        """
        if ax is None:
            ax = cast(Axes, cast(Any, Figure(figsize=self._size, layout="constrained")).subplots())
        self._draw(ax)
        self.ax_, self.figure_ = ax, cast(Figure, ax.figure)
        return self

    @property
    def _size(self) -> tuple[float, float]:
        """Width and height of a new figure, in inches."""
        return 4.5, 3.0

    @abstractmethod
    def _draw(self, ax: Axes) -> None:
        """Draw it into these axes."""


def quiet(ax: Axes) -> None:
    """Take away the frame and the marks on the axes, where the picture needs none."""
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)


def fitted_with(estimator: object, *methods: str, lacks: str, remedy: str) -> Any:
    """The estimator, if it is fitted and has the methods that a display needs.

    Parameters
    ----------
    estimator : estimator
    *methods : str
    lacks : str
        What it cannot show without them, as a clause.
    remedy : str

    Raises
    ------
    OptionError
        A method is missing.
    NotFittedError
    """
    if not all(hasattr(estimator, name) for name in methods):
        raise OptionError("estimator", estimator, lacks, remedy)
    validation.check_is_fitted(cast(Any, estimator))
    return estimator
