"""Predicted numbers beside the true ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from sklearn import base

from layerwise.errors import DataError, OptionError
from layerwise.plots.colours import SERIES
from layerwise.plots.display import Display, fitted_with

__all__ = ["PredictionsDisplay"]


@dataclass(eq=False)
class PredictionsDisplay(Display):
    """A point a row: the true number to the right, the predicted one upwards; on the diagonal both are the same.

    Parameters
    ----------
    true, predicted : ndarray of shape (rows,)
    name : str
        Of what is predicted, with its unit.
    """

    true: Float[np.ndarray, " row"]
    predicted: Float[np.ndarray, " row"]
    name: str = ""

    @classmethod
    def from_estimator(
        cls, estimator: object, X: object, y: object, *, name: str = "", ax: Axes | None = None
    ) -> PredictionsDisplay:
        """Draw what a fitted regressor predicts for rows.

        Parameters
        ----------
        estimator : estimator
            A regressor of one number.
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            The true numbers.
        name : str
            Of what is predicted.
        ax : Axes, optional
            A new figure's if left out.

        Returns
        -------
        PredictionsDisplay
            Drawn: ``ax_`` and ``figure_`` are set.

        Raises
        ------
        OptionError
            The estimator is no regressor.
        DataError
            It predicts several numbers, or there is not one true number a row.
        NotFittedError

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from layerwise import MLPRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = MLPRegressor(hidden_layer_sizes=(8,), tol=1e3, random_state=0).fit(X[:300], y[:300])
        >>> PredictionsDisplay.from_estimator(model, X[300:], y[300:]).true.shape
        (142,)
        """
        if not cast(Any, base).is_regressor(estimator):
            raise OptionError("estimator", estimator, "predicts no numbers", "give a regressor such as MLPRegressor")
        found: Any = fitted_with(estimator, "predict", lacks="predicts nothing", remedy="give a regressor")
        true, predicted = np.asarray(cast(Any, y), dtype=np.float64), np.asarray(found.predict(X), dtype=np.float64)
        if true.ndim != 1 or predicted.shape != true.shape:
            rule = f"must be one number for each row, as predicted are {predicted.shape}"
            raise DataError("y", true.shape, rule, "draw one output at a time")
        return cls(true, predicted, name).plot(ax)

    @property
    def _size(self) -> tuple[float, float]:
        return 3.6, 3.6

    def _draw(self, ax: Axes) -> None:
        """Draw it."""
        both = np.concatenate([self.true, self.predicted])
        both = both[np.isfinite(both)]
        low, high = (float(both.min()), float(both.max())) if both.size else (0.0, 1.0)
        margin = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
        ends = (low - margin, high + margin)
        ax.plot(ends, ends, color=ax.xaxis.label.get_color(), linewidth=0.8, alpha=0.5)
        ax.scatter(self.true, self.predicted, s=14, color=SERIES[0].light, alpha=0.55, linewidths=0)
        ax.set_xlim(ends)
        ax.set_ylim(ends)
        ax.set_aspect("equal")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MaxNLocator(4))
        ax.set_xlabel("true")
        ax.set_ylabel("predicted")
        ax.set_title(self.name, loc="left", parse_math=False)
        ax.grid(alpha=0.18, linewidth=0.8)
        ax.tick_params(length=0)
        ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
