"""Belief networks and plain networks as ONNX files."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from layerwise.energy.directed_stack import DirectedStack
from layerwise.networks.onnx_model import onnx_model
from layerwise.training.checkpoint import write_atomically
from layerwise.training.unrolling import upward_pass

__all__ = ["to_onnx"]


def to_onnx(model: DirectedStack | nn.Sequential, path: Path) -> Path:
    """Write what a model computes upwards as an ONNX file.

    Parameters
    ----------
    model : DirectedStack or torch.nn.Sequential
        Of a belief network the upward pass is written, as
        :func:`~layerwise.training.unrolling.upward_pass` makes it; a network, such as an unrolled classifier, as it is.
        The input is called ``v``, of shape (batch, columns); the output ``h``.
    path : Path
        Of the file; an earlier one of that name is replaced, whole or not at all.

    Returns
    -------
    Path

    Raises
    ------
    OptionError
        The package onnx is not installed, or the model holds what cannot be exported.
    StorageError
        The file cannot be written.
    """
    network = upward_pass(model) if isinstance(model, DirectedStack) else model
    write_atomically(path, onnx_model(network))
    return path
