"""Reconstructions: rows beside what each depth of the network gives back of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from scipy.special import expit

from layerwise.data.preparation import Preparation
from layerwise.energy.directed_stack import DirectedStack
from layerwise.errors import DataError, OptionError
from layerwise.networks import layers_of
from layerwise.plots.display import Display, fitted_with, quiet
from layerwise.plots.mosaic import arrange, drawn_on_black, grey
from layerwise.plots.picture_rows import in_grey, matrix_of, picture_shape

__all__ = ["ReconstructionsDisplay"]


@dataclass(eq=False)
class ReconstructionsDisplay(Display):
    """A line of pictures, and under it the same pictures from each depth.

    Parameters
    ----------
    inputs : ndarray of shape (rows, pixels)
        Row-major, 0 for black and 1 for white.
    reconstructions : mapping of int to ndarray of shape (rows, pixels)
        By depth, counted from 1.
    picture : (height, width)
    """

    inputs: Float[np.ndarray, "row pixel"]
    reconstructions: Mapping[int, Float[np.ndarray, "row pixel"]]
    picture: tuple[int, int]

    @classmethod
    def from_estimator(
        cls,
        estimator: object,
        X: object,
        picture: tuple[int, int] | None = None,
        *,
        ax: Axes | None = None,
    ) -> ReconstructionsDisplay:
        """Draw rows beside what a fitted estimator gives back of them.

        Parameters
        ----------
        estimator : estimator
            An autoencoder, a machine, or a belief network, of which every depth is shown; of a classifier or regressor
            on a belief network that network, as it was learned without labels.
        X : array-like, sparse or table of shape (rows, columns)
            Some ten rows of numbers.
        picture : (height, width), optional
            Of a row, row-major; a square if left out.
        ax : Axes, optional
            A new figure's if left out.

        Returns
        -------
        ReconstructionsDisplay
            Drawn: ``ax_`` and ``figure_`` are set. Rows beyond [0, 1] are black at their least and white at their
            greatest number.

        Raises
        ------
        OptionError
            The estimator gives no rows back, or the rows are no such pictures.
        DataError
            The rows are no matrix of numbers.
        NotFittedError

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from layerwise import DBN
        >>> X = load_digits().data / 16
        >>> net = DBN((16, 8), epochs=1, random_state=0).fit(X)
        >>> list(ReconstructionsDisplay.from_estimator(net, X[:5]).reconstructions)
        [1, 2]
        """
        rows = matrix_of(X, "X")
        if np.isnan(rows).any():
            raise DataError("X", math.nan, "must have no missing cells", "fill them with the estimator's impute")
        given_back = _given_back(estimator, X)
        shape = picture_shape(picture, rows.shape[1])
        return cls(in_grey(rows, rows), {d: in_grey(back, rows) for d, back in given_back.items()}, shape).plot(ax)

    @property
    def on_black(self) -> bool:
        """Whether black is an empty ground and left transparent."""
        return drawn_on_black(self.inputs.reshape(-1, *self.picture))

    def lines(self, on_black: bool | None = None) -> dict[str, UInt8[np.ndarray, "tall wide 4"]]:
        """Each line as one picture, by its name, from the input downwards.

        Parameters
        ----------
        on_black : bool, optional
            Whether black is left transparent; by default what the inputs suggest.
        """
        rows = {"Input": self.inputs}
        for depth in sorted(self.reconstructions):
            rows["Layer 1" if depth == 1 else f"Layers 1–{depth}"] = self.reconstructions[depth]
        on_black = self.on_black if on_black is None else on_black
        return {
            name: grey(arrange(line.reshape(-1, *self.picture), across=len(line)), on_black)
            for name, line in rows.items()
        }

    @property
    def _size(self) -> tuple[float, float]:
        tall, wide = next(iter(self.lines().values())).shape[:2]
        return 6.0, 5.0 * (1.125 * tall / wide) * (1 + len(self.reconstructions))

    def _draw(self, ax: Axes) -> None:
        """Draw it, on black where the ground is transparent."""
        lines = self.lines()
        height = next(iter(lines.values())).shape[0]
        gap = np.zeros((max(1, height // 8), *next(iter(lines.values())).shape[1:]), dtype=np.uint8)
        stacked = np.concatenate([part for line in lines.values() for part in (line, gap)])
        ax.set_facecolor("black")
        ax.imshow(stacked, interpolation="none")
        ax.set_xticks([])
        ax.set_yticks([height / 2 + place * (height + len(gap)) for place in range(len(lines))], list(lines))
        quiet(ax)


@torch.no_grad()
def _given_back(estimator: Any, X: object) -> dict[int, Float[np.ndarray, "row pixel"]]:
    """Rows as they come back, by the number of layers they went through."""
    lacks, remedy = "gives no rows back", "give an autoencoder, a machine or a belief network"
    fitted_with(estimator, "transform", lacks=lacks, remedy=remedy)
    code = estimator.transform(X)  # checks the rows, too
    if hasattr(estimator, "net_") and isinstance(estimator.preparation_, Preparation):
        units = estimator.preparation_.prepare(matrix_of(X, "X"))
        net: DirectedStack = estimator.net_
        depths = range(1, len(net.recognition) + 2)
        return {depth: estimator.preparation_.restore(net.reconstruct(units, depth)) for depth in depths}
    if hasattr(estimator, "reconstruct"):
        depth = sum(any(True for _ in layer.transform.parameters()) for layer in layers_of(estimator.network_.encoder))
        return {depth: matrix_of(estimator.reconstruct(X), "rows")}
    if hasattr(estimator, "inverse_transform"):
        depth = len(getattr(estimator, "layers_", ())) or 1
        return {depth: matrix_of(estimator.inverse_transform(code), "rows")}
    if hasattr(estimator, "intercept_visible_"):
        return {1: expit(matrix_of(code, "code") @ estimator.components_ + estimator.intercept_visible_)}
    raise OptionError("estimator", estimator, lacks, remedy)
