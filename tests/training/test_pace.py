"""When scikit-learn's perceptrons would stop and how fast they would go, on losses and scores that are made up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from layerwise.errors import DivergenceError
from layerwise.networks import Network
from layerwise.randomness import RandomStream
from layerwise.training.gradient_descent import DescentInfo, DescentState, GradientDescent
from layerwise.training.loop import Place
from layerwise.training.pace import SLOWEST, Pace

NOTHING = torch.zeros(0)


def begun(pace: Pace) -> DescentState:
    network = Network.of_sizes((2, 1), random=RandomStream(0))
    pace.begin(network)
    return GradientDescent().init(network, RandomStream(0))


def saw(pace: Pace, loss: float, rows: int = 10, penalties: float = 0.0) -> None:
    pace.batch_done(Place(), rows, DescentInfo(NOTHING, NOTHING, torch.tensor(loss, dtype=torch.float64), penalties))


def go(pace: Pace, losses: Sequence[float]) -> DescentState:
    """An epoch of one minibatch for each loss, until it wants to stop."""
    state = begun(pace)
    for epoch, loss in enumerate(losses):
        saw(pace, loss)
        state = pace.after_epoch(state, epoch)
        if pace.wants_to_stop():
            break
    return state


def scored(scores: Sequence[float], **options: Any) -> tuple[Pace, list[Tensor]]:
    """A run whose held-out score is made up, and the parameters that were there at each epoch."""
    given, seen = iter(scores), list[Tensor]()
    pace = Pace(0.1, judge=lambda network: next(given), **options)
    state = begun(pace)
    for epoch in range(len(scores)):
        with torch.no_grad():
            for parameter in state.network.parameters():
                parameter.add_(1.0)
        seen.append(torch.cat([p.detach().flatten() for p in state.network.parameters()]).clone())
        saw(pace, 1.0)
        pace.after_epoch(state, epoch)
        if pace.wants_to_stop():
            break
    return pace, seen


def kept(pace: Pace) -> Tensor:
    return torch.cat([values.flatten() for values in pace.kept.values()])


def test_an_epochs_loss_is_the_mean_over_its_rows_with_penalties_and_for_one_output() -> None:
    pace = Pace(0.1, outputs=2)
    state = begun(pace)
    saw(pace, 4.0, rows=30, penalties=0.5)
    saw(pace, 1.0, rows=10)
    pace.after_epoch(state, 0)
    saw(pace, 8.0, rows=40)
    pace.after_epoch(state, 1)
    assert pace.losses == pytest.approx([((2.0 + 0.5) * 30 + 0.5 * 10) / 40, 4.0])
    assert (pace.rows_seen, pace.epochs, pace.best_loss) == (80, 2, pytest.approx(2.0))


def test_a_constant_rate_stays_and_another_falls_with_the_rows_seen() -> None:
    constant, falling = Pace(0.2), Pace(0.2, "invscaling", power_t=0.4)
    states = begun(constant), begun(falling)
    for epoch in range(4):
        assert constant.factor(epoch) == 1.0
        assert falling.factor(epoch) == pytest.approx((10 * epoch + 1) ** -0.4)
        for pace, state in zip((constant, falling), states, strict=True):
            saw(pace, 1.0)
            pace.after_epoch(state, epoch)


@pytest.mark.parametrize("patience", [0.0, 2.0, 5.0])
def test_it_stops_after_more_than_so_many_epochs_that_gain_less_than_tol(patience: float) -> None:
    pace = Pace(0.1, tol=0.1, patience=patience)
    # 3 improves and 2.95 does not, though it is the best so far: what comes next is held against it.
    go(pace, [5.0, 3.0, 2.95] + [2.9] * 20)
    assert pace.epochs == 2 + patience + 1
    assert pace.best_loss == (2.9 if patience else 2.95)


def test_a_loss_that_improves_never_stops_and_one_that_jumps_is_given_time() -> None:
    pace = Pace(0.1, tol=0.1, patience=2.0)
    go(pace, [10.0 - 0.2 * epoch for epoch in range(30)])
    assert not pace.wants_to_stop()
    pace = Pace(0.1, tol=0.1, patience=2.0)
    go(pace, [5.0, 9.0, 9.0, 4.0, 9.0, 9.0, 3.0, 9.0, 9.0])
    assert not pace.wants_to_stop()


def test_an_adaptive_rate_falls_to_a_fifth_until_it_is_too_small() -> None:
    pace, factors = Pace(0.1, "adaptive", tol=0.1, patience=1.0), list[float]()
    state = begun(pace)
    for epoch in range(100):
        factors.append(pace.factor(epoch))
        saw(pace, 1.0)
        pace.after_epoch(state, epoch)
        if pace.wants_to_stop():
            break
    # The first epoch improves on nothing at all; then a fifth after every two that do not.
    falls = math.ceil(math.log(0.1 / SLOWEST, 5))
    expected = [1.0] + [5.0**-fall for fall in range(falls + 1) for _ in range(2)]
    assert factors == pytest.approx(expected)


def test_the_best_network_on_held_out_rows_is_kept_and_the_last_one_else() -> None:
    pace, seen = scored([0.5, 0.7, 0.9, 0.8, 0.9, 0.6], patience=10.0)
    assert torch.equal(kept(pace), seen[2])  # the first of equals
    assert (pace.best_score, pace.scores) == (0.9, [0.5, 0.7, 0.9, 0.8, 0.9, 0.6])
    pace = Pace(0.1)
    state = go(pace, [3.0, 1.0, 2.0])
    assert torch.equal(kept(pace), torch.cat([p.detach().flatten() for p in state.network.parameters()]))
    assert pace.last is state


def test_held_out_rows_decide_when_to_stop() -> None:
    # A score that gains less than tol is no progress, and yet the best network.
    pace, seen = scored([0.5, 0.55, 0.58] + [0.4] * 10, tol=0.1, patience=3.0)
    assert pace.wants_to_stop()
    assert pace.epochs == 1 + 3 + 1
    assert torch.equal(kept(pace), seen[2])


def test_what_was_seen_stays_from_run_to_run() -> None:
    pace = Pace(0.1, "invscaling", tol=0.1, patience=1.0)
    go(pace, [2.0])
    now = pace.factor(0)
    state = begun(pace)
    assert pace.factor(0) == 1.0  # a new run begins at the first rate
    pace.begin(state.network, resumed=True)
    assert pace.epochs == 0
    assert pace.best_loss == 2.0
    assert pace.rows_seen == 10
    for epoch in range(2):
        saw(pace, 2.5)
        pace.after_epoch(state, epoch)
    assert pace.wants_to_stop()
    assert pace.factor(0) < now
    pace.begin(state.network)
    assert not pace.wants_to_stop()


def test_a_resumed_run_goes_on_at_the_rate_it_had() -> None:
    pace = Pace(0.1, "invscaling")
    go(pace, [2.0, 1.0])
    now = pace.factor(0)
    pace.begin(begun(Pace(0.1)).network, resumed=True)
    assert pace.factor(0) == now < 1


def test_it_says_what_it_sees() -> None:
    lines: list[str] = []
    go(Pace(0.1, tol=0.1, patience=1.0, tell=lines.append), [1.0, 1.0, 1.0])
    assert lines == [
        "Iteration 1, loss = 1.00000000",
        "Iteration 2, loss = 1.00000000",
        "Iteration 3, loss = 1.00000000",
        "Training loss did not improve more than tol=0.100000 for 1.0 consecutive epochs. Stopping.",
    ]
    lines.clear()
    go(Pace(SLOWEST, "adaptive", tol=0.1, patience=0.0, tell=lines.append), [1.0, 1.0])
    assert lines[-1].endswith("Learning rate too small. Stopping.")
    lines.clear()
    go(Pace(1.0, "adaptive", tol=0.1, patience=0.0, tell=lines.append), [1.0, 1.0])
    assert lines[-1].endswith("Setting learning rate to 0.200000")
    lines.clear()
    pace = Pace(0.1, judge=lambda network: 0.25, tell=lines.append)
    go(pace, [1.0])
    assert lines == ["Iteration 1, loss = 1.00000000", "Validation score: 0.250000"]


def test_parameters_that_are_no_numbers_end_it() -> None:
    pace = Pace(0.1)
    state = begun(pace)
    with torch.no_grad():
        next(state.network.parameters()).fill_(math.nan)
    saw(pace, 1.0)
    with pytest.raises(DivergenceError, match="epoch 1"):
        pace.after_epoch(state, 0)
    assert bool(kept(pace).isfinite().all())
