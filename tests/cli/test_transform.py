"""``layerwise transform``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pytest

Command = Any


@pytest.mark.parametrize("ending", [".npy", ".npz", ".csv", ".parquet"])
def test_codes_can_be_read_by_the_next_run(
    layerwise: Command, digits_run: Path, tiny: tuple[str, ...], ending: str
) -> None:
    done = layerwise("transform", digits_run, "digits", "-o", f"codes{ending}")
    assert (done.code, done.out) == (0, f"codes{ending}: code of layer 2, 1,797 rows of 8 columns\n")
    assert "bernoulli" not in done.err
    assert layerwise("train", f"codes{ending}", "--out", "next", *tiny).code == 0
    assert 'visible = "bernoulli"' in Path("next/recipe.toml").read_text()


def test_a_layer_can_be_chosen_and_labels_do_not_matter(layerwise: Command, iris_run: Path, iris_table: Path) -> None:
    assert layerwise("transform", iris_run, iris_table, "-o", "codes.csv", "--layer", 1).code == 0
    table = pyarrow.csv.read_csv("codes.csv")
    assert table.column_names == [f"layer1_{unit}" for unit in range(12)]
    lines = [line.split(",") for line in iris_table.read_text().splitlines()]
    Path("new.csv").write_text("\n".join(",".join(line[:4]) for line in lines))
    assert layerwise("transform", iris_run, "new.csv", "-o", "again.csv", "--layer", 1).code == 0
    assert Path("again.csv").read_bytes() == Path("codes.csv").read_bytes()
    Path("odd.csv").write_text("sl,sw,pl,pw,species\n1,2,3,4,never seen\n")
    assert layerwise("transform", iris_run, "odd.csv", "-o", "odd.npy").code == 0


def test_a_test_part_follows_the_training_part(layerwise: Command, digits_run: Path) -> None:
    X = np.random.default_rng(0).integers(0, 17, (5, 64)).astype(np.uint8)
    np.savez("parts.npz", X=X[:3], X_test=X[3:])
    np.save("whole.npy", X)
    assert layerwise("transform", digits_run, "parts.npz", "-o", "a.npy").code == 0
    assert layerwise("transform", digits_run, "whole.npy", "-o", "b.npy").code == 0
    assert np.array_equal(np.load("a.npy"), np.load("b.npy"))
