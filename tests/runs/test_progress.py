"""What is shown while a run goes."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from layerwise.runs.progress import Display, LiveDisplay, PlainDisplay, display_on
from layerwise.training.course_observer import Stage, TuningInfo
from layerwise.training.loop import Place
from layerwise.training.pretraining import LayerInfo

LAYER, TUNING = Stage("layer", 0, 20, "energy"), Stage("fine-tuning", 1, 5, "classes")
STAGES = [LAYER, TUNING]


def console(terminal: bool, width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)


def text(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def play(display: Display, repeats: int = 1) -> None:
    display.course_started(0, repeats, 7, STAGES, [500])
    display.stage_started(LAYER, Place(2, 1), 1000, 10)
    display.batch_done(LAYER, Place(2, 1), 900)
    display.epoch_done(LAYER, 2, LayerInfo(12.345, 0.5, 0.1), 12345.6)
    display.stage_started(TUNING, Place(), 100, 1)
    display.batch_done(TUNING, Place(), 100)
    display.epoch_done(TUNING, 0, TuningInfo(0.25, 0.975), 50.0)
    display.doing("scoring")


def test_a_terminal_gets_the_live_table_and_a_file_gets_lines() -> None:
    assert isinstance(display_on(console(True)), LiveDisplay)
    assert isinstance(display_on(console(False)), PlainDisplay)


def test_lines_hold_all_four_figures() -> None:
    screen = console(False)
    with PlainDisplay(screen) as display:
        play(display)
    first, second, third = text(screen).splitlines()
    assert first.startswith("layer 1 (500 units), epoch 3/20: reconstruction error 12.35, free-energy gap +0.50 nats,")
    assert "12,346 rows/s" in first
    assert first.endswith("left")
    assert second.startswith("fine-tuning, epoch 1/5: loss 0.2500, accuracy 97.5 % of training rows, 50 rows/s, ")
    assert third == "scoring …"


def test_lines_name_the_repeat_and_leave_out_a_gap_that_was_not_measured() -> None:
    screen = console(False, width=20)
    display = PlainDisplay(screen)
    display.course_started(1, 3, 8, STAGES, [500])
    display.stage_started(LAYER, Place(), 1000, 10)
    display.epoch_done(LAYER, 0, LayerInfo(1.0, math.nan, 0.1), 1.0)
    (line,) = text(screen).splitlines()  # one line stays one line, however narrow
    assert line.startswith("repeat 2/3 (seed 8), layer 1")
    assert "gap" not in line


@pytest.mark.parametrize("width", [40, 60, 69, 70, 80, 200])
def test_the_live_table_fits_its_terminal(width: int) -> None:
    screen = console(True, width)
    display = LiveDisplay(screen)
    play(display, repeats=2)
    screen.print(display._table())
    shown = text(screen)
    assert "layer 1: 500 units" in shown
    assert "20/20" in shown  # the next stage has begun
    assert "12.35" in shown
    assert "0.2500" in shown
    assert ("97.5 %" in shown) == (width >= 60)
    assert "repeat 1 of 2, seed 7" in " ".join(shown.split())
    assert "…" in shown  # scoring
    assert all(len(line) <= width for line in shown.splitlines())
    assert ("rows/s" in shown) == (width >= 70)


def test_the_live_table_tells_that_it_is_about_to_stop() -> None:
    screen = console(True)
    with LiveDisplay(screen) as display:
        play(display)
        display.stopping()
        screen.print(display._table())
    assert "stopping after this minibatch" in text(screen)


def test_time_left_comes_from_the_pace_of_this_sitting(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("layerwise.runs.progress.time.perf_counter", lambda: now[0])
    screen = console(False)
    display = PlainDisplay(screen)
    display.course_started(0, 1, 0, STAGES, [500])
    display.stage_started(LAYER, Place(10, 0), 1000, 10)  # half is done already
    now[0] += 2.0
    display.batch_done(LAYER, Place(10, 0), 1000)
    display.epoch_done(LAYER, 10, LayerInfo(1.0, 0.0, 0.1), 500.0)
    assert text(screen).strip().endswith("500 rows/s, 0:18 left")  # nine epochs of two seconds
