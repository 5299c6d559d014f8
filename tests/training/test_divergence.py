"""What a network was before its loss exploded, and which layer it came from."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from layerwise.training.divergence import LastGood, largest, trouble


def kept_after(*epochs: list[float]) -> str:
    """What is kept of runs whose minibatches have these losses; epoch n ends with the copy "n"."""
    good = LastGood("start")
    for number, losses in enumerate(epochs, 1):
        for loss in losses:
            good.batch_done(loss)
        good.epoch_done(sum(losses) / len(losses), str(number))
    return good.kept


@pytest.mark.parametrize(
    ("epochs", "kept"),
    [
        ([], "start"),
        ([[2.0, 1.0]], "start"),  # nothing is known yet of what it ended with
        ([[2.0, 1.0], [0.9, 0.8]], "1"),
        ([[2.0, 1.0], [0.9, 1e9]], "1"),  # the next minibatch was good, whatever came after it
        ([[2.0], [1.0], [0.5]], "2"),
        ([[2.0], [1e10], [1e200]], "start"),
        ([[2.0], [1.5], [1e10], [1e200]], "1"),
        ([[2.0], [math.nan], [math.nan]], "start"),
        ([[2.0], [12.0], [3.0]], "2"),  # a bad minibatch is no explosion
        ([[-50.0], [400.0], [600.0]], "1"),  # ten times the size of what was reached, and one
        ([[-50.0], [470.0], [600.0]], "start"),
    ],
)
def test_what_an_epoch_ends_with_is_good_once_the_next_minibatch_says_so(epochs: list[list[float]], kept: str) -> None:
    assert kept_after(*epochs) == kept


def test_a_run_that_recovers_is_good_again() -> None:
    assert kept_after([1.0], [1e9], [1.0], [1.0]) == "3"


def test_the_first_layer_with_a_number_that_is_none_is_named() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).requires_grad_(False)
    for parameter in network.parameters():
        parameter.fill_(0.5)
    assert "step 7: the loss is inf (layer '2' gives the largest values, up to 1.9)" in trouble(
        network, torch.ones(1, 2), 7, math.inf
    )
    network[2].bias.fill_(math.nan)  # type: ignore[operator, union-attr]
    assert "(layer '2', whose bias left the finite numbers first)" in trouble(network, torch.ones(1, 2), 7, math.nan)
    network[0].weight.fill_(3e38)  # type: ignore[operator, union-attr]
    assert "(layer '0', whose values" not in trouble(network, torch.ones(1, 2), 7, math.nan)  # tanh bounds them
    network[1] = nn.ReLU()
    assert "(layer '0', whose values left the finite numbers first)" in trouble(network, torch.ones(1, 2), 7, math.nan)


def test_the_largest_number_tells_whether_all_are_finite() -> None:
    assert largest(torch.tensor([[1.0, -3.0], [2.0, 0.0]])) == 3.0
    assert largest(torch.empty(0, 4)) == 0.0
    for wrong in (math.nan, math.inf, -math.inf):
        for place in range(70):  # wherever vectors end
            values = torch.zeros(70)
            values[place] = wrong
            assert not math.isfinite(largest(values))
