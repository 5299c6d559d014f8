"""The runs of networks: stopped anywhere they go on to the same bits; their files, figures and words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from layerwise.data import Preparation, Rows
from layerwise.errors import DataError, Interrupted, RunError
from layerwise.networks import Autoencoder, Network
from layerwise.randomness import RandomStream
from layerwise.runs import job as job_module
from layerwise.runs.division import prepared_sample
from layerwise.runs.draft import Draft
from layerwise.runs.energy_model import energy_model
from layerwise.runs.folder import RunFolder
from layerwise.runs.given_back import components_error, mean_row_error
from layerwise.runs.job import Job, begin, go_on
from layerwise.runs.measured import COMPONENTS, MEAN_ROW, THIS_NETWORK, WITHOUT_PRETRAINING, NeuronFinding
from layerwise.runs.model import Model
from layerwise.runs.network_model import NetworkModel
from layerwise.runs.neurons import neuron_findings
from layerwise.runs.progress import Display
from layerwise.runs.result import Result
from layerwise.runs.settling import settle
from layerwise.runs.verdict import separated_line, verdict
from layerwise.training.gradient_descent import GradientDescent

SHORT: dict[str, dict[str, Any]] = {
    "perceptron": {"epochs": 4},
    "mlp": {"hidden": [8], "epochs": 3, "batch_size": 400},
    "autoencoder": {"hidden": [8, 3], "epochs": 3, "batch_size": 400, "corruption": "masking"},
    "stacked-autoencoder": {"hidden": [6, 3], "epochs": 1, "fine_tune_epochs": 1, "batch_size": 400},
}


@pytest.fixture(autouse=True)
def _no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "render", lambda _: "<!doctype html>")


def job_in(path: Path, model: str, precision: str = "highest", **changes: Any) -> Job:
    training, run = {**SHORT[model], "model": model, **changes}, {"device": "cpu", "precision": precision}
    recipe, dataset, _ = settle(Draft({"data": {"source": "digits"}, "training": training, "run": run}))
    return begin(recipe, dataset, RunFolder.create(path, dataset.name))


@pytest.mark.parametrize("model", SHORT)
def test_a_run_that_is_stopped_goes_on_to_the_same_bits_and_its_file_is_the_model(
    tmp_path: Path, stop_after: Callable[[int], Any], model: str, timeless: Callable[[RunFolder], Any]
) -> None:
    whole = job_in(tmp_path / "whole", model)
    findings = whole.run(Display())
    job = job_in(tmp_path / "run", model)
    for looks in (1, 2):
        with pytest.raises(Interrupted):
            job.run(Display(), stop_after(looks))
        job = go_on(RunFolder.open(job.folder.path))
    job.run(Display())
    assert job.folder.model_path.read_bytes() == whole.folder.model_path.read_bytes()
    assert timeless(job.folder) == timeless(whole.folder)
    (result,) = job.results
    assert Result.from_line(result.to_line()) == result
    found = Model.load(job.folder.model_path)
    assert isinstance(found, NetworkModel)
    found.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == job.folder.model_path.read_bytes()
    assert verdict(findings).endswith(".")
    with pytest.raises(RunError, match=f"is of the model {model}, which draws no rows"):
        energy_model(found, job.folder.path, "draws no rows")


def test_products_are_as_exact_as_the_recipe_says_in_training_alone(
    tmp_path: Path, stop_after: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[str]] = {"training": set(), "scores": set()}

    def noting(where: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*given: Any, **named: Any) -> Any:
            seen[where].add(torch.get_float32_matmul_precision())
            return method(*given, **named)

        return noted

    monkeypatch.setattr(GradientDescent, "step", noting("training", GradientDescent.step))
    monkeypatch.setattr(Job, "_result", noting("scores", Job._result))
    job = job_in(tmp_path / "run", "mlp", precision="medium")
    with pytest.raises(Interrupted):
        job.run(Display(), stop_after(1))
    assert torch.get_float32_matmul_precision() == "highest"
    assert go_on(RunFolder.open(job.folder.path)).run(Display()) is not None
    assert seen == {"training": {"medium"}, "scores": {"highest"}}
    assert torch.get_float32_matmul_precision() == "highest"


def test_codes_reconstructions_and_errors_are_the_networks(tmp_path: Path) -> None:
    job = job_in(tmp_path / "run", "stacked-autoencoder", twin=True)
    findings = job.run(Display())
    model, test = Model.load(job.folder.model_path), job.dataset.train.select(slice(0, 30))
    assert isinstance(model, NetworkModel)
    network, x = model.network, prepared_sample(test, model.preparation)
    assert isinstance(network, Autoencoder)
    assert model.sizes == (6, 3)
    assert np.array_equal(model.codes(test), network.encoder(x).numpy())
    assert np.array_equal(model.codes(test, 1), network.encoder[:1](x).numpy())
    (back,) = model.reconstructions(x).values()
    assert torch.allclose(back, network(x), atol=1e-6)
    assert model.measure(test)["reconstruction error"] == pytest.approx(float((x - back).square().sum(1).mean()))
    with pytest.raises(RunError, match="cannot classify"):
        model.probabilities(test)
    (result,) = job.results
    assert list(result.errors) == [THIS_NETWORK, WITHOUT_PRETRAINING, COMPONENTS, MEAN_ROW]
    assert result.errors[COMPONENTS] < result.errors[MEAN_ROW]
    assert findings.linear is not None
    assert [flow.stage for flow in findings.flows][-2:] == ["fine-tuning", "without pretraining"]
    assert findings.flows[-1].layers == ("encoder.hidden1", "encoder.output", "decoder.hidden1", "decoder.output")
    assert "than principal components with a code of the same size" in verdict(findings)


def test_a_classifiers_probabilities_and_loss_are_the_networks(tmp_path: Path) -> None:
    job = job_in(tmp_path / "run", "mlp")
    findings = job.run(Display())
    model, rows = Model.load(job.folder.model_path), job.dataset.train.select(slice(0, 30))
    assert isinstance(model, NetworkModel)
    x = prepared_sample(rows, model.preparation)
    given = model.network(x).log_softmax(1)
    assert np.allclose(model.probabilities(rows), given.exp().numpy())
    labels = torch.from_numpy(rows.labels)
    assert model.measure(rows)["loss (nats)"] == pytest.approx(-float(given.gather(1, labels[:, None]).mean()))
    assert findings.confusion is not None
    assert findings.reconstructions == {}
    assert model.filters().shape == (8, 64)


def test_principal_components_leave_the_smallest_singular_values_and_the_mean_row_the_variance() -> None:
    random = np.random.default_rng(0)
    rows = Rows.from_arrays(random.normal(size=(60, 5)) * (5.0, 3.0, 1.0, 0.5, 0.1))
    preparation = Preparation.fit(rows, "gaussian")
    x = preparation.prepare(rows.values).double()
    lengths = torch.linalg.svdvals(x - x.mean(0)).square()
    for size in (1, 3):
        left = float(lengths[size:].sum()) / 60
        assert components_error(rows, rows, preparation, size) == pytest.approx(left, rel=1e-4)
    assert components_error(rows, rows, preparation, 9) == pytest.approx(0.0, abs=1e-9)
    assert mean_row_error(rows, rows, preparation) == pytest.approx(float(lengths.sum()) / 60, rel=1e-5)


def test_exclusive_or_is_proven_to_have_no_end_and_and_to_have_one() -> None:
    corners = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    network = Network.of_sizes((2, 2), initialisation="zeros", random=RandomStream(0))
    network.load_state_dict(
        {"output.weight": torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), "output.bias": torch.tensor([1.5, -1.5])}
    )
    for codes, left in (([0, 1, 1, 0], 3), ([0, 0, 0, 1], 0)):
        rows = Rows.from_arrays(corners, np.array(codes))
        (found,) = neuron_findings(network, [7], rows, Preparation.fit(rows, "bernoulli"))
        assert (found.name, found.mistakes, found.left, found.separable) == ("1", 7, left, left == 0)
        assert found.exact == (left > 0)
        assert (found.bound == np.inf) == (left > 0)
        if not left:
            assert found.margin == pytest.approx(np.sqrt(2) / 4)


def test_what_is_said_of_separable_classes() -> None:
    yes, no, open_ = NeuronFinding("a", 1, 0, True), NeuronFinding("b", 1, 1, False), NeuronFinding("c", 1, 1)
    assert separated_line([yes]) == "Both classes can be separated by a hyperplane."
    assert separated_line([yes, yes]) == "All 2 classes can be separated by hyperplanes, each from the others."
    assert "No hyperplane separates the two classes, which is proven" in separated_line([no])
    line = separated_line([yes, no, open_])
    assert line.startswith(
        "1 of 3 classes can be separated from the others by a hyperplane; b cannot, which is proven;"
    )
    assert "of c was not decided" in line


@pytest.mark.parametrize("model", ["mlp", "autoencoder"])
def test_rows_that_miss_a_value_are_refused_before_any_work(tmp_path: Path, model: str) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text("a,b,c\n" + "".join(f"{place},{place % 3 or ''},{'xy'[place % 2]}\n" for place in range(30)))
    tables = {"data": {"source": str(path), "target": "c"}, "training": {"model": model}, "run": {"device": "cpu"}}
    with pytest.raises(DataError, match=f"has 10 rows that miss a value, and the model {model} cannot do without"):
        settle(Draft(tables))
