"""The columns of a table as a person knows them, made from rows of units: values, shares of them, histograms."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from torch import Tensor

from layerwise.runs.machine_findings import ColumnMarginal
from layerwise.runs.model import Model
from layerwise.runs.numerals import with_minus

__all__ = ["SeenColumn", "columns_seen", "marginal"]

BINS = 24
MOST_VALUES = 12
"""Values of a column that are shown one by one; of more, the rarest are put together, and numbers into bins."""


@dataclass(frozen=True, eq=False)
class SeenColumn:
    """One column of some rows.

    Parameters
    ----------
    name : str
    kind : str
        Of its units.
    values : list
        One a row, in the data's own units; None where missing.
    units : slice
        Its visible units.
    """

    name: str
    kind: str
    values: list[Any]
    units: slice


def columns_seen(model: Model, prepared: Tensor, names: tuple[str, ...] | None) -> list[SeenColumn]:
    """Every column of prepared rows, in the table's order.

    Parameters
    ----------
    model : Model
    prepared : Tensor of shape (rows, units)
        Data, samples, or what was filled in.
    names : tuple of str or None
        Of the visible units, where rows are no table.
    """
    raw = model.preparation.restore(prepared)
    if model.code is not None:
        places = model.code.slices
        return [
            SeenColumn(str(code.name), code.kind, code.restore(raw[:, places[code.name]]), places[code.name])
            for code in model.code.columns
        ]
    counts, kind = model.preparation.categories, str(model.preparation.kind)
    columns = names if not counts else model.columns
    found: list[SeenColumn] = []
    first = 0
    for place in range(raw.shape[1]):
        name = columns[place] if columns is not None else f"column {place + 1}"
        values = [None if math.isnan(value) else value for value in raw[:, place].tolist()]
        size = counts[place] if counts else 1
        if counts:
            values = [None if value is None else int(value) for value in values]
        found.append(SeenColumn(name, kind, values, slice(first, first + size)))
        first += size
    return found


def marginal(data: SeenColumn, samples: SeenColumn) -> ColumnMarginal:
    """Shares of the values, or a histogram of numbers that take many."""
    ours = [value for value in data.values if value is not None]
    theirs = [value for value in samples.values if value is not None]
    distinct = Counter(ours)
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in distinct)
    if numbers and (len(distinct) > MOST_VALUES or data.kind in ("gaussian", "rectified")):
        return _histogram(data, np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64))
    kept = [value for value, _ in distinct.most_common(MOST_VALUES)]
    kept.sort(key=lambda value: value if numbers else str(value))
    rest = len(distinct) > len(kept) or any(value not in distinct for value in theirs)
    shares = [_shares(values, kept, rest) for values in (ours, theirs)]
    places = tuple(f"{value:g}" if isinstance(value, float) else str(value) for value in kept)
    if numbers:
        places = tuple(with_minus(place) for place in places)
    return ColumnMarginal(data.name, data.kind, (*places, "other") if rest else places, *shares)


def _shares(values: list[Any], kept: list[Any], rest: bool) -> list[float]:
    counts, total = Counter(values), max(1, len(values))
    shares = [counts[value] / total for value in kept]
    return [*shares, 1 - sum(shares)] if rest else shares


def _histogram(column: SeenColumn, ours: Any, theirs: Any) -> ColumnMarginal:
    """Bins over the middle of both, the tails in the first and the last."""
    both = np.concatenate([ours, theirs])
    low, high = (float(edge) for edge in np.quantile(both, (0.005, 0.995)))
    if not high > low:
        low, high = low - 0.5, low + 0.5
    edges = np.linspace(low, high, BINS + 1)
    shares = [np.histogram(np.clip(values, low, high), edges)[0] / max(1, len(values)) for values in (ours, theirs)]
    assert all(a < b for a, b in pairwise(edges.tolist()))
    return ColumnMarginal(column.name, column.kind, tuple(edges.tolist()), *(share.tolist() for share in shares))
