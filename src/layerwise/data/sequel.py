"""A source of rows that is read from the front, part after part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Part", "Sequel"]


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of a source.

    Parameters
    ----------
    values : ndarray of shape (rows, columns)
    labels : array-like of shape (rows,) or None
    what : str
        How an error names where they are from.
    first_row : int
        Place of the first row in there.
    """

    values: npt.NDArray[Any]
    labels: object
    what: str
    first_row: int = 0


@dataclass(frozen=True, eq=False)
class Sequel:
    """A source of rows, part after part.

    Parameters
    ----------
    name : str
        How errors name all of it.
    parts : iterator of Part
        Of one number of columns, and of types that the first one's holds.
    columns : tuple of str or None
        Names.
    types : tuple of dtype or None
        Of each column, where they differ.
    picture : (height, width) or None
    full_scale : float or None
        As of :class:`~layerwise.data.Rows`.
    """

    name: str
    parts: Iterator[Part]
    columns: tuple[str, ...] | None = None
    types: tuple[np.dtype[Any], ...] | None = None
    picture: tuple[int, int] | None = None
    full_scale: float | None = None
