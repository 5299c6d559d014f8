"""Folders of pictures."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from layerwise.data.images import load_images
from layerwise.errors import DataError


def save(path: Path, array: Any, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).save(path, **options)
    return path


def grey(seed: int, height: int = 3, width: int = 4) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def test_one_folder_is_one_class(tmp_path: Path) -> None:
    for place, (folder, name) in enumerate([("10", "b.png"), ("10", "a.BMP"), ("9", "c.tif")]):
        save(tmp_path / folder / name, grey(place))
    (tmp_path / "9" / "notes.txt").write_text("left alone")
    (tmp_path / "9" / ".hidden.png").write_text("left alone")
    (tmp_path / ".git").mkdir()
    data = load_images(tmp_path)
    rows = data.train
    assert (data.name, data.test, rows.picture, rows.full_scale) == (tmp_path.name, None, (3, 4), 255)
    assert rows.classes == ("9", "10")
    assert rows.labels is not None
    assert rows.labels.tolist() == [0, 1, 1]
    expected = np.stack([grey(2), grey(1), grey(0)]).reshape(3, 12)
    np.testing.assert_array_equal(np.asarray(rows.values), expected)


def test_pictures_alone_have_no_labels(tmp_path: Path) -> None:
    save(tmp_path / "b.png", grey(1))
    save(tmp_path / "a.png", grey(0))
    rows = load_images(tmp_path).train
    assert rows.labels is None
    np.testing.assert_array_equal(np.asarray(rows.values)[0], grey(0).ravel())


def test_black_and_white_pictures_keep_the_white_of_bytes(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.eye(3, dtype=bool))
    save(tmp_path / "b.png", np.zeros((3, 3), dtype=np.uint8))
    rows = load_images(tmp_path).train
    assert np.asarray(rows.values)[0].tolist() == [255, 0, 0, 0, 255, 0, 0, 0, 255]
    save(tmp_path / "a.png", np.zeros((3, 3), dtype=np.uint8))
    assert load_images(tmp_path).train.full_scale == 255


def test_colours_and_deep_greys_become_bytes(tmp_path: Path) -> None:
    colour = np.zeros((3, 4, 3), dtype=np.uint8)
    colour[..., 1] = 200
    save(tmp_path / "a" / "colour.png", colour)
    save(tmp_path / "a" / "colour.jpg", colour, quality=95)
    save(tmp_path / "a" / "deep.png", np.full((3, 4), 0x80FF, dtype=np.uint16))
    opaque = np.dstack([colour, np.full((3, 4), 255, dtype=np.uint8)])
    save(tmp_path / "a" / "opaque.png", opaque)
    values = np.asarray(load_images(tmp_path).train.values).astype(int)
    luma = round(0.587 * 200)
    assert abs(values[0, 0] - luma) <= 2
    assert values[1].tolist() == [luma] * 12
    assert values[2].tolist() == [0x80] * 12
    assert values[3].tolist() == [luma] * 12


def test_the_odd_size_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", grey(0))
    save(tmp_path / "a" / "2.png", grey(1))
    save(tmp_path / "b" / "odd.png", grey(2, 4, 3))
    with pytest.raises(DataError) as caught:
        load_images(tmp_path)
    expected = f"{Path('b/odd.png')} = '3 × 4': must be 4 × 3 pixels, as {Path('a/1.png')} is"
    assert str(caught.value).startswith(expected)


def png(width: int, height: int) -> bytes:
    """A PNG whose header is right and whose picture is not there."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [4000, 12_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(side: int, tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(side, side))
    with pytest.raises(DataError, match=r"bomb.png = .*must have at most 4194304 pixels; scale the pictures down"):
        load_images(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is an empty file"),
        (b"no picture", "cannot be read as a picture"),
        (png(4, 3), "cannot be read as a picture"),
        (b"\x89PNG\r\n\x1a\n", "cannot be read as a picture"),
    ],
)
def test_a_damaged_picture_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    save(tmp_path / "a.png", grey(0))
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(DataError, match=rf"bad.png = .*{words}"):
        load_images(tmp_path)


def test_a_truncated_picture_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "bad.jpg", grey(0, 64, 64))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(DataError, match=r"bad.jpg = .*cannot be read as a picture"):
        load_images(tmp_path)


def test_transparency_and_floats_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a" / "clear.png", np.full((3, 4, 4), 100, dtype=np.uint8))
    with pytest.raises(DataError, match=r"clear.png = .*must not be transparent"):
        load_images(tmp_path)
    path.unlink()
    save(tmp_path / "a" / "float.tiff", np.ones((3, 4), dtype=np.float32))
    with pytest.raises(DataError, match=r"float.tiff = 'mode F': must have 8 or 16 bits"):
        load_images(tmp_path)


def test_a_folder_without_pictures_says_what_it_could_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no pictures.*one folder a class"):
        load_images(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "rows.npz").write_text("")
    with pytest.raises(DataError, match=r"such as .*rows.npz"):
        load_images(tmp_path)
    save(tmp_path / "train" / "cat" / "1.png", grey(0))
    with pytest.raises(DataError, match=r"folder train = .*its folders, cat for one, .*give .*train"):
        load_images(tmp_path)


def test_a_class_without_pictures_is_to_be_filled_or_removed(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "1.png", grey(0))
    (tmp_path / "dog").mkdir()
    with pytest.raises(DataError, match=r"folder dog = .*put the pictures of the class dog into it, or remove it"):
        load_images(tmp_path)


def test_pictures_beside_folders_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", grey(0))
    save(tmp_path / "2.png", grey(0))
    with pytest.raises(DataError, match=r"'1 folders and 1 pictures beside them'.*move 2.png"):
        load_images(tmp_path)


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", grey(0))
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError, match="folder b = "):
        load_images(tmp_path)
