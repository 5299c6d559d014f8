"""What several tests of this room need: a run of some seconds, and ways to stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import pytest
import torch

from layerwise.runs.draft import Draft
from layerwise.runs.folder import RunFolder
from layerwise.runs.job import Job, begin
from layerwise.runs.metrics import Metrics
from layerwise.runs.model import Model
from layerwise.runs.progress import Display
from layerwise.runs.recipe import Recipe
from layerwise.runs.settling import settle
from layerwise.runs.stopping import Stop

TINY: dict[str, dict[str, Any]] = {
    "data": {"source": "digits", "labels": 40},
    "training": {"hidden": [12, 8], "epochs": 2, "fine_tune_epochs": 2, "batch_size": 200, "dropout": 0.1},
}

NewJob = Callable[..., Job]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Networks this small are slower on two threads, and much slower where others use the machine."""
    threads = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    yield
    torch.set_num_threads(threads[0])
    numba.set_num_threads(threads[1])


def draft(**changes: dict[str, Any]) -> Draft:
    tables = {name: {**TINY.get(name, {}), **changes.get(name, {})} for name in ("data", "training", "run")}
    return Draft().override(tables)


@pytest.fixture
def tiny_draft() -> Callable[..., Draft]:
    return draft


@pytest.fixture
def new_job() -> NewJob:
    """Make a job in a folder: ``new_job(path, training={...}, run={...})``."""

    def make(path: Path, **changes: dict[str, Any]) -> Job:
        recipe, dataset, _ = settle(draft(**changes))
        return begin(recipe, dataset, RunFolder.create(path, dataset.name))

    return make


@pytest.fixture
def timeless() -> Callable[[RunFolder], list[dict[str, Any]]]:
    """The lines of metrics.jsonl without what a clock says."""

    def read(folder: RunFolder) -> list[dict[str, Any]]:
        lines = [dict(line) for line in Metrics.read(folder.metrics_path).lines]
        for line in lines:
            for name in ("seconds", "rows_per_second"):
                line.pop(name, None)
                line.get("result", {}).pop(name, None)
        return lines

    return read


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run on digits; not to be changed."""
    recipe, dataset, _ = settle(draft())
    folder = RunFolder.create(tmp_path_factory.mktemp("finished") / "run", dataset.name)
    begin(recipe, dataset, folder).run(Display())
    return folder


@pytest.fixture(scope="session")
def recipe(finished: RunFolder) -> Recipe:
    return finished.recipe()


@pytest.fixture(scope="session")
def model(finished: RunFolder) -> Model:
    return Model.load(finished.model_path)


class StopAfter(Stop):
    """Is asked to stop when it has been looked at so many times."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    @property
    def asked(self) -> bool:
        self.looks -= 1
        return self.looks < 0


@pytest.fixture
def stop_after() -> type[StopAfter]:
    return StopAfter
