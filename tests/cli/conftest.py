"""A command line inside the test's own process, and a run to work on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
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


@pytest.fixture
def brief_portrait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short chains for the page of a machine."""
    monkeypatch.setattr("layerwise.runs.machine_portrait.CHAIN_TIMES", (1, 2))
    for name, value in (("STEPS", 20), ("BURN_IN", 1), ("CHAINS", 5)):
        monkeypatch.setattr(f"layerwise.runs.machine_portrait.FORGETTING_{name}", value)
    monkeypatch.setattr("layerwise.runs.machine_portrait.FILLING_STEPS", 2)


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Begin ``layerwise train … --out NAME`` as a process of its own, and give it when it has written lines of metrics.

    It has one thread, as the test's own process has: sums over rows differ in their last bits between one and two.
    """
    processes: list[subprocess.Popen[str]] = []

    def begin(name: str, *arguments: object, lines: int = 3) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "layerwise", "train", *map(str, arguments), "--out", name]
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=tmp_path, env=one_thread, stdout=pipe, stderr=pipe, text=True)
        processes.append(process)
        metrics, deadline = tmp_path / name / "metrics.jsonl", time.monotonic() + 120
        while not metrics.exists() or len(metrics.read_text().splitlines()) < lines:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "the run did not begin in time"
            time.sleep(0.01)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


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
