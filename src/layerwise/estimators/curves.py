"""What a fitted estimator measured after each epoch, whatever it calls it, as numbers by name."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, cast

__all__ = ["Curve", "curves_of", "to_lines"]

Curve = list[dict[str, float | int]]
"""For each epoch what was measured, by the measure's name."""


def curves_of(estimator: object) -> dict[str, Curve]:
    """Every curve that an estimator keeps, by its title.

    Public attributes that hold a record or a number for each epoch are curves, and so are those of a dict of such.
    """
    return {title: curve for title, value in _candidates(estimator) if (curve := _curve(title, value))}


def to_lines(curves: dict[str, Curve]) -> str:
    """The curves as JSON lines, one an epoch; what was not measured is null."""
    lines = [
        {"curve": title, "epoch": number, **{name: _finite(value) for name, value in measures.items()}}
        for title, curve in curves.items()
        for number, measures in enumerate(curve, 1)
    ]
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def _candidates(estimator: object) -> Iterator[tuple[str, Any]]:
    for name, value in vars(estimator).items():
        if name.startswith("_") or not name.endswith("_"):
            continue
        if isinstance(value, dict):
            yield from ((str(key), of_key) for key, of_key in cast("dict[object, Any]", value).items())
        else:
            yield name.strip("_").replace("_", " "), value


def _curve(title: str, value: Any) -> Curve:
    if not isinstance(value, list):
        return []
    curve: Curve = []
    for epoch in cast("list[Any]", value):
        of_record: dict[str, Any] | None = getattr(epoch, "__dict__", None)
        measures = {title: epoch} if of_record is None else of_record
        numbers = {name: number for name, number in measures.items() if isinstance(number, int | float)}
        curve.append({name: number for name, number in numbers.items() if not isinstance(number, bool)})
    return curve if all(curve) else []


def _finite(value: float | int) -> float | int | None:
    return value if math.isfinite(value) else None
