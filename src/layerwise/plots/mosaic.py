"""Many small pictures beside each other in one, and numbers as colours that suit a light and a dark page.

What is zero is left transparent, so that it has the page's own colour.
"""

from __future__ import annotations

import io
import math

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from layerwise.plots.colours import NEGATIVE, POSITIVE

__all__ = ["arrange", "drawn_on_black", "grey", "png", "signed", "signed_scale", "tiles_across"]

LARGEST_TILE = 64
_GAP = 1
# Fewer shades than a byte has: a picture of at most 256 colours is stored in one byte a pixel.
_SHADES = 120


def tiles_across(count: int, height: int, width: int, square: int = 10) -> int:
    """How many tiles stand in a line: ``square`` for square ones, fewer for wide ones."""
    return max(1, min(count, round(square * math.sqrt(height / width))))


def arrange(tiles: Float[np.ndarray, "tile height width"], across: int | None = None) -> Float[np.ndarray, "tall wide"]:
    """Put pictures into lines, from left to right and from top to bottom.

    Parameters
    ----------
    tiles : ndarray of shape (tiles, height, width)
        Taller or wider than ``LARGEST_TILE``, they are made smaller by taking means.
    across : int, optional
        Tiles in a line.

    Returns
    -------
    ndarray
        With a gap of NaN between tiles.
    """
    tiles = _shrunk(tiles)
    count, height, width = tiles.shape
    across = across or tiles_across(count, height, width)
    down = -(-count // across)
    grid = np.full((down, height + _GAP, across, width + _GAP), np.nan, dtype=np.float32)
    for number, tile in enumerate(tiles):
        grid[number // across, :height, number % across, :width] = tile
    return grid.reshape(down * (height + _GAP), across * (width + _GAP))[:-_GAP, :-_GAP]


def _shrunk(tiles: Float[np.ndarray, "tile height width"]) -> Float[np.ndarray, "tile _ _"]:
    """Means over square blocks, where a tile is larger than it can be seen."""
    block = -(-max(tiles.shape[1:]) // LARGEST_TILE)
    if block == 1:
        return tiles
    for axis in (1, 2):
        starts = np.arange(0, tiles.shape[axis], block, dtype=np.intp)
        lengths = np.diff(np.append(starts, tiles.shape[axis]))
        shape = [1, 1, 1]
        shape[axis] = -1
        tiles = np.add.reduceat(tiles, starts, axis=axis) / lengths.reshape(shape).astype(tiles.dtype)
    return tiles


def drawn_on_black(pictures: Float[np.ndarray, "picture height width"]) -> bool:
    """Whether the pictures are strokes on an empty ground, as digits are: then black is the ground and no colour."""
    edge = np.concatenate([pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1]], axis=1)
    return bool(np.median(edge) < 0.05)


def signed_scale(values: Float[np.ndarray, "row column"]) -> float:
    """What gets the full colour: the size that one number in 500 exceeds, for a single one must not pale the rest."""
    known = values[np.isfinite(values)]
    size = float(np.quantile(np.abs(known), 0.998)) if known.size else 0.0
    return size if size > 0 else 1.0


def signed(values: Float[np.ndarray, "tall wide"], scale: float) -> UInt8[np.ndarray, "tall wide 4"]:
    """Blue for what is positive, orange for what is negative, the page for zero and for NaN."""
    share = np.clip(np.nan_to_num(values) / scale, -1, 1)
    rgba = np.empty((*values.shape, 4), dtype=np.uint8)
    rgba[..., :3] = np.where((share < 0)[..., None], np.array(NEGATIVE), np.array(POSITIVE))
    rgba[..., 3] = _opacity(np.abs(share))
    return _without_hidden_colour(rgba)


def grey(values: Float[np.ndarray, "tall wide"], on_black: bool) -> UInt8[np.ndarray, "tall wide 4"]:
    """Grey levels: 0 is black and 1 white; on a black ground, 0 is transparent and 1 white."""
    rgba = np.full((*values.shape, 4), 255, dtype=np.uint8)
    level = np.round(np.clip(np.nan_to_num(values), 0, 1) * 2 * _SHADES) / (2 * _SHADES)
    if on_black:
        rgba[..., 3] = np.round(255 * level)
    else:
        rgba[..., :3] = np.round(255 * level)[..., None]
        rgba[..., 3] = np.where(np.isnan(values), 0, 255)
    return _without_hidden_colour(rgba)


def _opacity(share: Float[np.ndarray, "tall wide"]) -> Float[np.ndarray, "tall wide"]:
    return np.round(np.round(share * _SHADES) / _SHADES * 255)


def _without_hidden_colour(rgba: UInt8[np.ndarray, "tall wide 4"]) -> UInt8[np.ndarray, "tall wide 4"]:
    """What is transparent has one colour: pictures that look the same are the same."""
    rgba[rgba[..., 3] == 0] = 0
    return rgba


def png(rgba: UInt8[np.ndarray, "tall wide 4"]) -> bytes:
    """A PNG file of it, in one byte a pixel where 256 colours suffice; without a date or anything else beside it."""
    packed = np.ascontiguousarray(rgba).view(np.uint32)[..., 0]
    colours, indices = np.unique(packed, return_inverse=True)
    file = io.BytesIO()
    if len(colours) > 256:
        Image.fromarray(rgba, "RGBA").save(file, "PNG", optimize=True)
        return file.getvalue()
    palette = colours[:, None].view(np.uint8)
    image = Image.fromarray(indices.reshape(packed.shape).astype(np.uint8), "L")
    image.putpalette(palette[:, :3].tobytes())
    image.save(file, "PNG", optimize=True, transparency=palette[:, 3].tobytes())
    return file.getvalue()
