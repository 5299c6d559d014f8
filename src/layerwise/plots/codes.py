"""The rows of a data set as a layer sees them: a cloud of points, coloured by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from matplotlib.axes import Axes

from layerwise.errors import DataError
from layerwise.plots.colours import INK, SERIES
from layerwise.plots.display import Display, fitted_with, quiet
from layerwise.plots.heat_map import shortened
from layerwise.plots.picture_rows import matrix_of
from layerwise.plots.plane import Plane

__all__ = ["SHAPES", "CodesDisplay", "shape_and_colour"]

SHAPES = (
    ("o", "●"),
    ("s", "■"),
    ("^", "▲"),
    ("D", "◆"),
    ("v", "▼"),
    ("P", "✚"),
    ("X", "✖"),
    ("<", "◀"),
    (">", "▶"),
    ("*", "★"),
)
"""Marker and, for legends outside the figure, the character that looks like it."""

MOST_NAMED = 30
"""More classes than this are not named inside the cloud."""


def shape_and_colour(code: int) -> tuple[int, int]:
    """Place in ``SHAPES`` and in ``SERIES`` of a class: no two of the first hundred agree in both."""
    return (code + code // len(SERIES)) % len(SHAPES), code % len(SERIES)


@dataclass(eq=False)
class CodesDisplay(Display):
    """Points in two dimensions, in the colour and shape of their class, with the class's name at its median.

    Parameters
    ----------
    points : ndarray of shape (rows, 2)
    labels : ndarray of shape (rows,), int64, or None
        Codes into ``classes``; -1 for a row without label, drawn faintly.
    classes : sequence of str
    directions : (str, str)
        What the two axes are.
    """

    points: Float[np.ndarray, "row 2"]
    labels: Int64[np.ndarray, " row"] | None = None
    classes: Sequence[str] = ()
    directions: tuple[str, str] = ("", "")

    @classmethod
    def from_estimator(
        cls,
        estimator: object,
        X: object,
        y: object = None,
        *,
        ax: Axes | None = None,
    ) -> CodesDisplay:
        """Draw the code that a fitted estimator gives rows, in the plane of its two main directions.

        A code of two units is drawn as it is.

        Parameters
        ----------
        estimator : estimator
            With ``transform``.
        X : array-like, sparse or table of shape (rows, columns)
            Some thousand rows.
        y : array-like of shape (rows,), optional
            Their classes; -1, None and NaN for a row without label.
        ax : Axes, optional
            A new figure's if left out.

        Returns
        -------
        CodesDisplay
            Drawn: ``ax_`` and ``figure_`` are set.

        Raises
        ------
        OptionError
            The estimator has no code.
        DataError
            There are not as many labels as rows.
        NotFittedError

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from layerwise import RBM
        >>> X, y = load_digits(return_X_y=True)
        >>> machine = RBM(16, n_iter=1, random_state=0).fit(X / 16)
        >>> CodesDisplay.from_estimator(machine, X / 16, y).points.shape
        (1797, 2)
        """
        remedy = "give one with transform, such as RBM, DBN or Autoencoder"
        able = fitted_with(estimator, "transform", lacks="has no code of its rows", remedy=remedy)
        code = matrix_of(able.transform(X), "code")
        points, directions = code, ("unit 1", "unit 2")
        if code.shape[1] != 2:
            plane = Plane.of(code)
            points = plane.points
            held = "" if np.isnan(plane.share) else f" (both: {100 * plane.share:.0f} % of the variance)"
            directions = (f"first main direction{held}", "second main direction")
        labels, classes = (None, ()) if y is None else _coded(y, len(points))
        return cls(points, labels, classes, directions).plot(ax)

    @property
    def _size(self) -> tuple[float, float]:
        return 4.0, 4.0

    def _draw(self, ax: Axes) -> None:
        """Draw it: no ticks, since only who is near whom has a meaning."""
        labels = np.full(len(self.points), -1) if self.labels is None else self.labels
        blank = self.points[labels < 0]
        alone = len(blank) == len(self.points)
        colour, opacity = (SERIES[0].light, 0.6) if alone else (INK, 0.15)
        ax.plot(blank[:, 0], blank[:, 1], "o", color=colour, markersize=3, markeredgewidth=0, alpha=opacity)
        # One class after the other would bury the first: draw the rare ones last.
        present, counts = np.unique(labels[labels >= 0], return_counts=True)
        for code in present[np.argsort(-counts, kind="stable")].tolist():
            shape, series = shape_and_colour(code)
            of_class = self.points[labels == code]
            ax.plot(
                *of_class.T,
                SHAPES[shape][0],
                color=SERIES[series].light,
                markersize=4.2,
                markeredgewidth=0,
                alpha=0.7,
                label=self.classes[code],
            )
        if len(present) <= MOST_NAMED:
            for code in present.tolist():
                self._name(ax, code, np.median(self.points[labels == code], axis=0))
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_xlabel(self.directions[0])
        ax.set_ylabel(self.directions[1])
        ax.margins(0.06)
        quiet(ax)

    def _name(self, ax: Axes, code: int, place: np.ndarray) -> None:
        x, y = place.tolist()
        text = ax.text(x, y, shortened(self.classes[code], 14), ha="center", va="center", parse_math=False)
        text.set_fontweight("bold")
        text.set_gid("class:named")  # the page gives it a halo


def _coded(y: object, rows: int) -> tuple[Int64[np.ndarray, " row"], list[str]]:
    """Labels as codes, -1 where there is none, and the names that the codes stand for."""
    given = np.asarray(y)
    if given.shape != (rows,):
        raise DataError("y.shape", given.shape, f"must be ({rows},), a label for each row")
    known = np.array([label is not None and label == label and label != -1 for label in given.tolist()], dtype=bool)
    labels = np.full(rows, -1, dtype=np.int64)
    classes, labels[known] = np.unique(given[known], return_inverse=True)
    return labels, [str(name) for name in classes.tolist()]
