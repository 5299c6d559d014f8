"""The worker's side of an interleaved run: load the rows once, then do one epoch at each word from the parent.

A competitor is a class: ``Competitor(values, method, setting)`` makes everything ready, ``epoch()`` is what is timed,
``parameters()`` gives weights (visible, hidden), visible biases and hidden biases, or None where nothing is learned.
Its docstring says how the library is run and is kept with the results.

Between two words the process sleeps in a read, so workers that wait take no core from the one whose turn it is.
This file runs under the Python of each peer's environment: it imports numpy and nothing of layerwise.
"""

from __future__ import annotations

import inspect
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np

__all__ = ["Competitor", "Setting", "rate_of_epoch", "serve"]

Setting = dict[str, Any]
"""hidden, batch_size, learning_rate, seed, threads; and where a race asks for them: chains (as many as a batch has rows
if left out); centred, and bits, drawn from grey levels every time (False); fall: epochs over which the learning rate
falls in a straight line to zero."""


class Competitor(Protocol):
    """One library, ready to train."""

    def epoch(self) -> None:
        """Train on every row once."""
        ...

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Weights of shape (visible, hidden), visible biases, hidden biases."""
        ...


def rate_of_epoch(setting: Setting, epoch: int) -> float:
    """The learning rate of an epoch for a library that has no schedule: constant, or falling from epoch to epoch."""
    fall = setting.get("fall")
    return setting["learning_rate"] * (1.0 if fall is None else max(0.0, 1.0 - (epoch + 0.5) / fall))


def serve(competitor: Any, *packages: str) -> None:
    """Answer the parent's words: ``go`` with an epoch's seconds, ``keep FILE`` with the parameters in a .npz file.

    Parameters
    ----------
    competitor : type of Competitor
    packages : str
        Distributions whose versions belong to the figure.
    """
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    rows, method, setting = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    ready: Competitor = competitor(np.load(rows), method, setting)
    installed = {"python": platform.python_version(), **{package: version(package) for package in packages}}
    answers.write(json.dumps({"versions": installed, "how": inspect.getdoc(competitor)}) + "\n")
    for line in sys.stdin:
        word, _, argument = line.strip().partition(" ")
        if word == "go":
            start = time.perf_counter()
            ready.epoch()
            answers.write(f"{time.perf_counter() - start!r}\n")
        elif word == "keep":
            kept = ready.parameters()
            if kept is not None:
                np.savez(argument, weights=kept[0], visible=kept[1], hidden=kept[2])
            answers.write(f"{kept is not None}\n".lower())
