"""A single machine's run, stopped anywhere, goes on to the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layerwise.errors import Interrupted
from layerwise.runs import job as job_module
from layerwise.runs.draft import Draft
from layerwise.runs.folder import RunFolder
from layerwise.runs.job import Job, begin, go_on
from layerwise.runs.metrics import Metrics
from layerwise.runs.model import Model
from layerwise.runs.progress import Display
from layerwise.runs.settling import settle

SHORT = {"hidden": [6], "epochs": 3, "batch_size": 300}
LABELLED = {"source": "digits", "labels": 400}


@pytest.fixture(autouse=True)
def _no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "render", lambda _: "<!doctype html>")
    monkeypatch.setattr("layerwise.runs.portrait.SAMPLING_STEPS", 2)
    monkeypatch.setattr("layerwise.runs.machine_portrait.CHAIN_TIMES", (1, 2))
    for name, value in (("FORGETTING_STEPS", 20), ("FORGETTING_BURN_IN", 1), ("FORGETTING_CHAINS", 5)):
        monkeypatch.setattr(f"layerwise.runs.machine_portrait.{name}", value)
    monkeypatch.setattr("layerwise.runs.machine_portrait.FILLING_STEPS", 2)


def job_in(path: Path, data: dict[str, Any], training: dict[str, Any]) -> Job:
    recipe, dataset, _ = settle(Draft({"data": data, "training": {**SHORT, **training}, "run": {"device": "cpu"}}))
    return begin(recipe, dataset, RunFolder.create(path, dataset.name))


def measures(folder: RunFolder) -> list[object]:
    return [curve.measures for curve in Metrics.read(folder.metrics_path).curves()]


@pytest.mark.parametrize(
    ("data", "training"),
    [
        ({"source": "digits"}, {"model": "rbm"}),
        ({"source": "digits"}, {"model": "rbm", "method": "cd", "centred": False, "gibbs_steps": 2}),
        ({"source": "digits"}, {"model": "rbm", "method": "pt", "chains": 20, "temperatures": 3}),
        ({"source": "gaps"}, {"model": "rbm", "batch_size": 20}),
        (LABELLED, {"model": "class-rbm", "batch_size": 100}),
        (LABELLED, {"model": "class-rbm", "unlabelled": 0.01, "generative": 0.1}),
    ],
    ids=["pcd", "plain cd", "tempering", "gaps", "labelled rows", "all rows"],
)
def test_a_machine_that_is_stopped_again_and_again_goes_on_to_the_same_bits(
    tmp_path: Path, stop_after: Callable[[int], Any], data: dict[str, Any], training: dict[str, Any]
) -> None:
    if data["source"] == "gaps":
        random = np.random.default_rng(0)
        values = random.normal(size=(80, 4))
        values[random.random(values.shape) < 0.2] = np.nan
        data = {"source": str(tmp_path / "gaps.npy")}
        np.save(data["source"], values)
    whole = job_in(tmp_path / "whole", data, training)
    whole.run(Display())
    job = job_in(tmp_path / "run", data, training)
    sittings = 1
    while True:
        try:
            job.run(Display(), stop_after(3))
            break
        except Interrupted:
            sittings += 1
            job = go_on(RunFolder.open(job.folder.path))
    assert sittings > 2
    assert job.folder.model_path.read_bytes() == whole.folder.model_path.read_bytes()
    np.testing.assert_equal(measures(job.folder), measures(whole.folder))
    ours, theirs = (Model.load(path.folder.model_path).machine.weights for path in (job, whole))
    assert ours.equal(theirs)
    assert bool(ours.isfinite().all())
