"""Ladders: adapted to the barrier that the swap rates tell of, and said to be too coarse where they are."""

from __future__ import annotations

import math
import warnings
from itertools import pairwise

import pytest

from layerwise.energy import LadderWarning, adapt_ladder, ladder, warn_if_coarse
from layerwise.errors import OptionError


def rates_on(betas: list[float], power: float) -> list[float]:
    """What a path with the barrier 2 β^power would show."""
    return [1 - 2 * (high**power - low**power) for low, high in pairwise(betas)]


def test_the_first_ladder_has_equal_steps() -> None:
    assert ladder(2) == [0.0, 1.0]
    assert ladder(11) == pytest.approx([i / 10 for i in range(11)])


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_adapting_makes_all_rates_equal(power: float) -> None:
    # Λ(β) = 2 β^power: the best places are at equal parts of it.
    betas = ladder(21)
    for _ in range(8):
        betas = adapt_ladder(betas, rates_on(betas, power))
    assert betas == pytest.approx([(i / 20) ** (1 / power) for i in range(21)], abs=2e-3)
    assert rates_on(betas, power) == pytest.approx([0.9] * 20, abs=5e-3)


def test_equal_rates_leave_the_ladder_as_it_is() -> None:
    betas = [0.0, 0.1, 0.5, 1.0]
    assert adapt_ladder(betas, [0.4, 0.4, 0.4]) == pytest.approx(betas)


def test_places_never_fall_together() -> None:
    betas = ladder(6)
    for _ in range(20):
        betas = adapt_ladder(betas, [1.0, 1.0, 1.0, 1.0, 0.0])
        assert all(low < high for low, high in pairwise(betas))
        assert (betas[0], betas[-1]) == (0.0, 1.0)


def test_without_a_swap_tried_nothing_is_known() -> None:
    assert adapt_ladder([0.0, 0.3, 1.0], [math.nan, 0.2]) == [0.0, 0.3, 1.0]


def test_a_ladder_too_coarse_is_said() -> None:
    with pytest.warns(LadderWarning, match=r"only 3.0% of the swaps between β = 0.5 and 1 are accepted"):
        warn_if_coarse([0.0, 0.5, 1.0], [0.4, 0.03])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_coarse([0.0, 0.5, 1.0], [0.4, 0.11])
        warn_if_coarse([0.0, 0.5, 1.0], [math.nan, math.nan])
        warn_if_coarse([0.0, 0.5, 1.0], [0.4, 0.03], lowest=0.02)


def test_ladders_that_make_no_sense_are_refused() -> None:
    with pytest.raises(OptionError, match=r"replicas = 1: must be at least 2"):
        ladder(1)
    for betas in ([1.0], [0.5, 0.9], [0.0, 0.7, 0.7, 1.0], [-0.1, 1.0], [0.0, math.nan, 1.0]):
        with pytest.raises(OptionError, match="must rise, from 0 or more to 1"):
            adapt_ladder(betas, [0.5] * (len(betas) - 1))
    with pytest.raises(OptionError, match="one for each pair of neighbours, 2"):
        adapt_ladder([0.0, 0.5, 1.0], [0.5])
