"""The numbers of what was measured, by name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, cast

import numpy as np

__all__ = ["figures_of"]


def figures_of(info: object) -> dict[str, float]:
    """Each finite number of a record: those of a record in it, and of a row of numbers one for each place.

    Places are called as the record's ``names`` say, or else counted from 1.

    Examples
    --------
    >>> from layerwise.training.course_observer import MistakesInfo
    >>> figures_of(MistakesInfo(3, 0.5, None, (1, 2)))
    {'mistakes': 3.0, 'accuracy': 0.5, 'of_neurons/1': 1.0, 'of_neurons/2': 2.0}
    """
    return {name: number for name, number in _numbers(info) if math.isfinite(number)}


def _numbers(info: object) -> Iterator[tuple[str, float]]:
    if not is_dataclass(info):
        return
    names: tuple[str, ...] = getattr(info, "names", ())
    for field in fields(info):
        value: Any = getattr(info, field.name)
        if isinstance(value, int | float):
            yield field.name, float(value)
        elif isinstance(value, np.ndarray | tuple) and field.name != "names":
            row: list[float] = np.asarray(cast(Any, value), dtype=float).ravel().tolist()
            places = names or range(1, len(row) + 1)
            yield from ((f"{field.name}/{place}", number) for place, number in zip(places, row, strict=True))
        else:
            yield from _numbers(cast(object, value))
