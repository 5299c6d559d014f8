"""What every estimator has beside scikit-learn's contract: saved, handed to torch, asked about tensors, watched."""

from __future__ import annotations

import os
from abc import abstractmethod
from pathlib import Path

from torch import nn

from layerwise.estimators import saving
from layerwise.estimators.strategy import Shared
from layerwise.estimators.tensors import TensorsInAndOut
from layerwise.estimators.watched import Watched
from layerwise.training.onnx_export import to_onnx

__all__ = ["Estimator"]


class Estimator(TensorsInAndOut, Shared, Watched):
    """One that can be saved and handed to torch, asked about tensors, shared, and looked at while it learns."""

    @abstractmethod
    def to_torch(self) -> nn.Sequential:
        """What the estimator computes of rows, as a network with weights of its own."""

    def to_onnx(self, path: str | os.PathLike[str]) -> Path:
        """Write the network of :meth:`to_torch` as an ONNX file: input ``v``, rows of units; output ``h``.

        Parameters
        ----------
        path : str or path-like
            An earlier file of that name is replaced.

        Returns
        -------
        Path

        Raises
        ------
        OptionError
            The package onnx is not installed, or the network holds a module that is not exported.
        StorageError
            The file cannot be written.
        """
        return to_onnx(self.to_torch(), Path(path))

    def save(self, path: str | os.PathLike[str], *, data: str = "", limits: str = "") -> Path:
        """Write the fitted estimator to a folder of safe files, which :func:`layerwise.load` opens.

        ``estimator.toml`` holds class, versions and parameters, ``model.safetensors`` all that was learned,
        ``learning_curves.jsonl`` what was measured after each epoch, and ``README.md`` is a card to publish it with:
        data, recipe, figures, limits.

        Parameters
        ----------
        path : str or path-like
            A new or empty folder, or one of an earlier save. That is replaced when the new one is whole on the disk,
            and lost in no case. Other files in it stay, and so does a README.md that was made one's own.
        data : str
            Where the rows come from, for the card.
        limits : str
            What the estimator should not be used for, for the card.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        NotFittedError
            Nothing was learned yet.
        OptionError
            The folder holds something else, or the estimator's class is not layerwise's.
        DataError
            A parameter or a part of the network is code of one's own, which is not saved.
        StorageError
            The folder cannot be written or the disk is full.
        """
        return saving.save(self, path, data, limits)
