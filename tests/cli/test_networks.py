"""Networks from the command line: trained, measured, looked into; what they have not got is refused in one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layerwise.runs.model import Model
from layerwise.runs.network_model import NetworkModel

Command = Any
CPU = ("--device", "cpu")
SHORT = ("--batch-size", 200, "--epochs", 2, *CPU)


def test_a_perceptron_of_a_table_is_scored_and_its_classes_are_decided(layerwise: Command, iris_table: Path) -> None:
    done = layerwise("train", iris_table, "--target", "species", "--model", "perceptron", "--out", "run", *CPU)
    assert (done.code, done.err) == (0, "")
    assert re.search(r"setosa +\d+ +0 +yes +\d+", done.out)
    assert re.search(r"versicolor +[\d,]+ +\d+ +no +no end", done.out)
    assert "logistic regression" in done.out
    assert 'visible = "mixed"' in Path("run/recipe.toml").read_text()
    assert "accuracy:" in layerwise("evaluate", "run").out
    assert layerwise("transform", "run", iris_table, "-o", "answers.npy").code == 0
    assert np.load("answers.npy").shape == (150, 3)
    assert re.search(r"neurons +\d+ +mistakes", layerwise("show", "run").out)


def test_an_mlp_is_scored_measured_and_refuses_what_it_has_not_got(layerwise: Command) -> None:
    done = layerwise("train", "digits", "--model", "mlp", "--hidden", "9,7", "--out", "run", *SHORT)
    assert (done.code, done.err) == (0, "")
    line = (
        r"network, epoch 2/2: loss [\d.]+, accuracy [\d.]+ % of training rows, [\d.]+ % of rows held out, [\d,]+ rows/s"
    )
    assert re.search(line, done.out)
    measured = layerwise("evaluate", "run").out
    assert re.search(r"loss \(nats\) +[\d.]+", measured)
    assert "accuracy:" in measured
    assert layerwise("transform", "run", "digits", "--layer", 1, "-o", "codes.npy").code == 0
    model = Model.load(Path("run/model.safetensors"))
    assert isinstance(model, NetworkModel)
    assert np.load("codes.npy").shape == (1797, 9)
    for command, rule in (
        (("sample", "run", "-o", "x.npy"), "draws no rows"),
        (("likelihood", "run"), "says nothing of how probable rows are"),
        (("impute", "run", "x.npy", "-o", "y.npy"), "fills no missing values"),
    ):
        refused = layerwise(*command)
        assert refused.code == 2
        assert f"is of the model mlp, which {rule}; train a model of how probable rows are" in refused.err
        assert refused.err.count("\n") == 1


@pytest.mark.parametrize("model", ["autoencoder", "stacked-autoencoder"])
def test_an_autoencoder_of_a_table_stands_beside_principal_components(layerwise: Command, model: str) -> None:
    random = np.random.default_rng(0)
    lines = [f"{place / 7:.2f},{random.normal():.3f},{'abc'[place % 3]}" for place in range(90)]
    Path("table.csv").write_text("\n".join(["x,y,letter", *lines, ""]))
    done = layerwise("train", "table.csv", "--model", model, "--hidden", "6,2", "--out", "run", *SHORT)
    assert (done.code, done.err) == (0, "")
    assert re.search(r"principal components +[\d.]+", done.out)
    assert "learned a code of 2 numbers for 5 columns" in done.out
    assert re.search(r"reconstruction error +[\d.]+", layerwise("evaluate", "run", "table.csv").out)
    assert layerwise("transform", "run", "table.csv", "-o", "codes.csv").code == 0
    assert Path("codes.csv").read_text().startswith('"layer2_0","layer2_1"\n')


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ("--model mlp --rule pocket", "--rule = 'pocket': belongs to the model perceptron, and the model here is mlp"),
        ("--model perceptron --hidden 5", "--hidden = [5]: belongs to the model dbn or rbm or"),
        ("--model rbm --corruption masking", "belongs to the model autoencoder or stacked-autoencoder"),
        ("--model autoencoder --fine-tune-epochs 3", "belongs to the model dbn or stacked-autoencoder"),
        ("--model perceptron --rule delta --learning-rate 2", "--learning-rate = 2.0: must be at most 1"),
        ("--model autoencoder --corruption masking --corruption-amount 2", "--corruption-amount = 2.0: must be from 0"),
        ("--model mlp --hidden 0", "--hidden = 0: every layer must have at least 1 unit"),
        ("--model mlp --dropout 1", "--dropout = 1.0: must be at least 0 and below 1"),
    ],
)
def test_options_of_another_model_and_bad_values_are_named(layerwise: Command, arguments: str, rule: str) -> None:
    done = layerwise("train", "digits", *arguments.split())
    assert (done.code, done.out) == (2, "")
    assert rule in done.err
    assert done.err.count("\n") == 1
