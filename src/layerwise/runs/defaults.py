"""What a recipe says where a person said nothing: values that suit the data."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from layerwise.data.column_tables import TABLES
from layerwise.data.limits import physical_memory
from layerwise.data.rows import Rows
from layerwise.data.streams import streams_by_itself
from layerwise.data.suitable import suitable_units
from layerwise.data.table_files import FORMATS
from layerwise.errors import OptionError
from layerwise.runs.network_defaults import NETWORK_DEFAULTS
from layerwise.training.plans import PLANS

__all__ = ["defaults_for", "stream_for", "visible_for", "visible_of_units"]


def visible_for(rows: Rows) -> Literal["bernoulli", "gaussian"]:
    """What :func:`layerwise.data.suitable.suitable_units` says, for estimators as well."""
    return suitable_units(rows)


def visible_of_units(rows: Rows | None, source: str) -> str:
    """Column by column for a table, letters for an alignment, and what :func:`visible_for` says for others."""
    if Path(source).suffix.lower() in TABLES:
        return "mixed"
    if rows is None:
        return "bernoulli"
    return "categorical" if rows.states is not None else visible_for(rows)


def stream_for(source: str) -> bool:
    """Whether rows had better stay on disk: more than half of memory, or nothing that is ever read at once."""
    path, memory = Path(source).expanduser(), physical_memory()
    if memory is not None and path.suffix.lower() in (".npy", *FORMATS) and os.path.isfile(path):
        return path.stat().st_size > memory // 2
    return streams_by_itself(source)


FINE_TUNING_STEPS = 1500
"""Minibatches that fine-tuning has at least: after 300 a pretrained 64-256-256-512 network still gained from more."""
MACHINE_STEPS = 6000
"""Minibatches that one machine learns from at least."""
MOST_EPOCHS = 500


def defaults_for(
    rows: Rows | None,
    labels: int | None = None,
    model: str = "dbn",
    source: str = "",
    given: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Values of ``[training]`` that suit the data; every other one is the plan's own.

    Parameters
    ----------
    rows : Rows or None
        The data's training rows.
    labels : int or None
        How many labels are to be kept; None for all there are.
    model : str
        Its name.
    source : str
        Where the rows come from.
    given : mapping
        What a person chose.

    Raises
    ------
    OptionError
        A belief network is to learn an alignment.
    """
    visible = given.get("visible") or ("" if model == "dbn" else visible_of_units(rows, source))
    if model in ("rbm", "class-rbm"):
        return _of_machine(rows, labels if model == "class-rbm" else None, visible)
    if model != "dbn":
        labelled = labels if PLANS[model].needs_labels else None
        return {"visible": visible, **NETWORK_DEFAULTS[model](rows, labelled, given)}
    chosen: dict[str, Any] = {"hidden": [500, 500, 2000], "twin": True}
    if rows is None:
        return chosen
    if rows.states is not None:
        rule = "learns numbers, and the letters of an alignment are none"
        raise OptionError("model", model, rule, "learn them by --model rbm, whose visible units are categorical")
    chosen["visible"] = visible_for(rows)
    if rows.n_columns < 400:  # smaller than 20 × 20 pixels
        chosen["hidden"] = [256, 256, 512] if rows.n_columns >= 32 else [64, 64]
    if len(rows) < 10_000:
        # Few rows make few steps an epoch: a layer still needs some thousands of them.
        chosen |= {"batch_size": 20, "learning_rate": 0.05, "momentum": 0.9, "epochs": 50, "dropout": 0.3}
    batches = -(-(labels or len(rows)) // chosen.get("batch_size", 100))
    chosen["fine_tune_epochs"] = max(30, min(300, FINE_TUNING_STEPS // batches))
    return chosen


def _of_machine(rows: Rows | None, labels: int | None, visible: str) -> dict[str, Any]:
    chosen: dict[str, Any] = {"visible": visible}
    if rows is None:
        return chosen
    chosen["hidden"] = [500] if rows.n_columns >= 400 else [256] if rows.n_columns >= 32 else [64]
    if chosen["visible"] in ("gaussian", "rectified", "mixed"):
        # What moves the couplings grows with the largest eigenvalue of the columns' correlations, at most their number.
        chosen["learning_rate"] = min(0.1, 0.5 / rows.n_columns)
    if len(rows) < 10_000:
        chosen["batch_size"] = 50 if len(rows) >= 1_000 else 20
    batches = math.ceil((labels or len(rows)) / chosen.get("batch_size", 100))
    chosen["epochs"] = max(20, min(MOST_EPOCHS, math.ceil(MACHINE_STEPS / batches)))
    return chosen
