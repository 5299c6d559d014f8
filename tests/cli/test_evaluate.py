"""``layerwise evaluate``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Command = Any


def accuracy(text: str) -> float:
    found = re.search(r"accuracy: ([\d.]+) %", text)
    assert found is not None, text
    return float(found[1])


def test_the_runs_own_test_part_has_the_runs_own_accuracy(layerwise: Command, digits_run: Path) -> None:
    done = layerwise("evaluate", digits_run)
    assert done.code == 0
    result = json.loads((digits_run / "metrics.jsonl").read_text().splitlines()[-1])["result"]
    assert accuracy(done.out) == pytest.approx(100 * result["accuracies"]["this network"], abs=0.005)
    assert "test part of digits: 359 rows, 359 of them labelled" in done.out
    assert re.search(r"layer 2 +8 +[\d.]+ +-?[\d.]+", done.out)


def test_columns_are_matched_by_name_and_labels_may_be_missing(
    layerwise: Command, iris_run: Path, iris_table: Path
) -> None:
    lines = [line.split(",") for line in iris_table.read_text().splitlines()]
    Path("same.csv").write_text("\n".join(",".join(line) for line in lines))
    Path("turned.csv").write_text("\n".join(",".join(reversed(line)) for line in lines))
    Path("bare.csv").write_text("\n".join(",".join(line[:4]) for line in lines))
    same, turned = layerwise("evaluate", iris_run, "same.csv"), layerwise("evaluate", iris_run, "turned.csv")
    assert accuracy(same.out) == accuracy(turned.out)
    bare = layerwise("evaluate", iris_run, "bare.csv")
    assert bare.code == 0
    assert "no accuracy: the rows have no labels" in bare.out
    Path("few.csv").write_text("\n".join(",".join(line[:2]) for line in lines))
    few = layerwise("evaluate", iris_run, "few.csv")
    assert (few.code, few.err) == (2, "layerwise: columns of few = 'sl, sw': must contain pl, pw as well\n")


def test_unknown_classes_and_other_widths_are_refused(layerwise: Command, digits_run: Path) -> None:
    np.savez("odd.npz", X=np.zeros((3, 64), dtype=np.uint8), y=["0", "1", "eleven"])
    odd = layerwise("evaluate", digits_run, "odd.npz")
    assert odd.code == 2
    assert "'eleven'" in odd.err
    np.save("wide.npy", np.zeros((3, 65)))
    assert "columns of wide = 65: must be 64" in layerwise("evaluate", digits_run, "wide.npy").err


def test_a_run_without_labels_has_no_accuracy(layerwise: Command, tiny: tuple[str, ...]) -> None:
    np.save("points.npy", np.random.default_rng(0).random((30, 3)))
    assert layerwise("train", "points.npy", "--out", "run", *tiny).code == 0
    assert "no accuracy: the run learned its layers without labels" in layerwise("evaluate", "run").out


def test_data_that_have_changed_are_not_the_test_part(layerwise: Command, tiny: tuple[str, ...]) -> None:
    np.save("points.npy", np.random.default_rng(0).random((30, 3)))
    assert layerwise("train", "points.npy", "--out", "run", *tiny).code == 0
    np.save("points.npy", np.random.default_rng(1).random((30, 3)))
    for command in (("evaluate", "run"), ("train", "run/recipe.toml", "--out", "other")):
        done = layerwise(*command)
        assert done.code == 2
        assert "has changed since the recipe was written" in done.err
    assert not Path("other").exists()
