"""Figures for MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layerwise.callbacks.callback import Callback, Epoch
from layerwise.callbacks.extras import imported

__all__ = ["MLflow"]

LONGEST = 500
"""Letters of a parameter that MLflow takes in every version."""


class MLflow(Callback):
    """Logs parameters, and every figure of every epoch as ``stage/figure``, to MLflow.

    Needs ``pip install 'layerwise[mlflow]'``.

    Parameters
    ----------
    **run : keyword arguments
        What ``mlflow.start_run`` takes, such as ``run_name``. Where a run is active already it is used, and left open.
    """

    def __init__(self, **run: Any) -> None:
        self.run = run
        self._mlflow: Any = None
        self._own = False

    def fit_started(self, estimator: str, parameters: Mapping[str, object]) -> None:
        """Start a run unless one is active, and log the parameters.

        Raises
        ------
        OptionError
            The package is not installed.
        """
        self._mlflow = imported("mlflow", "mlflow")
        self._own = self._mlflow.active_run() is None
        if self._own:
            self._mlflow.start_run(**self.run)
        said = {"estimator": estimator, **parameters}
        self._mlflow.log_params({name: str(value)[:LONGEST] for name, value in said.items()})

    def epoch_done(self, epoch: Epoch) -> None:
        """Log the figures."""
        figures = {f"{epoch.stage}/{name}": value for name, value in epoch.figures.items()}
        self._mlflow.log_metrics(figures, step=epoch.number)

    def fit_ended(self, problem: BaseException | None) -> None:
        """End a run of one's own."""
        if self._own:
            self._mlflow.end_run("FINISHED" if problem is None else "FAILED")
        self._mlflow, self._own = None, False
