"""What a report is made of comes from the model that was saved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from layerwise.data import Preparation, Rows
from layerwise.runs.division import Division, divide
from layerwise.runs.findings import Findings
from layerwise.runs.fingerprint import open_data
from layerwise.runs.folder import RunFolder
from layerwise.runs.machine_portrait import as_seen
from layerwise.runs.measured import THIS_NETWORK
from layerwise.runs.metrics import Metrics
from layerwise.runs.model import Model
from layerwise.runs.portrait import outline, portray
from layerwise.runs.recipe import Recipe
from layerwise.runs.result import Result


@pytest.fixture(scope="module")
def division(recipe: Recipe) -> Division:
    dataset, _ = open_data(recipe.data)
    return divide(dataset, recipe.data, "bernoulli", 0)


@pytest.fixture(scope="module")
def findings(finished: RunFolder, recipe: Recipe, model: Model, division: Division) -> Findings:
    metrics = Metrics.read(finished.metrics_path)
    results = [Result.from_line(line) for line in metrics.results()]
    return portray(outline(recipe, results, metrics.curves(), finished, "digits"), model, division, 0)


def test_the_figures_are_those_of_the_run(findings: Findings, recipe: Recipe) -> None:
    assert findings.title == "digits: 64-12-8"
    assert (findings.rows, findings.columns, findings.labelled, findings.scored) == (1295, 64, 40, 359)
    assert [curve.stage for curve in findings.curves] == ["layer 1", "layer 2", "fine-tuning", "without pretraining"]
    assert findings.recipe == recipe.to_toml()
    assert len(findings.scores) == 3


def test_confusions_and_mistakes_agree_with_the_accuracy(findings: Findings, division: Division) -> None:
    assert findings.confusion is not None
    score = findings.score(THIS_NETWORK)
    assert score is not None
    assert findings.confusion.sum() == findings.scored
    assert np.trace(findings.confusion) / findings.scored == pytest.approx(score.accuracies[0])
    labels = division.test.labels
    assert labels is not None
    confidences = [mistake.probability for mistake in findings.mistakes]
    assert confidences == sorted(confidences, reverse=True)
    for mistake in findings.mistakes:
        assert findings.classes[labels[mistake.index]] == mistake.true != mistake.predicted
        assert np.array_equal(mistake.row * 16, np.asarray(division.test.values)[mistake.index])


def test_pictures_have_the_shapes_of_the_model(findings: Findings) -> None:
    assert findings.filters is not None
    assert findings.filters.shape == (12, 64)
    assert findings.inputs is not None
    assert findings.inputs.shape == (10, 64)
    assert {depth: array.shape for depth, array in findings.reconstructions.items()} == {1: (10, 64), 2: (10, 64)}
    assert findings.samples is not None
    assert findings.samples.shape == (60, 64)
    assert [plane.points.shape for plane in findings.codes] == [(359, 2), (359, 2)]
    assert findings.code_labels is not None
    assert findings.code_labels.shape == (359,)


def test_reconstructions_show_every_class_first(findings: Findings, division: Division) -> None:
    rows: Rows = division.test
    assert findings.inputs is not None
    places = [
        int(np.flatnonzero((np.asarray(rows.values) == picture * 16).all(axis=1))[0]) for picture in findings.inputs
    ]
    assert rows.labels is not None
    assert sorted(rows.labels[places].tolist()) == list(range(10))


def test_pictures_of_gaussian_units_are_shown_from_black_to_white(model: Model, division: Division) -> None:
    """Gaussian units see standardised pixels; a person sees grey levels."""
    gaussian = replace(model, preparation=Preparation.fit(division.learning, "gaussian"))
    prepared = gaussian.preparation.prepare(division.test.values[:5])
    assert float(prepared.min()) < 0
    np.testing.assert_allclose(as_seen(prepared, gaussian) * 16, division.test.values[:5], atol=1e-4)
