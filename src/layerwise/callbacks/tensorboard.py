"""Figures for TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from layerwise.callbacks.callback import Callback, Epoch
from layerwise.callbacks.extras import imported

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes every figure of every epoch for TensorBoard, as ``stage/figure``, by the epoch's number.

    Needs ``pip install 'layerwise[tensorboard]'``.

    Parameters
    ----------
    folder : str or path-like
        What ``tensorboard --logdir`` is given. A fit of its own folder is seen as a run of its own.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = folder
        self._writer: Any = None

    def fit_started(self, estimator: str, parameters: Mapping[str, object]) -> None:
        """Open the folder.

        Raises
        ------
        OptionError
            The package is not installed.
        """
        self._writer = imported("torch.utils.tensorboard", "tensorboard").SummaryWriter(os.fspath(self.folder))
        self._writer.add_text(estimator, "\n".join(f"    {name} = {value!r}" for name, value in parameters.items()))

    def epoch_done(self, epoch: Epoch) -> None:
        """Write the figures."""
        for name, value in epoch.figures.items():
            self._writer.add_scalar(f"{epoch.stage}/{name}", value, epoch.number)

    def fit_ended(self, problem: BaseException | None) -> None:
        """Close the files."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None
