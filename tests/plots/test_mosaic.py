from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from layerwise.plots.mosaic import LARGEST_TILE, arrange, drawn_on_black, grey, png, signed, signed_scale, tiles_across


def test_tiles_stand_in_reading_order_with_gaps() -> None:
    tiles = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((1, 2, 3), dtype=np.float32)
    mosaic = arrange(tiles, across=3)
    assert mosaic.shape == (2 * 2 + 1, 3 * 3 + 2)
    assert mosaic[0, 0] == 0
    assert mosaic[0, 4] == 1
    assert mosaic[3, 0] == 3
    assert np.isnan(mosaic[2]).all()  # the gap
    assert np.isnan(mosaic[3:, 8:]).all()  # the place that no tile filled
    for number in range(5):
        assert (mosaic == number).sum() == 6


def test_wide_pictures_stand_fewer_in_a_line() -> None:
    assert tiles_across(100, 8, 8) == 10
    assert tiles_across(100, 8, 32) == 5
    assert tiles_across(3, 8, 8) == 3
    assert tiles_across(100, 1, 1000) == 1


def test_large_tiles_become_means_of_blocks() -> None:
    tile = np.arange(130.0 * 130).reshape(1, 130, 130)
    mosaic = arrange(tile)
    assert max(mosaic.shape) <= LARGEST_TILE
    assert mosaic[0, 0] == pytest.approx(tile[0, :3, :3].mean())
    assert mosaic[-1, -1] == pytest.approx(tile[0, 129:, 129:].mean())  # the last block is smaller
    assert arrange(np.ones((1, 65, 3)))[0, 0] == 1


def test_signs_have_two_colours_and_zero_has_none() -> None:
    rgba = signed(np.array([[-2.0, -1.0, 0.0, 1.0, np.nan]]), scale=1.0)
    assert rgba[0, :, 3].tolist() == [255, 255, 0, 255, 0]
    assert (rgba[0, 0] == rgba[0, 1]).all()  # beyond the scale, no deeper
    assert rgba[0, 1, 0] > rgba[0, 1, 2]  # orange
    assert rgba[0, 3, 2] > rgba[0, 3, 0]  # blue
    faint = signed(np.array([[0.25, -0.25]]), scale=1.0)
    assert faint[0, 0, 3] == faint[0, 1, 3] == pytest.approx(64, abs=2)


def test_the_scale_is_not_set_by_a_single_number() -> None:
    values = np.ones((100, 100))
    values[0, 0] = 1e6
    assert signed_scale(values) == 1
    assert signed_scale(np.zeros((3, 3))) == 1


def test_ink_on_an_empty_ground_is_told_from_a_photograph() -> None:
    digit = np.zeros((3, 8, 8))
    digit[:, 2:6, 3:5] = 1
    assert drawn_on_black(digit)
    assert not drawn_on_black(1 - digit)
    assert grey(digit[0], on_black=True)[0, 0].tolist() == [0, 0, 0, 0]
    assert grey(digit[0], on_black=False)[0, 0].tolist() == [0, 0, 0, 255]
    assert grey(digit[0], on_black=True)[3, 3].tolist() == [255, 255, 255, 255]
    assert grey(np.array([[np.nan]]), on_black=False)[0, 0, 3] == 0


@pytest.mark.parametrize("on_black", [True, False])
def test_a_png_holds_the_same_pixels_in_one_byte_each(on_black: bool) -> None:
    rgba = grey(np.random.default_rng(0).random((40, 30)), on_black)
    file = png(rgba)
    picture = Image.open(io.BytesIO(file))
    assert picture.mode == "P"
    np.testing.assert_array_equal(np.asarray(picture.convert("RGBA")), rgba)
    assert file == png(rgba)


def test_a_png_of_many_colours_keeps_them() -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (30, 30, 4), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(rgba)))), rgba)


def test_signed_pictures_need_no_more_than_a_byte() -> None:
    rgba = signed(np.random.default_rng(0).normal(size=(200, 200)), 2.0)
    assert Image.open(io.BytesIO(png(rgba))).mode == "P"
