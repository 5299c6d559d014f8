"""Ctrl-C and ``layerwise resume``, with a real process."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from layerwise.runs.folder import RunFolder
from layerwise.runs.lock import alone_in

LONG = ("--labels", "40", "--hidden", "12,8", "--epochs", "60", "--fine-tune-epochs", "5", "--batch-size", "200")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_with_a_checkpoint_and_resume_goes_on_to_the_same_bits(
    tmp_path: Path, layerwise: Any, begun: Any, number: signal.Signals, code: int
) -> None:
    process = begun("run", *LONG)
    process.send_signal(number)
    process.send_signal(number)  # a second one does no harm
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, (out, err)
    assert err == "layerwise: stopped, and a checkpoint is written; go on with: layerwise resume run\n"
    if number == signal.SIGTERM:
        return
    shown = layerwise("show", "run")
    assert "not finished: after epoch" in shown.out
    assert "go on with: layerwise resume run" in shown.out
    assert not (tmp_path / "run" / "model.safetensors").exists()
    early = layerwise("evaluate", "run")
    assert (early.code, "has no model yet" in early.err) == (2, True)
    assert layerwise("resume", "run").code == 0
    assert layerwise("train", "--out", "whole", *LONG).code == 0
    whole = (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == whole


@pytest.mark.usefixtures("brief_portrait")
@pytest.mark.parametrize("model", ["rbm", "class-rbm"])
def test_a_machine_goes_on_to_the_same_bits(tmp_path: Path, layerwise: Any, begun: Any, model: str) -> None:
    long = ("--model", model, "--hidden", "6", "--epochs", "40", "--batch-size", "200", "--device", "cpu")
    process = begun("run", *long)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert layerwise("resume", "run").code == 0
    assert layerwise("train", "--out", "whole", *long).code == 0
    whole = (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == whole


def test_a_finished_run_says_so(layerwise: Any, digits_run: Path) -> None:
    done = layerwise("resume", digits_run)
    assert done.code == 0
    assert "is finished; its report:" in done.out


@pytest.mark.filterwarnings("default")  # the command line shows them as notes
def test_a_second_process_on_a_run_is_refused(layerwise: Any, digits_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(digits_run, copy)
    (copy / "report.html").unlink()
    with alone_in(RunFolder(copy)):
        second = layerwise("resume", copy)
    assert (second.code, second.out) == (2, "")
    assert f"is being trained by process {os.getpid()}" in second.err
    newest = max((copy / "checkpoint").iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])
    done = layerwise("resume", copy)
    assert done.code == 0
    assert "layerwise: note: file = " in done.err
    assert "the run goes on from the checkpoint before it" in done.err


def test_ctrl_c_outside_of_training_is_one_line(layerwise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("layerwise.runs.settling.open_data", interrupted)
    done = layerwise("train", "digits")
    assert (done.code, done.out, done.err) == (130, "", "layerwise: interrupted\n")
