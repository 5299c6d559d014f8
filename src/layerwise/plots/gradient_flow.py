"""Gradient flow: how learning reaches each layer, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from sklearn.utils import validation

from layerwise.errors import OptionError
from layerwise.networks import GradientFlowInfo
from layerwise.plots.display import Display
from layerwise.plots.learning_curves import LearningCurvesDisplay

__all__ = ["GradientFlowDisplay"]

_MEASURES = {
    "gradient_norm": "length of the gradient",
    "residual_norm": "length of a row's residual",
    "saturated": "saturated units",
    "update_ratio": "step / weights, lengths",
}


@dataclass(eq=False)
class GradientFlowDisplay(Display):
    """One measure of the gradient's flow over the epochs, a line for each layer.

    Lengths and their ratios stand on a logarithmic scale: where lines lie far apart, some layers hardly learn.

    Parameters
    ----------
    flows : sequence of GradientFlowInfo
        One an epoch.
    measure : {"gradient_norm", "residual_norm", "saturated", "update_ratio"}

    Examples
    --------
    >>> flow = GradientFlowInfo(("hidden1", "output"), (0.1, 1.0), (0.2, 2.0), (0.5, 0.0), (1e-3, 1e-2))
    >>> GradientFlowDisplay([flow, flow], "saturated").lines()
    {'hidden1': [0.5, 0.5], 'output': [0.0, 0.0]}
    """

    flows: Sequence[GradientFlowInfo]
    measure: str = "gradient_norm"

    @classmethod
    def from_estimator(
        cls,
        estimator: object,
        *,
        measure: str = "gradient_norm",
        stage: str | None = None,
        ax: Axes | None = None,
    ) -> GradientFlowDisplay:
        """Draw what an estimator of a network saw of its gradients while it was fitted.

        Parameters
        ----------
        estimator : estimator
            Fitted with ``watch_gradients=True``; a DBNClassifier and a DBNRegressor watch always.
        measure : {"gradient_norm", "residual_norm", "saturated", "update_ratio"}
            Length of ∂loss/∂weights; of a row's ∂loss/∂pre-activation; share of units whose activation passes little
            back; length of a step over that of the weights. Of one minibatch an epoch.
        stage : str, optional
            Key of ``learning_curves_``, such as ``"layer 1"``; what was learned last if left out.
        ax : Axes, optional
            A new figure's if left out.

        Returns
        -------
        GradientFlowDisplay
            Drawn: ``ax_`` and ``figure_`` are set.

        Raises
        ------
        OptionError
            No gradients were watched, or not in this stage; or there is no such measure.
        NotFittedError

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from layerwise import DBNClassifier
        >>> net = DBNClassifier((16, 16), epochs=1, fine_tune_epochs=2, random_state=0)
        >>> net = net.fit(*load_digits(return_X_y=True))
        >>> GradientFlowDisplay.from_estimator(net).lines().keys()
        dict_keys(['layer 1', 'layer 2', 'layer 3'])
        """
        flows = _flows(estimator)
        if not flows:
            remedy = "fit one that has it with watch_gradients=True"
            raise OptionError("estimator", estimator, "has watched no gradients", remedy)
        if stage is not None and stage not in flows:
            raise OptionError("stage", stage, f"must be one of {', '.join(flows)}, where gradients were watched")
        if measure not in _MEASURES:
            raise OptionError("measure", measure, f"must be one of {', '.join(_MEASURES)}")
        return cls(flows[stage or list(flows)[-1]], measure).plot(ax)

    def lines(self) -> dict[str, list[float]]:
        """Of each layer the measure after every epoch; a layer without a name is called by its number."""
        numbers = [getattr(flow, self.measure) for flow in self.flows]
        names = [f"layer {n}" if name.isdigit() else name for n, name in enumerate(self.flows[0].names, 1)]
        return {name: [epoch[place] for epoch in numbers] for place, name in enumerate(names)}

    def _draw(self, ax: Axes) -> None:
        """Draw it; what is not finite is left out."""
        epochs, percent = range(1, len(self.flows) + 1), self.measure == "saturated"
        curves = {
            name: (epochs, np.where(np.isfinite(values), values, np.nan).tolist())
            for name, values in self.lines().items()
        }
        measure = _MEASURES[self.measure]
        LearningCurvesDisplay(curves, measure, percent, legend=True, logarithmic=not percent).plot(ax)


def _flows(estimator: Any) -> dict[str, list[GradientFlowInfo]]:
    """What was watched, by stage, in the order of learning."""
    validation.check_is_fitted(estimator)
    stages: dict[str, list[Any]] = {
        **getattr(estimator, "learning_curves_", {}),
        "learning curve": getattr(estimator, "learning_curve_", []),
        "gradient flow": getattr(estimator, "gradient_flow_", []),
    }
    watched = {
        stage: [flow for epoch in epochs if isinstance(flow := getattr(epoch, "flow", epoch), GradientFlowInfo)]
        for stage, epochs in stages.items()
    }
    return {stage: flows for stage, flows in watched.items() if flows}
