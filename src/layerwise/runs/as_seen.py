"""Prepared rows as a person sees them, and names of the units that they are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from layerwise.runs.model import Model

__all__ = ["as_seen", "unit_names"]


def as_seen(prepared: Tensor, model: Model) -> npt.NDArray[Any]:
    """Pictures from 0 (black) to 1 (white); other rows in the units that the layers see."""
    if model.picture is None or (model.preparation.kind == "bernoulli" and model.code is None):
        return prepared.numpy()
    raw = model.preparation.restore(prepared)
    return np.clip(raw / (model.full_scale or max(float(np.nanmax(raw)), 1.0)), 0, 1)


def unit_names(model: Model) -> tuple[str, ...] | None:
    """A name for each unit, where columns have names."""
    if model.code is not None:
        return model.code.unit_names
    categories = model.preparation.categories
    if not categories:
        return model.columns
    names = model.columns or tuple(f"column {place}" for place in range(1, len(categories) + 1))
    return tuple(f"{name}={code}" for name, count in zip(names, categories, strict=True) for code in range(count))
