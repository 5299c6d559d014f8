"""``layerwise sample``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Command = Any


def test_pictures_become_a_grid(layerwise: Command, digits_run: Path) -> None:
    done = layerwise("sample", digits_run, "--count", 10, "--steps", 3, "-o", "dreams.png")
    assert (done.code, done.out) == (0, "dreams.png: 10 rows after 3 Gibbs steps\n")
    with Image.open("dreams.png") as image:
        assert image.mode == "L"
        assert image.size == (4 * 63 + 7, 3 * 63 + 7)  # 8 pixels, each 7 times, and a gap


def test_the_seed_decides(layerwise: Command, digits_run: Path) -> None:
    for name, seed in (("a.npy", 1), ("b.npy", 1), ("c.npy", 2)):
        assert layerwise("sample", digits_run, "--count", 4, "--steps", 3, "--seed", seed, "-o", name).code == 0
    a, b, c = (np.load(name) for name in ("a.npy", "b.npy", "c.npy"))
    assert a.shape == (4, 8, 8)
    assert 0 <= a.min() < a.max() <= 16
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_rows_that_are_no_pictures_are_samples_in_their_own_units(layerwise: Command, iris_run: Path) -> None:
    assert layerwise("sample", iris_run, "--count", 50, "--steps", 2, "-o", "s.npy").code == 0
    samples = np.load("s.npy")
    assert samples.shape == (50, 4)
    assert 4 < samples[:, 0].mean() < 8  # a sepal's length in cm, not in standard deviations
