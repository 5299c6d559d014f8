"""Sums over the states of one side, held against sums and integrals of the energy over both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
import torch

from layerwise.energy import RBM, bernoulli_rbm, enumeration, exact_log_partition
from layerwise.energy.enumeration import CountedSide, Side, state_count, states_of
from layerwise.errors import OptionError
from layerwise.units import BernoulliUnits, CategoricalUnits, GaussianUnits, MixedUnits, SpinUnits, UnitKind

MakeRBM = Callable[..., RBM]

KINDS = sorted(UnitKind.kinds)
COUNTABLE = ("bernoulli", "categorical", "spin")
every_pair = pytest.mark.parametrize(("visible", "hidden"), [(v, h) for v in KINDS for h in KINDS])


@every_pair
def test_the_partition_function_is_the_sum_over_everything(
    visible: str, hidden: str, machine: MakeRBM, table: Callable[[RBM], Any]
) -> None:
    rbm = machine(visible, hidden)
    if visible in COUNTABLE or hidden in COUNTABLE:
        assert exact_log_partition(rbm) == pytest.approx(table(rbm).log_partition, abs=1e-8)
    else:
        with pytest.raises(OptionError, match="to be summed over"):
            exact_log_partition(rbm)


@pytest.mark.parametrize("kind", COUNTABLE)
def test_either_side_may_be_counted(kind: str, machine: MakeRBM) -> None:
    rbm = machine(kind, "spin")
    sides: tuple[Side, ...] = ("visible", "hidden")
    one, other = (
        torch.cat([block.log_weight for block in CountedSide.of(rbm, side, 100).blocks()]).logsumexp(0)
        for side in sides
    )
    assert torch.isclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("block", [1, 7, 40, 100_000])
@pytest.mark.parametrize("kind", COUNTABLE)
def test_blocks_are_all_states_in_order_however_large_they_are(kind: str, block: int, machine: MakeRBM) -> None:
    rbm = machine(kind, "gaussian")
    with mock.patch.object(enumeration, "BLOCK", block):
        blocks = list(CountedSide.smaller(rbm, 1000).blocks())
    states = torch.cat([some.states for some in blocks])
    assert torch.equal(states, states_of(rbm.visible).double())
    field = torch.cat([some.field for some in blocks])
    assert torch.allclose(field, rbm.field_of_hidden(states), rtol=1e-12, atol=1e-12)
    log_weight = torch.cat([some.log_weight for some in blocks])
    assert torch.allclose(log_weight, -rbm.free_energy(states), rtol=1e-12)
    assert max(some.field.numel() for some in blocks) <= max(block, rbm.hidden.size)


@pytest.mark.parametrize(
    "units",
    [BernoulliUnits(3), SpinUnits(2), CategoricalUnits((2, 1, 3)), MixedUnits([SpinUnits(1), CategoricalUnits((3,))])],
)
def test_every_state_is_there_once_and_is_one_of_the_units(units: UnitKind) -> None:
    states = states_of(units)
    assert len(states) == state_count(units) == len(states.unique(dim=0))
    assert bool(units.accepts(states).all())
    numbers = torch.tensor([len(states) - 1, 0, 2])
    assert torch.equal(states_of(units, numbers), states[numbers])


def test_a_kind_that_cannot_be_counted_has_no_states() -> None:
    assert state_count(GaussianUnits(2)) == float("inf")
    with pytest.raises(OptionError, match="units = 'gaussian': must be of a kind whose states can be counted"):
        states_of(GaussianUnits(2))


def test_single_precision_loses_nothing(make_rbm: MakeRBM) -> None:
    rbm = make_rbm(sizes=(60, 8), scale=3.0)
    once = exact_log_partition(rbm)
    assert rbm.weights.dtype == torch.float32  # the machine is left as it was
    assert exact_log_partition(rbm.double()) == once


@pytest.mark.parametrize("sizes", [(784, 500), (5000, 4000)])
def test_a_machine_too_large_is_refused_with_what_to_do(sizes: tuple[int, int]) -> None:
    with pytest.raises(OptionError) as caught:
        exact_log_partition(bernoulli_rbm(*sizes))
    assert f"{sizes[0]} bernoulli × {sizes[1]} bernoulli" in str(caught.value)
    assert "16,777,216 joint states" in str(caught.value)
    assert "method='ais'" in str(caught.value)
    with pytest.raises(OptionError, match="at most 255 joint states"):
        exact_log_partition(bernoulli_rbm(9, 8), largest=255)
    assert exact_log_partition(bernoulli_rbm(9, 8), largest=256) > 0
