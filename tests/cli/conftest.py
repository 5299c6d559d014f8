"""A command line inside the test's own process, and a run to work on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from layerwise.cli import main

TINY = ("--hidden", "12,8", "--epochs", "2", "--fine-tune-epochs", "2", "--batch-size", "200", "--device", "cpu")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    yield
    torch.set_num_threads(threads[0])
    numba.set_num_threads(threads[1])


@pytest.fixture
def layerwise(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run a command line in an empty folder, without the report, which takes longer than all the rest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("layerwise.runs.job.render", lambda _: "<!doctype html>")
    monkeypatch.setattr("layerwise.runs.portrait.SAMPLING_STEPS", 2)

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


def _train(*arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("layerwise.runs.job.render", lambda _: "<!doctype html>")
        patch.setattr("layerwise.runs.portrait.SAMPLING_STEPS", 2)
        assert main(["train", *arguments, *TINY]) == 0


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    return TINY


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on digits with 40 labels; not to be changed."""
    path = tmp_path_factory.mktemp("runs") / "digits"
    _train("digits", "--labels", "40", "--out", str(path))
    return path


@pytest.fixture(scope="session")
def iris_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X, y = load_iris(return_X_y=True)
    path = tmp_path_factory.mktemp("data") / "iris.csv"
    lines = [
        f"{a},{b},{c},{d},{['setosa', 'versicolor', 'virginica'][k]}" for (a, b, c, d), k in zip(X, y, strict=True)
    ]
    order = np.random.default_rng(0).permutation(len(lines))
    path.write_text("\n".join(["sl,sw,pl,pw,species", *(lines[place] for place in order), ""]))
    return path


@pytest.fixture(scope="session")
def iris_run(tmp_path_factory: pytest.TempPathFactory, iris_table: Path) -> Path:
    """A finished run on a table of continuous columns; not to be changed."""
    path = tmp_path_factory.mktemp("runs") / "iris"
    _train(str(iris_table), "--target", "species", "--out", str(path))
    return path
