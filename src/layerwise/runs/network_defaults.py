"""What a recipe of a network says where a person said nothing: sizes by the columns, epochs by the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from layerwise.data.rows import Rows

__all__ = ["NETWORK_DEFAULTS"]

Given = Mapping[str, Any]

STEPS = 3000
"""Minibatches that a network learns from at least."""
MOST_EPOCHS = 300
FEW_ROWS = 10_000


def _perceptron(rows: Rows | None, labels: int | None, given: Given) -> dict[str, Any]:
    """Its rule ends by itself where it can; of many rows few passes do. The delta rule's rate is a share."""
    chosen = {} if rows is None or len(rows) < FEW_ROWS else {"epochs": 20}
    return chosen | ({"learning_rate": 0.05} if given.get("rule") == "delta" else {})


def _mlp(rows: Rows | None, labels: int | None, given: Given) -> dict[str, Any]:
    if rows is None:
        return {"hidden": [256, 128]}
    hidden = [512, 256] if rows.n_columns >= 400 else [128, 64] if rows.n_columns >= 32 else [32, 32]
    chosen = {} if rows.targets is None else {"predicts": "numbers"}
    return {"hidden": hidden, **_pace(rows, labels), **chosen}


def _autoencoder(rows: Rows | None, labels: int | None, given: Given) -> dict[str, Any]:
    """A code of about an eighth of the columns at most; of few columns one that a plane can show."""
    if rows is None:
        return {"hidden": [128, 32]}
    columns = rows.n_columns
    hidden = [512, 128, 32] if columns >= 400 else [128, 64, 8] if columns >= 32 else [32, min(2, columns)]
    return {"hidden": hidden, **_pace(rows, None)}


def _stacked(rows: Rows | None, labels: int | None, given: Given) -> dict[str, Any]:
    """Its layers and the whole take as many passes each."""
    chosen = _autoencoder(rows, labels, given)
    return {**chosen, "twin": True} | ({"fine_tune_epochs": chosen["epochs"]} if "epochs" in chosen else {})


def _pace(rows: Rows, labels: int | None) -> dict[str, Any]:
    few = len(rows) < FEW_ROWS
    size = 32 if few else 100
    epochs = math.ceil(STEPS / math.ceil((labels or len(rows)) / size))
    return {"batch_size": size, "epochs": max(20, min(MOST_EPOCHS, epochs))}


NETWORK_DEFAULTS: dict[str, Callable[[Rows | None, int | None, Given], dict[str, Any]]] = {
    "perceptron": _perceptron,
    "mlp": _mlp,
    "autoencoder": _autoencoder,
    "stacked-autoencoder": _stacked,
}
"""By the model's name: from training rows, None where they are not known, labels kept, and what was chosen."""
