"""What the library warns of while a command runs: a plain line each, and no harm to a live table."""

from __future__ import annotations

import io
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from layerwise.cli.terminal import note, warnings_as_notes
from layerwise.runs.progress import LiveDisplay
from layerwise.training.vigilance import Symptom

Command = Any
pytestmark = pytest.mark.filterwarnings("default")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_warning_is_one_line_without_a_path_and_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings_as_notes():
        for text in ("12 units\nare off", "13 units\nare off", "something else", "something else"):
            warnings.warn(text, UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "layerwise: note: 12 units are off\nlayerwise: note: something else\n"


def test_who_asked_for_errors_or_for_silence_gets_them(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings_as_notes(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("hush", UserWarning, stacklevel=1)
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="loud"):
            warnings.warn("loud", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == ""


def test_what_is_wrong_after_every_epoch_is_said_once(layerwise: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Symptom("5 of 6 hidden units are off for every row looked at", "a rate too high: lower it", False)]
    monkeypatch.setattr("layerwise.training.single_machine.diagnose", lambda *_: found)
    np.save("rows.npy", np.random.default_rng(0).random((60, 5)).round())
    done = layerwise("train", "rows.npy", "--model", "rbm", "--hidden", 6, "--epochs", 3, "--device", "cpu")
    assert done.code == 0
    assert "epoch 3/3" in done.out
    assert done.err == f"layerwise: note: layer 1: {found[0]}\n"


@pytest.mark.parametrize("shared", [True, False])
def test_a_line_goes_above_a_live_table_or_into_the_file_that_it_was_sent_to(
    monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(sys, "stderr", Terminal() if shared else io.StringIO())
    with LiveDisplay(screen):
        note("look")
    shown, apart = screen.file.getvalue(), sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert ("layerwise: note: look\n" in shown) == shared
    assert (apart == "layerwise: note: look\n") != shared
