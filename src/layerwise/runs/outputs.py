"""Files that a run's model fills: samples as .npy, a .png of pictures or a table. Codes: ``runs/code_files.py``."""

from __future__ import annotations

import importlib
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from layerwise.errors import DataError, OptionError
from layerwise.runs.model import Model
from layerwise.training.checkpoint import write_atomically

__all__ = ["check_output", "check_samples", "pyarrow_module", "write_samples", "write_table"]

_SAMPLE_FILES = (".png", ".npy")
_TABLE_FILES = (".csv", ".parquet")
_SMALLEST_TILE = 56
_GREY = 96


def check_samples(path: Path, model: Model) -> None:
    """Refuse a file that samples could not be written to, before any work.

    Raises
    ------
    OptionError
    """
    if model.code is not None:
        check_output(path, _TABLE_FILES, ": the rows of this run are those of a table")
    elif model.picture is None:
        check_output(path, (".npy",), ": the rows of this run are no pictures")
    else:
        check_output(path, _SAMPLE_FILES)


def check_output(path: Path, endings: Sequence[str], reason: str = "") -> None:
    """Refuse a file that ends in something else, or that is a folder.

    Parameters
    ----------
    path : Path
    endings : sequence of str
    reason : str
        Why no others.

    Raises
    ------
    OptionError
    """
    if path.suffix.lower() not in endings:
        *others, last = endings
        accepted = f"{', '.join(others)} or {last}" if others else last
        raise OptionError("-o", path, f"must end in {accepted}{reason}")
    if path.is_dir():
        raise OptionError("-o", path, "must be a file, and there is a folder of that name", "name another")


def write_table(path: Path, table: Any) -> None:
    """Write a pyarrow table as its path's ending says, ``.csv`` or ``.parquet``.

    Raises
    ------
    DataError
        pyarrow is not installed.
    StorageError
    """
    csv = path.suffix.lower() == ".csv"
    writer = pyarrow_module("pyarrow.csv" if csv else "pyarrow.parquet", path)
    file = io.BytesIO()
    (writer.write_csv if csv else writer.write_table)(table, file)
    write_atomically(path, file.getvalue())


def pyarrow_module(module: str, path: Path) -> Any:
    """Import one of pyarrow's modules for a file.

    Raises
    ------
    DataError
        pyarrow is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as problem:
        remedy = "install it with: pip install 'layerwise[data]'"
        raise DataError(path.name, path.suffix.lower(), "needs the package pyarrow", remedy) from problem


def write_samples(
    path: Path, samples: Tensor, model: Model, classes: Tensor | None = None, target: str | None = None
) -> None:
    """Write rows that a model drew; of a table also the classes that it drew with them.

    Parameters
    ----------
    path : Path
        ``.npy`` holds them in the data's own units, pictures as (rows, height, width); ``.png`` is a row-major grid.
    samples : Tensor of shape (rows, columns)
        Prepared rows.
    model : Model
    classes : Tensor of shape (rows,), int64, optional
        Codes of the rows' classes: a table's last column.
    target : str, optional
        Name of that column; ``"class"`` if left out.

    Raises
    ------
    StorageError
    """
    if model.code is not None:
        table: Any = model.code.restore(model.preparation.restore(samples))
        if classes is not None:
            names = [model.classes[int(code)] for code in classes]
            table = table.append_column(target or "class", [names])
        write_table(path, table)
        return
    raw = model.preparation.restore(samples).astype(np.float32)
    rows = raw if model.picture is None else raw.reshape(-1, *model.picture)
    file = io.BytesIO()
    if path.suffix.lower() == ".npy":
        np.save(file, rows, allow_pickle=False)
    else:
        from PIL import Image

        Image.fromarray(_grid(rows, model.full_scale)).save(file, format="PNG")
    write_atomically(path, file.getvalue())


def _grid(pictures: npt.NDArray[np.float32], full_scale: float | None) -> npt.NDArray[np.uint8]:
    """Pictures side by side, as many in a line as there are lines, on grey; small ones enlarged."""
    low, high = (0.0, full_scale) if full_scale else (float(pictures.min()), float(pictures.max()))
    shades = np.clip((pictures - low) / max(high - low, 1e-12), 0, 1)
    tiles = np.round(255 * shades).astype(np.uint8)
    scale = max(1, math.ceil(_SMALLEST_TILE / max(tiles.shape[1:])))
    tiles = tiles.repeat(scale, axis=1).repeat(scale, axis=2)
    count, height, width = tiles.shape
    across = math.ceil(math.sqrt(count))
    down, gap = math.ceil(count / across), scale
    grid = np.full((down * (height + gap) + gap, across * (width + gap) + gap), _GREY, dtype=np.uint8)
    for place, tile in enumerate(tiles):
        line, column = divmod(place, across)
        top, left = gap + line * (height + gap), gap + column * (width + gap)
        grid[top : top + height, left : left + width] = tile
    return grid
