"""Rows as pictures: numbers of any container, how tall and wide a row is, and which number is white."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from layerwise.errors import DataError, OptionError

__all__ = ["in_grey", "matrix_of", "picture_shape"]


def matrix_of(X: object, what: str) -> Float[np.ndarray, "row column"]:
    """Rows of any container as a dense matrix of numbers.

    Parameters
    ----------
    X : array-like, sparse, tensor or table of shape (rows, columns)
    what : str
        How the error calls them.

    Raises
    ------
    DataError
        They are no matrix of numbers.
    """
    given: Any = X
    if hasattr(given, "toarray"):
        given = given.toarray()
    elif hasattr(given, "detach"):
        given = given.detach().cpu()
    try:
        rows = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        rows = np.empty(0)
    if rows.ndim != 2:
        raise DataError(what, type(X).__name__, "must be a matrix of numbers to be seen", "give numeric columns")
    return rows


def picture_shape(picture: tuple[int, int] | None, pixels: int) -> tuple[int, int]:
    """Height and width of a row of pixels: what was asked for, or those of a square.

    Raises
    ------
    OptionError
        They do not hold so many pixels.
    """
    side = math.isqrt(pixels)
    if picture is None and side * side == pixels:
        return side, side
    if picture is None or math.prod(picture) != pixels:
        rule = f"must be (height, width) of a picture of {pixels} pixels, row-major"
        raise OptionError("picture", picture, rule, "give one whose product is that; rows of a table are no pictures")
    return picture


def in_grey(rows: Float[np.ndarray, "row pixel"], like: Float[np.ndarray, "_ pixel"]) -> Float[np.ndarray, "row pixel"]:
    """Numbers from 0, black, to 1, white: themselves where ``like`` lies in [0, 1], else by its least and greatest."""
    low, high = float(np.nanmin(like)), float(np.nanmax(like))
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return np.clip((rows - low) / ((high - low) or 1.0), 0, 1)
