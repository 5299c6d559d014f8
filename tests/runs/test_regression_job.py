"""A multilayer perceptron that predicts the numbers of a table's column, from the command's words to its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from layerwise.data import Preparation, Rows
from layerwise.errors import DataError, Interrupted, OptionError, RunError
from layerwise.runs.division import divide
from layerwise.runs.draft import Draft
from layerwise.runs.folder import RunFolder
from layerwise.runs.job import Job, begin, go_on
from layerwise.runs.matching import rows_asked_about
from layerwise.runs.measured import MEAN_TARGET, REGRESSION, THIS_NETWORK
from layerwise.runs.model import Model
from layerwise.runs.network_model import NetworkModel
from layerwise.runs.progress import Display
from layerwise.runs.result import Result
from layerwise.runs.settling import settle
from layerwise.runs.target_scores import linear_regression, nearness
from layerwise.runs.verdict import verdict

ROWS = 120
A, B = np.random.default_rng(0).normal(size=(2, ROWS))
PRICE = 300 + 50 * A - 20 * B


def table(path: Path, price: Any = PRICE) -> Path:
    lines = [f"{a:.6f},{b:.6f},{'old' if b > 0 else 'new'},{cell}" for a, b, cell in zip(A, B, price, strict=True)]
    path.write_text("\n".join(["a,b,kind,price", *lines]) + "\n")
    return path


def settled(path: Path, **training: Any) -> Any:
    training = {"model": "mlp", "hidden": [8], "epochs": 3, "batch_size": 25, **training}
    data = {"source": str(path), "target": "price"}
    return settle(Draft({"data": data, "training": training, "run": {"device": "cpu"}}))


def job_in(folder: Path, data: Path, **training: Any) -> Job:
    recipe, dataset, _ = settled(data, **training)
    return begin(recipe, dataset, RunFolder.create(folder, dataset.name))


def test_a_column_of_numbers_is_predicted_stopped_or_not_to_the_same_bits(
    tmp_path: Path, stop_after: Callable[[int], Any], timeless: Callable[[RunFolder], Any]
) -> None:
    data = table(tmp_path / "houses.csv")
    whole = job_in(tmp_path / "whole", data)
    assert whole.recipe.training.predicts == "numbers"  # nobody said so
    findings = whole.run(Display())
    job = job_in(tmp_path / "run", data)
    for looks in (1, 3, 4):  # in the middle of an epoch, and at its end
        with pytest.raises(Interrupted):
            job.run(Display(), stop_after(looks))
        job = go_on(RunFolder.open(job.folder.path))
    job.run(Display())
    assert job.folder.model_path.read_bytes() == whole.folder.model_path.read_bytes()
    assert timeless(job.folder) == timeless(whole.folder)
    assert Result.from_line(job.results[0].to_line()) == job.results[0]

    model, page = Model.load(job.folder.model_path), whole.folder.report_path.read_text()
    assert isinstance(model, NetworkModel)
    assert (model.classifies, model.regresses, model.gives_back) == (False, True, False)
    rows, _ = rows_asked_about(job.folder, model, None, None)
    assert rows.targets is not None
    with torch.no_grad():
        given = model.network(model.preparation.prepare(rows.values))[:, 0].double().numpy()
    error = float(((given - rows.targets) ** 2).mean())
    assert model.measure(rows) == pytest.approx({"squared error": error, "R²": 1 - error / rows.targets.var()})
    assert job.results[0].targets[THIS_NETWORK] == pytest.approx((error, 1 - error / rows.targets.var()))
    assert findings.predictions is not None
    assert findings.predictions[1] == pytest.approx(given)
    assert "linear regression" in verdict(findings)
    for words in ('id="targets"', "Predicted by", "R²", "predictions", "Squared error", "Length of the gradient"):
        assert words in page
    for words in ("classes", "Confusion", "accuracy", "nats"):
        assert words not in page.split("</style>")[1].split('id="recipe"')[0]
    with pytest.raises(RunError, match="predicts a number and cannot classify"):
        model.probabilities(rows)


def test_what_is_measured_after_an_epoch_is_in_the_targets_own_units(tmp_path: Path) -> None:
    job = job_in(tmp_path / "run", table(tmp_path / "houses.csv"), epochs=60, dropout=0.0, learning_rate=0.05)
    job.run(Display())
    (curve,) = job.metrics.curves()
    assert {"squared_error", "r2", "held_out_squared_error", "held_out_r2"} == set(curve.measures)
    targets = divide(job.dataset, job.recipe.data, "mixed", 0).learning.targets
    assert targets is not None
    last = {name: values[-1] for name, values in curve.measures.items()}
    assert last["r2"] == pytest.approx(1 - last["squared_error"] / targets.var(), abs=1e-4)
    found = job.results[0].targets
    assert found[REGRESSION][1] == pytest.approx(1.0)  # the price is linear in both columns
    assert found[THIS_NETWORK][1] > 0.8
    assert found[MEAN_TARGET][1] <= 0


def test_linear_regression_and_r2_are_scikit_learns() -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score

    rows = replace(Rows.from_arrays(np.stack([A, B, A * B], 1)), targets=PRICE + A * A)
    preparation = Preparation.fit(rows, "gaussian")
    given = linear_regression(rows.select(slice(0, 80)), rows.select(slice(80, None)), preparation)
    assert rows.targets is not None
    x = np.asarray(rows.values)
    expected = LinearRegression().fit(x[:80], rows.targets[:80]).predict(x[80:])
    assert given == pytest.approx(expected, rel=1e-5)
    assert nearness(given, rows.targets[80:])[1] == pytest.approx(float(r2_score(rows.targets[80:], given)))
    assert np.isnan(nearness(given[:1], rows.targets[:1])[1])


WHOLE = (PRICE * 10).astype(int)


@pytest.mark.parametrize(
    ("price", "training", "words"),
    [
        ([2.5] * ROWS, {}, "target of houses = '.* numbers, all of them 2.5': must vary"),
        (["dear", *PRICE[1:]], {"predicts": "numbers"}, "column 'price', row 0 = 'dear': must be a finite number"),
        (PRICE, {"predicts": "classes"}, "predicted by --model mlp"),
        (PRICE, {"model": "perceptron", "hidden": None, "batch_size": None}, "predicted by --model mlp"),
        (PRICE, {"predicts": "both"}, r"\[training\] predicts = 'both': must be 'classes' or 'numbers'"),
        (WHOLE, {}, r"--predicts = None: must be said: the target of 120 rows has 1\d\d different whole numbers"),
        ([""] * ROWS, {"predicts": "numbers"}, "no row has one"),
    ],
)
def test_a_target_that_cannot_be_learned_is_named(tmp_path: Path, price: Any, training: Any, words: str) -> None:
    given = {"model": "mlp", "hidden": [8], "epochs": 3, "batch_size": 25, **training}
    given = {key: value for key, value in given.items() if value is not None}
    path = table(tmp_path / "houses.csv", price)
    draft = Draft({"data": {"source": str(path), "target": "price"}, "training": given, "run": {"device": "cpu"}})
    with pytest.raises((DataError, OptionError), match=words) as told:
        settle(draft)
    assert "\n" not in str(told.value)


def test_whole_numbers_are_predicted_where_it_is_asked_for_and_only_in_tables(tmp_path: Path) -> None:
    recipe, _, division = settled(table(tmp_path / "houses.csv", WHOLE), predicts="numbers")
    assert recipe.training.predicts == "numbers"
    assert division.learning.targets is not None
    assert settled(table(tmp_path / "few.csv", WHOLE % 3))[0].training.predicts == "classes"
    told = {"data": {"source": "digits"}, "training": {"model": "mlp", "predicts": "numbers"}}
    with pytest.raises(OptionError, match="predicts = 'numbers': needs a column of numbers: the target of a table"):
        settle(Draft(told))
