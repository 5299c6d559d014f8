"""Figures for Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layerwise.callbacks.callback import Callback, Epoch
from layerwise.callbacks.extras import imported

__all__ = ["WandB"]


class WandB(Callback):
    """Logs parameters, and every figure of every epoch as ``stage/figure``, to a run of Weights & Biases.

    Needs ``pip install 'layerwise[wandb]'``. Each entry has the epoch's number as ``stage/epoch``, to draw it by.

    Parameters
    ----------
    **run : keyword arguments
        What ``wandb.init`` takes, such as ``project``, or ``mode="offline"``.
    """

    def __init__(self, **run: Any) -> None:
        self.run = run
        self._run: Any = None

    def fit_started(self, estimator: str, parameters: Mapping[str, object]) -> None:
        """Start a run with the parameters as its configuration, beside those of one's own.

        Raises
        ------
        OptionError
            The package is not installed.
        """
        wandb = imported("wandb", "wandb")
        said = {
            name: value if isinstance(value, int | float | str) else str(value) for name, value in parameters.items()
        }
        own: dict[str, Any] = dict(self.run.get("config") or {})
        self._run = wandb.init(**{**self.run, "config": {"estimator": estimator, **said, **own}})

    def epoch_done(self, epoch: Epoch) -> None:
        """Log the figures."""
        figures = {f"{epoch.stage}/{name}": value for name, value in epoch.figures.items()}
        self._run.log({f"{epoch.stage}/epoch": epoch.number, **figures})

    def fit_ended(self, problem: BaseException | None) -> None:
        """End the run."""
        if self._run is not None:
            self._run.finish(exit_code=0 if problem is None else 1)
        self._run = None
