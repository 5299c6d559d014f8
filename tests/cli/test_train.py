"""``layerwise train``: tables at the end, recipes, folders."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Command = Any


def test_a_run_ends_with_its_tables_a_sentence_and_the_report(layerwise: Command, tiny: tuple[str, ...]) -> None:
    done = layerwise("train", "--labels", 40, "--out", "run", *tiny)
    assert (done.code, done.err) == (0, "")
    for pattern in (
        r"digits: 1,295 rows of 64 columns to learn from, 40 of them labelled, 143 only watched, 359 for the test",
        r"layer 2 \(8 units\), epoch 2/2: reconstruction error [\d.]+, free-energy gap [+-][\d.]+ nats, [\d,]+ rows/s",
        r"without pretraining, epoch 2/2: loss [\d.]+, accuracy [\d.]+ % of training rows",
        r"layer 1 +12 +[\d.]+ +[+-][\d.]+",
        r"this network +[\d.]+",
        r"without pretraining +[\d.]+",
        r"logistic regression +[\d.]+",
        r"With 40 labels, this network classifies",
        r"report: run/report\.html\n +file:///.*/run/report\.html\n$",
    ):
        assert re.search(pattern, done.out), pattern
    assert "\x1b" not in done.out


def test_repeats_have_mean_and_deviation(layerwise: Command, tiny: tuple[str, ...]) -> None:
    done = layerwise("train", "--labels", 40, "--repeats", 2, "--out", "run", *tiny)
    assert done.code == 0
    assert re.search(r"this network +[\d.]+ ± [\d.]+", done.out)
    assert "repeat 2/2 (seed 1), layer 1" in done.out
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [line["result"]["seed"] for line in lines if "result" in line] == [0, 1]


def test_a_recipe_says_the_same_and_flags_go_before_it(
    layerwise: Command, digits_run: Path, tiny: tuple[str, ...]
) -> None:
    recipe = digits_run / "recipe.toml"
    assert layerwise("train", recipe, "--out", "again").code == 0
    assert Path("again/model.safetensors").read_bytes() == (digits_run / "model.safetensors").read_bytes()
    assert layerwise("train", recipe, "--out", "other", "--seed", 3, "--visible", "gaussian").code == 0
    text = Path("other/recipe.toml").read_text()
    assert "seed = 3" in text
    assert 'visible = "gaussian"' in text
    assert "labels = 40" in text


def test_without_a_folder_a_fresh_one_is_named(layerwise: Command, tiny: tuple[str, ...]) -> None:
    np.save("points.npy", np.random.default_rng(0).normal(size=(30, 3)))
    for number in (1, 2):
        done = layerwise("train", "points.npy", *tiny)
        assert done.code == 0
        assert f"run folder: runs/points-{number}\n" in done.out
        assert "it was not scored" in done.out or "not scored" in done.out
    assert 'visible = "gaussian"' in Path("runs/points-1/recipe.toml").read_text()


def test_a_run_of_a_relative_path_can_be_looked_at_from_elsewhere(
    layerwise: Command, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save("points.npy", np.random.default_rng(0).normal(size=(30, 3)))
    assert layerwise("train", "points.npy", "--out", "run", *tiny).code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert layerwise("evaluate", "../run").code == 0


def test_a_table_is_learned_with_gaussian_units(iris_run: Path) -> None:
    assert 'visible = "gaussian"' in (iris_run / "recipe.toml").read_text()
    result = json.loads((iris_run / "metrics.jsonl").read_text().splitlines()[-1])["result"]
    assert (result["rows"], result["columns"], result["labelled"], result["scored"]) == (108, 4, 108, 30)


def test_a_recipe_with_few_labels_can_be_given_all_of_them(layerwise: Command, digits_run: Path) -> None:
    done = layerwise("train", digits_run / "recipe.toml", "--labels", "all", "--out", "run")
    assert done.code == 0, done.err
    assert 'labels = "all"' in Path("run/recipe.toml").read_text()
