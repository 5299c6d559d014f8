"""Signals set a flag; asking twice is harmless; a block that may be left is left at once."""

from __future__ import annotations

import signal

import pytest

from layerwise.runs.stopping import Stop, StopOnSignals


def test_the_plain_one_is_never_asked() -> None:
    stop = Stop()
    with stop.at_once():
        assert not stop.asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_remembered_and_told_once(number: signal.Signals) -> None:
    told: list[int] = []
    before = signal.getsignal(number)
    with StopOnSignals(heard=lambda: told.append(1)) as stop:
        assert not stop.asked
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        assert stop.signal == number
    assert told == [1]
    assert signal.getsignal(number) is before


def test_a_block_that_may_be_left_is_left_at_once_and_only_once() -> None:
    with StopOnSignals() as stop:
        with pytest.raises(KeyboardInterrupt), stop.at_once():
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), stop.at_once():
            raise AssertionError("must not be entered: the wish came before")
        assert stop.signal == signal.SIGTERM
