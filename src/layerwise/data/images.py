"""A folder of pictures: one folder a class, or pictures alone, without labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.data.classes import class_order
from layerwise.data.idx import is_idx
from layerwise.data.limits import check_declared
from layerwise.data.reading import reading
from layerwise.data.rows import Dataset, Rows
from layerwise.data.sequel import Part, Sequel
from layerwise.data.stored import part_rows
from layerwise.errors import DataError

__all__ = ["load_images", "picture_sequel"]

_ENDINGS = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
# By a file's first bytes pillow knows dozens more, one of which it hands to another program: PostScript.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_DATA_FILES = frozenset({".npy", ".npz", ".csv", ".parquet"})
# A picture is a row with one column a pixel: beyond this no layer could be learned from it, and a header that
# declares more is more likely to be a decompression bomb.
_MOST_PIXELS = 1 << 22
_WHITE = 255.0


def load_images(folder: Path) -> Dataset:
    """Read a folder of pictures as grey rows of whole numbers from 0 (black) to 255 (white).

    Each folder inside is a class and its name the class's name; without folders the pictures have no labels. Hidden
    files, and files that are not named as pictures (.png, .jpg, .bmp, .gif, .pgm, .tif, .webp …), are left alone.

    Raises
    ------
    DataError
        Where there are no pictures, or one of them is damaged, transparent, too large or not of the others' size.
    """
    paths, labels = _found(folder)
    height, width = _common_size(paths, folder)
    with reading(folder, "a folder of pictures"):
        check_declared(folder, len(paths) * height * width)
        values = np.empty((len(paths), height, width), dtype=np.uint8)
    for row, path in enumerate(paths):
        values[row] = _grey(path)
    rows = Rows.from_arrays(values, labels, full_scale=_WHITE, name=folder.name, label_name="names of folders")
    return Dataset(folder.name, rows, None, str(folder))


def picture_sequel(folder: Path) -> Sequel:
    """The same rows some hundred at a time.

    Raises
    ------
    DataError
        As :func:`load_images`; where a picture is damaged, when it is its turn.
    """
    paths, labels = _found(folder)
    height, width = _common_size(paths, folder)
    step = part_rows(height * width)

    def parts() -> Iterator[Part]:
        for first in range(0, len(paths), step):
            values = np.stack([_grey(path).ravel() for path in paths[first : first + step]])
            yield Part(values, None if labels is None else labels[first : first + step], folder.name, first)

    return Sequel(folder.name, parts(), picture=(height, width), full_scale=_WHITE)


def _found(folder: Path) -> tuple[list[Path], list[str] | None]:
    """The pictures and, where they lie in folders, the name of each one's folder."""
    with reading(folder, "a folder of pictures"):
        folders = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        loose = _pictures(folder)
    if folders and loose:
        received = f"{len(folders)} folders and {len(loose)} pictures beside them"
        remedy = f"move {loose[0].name} and the others into the folder of their class"
        raise DataError(folder.name, received, "must hold either one folder a class or pictures alone", remedy)
    if not folders:
        if not loose:
            raise _no_pictures(folder)
        return loose, None
    paths: list[Path] = []
    labels: list[str] = []
    for name in class_order(entry.name for entry in folders):
        found = _pictures(folder / name)
        if not found:
            raise _no_pictures(folder / name, f"put the pictures of the class {name} into it, or remove it")
        paths += found
        labels += [name] * len(found)
    return paths, labels


def _pictures(folder: Path) -> list[Path]:
    with reading(folder, "a folder of pictures"):
        return sorted(
            entry
            for entry in folder.iterdir()
            if entry.suffix.lower() in _ENDINGS and not entry.name.startswith(".") and entry.is_file()
        )


def _no_pictures(folder: Path, remedy: str = "give a folder with one folder a class, or one of tables") -> DataError:
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    nested = next((entry for entry in entries if entry.is_dir()), None)
    other = next((entry for entry in entries if entry.suffix.lower() in _DATA_FILES or is_idx(entry)), None)
    rule = f"holds no pictures ({', '.join(sorted(_ENDINGS))})"
    if nested is not None:
        remedy = f"its folders, {nested.name} for one, may be the classes: then give {folder}"
    elif other is not None:
        remedy = f"to read a file in it give the path of the file, such as {other}"
    return DataError(f"folder {folder.name}", folder, rule, remedy)


def _common_size(paths: list[Path], folder: Path) -> tuple[int, int]:
    """Height and width.

    Raises
    ------
    DataError
        One picture has another size than the first.
    """
    # Sizes first, from the headers alone, so that one odd picture costs no decoding and no memory.
    width, height = _size(paths[0])
    for path in paths[1:]:
        if (size := _size(path)) != (width, height):
            what = str(path.relative_to(folder))
            rule = f"must be {width} × {height} pixels, as {paths[0].relative_to(folder)} is"
            raise DataError(what, f"{size[0]} × {size[1]}", rule, "bring all pictures to one size")
    return height, width


def _open(path: Path) -> Any:
    from PIL import Image

    if path.stat().st_size == 0:
        raise DataError(path.name, path, "is an empty file", "remove it or copy it again")
    with warnings.catch_warnings():
        # Sizes are judged here, by a stricter limit than pillow's warning.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path, formats=_FORMATS)


def _size(path: Path) -> tuple[int, int]:
    from PIL import Image

    with reading(path, "a picture"):
        try:
            with _open(path) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            width = height = _MOST_PIXELS
    if width * height > _MOST_PIXELS:
        raise DataError(path.name, path, f"must have at most {_MOST_PIXELS} pixels", "scale the pictures down")
    return width, height


def _grey(path: Path) -> npt.NDArray[np.uint8]:
    with reading(path, "a picture"), _open(path) as image:
        if image.mode.startswith("I;16"):
            return (np.asarray(image) >> 8).astype(np.uint8)
        if image.mode in ("I", "F"):
            rule = "must have 8 or 16 bits a pixel"
            raise DataError(path.name, f"mode {image.mode}", rule, "save it as 8-bit grey")
        if image.has_transparency_data:
            alpha: Any = image.convert("RGBA").getchannel("A")
            if alpha.getextrema()[0] < _WHITE:
                raise DataError(path.name, path, "must not be transparent", "put it on a background of one colour")
        return np.asarray(image.convert("L"))
