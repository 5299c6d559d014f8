"""Samples: rows that the network drew by itself, as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes

from layerwise.plots.display import Display, fitted_with, quiet
from layerwise.plots.mosaic import arrange, drawn_on_black, grey
from layerwise.plots.picture_rows import in_grey, matrix_of, picture_shape

__all__ = ["SamplesDisplay"]


@dataclass(eq=False)
class SamplesDisplay(Display):
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

    @classmethod
    def from_estimator(
        cls,
        estimator: object,
        picture: tuple[int, int] | None = None,
        *,
        n_samples: int = 50,
        ax: Axes | None = None,
        **how: Any,
    ) -> SamplesDisplay:
        """Draw rows that a fitted estimator draws.

        Parameters
        ----------
        estimator : estimator
            With ``sample``: RBM, GaussianRBM, ClassRBM, DBN, DBNClassifier, DBNRegressor.
        picture : (height, width), optional
            Of a row, row-major; a square if left out.
        n_samples : int, default=50
        ax : Axes, optional
            A new figure's if left out.
        **how
            Given to ``estimator.sample``: ``steps``, ``random_state``, ``start``, a class ``y`` …

        Returns
        -------
        SamplesDisplay
            Drawn: ``ax_`` and ``figure_`` are set. Rows beyond [0, 1] are black at their least and white at their
            greatest number.

        Raises
        ------
        OptionError
            The estimator draws no rows, or its rows are no such pictures.
        DataError
            The rows are a table that is no matrix of numbers.
        NotFittedError

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from layerwise import RBM
        >>> machine = RBM(16, n_iter=1, random_state=0).fit(load_digits().data / 16)
        >>> SamplesDisplay.from_estimator(machine, n_samples=10, steps=5, random_state=0).samples.shape
        (10, 64)
        """
        able = fitted_with(
            estimator, "sample", lacks="draws no rows", remedy="give one with sample, such as RBM, DBN or DBNClassifier"
        )
        drawn = able.sample(n_samples, **how)
        if isinstance(drawn, tuple):  # beside their classes
            drawn = cast("tuple[Any, Any]", drawn)[0]
        rows = matrix_of(drawn, "rows")
        return cls(in_grey(rows, rows), picture_shape(picture, rows.shape[1])).plot(ax)

    def rgba(self) -> UInt8[np.ndarray, "tall wide 4"]:
        """All samples in one picture, pixel by pixel."""
        tiles = self.samples.reshape(-1, *self.picture)
        return grey(arrange(tiles), drawn_on_black(tiles) if self.on_black is None else self.on_black)

    @property
    def _size(self) -> tuple[float, float]:
        tall, wide = self.rgba().shape[:2]
        return 5.0, 5.0 * tall / wide

    def _draw(self, ax: Axes) -> None:
        """Draw it, on black where the ground is transparent."""
        ax.set_facecolor("black")
        ax.imshow(self.rgba(), interpolation="none")
        ax.set_xticks([])
        ax.set_yticks([])
        quiet(ax)
