"""Single machines from the command line: trained, scored, filled in with, sampled."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from layerwise.data import load
from layerwise.energy import log_likelihood
from layerwise.runs.division import divide, prepared_sample
from layerwise.runs.folder import RunFolder
from layerwise.runs.model import Model
from layerwise.training.single_machine import as_bits

Command = Any
SHORT = ("--epochs", "2", "--batch-size", "200", "--device", "cpu")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layerwise.runs.machine_portrait.CHAIN_TIMES", (1, 2))
    for name, value in (("STEPS", 20), ("BURN_IN", 1), ("CHAINS", 5)):
        monkeypatch.setattr(f"layerwise.runs.machine_portrait.FORGETTING_{name}", value)
    monkeypatch.setattr("layerwise.runs.machine_portrait.FILLING_STEPS", 2)


def write_mixed() -> None:
    random = np.random.default_rng(0)
    lines = ["height,town,smokes"]
    for _ in range(120):
        town = random.choice(["Ulm", "Bonn", "Kiel"])
        height = 170 + 10 * random.normal()
        cells = [f"{height:.1f}", str(town), str(random.choice(["true", "false"]))]
        lines.append(",".join("" if random.random() < 0.15 else cell for cell in cells))
    Path("mixed.csv").write_text("\n".join([*lines, ""]))


def test_the_likelihood_of_digits_is_exact_and_the_librarys(layerwise: Command) -> None:
    done = layerwise("train", "digits", "--model", "rbm", "--hidden", 6, "--out", "run", *SHORT)
    assert (done.code, done.err) == (0, "")
    assert "log-likelihood, exact" in done.out
    asked = layerwise("likelihood", "run", "-o", "nats.npy")
    assert asked.code == 0
    model = Model.load(Path("run/model.safetensors"))
    recipe = RunFolder.open(Path("run")).recipe()
    rows = prepared_sample(divide(load("digits"), recipe.data, "bernoulli", 0).test, model.preparation)
    expected = log_likelihood(model.machine, as_bits(model.machine.visible, rows), method="exact")
    assert torch.equal(torch.from_numpy(np.load("nats.npy")), expected.per_row)
    assert f"{expected.mean:.2f} ± {expected.standard_error:.2f}" in asked.out
    assert f"{expected.mean:.2f} ± {expected.standard_error:.2f}" in done.out
    assert "exact" in asked.out


def test_a_mixed_table_is_learned_scored_filled_and_sampled(layerwise: Command) -> None:
    write_mixed()
    done = layerwise("train", "mixed.csv", "--model", "rbm", "--hidden", 4, "--out", "run", *SHORT)
    assert (done.code, done.err) == (0, "")
    scored = layerwise("likelihood", "run", "mixed.csv")
    assert scored.code == 0
    assert re.search(r"[\d,]+ rows were left out", scored.out)
    filled = layerwise("impute", "run", "mixed.csv", "-o", "whole.csv", "--steps", 5)
    assert filled.code == 0, filled
    before, after = (list(csv.reader(Path(name).read_text().splitlines())) for name in ("mixed.csv", "whole.csv"))
    assert before[0] == after[0]
    for old, new in zip(before[1:], after[1:], strict=True):
        assert all(new)
        assert not old[0] or float(old[0]) == float(new[0])
        assert not old[1] or old[1] == new[1]
        assert not old[2] or old[2] == new[2]
    assert layerwise("sample", "run", "--count", 7, "--steps", 3, "-o", "rows.csv").code == 0
    drawn = list(csv.reader(Path("rows.csv").read_text().splitlines()))
    assert drawn[0] == before[0]
    assert len(drawn) == 8
    assert {row[1] for row in drawn[1:]} <= {"Ulm", "Bonn", "Kiel"}
    for command in (("show", "run"), ("evaluate", "run"), ("transform", "run", "mixed.csv", "-o", "codes.npy")):
        assert layerwise(*command).code == 0, command


def test_a_class_rbm_is_scored_beside_logistic_regression(layerwise: Command) -> None:
    done = layerwise("train", "digits", "--model", "class-rbm", "--hidden", 6, "--out", "run", *SHORT)
    assert (done.code, done.err) == (0, "")
    assert "logistic regression" in done.out
    assert "accuracy:" in layerwise("evaluate", "run").out


def test_an_array_with_gaps_is_learned_and_filled_where_it_had_them(layerwise: Command) -> None:
    random = np.random.default_rng(0)
    whole = random.normal(size=(150, 1)) + 0.1 * random.normal(size=(150, 4))  # a column tells the others
    gaps = random.random(whole.shape) < 0.15
    np.save("gaps.npy", np.where(gaps, np.nan, whole))
    long = ("--epochs", 40, "--batch-size", 20, "--device", "cpu")
    done = layerwise("train", "gaps.npy", "--model", "rbm", "--hidden", 4, "--out", "run", *long)
    assert (done.code, done.err) == (0, "")
    for name in ("filled", "again"):
        filled = layerwise("impute", "run", "gaps.npy", "-o", f"{name}.npy", "--steps", 30, "--seed", 3)
        assert (filled.code, filled.out) == (0, f"{name}.npy: {gaps.sum():,} missing values filled\n")
    back = np.load("filled.npy")
    assert np.array_equal(back[~gaps], whole[~gaps])
    assert np.array_equal(back, np.load("again.npy"))
    of_columns = np.nanmean(np.where(gaps, np.nan, whole), axis=0)
    assert np.square(back - whole)[gaps].mean() < np.square(of_columns - whole)[gaps].mean()
    assert layerwise("impute", "run", "gaps.npy", "-o", "filled.csv").code == 2


def test_a_class_rbm_learns_rows_with_missing_values_and_classifies_them(layerwise: Command) -> None:
    write_mixed()
    lines = Path("mixed.csv").read_text().splitlines()
    random = np.random.default_rng(1)
    named = [f"{line},{'tall' if random.random() < 0.5 else 'small'}" for line in lines[1:]]
    Path("named.csv").write_text("\n".join([f"{lines[0]},size", *named, ""]))
    gaps = np.where(random.random((120, 4)) < 0.15, np.nan, random.normal(size=(120, 4)))
    np.savez("gaps.npz", X=gaps, y=np.arange(120) % 2)
    for name, asked in (("named.csv", ("--target", "size")), ("gaps.npz", ())):
        options = ("--model", "class-rbm", "--hidden", 4, "--out", name[:5], *asked, *SHORT)
        done = layerwise("train", name, *options)
        assert (done.code, done.err) == (0, ""), done
        assert "logistic regression" in done.out
        assert "accuracy:" in layerwise("evaluate", name[:5], name).out
        for command in (("likelihood", name[:5], name), ("transform", name[:5], name, "-o", "codes.npy")):
            done = layerwise(*command)
            assert done.code == 0, done
        assert np.isfinite(np.load("codes.npy")).all()
    assert layerwise("sample", "named", "--count", 40, "--steps", 3, "-o", "rows.csv").code == 0
    drawn = list(csv.reader(Path("rows.csv").read_text().splitlines()))
    assert drawn[0] == ["height", "town", "smokes", "size"]
    assert {row[3] for row in drawn[1:]} == {"tall", "small"}
