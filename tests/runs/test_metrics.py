"""metrics.jsonl: lines are added whole, taken back to a checkpoint, and refused where damaged."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path
from typing import NoReturn

import pytest

from layerwise.errors import RunError, StorageError
from layerwise.runs.metrics import Metrics


def line(epoch: int, repeat: int = 0, stage: str = "layer 1", **measures: float) -> dict[str, object]:
    return {"repeat": repeat, "stage": stage, "epoch": epoch, **measures, "rows_per_second": 1.0, "seconds": 2.0}


def test_lines_are_read_back_and_a_gap_that_was_not_measured_is_null(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    metrics.append(line(1, error=2.5, gap=math.nan))
    metrics.append({"repeat": 0, "result": {"seed": 0, "gaps": [math.inf]}})
    text = metrics.path.read_text()
    assert [json.loads(entry) for entry in text.splitlines()] == metrics.lines
    again = Metrics.read(metrics.path)
    assert again.lines[0]["gap"] is None
    assert again.results() == [{"seed": 0, "gaps": [None]}]


def test_curves_go_by_repeat_and_stage(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    for entry in (line(1, e=3.0), line(2, e=2.0), line(1, stage="layer 2", e=math.nan), line(1, repeat=1, e=9.0)):
        metrics.append(entry)
    first, second = metrics.curves()
    assert (first.stage, first.epochs, first.measures) == ("layer 1", [1, 2], {"e": [3.0, 2.0]})
    assert second.stage == "layer 2"
    assert math.isnan(second.measures["e"][0])
    assert metrics.curves(1)[0].measures == {"e": [9.0]}


def test_what_came_after_the_checkpoint_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics(path)
    for epoch in (1, 2, 3):
        metrics.append(line(epoch))
    with path.open("a") as file:
        file.write('{"repeat": 0, "sta')  # killed in the middle of a line
    assert len(Metrics.read(path).lines) == 3
    kept = Metrics.read(path, 2)
    assert [entry["epoch"] for entry in kept.lines] == [1, 2]
    kept.append(line(3))
    assert [entry["epoch"] for entry in Metrics.read(path, 3).lines] == [1, 2, 3]


@pytest.mark.parametrize("text", ["{}\n", "[1]\n", "{\n", "\xff\n"])
def test_damage_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"metrics\.jsonl = "):
        Metrics.read(path)


def test_a_file_that_is_shorter_than_the_checkpoint_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with pytest.raises(RunError, match="cannot be read"):
        Metrics.read(path)
    Metrics(path).append(line(1))
    with pytest.raises(RunError, match="1 lines of 2 are there"):
        Metrics.read(path, 2)


def test_a_full_disk_is_a_matter_of_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        Metrics(tmp_path / "metrics.jsonl").append(line(1))
