"""A model is one safe file: read back to the bit, the same bytes every time, refused where damaged."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from layerwise.data import Preparation, Rows
from layerwise.energy import BeliefNet, gaussian_rbm
from layerwise.errors import OptionError, RunError
from layerwise.randomness import RandomStream
from layerwise.runs.division import divide
from layerwise.runs.energy_model import EnergyModel
from layerwise.runs.fingerprint import open_data
from layerwise.runs.folder import RunFolder
from layerwise.runs.model import Model
from layerwise.runs.recipe import Recipe
from layerwise.training.checkpoint import write_tree
from layerwise.training.pretraining import measure_layer


@pytest.fixture(scope="module")
def rows(recipe: Recipe) -> Rows:
    dataset, _ = open_data(recipe.data)
    return divide(dataset, recipe.data, "bernoulli", 0).test


def test_a_model_is_read_back(model: Model, tmp_path: Path, rows: Rows) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = Model.load(path)
    assert (again.classes, again.picture, again.columns, again.full_scale) == (model.classes, (8, 8), None, 16.0)
    assert again.net.sizes == (64, 12, 8)
    assert np.array_equal(again.codes(rows), model.codes(rows))
    assert np.array_equal(again.probabilities(rows), model.probabilities(rows))
    samples = [m.sample(5, RandomStream(0), 3)[0] for m in (model, again)]
    assert torch.equal(*samples)


def test_a_model_of_real_numbers_without_classes_is_read_back(tmp_path: Path) -> None:
    rows = Rows.from_arrays(np.random.default_rng(0).normal(size=(20, 3)), columns=("a", "b", "c"))
    rbm = gaussian_rbm(3, 2)
    rbm.scatter_weights(RandomStream(0))
    model = EnergyModel(preparation=Preparation.fit(rows, "gaussian"), net=BeliefNet([rbm]), columns=rows.columns)
    model.save(tmp_path / "m")
    again = Model.load(tmp_path / "m")
    assert (again.network, again.columns, again.n_parameters) == (None, ("a", "b", "c"), {"layers": 3 * 2 + 2 * 3 + 2})
    assert np.array_equal(again.codes(rows), model.codes(rows))
    with pytest.raises(RunError, match="cannot classify"):
        again.probabilities(rows)


def test_the_same_model_is_the_same_bytes_in_every_process(model: Model, finished: RunFolder, tmp_path: Path) -> None:
    code = "import sys, pathlib; from layerwise.runs.model import Model; "
    code += "Model.load(pathlib.Path(sys.argv[1])).save(pathlib.Path(sys.argv[2]))"
    for name in ("a", "b"):
        subprocess.run([sys.executable, "-c", code, finished.model_path, tmp_path / name], check=True)
    model.save(tmp_path / "c")
    written = {(tmp_path / name).read_bytes() for name in ("a", "b", "c")}
    assert written == {finished.model_path.read_bytes()}


def test_codes_of_each_layer_are_means_carried_up(model: Model, rows: Rows) -> None:
    prepared = model.preparation.prepare(rows.values)
    first = model.net.layers[0].mean_h_from_v(prepared)
    assert np.array_equal(model.codes(rows, 1), first.numpy())
    assert np.array_equal(model.codes(rows), model.net.layers[1].mean_h_from_v(first).numpy())
    for depth in (0, 3):
        with pytest.raises(OptionError, match=rf"layer = {depth}: must be from 1 to 2"):
            model.codes(rows, depth)


def test_layers_are_measured_on_their_own_input_however_the_rows_are_cut(
    model: Model, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layerwise.runs.scores._CHUNK", 50)
    x = model.preparation.prepare(rows.values)
    for rbm, (info, energy) in zip(model.net.layers, model.measure(rows), strict=True):
        reference = measure_layer(rbm, x, None)
        assert info.reconstruction_error == pytest.approx(reference.reconstruction_error, rel=1e-5)
        assert info.hidden_activity == pytest.approx(reference.hidden_activity, rel=1e-5)
        assert energy == pytest.approx(float(rbm.free_energy(x).double().mean()), rel=1e-5)
        x = rbm.mean_h_from_v(x)


def test_damage_is_said(finished: RunFolder, tmp_path: Path) -> None:
    good = finished.model_path.read_bytes()
    path = tmp_path / "model.safetensors"
    for damaged in (good[:-9], good[:40], b"", good[:-5] + bytes([good[-5] ^ 1]) + good[-4:]):
        path.write_bytes(damaged)
        with pytest.raises(RunError, match="damaged"):
            Model.load(path)


def test_parts_that_do_not_fit_are_damage_too(model: Model, tmp_path: Path) -> None:
    wrong = replace(model, classes=model.classes[:3])
    wrong.save(tmp_path / "m")
    with pytest.raises(RunError, match="its parts do not fit"):
        Model.load(tmp_path / "m")
    write_tree(tmp_path / "n", {"sizes": [1, 2]}, "model")
    with pytest.raises(RunError, match="its parts do not fit"):
        Model.load(tmp_path / "n")
    write_tree(tmp_path / "c", {}, "checkpoint")
    with pytest.raises(RunError, match="must hold a model"):
        Model.load(tmp_path / "c")


def test_a_run_without_a_model_yet_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"has no model yet.*layerwise resume"):
        Model.load(tmp_path / "model.safetensors")
