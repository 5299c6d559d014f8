"""Learning curves: one figure after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

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
from sklearn import base
from sklearn.utils import validation

from layerwise.errors import OptionError
from layerwise.estimators.curves import curves_of
from layerwise.plots.colours import SERIES
from layerwise.plots.display import Display

__all__ = ["DASHES", "MEASURES", "LearningCurvesDisplay"]

MEASURES = {
    "loss": "loss, nats",
    "loss curve": "loss, nats",
    "reconstruction_error": "reconstruction error",
    "mistakes": "mistakes, rows",
    "accuracy": "accuracy",
    "free_energy_gap": "free-energy gap, nats",
    "held_out_log_likelihood": "held-out log-likelihood, nats",
    "held_out_pseudo_likelihood": "held-out pseudo-likelihood, nats",
    "hidden_activity": "mean of the hidden units",
    "validation scores": "score on held-out rows",
    "seen": "score on training rows",
    "unseen": "score on held-out rows",
}
"""What is measured after an epoch, in words with its unit; the first that an estimator knows is drawn unasked."""

DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
"""Lines differ in their dashes, too: for readers who see fewer colours, and for paper."""


@dataclass(eq=False)
class LearningCurvesDisplay(Display):
    """One measure over the epochs, a line for each of those that are compared.

    Parameters
    ----------
    lines : mapping of str to (epochs, values)
        In the order of drawing; NaN is left out.
    measure : str
        Name of what is measured, with its unit.
    percent : bool
        Whether the values are shares, shown in per cent.
    legend : bool
        Whether the lines are named in the figure.
    logarithmic : bool
        Whether equal factors are equal heights: for values above zero of many sizes; others are left out.
    """

    lines: Mapping[str, tuple[Sequence[int], Sequence[float]]]
    measure: str
    percent: bool = False
    legend: bool = False
    logarithmic: bool = False

    @classmethod
    def from_estimator(
        cls, estimator: object, *, measure: str | None = None, ax: Axes | None = None
    ) -> LearningCurvesDisplay:
        """Draw what a fitted estimator measured after each epoch, a line for each layer and for fine-tuning.

        Parameters
        ----------
        estimator : estimator
            With ``learning_curve_``, ``learning_curves_``, ``loss_curve_`` or ``mistakes_``.
        measure : str, optional
            Its name in those records, such as ``"accuracy"``; the loss, else the reconstruction error, if left out.
        ax : Axes, optional
            A new figure's if left out.

        Returns
        -------
        LearningCurvesDisplay
            Drawn: ``ax_`` and ``figure_`` are set.

        Raises
        ------
        OptionError
            The estimator keeps no curves, or none of this measure.
        NotFittedError

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from layerwise import DBN
        >>> net = DBN((16, 8), epochs=2, random_state=0).fit(load_digits().data / 16)
        >>> list(LearningCurvesDisplay.from_estimator(net).lines)
        ['layer 1', 'layer 2']
        """
        curves = _measured(estimator)
        if not curves:
            raise OptionError("estimator", estimator, "keeps no learning curve", "give one with learning_curve_")
        asked = next(iter(curves)) if measure is None else measure
        if asked not in curves:
            raise OptionError("measure", measure, f"must be one of {', '.join(curves)}, which were measured")
        words = MEASURES[asked]
        if cast(Any, base).is_regressor(estimator) or getattr(estimator, "loss", "") == "squared":
            words = words.replace("loss, nats", "loss")
        lines = {title: (range(1, len(values) + 1), values) for title, values in curves[asked].items()}
        return cls(lines, words, percent=asked == "accuracy", legend=len(lines) > 1).plot(ax)

    def _draw(self, ax: Axes) -> None:
        """Draw it."""
        for place, (name, (epochs, values)) in enumerate(self.lines.items()):
            alone = len(epochs) == 1
            style: dict[str, Any] = {"linestyle": DASHES[place % len(DASHES)], "marker": "o" if alone else ""}
            colour = SERIES[place % len(SERIES)].light
            shown = [value if value > 0 else np.nan for value in values] if self.logarithmic else values
            ax.plot(epochs, shown, label=name, color=colour, linewidth=1.8, clip_on=False, **style)
        every = [epoch for epochs, _ in self.lines.values() for epoch in epochs]
        ax.set_xlim(min(every), max(max(every), min(every) + 1))
        values = np.concatenate([np.asarray(values, dtype=np.float64) for _, values in self.lines.values()])
        values = values[np.isfinite(values)]
        in_factors = self.logarithmic and bool((values > 0).any())
        if in_factors:
            _in_factors(ax, values[values > 0])
        else:
            _leave_room(ax, values, (0.0, 1.0) if self.percent else (-np.inf, np.inf))
        ax.set_xlabel("epoch")
        ax.set_title(self.measure, loc="left", parse_math=False)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if not in_factors:
            ax.yaxis.set_major_locator(MaxNLocator(4))
            ax.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %") if self.percent else ScalarFormatter())
        ax.grid(axis="y", alpha=0.18, linewidth=0.8)
        ax.tick_params(which="both", length=0)
        ax.spines[["top", "right", "left"]].set_visible(False)
        if self.legend:
            ax.legend(frameon=False)


def _in_factors(ax: Axes, values: np.ndarray) -> None:
    """Ticks at powers of ten, and between them where there would be too few; written out, as no page sets formulas."""
    ax.set_yscale("log")
    narrow = bool(values.size) and float(values.max()) < 30 * float(values.min())
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=6))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())


def _leave_room(ax: Axes, values: np.ndarray, within: tuple[float, float]) -> None:
    """A margin above and below the curves, not nothing where they are flat; none where no value can be."""
    if not values.size:
        return
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    ax.set_ylim(max(low - margin, min(within[0], low)), min(high + margin, max(within[1], high)))


def _measured(estimator: Any) -> dict[str, dict[str, list[float]]]:
    """What was measured, by measure and by line, in the order of ``MEASURES``; what is NaN throughout is left out."""
    validation.check_is_fitted(estimator)
    curves = curves_of(estimator)
    found: dict[str, dict[str, list[float]]] = {}
    if hasattr(estimator, "mistakes_"):
        names = [f"class {name}" for name in estimator.classes_]
        columns: Any = estimator.mistakes_.T.astype(float)
        found["mistakes"] = dict(zip(names if len(columns) > 1 else ["mistakes"], columns.tolist(), strict=True))
    for measure in MEASURES:
        lines = {title: [epoch.get(measure, np.nan) for epoch in curve] for title, curve in curves.items()}
        if lines := {title: values for title, values in lines.items() if np.isfinite(values).any()}:
            found[measure] = lines
    return found
