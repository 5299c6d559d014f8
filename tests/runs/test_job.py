"""The main job: what it leaves behind, that it can be made again, and that stopping it anywhere changes no bit."""

from __future__ import annotations

import errno
import gc
import json
import os
import shutil
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from layerwise.errors import DataError, DivergenceError, Interrupted, OptionError, RunError, StorageError
from layerwise.runs import job as job_module
from layerwise.runs import watch as watch_module
from layerwise.runs.draft import Draft
from layerwise.runs.folder import RunFolder
from layerwise.runs.job import Job, begin, go_on
from layerwise.runs.measured import BASELINE, THIS_NETWORK, WITHOUT_PRETRAINING
from layerwise.runs.metrics import Metrics
from layerwise.runs.model import Model
from layerwise.runs.progress import Display
from layerwise.runs.settling import settle
from layerwise.runs.stopping import Stop
from layerwise.training.course import Course

NewJob = Callable[..., Job]
Timeless = Callable[[RunFolder], list[dict[str, Any]]]


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is tested elsewhere, and takes longer than all the rest."""
    monkeypatch.setattr(job_module, "render", lambda _: "<!doctype html>")
    monkeypatch.setattr("layerwise.runs.portrait.SAMPLING_STEPS", 2)


def test_a_run_leaves_recipe_model_metrics_checkpoint_and_report(finished: RunFolder) -> None:
    names = {path.name for path in finished.path.iterdir()}
    assert names == {"recipe.toml", "model.safetensors", "metrics.jsonl", "checkpoint", "report.html"}
    lines = [json.loads(line) for line in finished.metrics_path.read_text().splitlines()]
    assert [(line["stage"], line["epoch"]) for line in lines[:-1]] == [
        (stage, epoch) for stage in ("layer 1", "layer 2", "fine-tuning", "without pretraining") for epoch in (1, 2)
    ]
    assert {"reconstruction_error", "free_energy_gap", "rows_per_second", "seconds"} <= set(lines[0])
    assert set(lines[-1]["result"]["accuracies"]) == {THIS_NETWORK, WITHOUT_PRETRAINING, BASELINE}
    assert finished.report_path.read_text().count("</html>") == 1


def test_the_recipe_in_the_folder_makes_the_run_again_to_the_bit(
    finished: RunFolder, tmp_path: Path, no_page: None, timeless: Timeless
) -> None:
    recipe, dataset, _ = settle(Draft.from_file(finished.recipe_path))
    again = RunFolder.create(tmp_path / "again", "x")
    begin(recipe, dataset, again).run(Display())
    assert again.model_path.read_bytes() == finished.model_path.read_bytes()
    assert again.recipe_path.read_bytes() == finished.recipe_path.read_bytes()
    assert timeless(again) == timeless(finished)


# One epoch of a layer is 7 minibatches and 8 looks, one of fine-tuning 1 and 2: the first stop falls into the first
# minibatches, the others into the second layer, onto an epoch's end, into both fine-tunings.
@pytest.mark.parametrize("looks", [0, 7, 20, 33, 37])
def test_a_run_that_is_stopped_goes_on_to_the_same_bits(
    finished: RunFolder,
    tmp_path: Path,
    new_job: NewJob,
    stop_after: type,
    no_page: None,
    looks: int,
    timeless: Timeless,
) -> None:
    job = new_job(tmp_path / "run")
    with pytest.raises(Interrupted) as stopped:
        job.run(Display(), stop_after(looks))
    assert stopped.value.checkpoint == job.folder.checkpoint_path
    assert not job.folder.report_path.exists()
    resumed = go_on(RunFolder.open(job.folder.path))
    assert not resumed.finished
    resumed.run(Display())
    assert job.folder.model_path.read_bytes() == finished.model_path.read_bytes()
    assert timeless(job.folder) == timeless(finished)


@pytest.mark.parametrize("options", [{"method": "pcd"}, {"visible": "gaussian", "momentum": 0.9}])
def test_a_run_that_is_stopped_again_and_again_goes_on_to_the_same_bits(
    tmp_path: Path, new_job: NewJob, stop_after: type, no_page: None, options: dict[str, Any], timeless: Timeless
) -> None:
    whole = new_job(tmp_path / "whole", training=options)
    whole.run(Display())
    job = new_job(tmp_path / "run", training=options)
    sittings = 1
    while True:
        try:
            job.run(Display(), stop_after(3))
            break
        except Interrupted:
            sittings += 1
            job = go_on(RunFolder.open(job.folder.path))
    assert sittings > 8
    assert job.folder.model_path.read_bytes() == whole.folder.model_path.read_bytes()
    assert timeless(job.folder) == timeless(whole.folder)


def test_saving_after_every_epoch_changes_no_bit(
    finished: RunFolder, tmp_path: Path, new_job: NewJob, no_page: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    job = new_job(tmp_path / "run")
    job.run(Display())
    newest = max(int(path.stem) for path in job.folder.checkpoint_path.iterdir())
    assert newest == 4 + 4 + 1 + 1  # before each stage, in the middle of each, at the end of the course and of the run
    assert job.folder.model_path.read_bytes() == finished.model_path.read_bytes()


class Crash(Display):
    """Ends the process, as far as the job can tell, in the middle of a minibatch."""

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def batch_done(self, stage: object, place: object, rows: int) -> None:
        self.batches -= 1
        if self.batches < 0:
            raise SystemExit


@pytest.mark.parametrize("batches", [0, 10, 20, 31])
def test_a_killed_run_goes_on_from_its_last_checkpoint(
    finished: RunFolder, tmp_path: Path, new_job: NewJob, no_page: None, batches: int, timeless: Timeless
) -> None:
    job = new_job(tmp_path / "run")
    with pytest.raises(SystemExit):
        job.run(Crash(batches))
    go_on(job.folder).run(Display())
    assert job.folder.model_path.read_bytes() == finished.model_path.read_bytes()
    assert timeless(job.folder) == timeless(finished)


def test_a_run_that_was_killed_before_it_began_begins(tmp_path: Path, new_job: NewJob, no_page: None) -> None:
    job = new_job(tmp_path / "run")
    go_on(job.folder).run(Display())
    assert job.folder.report_path.exists()


def test_stopping_while_scoring_loses_nothing(
    finished: RunFolder, tmp_path: Path, new_job: NewJob, no_page: None, timeless: Timeless
) -> None:
    class AtScoring(Stop):
        def at_once(self) -> NoReturn:
            raise KeyboardInterrupt

    job = new_job(tmp_path / "run")
    with pytest.raises(Interrupted):
        job.run(Display(), AtScoring())
    assert not job.folder.model_path.exists()
    resumed = go_on(job.folder)
    resumed.run(Crash(0))  # no minibatch is left
    assert job.folder.model_path.read_bytes() == finished.model_path.read_bytes()
    assert timeless(job.folder) == timeless(finished)


def test_a_finished_run_says_so_and_a_report_that_is_missing_is_written(
    finished: RunFolder, tmp_path: Path, no_page: None
) -> None:
    assert go_on(finished).finished
    shutil.copytree(finished.path, tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run")
    folder.report_path.unlink()
    job = go_on(folder)
    assert not job.finished
    job.run(Crash(0))
    assert folder.report_path.exists()
    assert go_on(folder).finished


def test_repeats_are_the_runs_of_their_seeds(tmp_path: Path, new_job: NewJob, stop_after: type, no_page: None) -> None:
    job = new_job(tmp_path / "both", run={"seed": 4, "repeats": 2})
    with pytest.raises(Interrupted):
        job.run(Display(), stop_after(45))  # in the second course
    assert len(job.results) == 1
    findings = go_on(job.folder).run(Display())
    singles = [new_job(tmp_path / str(seed), run={"seed": seed}) for seed in (4, 5)]
    for single in singles:
        single.run(Display())
    score = findings.score(THIS_NETWORK)
    assert score is not None
    assert list(score.accuracies) == [single.results[0].accuracies[THIS_NETWORK] for single in singles]
    assert job.folder.model_path.read_bytes() == singles[0].folder.model_path.read_bytes()


def test_rows_without_labels_are_only_learned_from(tmp_path: Path, new_job: NewJob, no_page: None) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.random.default_rng(0).random((60, 5)))
    job = new_job(tmp_path / "run", data={"source": str(path), "labels": "all"})
    findings = job.run(Display())
    assert findings.scores == ()
    assert job.results[0].labelled == 0
    assert Model.load(job.folder.model_path).network is None


@pytest.mark.parametrize("options", [{"fine_tune_epochs": 0}, {"epochs": 0}, {"twin": False}])
def test_stages_can_be_left_out(tmp_path: Path, new_job: NewJob, no_page: None, options: dict[str, Any]) -> None:
    job = new_job(tmp_path / "run", training=options)
    findings = job.run(Display())
    named = {score.name for score in findings.scores}
    expected = {THIS_NETWORK, WITHOUT_PRETRAINING, BASELINE}
    if "fine_tune_epochs" in options:
        expected = set()
    elif "twin" in options:
        expected -= {WITHOUT_PRETRAINING}
    assert named == expected


def test_what_can_be_known_before_training_is_said_before(tiny_draft: Callable[..., Draft], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="labels = 7: must be from 10"):
        settle(tiny_draft(data={"labels": 7}))
    with pytest.raises(OptionError, match="--epochs"):
        settle(tiny_draft(data={"source": "not looked for"}, training={"epochs": -1}))
    with pytest.raises(DataError, match="neither a built-in"):
        settle(tiny_draft(data={"source": "digit"}))


def test_divergence_is_said_and_the_checkpoint_stays(tmp_path: Path, new_job: NewJob) -> None:
    job = new_job(tmp_path / "run", training={"learning_rate": 1e30})
    with pytest.raises(DivergenceError, match=r"layer 1: .* lower the learning rate"):
        job.run(Display())
    said = Metrics.read(job.folder.metrics_path).diverged
    assert said is not None
    assert said.startswith("layer 1: ")
    resumed = go_on(job.folder)
    assert (resumed.repeat, resumed.metrics.diverged) == (0, None)  # until it diverges again


def test_layers_that_fit_into_no_memory_are_said_before(tiny_draft: Callable[..., Draft]) -> None:
    with pytest.raises(OptionError, match=r"hidden = \[12, 10000000000\]: needs more memory than there is"):
        settle(tiny_draft(training={"hidden": [12, 10**10]}))


def test_chains_that_fit_into_no_memory_are_said(tmp_path: Path, new_job: NewJob) -> None:
    job = new_job(tmp_path / "run", training={"method": "pcd", "batch_size": 10**13})
    with pytest.raises(OptionError, match=r"hidden, batch_size = .*10000000000000\]: needs more memory than there is"):
        job.run(Display())


def test_a_full_disk_leaves_the_earlier_checkpoint(
    finished: RunFolder,
    tmp_path: Path,
    new_job: NewJob,
    no_page: None,
    monkeypatch: pytest.MonkeyPatch,
    timeless: Timeless,
) -> None:
    job = new_job(tmp_path / "run")
    written = [0]
    flush = os.fsync

    def fills_up(handle: int) -> None:
        written[0] += 1
        if written[0] > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(handle)

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", fills_up)
        with pytest.raises(StorageError, match="No space left on device"):
            job.run(Display())
    assert not list(job.folder.path.rglob("*.part"))
    go_on(job.folder).run(Display())
    assert job.folder.model_path.read_bytes() == finished.model_path.read_bytes()
    assert timeless(job.folder) == timeless(finished)


def interrupted(new_job: NewJob, path: Path, stop: Stop) -> RunFolder:
    job = new_job(path)
    with pytest.raises(Interrupted):
        job.run(Display(), stop)
    return job.folder


def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    finished: RunFolder, tmp_path: Path, new_job: NewJob, stop_after: type, no_page: None, timeless: Timeless
) -> None:
    folder = interrupted(new_job, tmp_path / "run", stop_after(20))
    *_, newest = sorted(folder.checkpoint_path.iterdir())
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"is damaged .*; the run goes on from the checkpoint before it"):
        job = go_on(folder)
    job.run(Display())
    assert folder.model_path.read_bytes() == finished.model_path.read_bytes()
    assert timeless(folder) == timeless(finished)


def test_a_clock_that_jumps_changes_nothing(
    finished: RunFolder,
    tmp_path: Path,
    new_job: NewJob,
    stop_after: type,
    no_page: None,
    monkeypatch: pytest.MonkeyPatch,
    timeless: Timeless,
) -> None:
    folder = interrupted(new_job, tmp_path / "run", stop_after(20))
    *_, newest = sorted(folder.checkpoint_path.iterdir())
    os.utime(newest, (0, 0))  # written in 1970, by its date
    now = [time.time()]

    def jumping() -> float:
        now[0] = now[0] / 2 if now[0] > 1e9 else now[0] * 4
        return now[0]

    monkeypatch.setattr(time, "time", jumping)
    job = go_on(folder)
    job.run(Display())
    assert folder.model_path.read_bytes() == finished.model_path.read_bytes()
    assert timeless(folder) == timeless(finished)
    assert 0 < job.results[0].seconds < 1000


def test_data_that_vanished_are_named_and_waited_for(
    tmp_path: Path, new_job: NewJob, stop_after: type, no_page: None
) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.random.default_rng(0).random((60, 5)))
    job = new_job(tmp_path / "run", data={"source": str(path), "labels": "all"})
    path.rename(tmp_path / "elsewhere.npy")  # a run that is under way has its rows
    with pytest.raises(Interrupted):
        job.run(Display(), stop_after(5))
    with pytest.raises(DataError, match=r"DATA = .*vanished.* is neither a built-in data set .* nor an existing file"):
        go_on(job.folder)
    (tmp_path / "elsewhere.npy").rename(path)
    go_on(job.folder).run(Display())
    assert job.folder.report_path.exists()


def test_a_second_run_does_not_begin_over_a_first(tmp_path: Path, new_job: NewJob) -> None:
    job = new_job(tmp_path / "run")
    with pytest.raises(OptionError, match=r"--out = .*run: holds a run already; name another folder"):
        begin(job.recipe, job.dataset, job.folder)


def test_a_run_that_was_killed_between_its_first_two_files_begins(
    tmp_path: Path, new_job: NewJob, no_page: None
) -> None:
    job = new_job(tmp_path / "run")
    job.folder.metrics_path.unlink()
    go_on(job.folder).run(Display())
    assert job.folder.report_path.exists()


def test_damage_that_cannot_be_helped_is_said(tmp_path: Path, new_job: NewJob, stop_after: type) -> None:
    folder = interrupted(new_job, tmp_path / "run", stop_after(20))
    recipe = folder.recipe_path.read_text()
    folder.recipe_path.write_text(recipe.replace("    12,\n", "    13,\n"))
    with pytest.raises(RunError, match="does not fit the recipe"):
        go_on(folder).run(Display())
    folder.recipe_path.write_text(recipe.replace('fingerprint = "', 'fingerprint = "0'))
    with pytest.raises(DataError, match="has changed since the recipe was written"):
        go_on(folder)
    folder.recipe_path.write_text(recipe)
    for path in folder.checkpoint_path.iterdir():
        path.write_bytes(b"")
    with pytest.raises(RunError, match="damaged"):
        go_on(folder)
    for path in folder.checkpoint_path.iterdir():
        path.unlink()
    with pytest.raises(RunError, match="holds no checkpoint"):
        go_on(folder)
    folder.metrics_path.unlink()
    with pytest.raises(RunError, match=r"metrics\.jsonl"):
        go_on(folder)


def test_a_repeat_leaves_nothing_behind_for_the_next(
    tmp_path: Path, new_job: NewJob, no_page: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier: list[weakref.ref[Any]] = []
    alive: list[int] = []
    whole = Course.__init__

    def begun(self: Course, *arguments: Any) -> None:
        alive.append(sum(reference() is not None for reference in earlier))
        whole(self, *arguments)
        earlier.extend([weakref.ref(self), weakref.ref(self.lessons.rows)])

    monkeypatch.setattr(Course, "__init__", begun)
    gc.collect()
    gc.disable()
    try:
        new_job(tmp_path / "run", run={"repeats": 2}).run(Display())
    finally:
        gc.enable()
    assert alive == [0, 0]
