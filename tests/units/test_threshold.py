"""Gates hold for every row of bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest
import torch
from jaxtyping import config

from layerwise.errors import OptionError
from layerwise.units.activations import step
from layerwise.units.threshold import (
    ThresholdNeuron,
    and_gate,
    at_least,
    majority,
    nand_gate,
    nor_gate,
    not_gate,
    or_gate,
)

SIZES = range(1, 6)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """As a user has it: the types of arguments are looked at in tests alone."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


GATES: dict[str, tuple[Callable[[int], ThresholdNeuron], Callable[[tuple[int, ...]], bool]]] = {
    "and": (and_gate, all),
    "or": (or_gate, any),
    "nand": (nand_gate, lambda bits: not all(bits)),
    "nor": (nor_gate, lambda bits: not any(bits)),
    "majority": (majority, lambda bits: sum(bits) > len(bits) / 2),
    "at least 1": (lambda inputs: at_least(1, inputs), lambda bits: sum(bits) >= 1),
}


def all_bits(inputs: int) -> list[tuple[int, ...]]:
    return list(product((0, 1), repeat=inputs))


@pytest.mark.parametrize("inputs", SIZES)
@pytest.mark.parametrize("name", GATES)
def test_a_gate_says_what_its_name_says(name: str, inputs: int) -> None:
    make, meaning = GATES[name]
    x = all_bits(inputs)
    assert make(inputs)(np.array(x)).tolist() == [meaning(bits) for bits in x]


@pytest.mark.parametrize("inputs", SIZES)
def test_at_least_counts(inputs: int) -> None:
    x = all_bits(inputs)
    for count in range(inputs + 1):
        assert at_least(count, inputs)(np.array(x)).tolist() == [sum(bits) >= count for bits in x]


def test_not_turns_a_bit() -> None:
    assert not_gate()(np.array([[0], [1]])).tolist() == [1, 0]


def test_subtractive_inhibition_is_a_weighted_sum_before_a_step() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.tensor(all_bits(4), dtype=torch.float64)
    for _ in range(50):
        weights = torch.randint(-3, 4, (4,), generator=generator)
        threshold = int(torch.randint(-4, 5, (), generator=generator))
        neuron = ThresholdNeuron(tuple(weights.tolist()), threshold)
        assert torch.equal(neuron(x), step().value(x @ weights.double() - threshold))


def test_absolute_inhibition_is_subtractive_with_an_overwhelming_weight() -> None:
    x = np.array(all_bits(4))
    for weights in product((-1, 1, 2), repeat=4):
        for threshold in range(5):
            vetoing = ThresholdNeuron(weights, threshold, "absolute")
            overwhelming = tuple(-100 if weight < 0 else weight for weight in weights)
            # With a threshold of 0 an excited neuron needs no excitation; a negative sum stays below it.
            assert np.array_equal(vetoing(x), ThresholdNeuron(overwhelming, threshold)(x))


def test_no_absolute_inhibition_makes_nand_of_a_single_neuron() -> None:
    x = np.array(all_bits(2))
    wanted = nand_gate()(x)
    for first, second in product(range(-2, 3), repeat=2):
        for threshold in range(-5, 6):
            assert not np.array_equal(ThresholdNeuron((first, second), threshold, "absolute")(x), wanted)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: at_least(3, 2), "count = 3: must be a whole number from 0 to the number of inputs, 2"),
        (lambda: at_least(1.5, 3), "count = 1.5: must be a whole number"),
        (lambda: majority(0), "inputs = 0"),
        (lambda: majority(2.5), "inputs = 2.5: must be a whole number"),
        (lambda: nor_gate(0), "inputs = 0"),
        (lambda: nand_gate("2"), "inputs = '2'"),
        (lambda: ThresholdNeuron((1.0,), "x"), "threshold = 'x': must be a number"),
        (lambda: ThresholdNeuron((), 0), r"weights = \(\)"),
        (lambda: ThresholdNeuron((1.0, math.nan), 0), "must hold one finite number an input"),
        (lambda: ThresholdNeuron((1.0,), math.nan), "threshold = nan"),
        (lambda: ThresholdNeuron((1,), 0, "divisive"), "inhibition = 'divisive'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_neuron_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        make()


@pytest.mark.usefixtures("unchecked")
def test_rows_in_a_list_give_an_array() -> None:
    fires = and_gate()([[0, 1], [1, 1]])
    assert isinstance(fires, np.ndarray)
    assert fires.tolist() == [0, 1]
