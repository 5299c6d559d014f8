"""Gates and circuits hold for every row of bits."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from layerwise.errors import DataError, OptionError
from layerwise.units.activations import step
from layerwise.units.threshold import (
    Circuit,
    ThresholdNeuron,
    and_gate,
    at_least,
    majority,
    nand_gate,
    nor_gate,
    not_gate,
    or_gate,
    truth_table,
    xnor_circuit,
    xor_circuit,
)

SIZES = range(1, 6)
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


@pytest.mark.parametrize(("make", "meaning"), [(xor_circuit, lambda a, b: a != b), (xnor_circuit, lambda a, b: a == b)])
def test_two_layers_tell_what_no_neuron_tells(make: Callable[[], Circuit], meaning: Callable[[int, int], bool]) -> None:
    x = all_bits(2)
    assert make()(np.array(x)).tolist() == [[meaning(*bits)] for bits in x]


def full_adder() -> Circuit:
    """The sum of three bits in binary: the carry is their majority."""
    gates = {
        "carry": (majority(3), ("a", "b", "c")),
        "sum": (ThresholdNeuron((1, 1, 1, -2), 1), ("a", "b", "c", "carry")),
    }
    return Circuit(("a", "b", "c"), gates, ("carry", "sum"))


def test_a_circuit_adds_three_bits() -> None:
    x = np.array(all_bits(3))
    assert (full_adder()(x) @ [2, 1]).tolist() == x.sum(1).tolist()


def test_every_value_of_a_circuit_is_there_by_name() -> None:
    x = torch.tensor(all_bits(2))
    values = xnor_circuit().values(x)
    assert list(values) == ["a", "b", "and", "nor", "xnor"]
    assert values["a"].tolist() == x[:, 0].tolist()
    assert values["and"].tolist() == [0, 0, 0, 1]
    assert values["xnor"].tolist() == xnor_circuit()(x)[:, 0].tolist()


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, np.float32])
def test_bits_come_back_as_they_went_in(dtype: type[np.generic]) -> None:
    x = np.array(all_bits(2)).astype(dtype)
    assert or_gate()(x).dtype == dtype
    assert xor_circuit()(x).dtype == dtype


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float32])
def test_tensors_come_back_as_tensors(dtype: torch.dtype) -> None:
    x = torch.tensor(all_bits(2)).to(dtype)
    assert isinstance(or_gate()(x), Tensor)
    assert xor_circuit()(x).dtype == or_gate()(x).dtype == dtype


def test_a_truth_table_reads_like_one() -> None:
    table = truth_table(full_adder())
    assert str(table).splitlines()[:3] == ["a b c | carry sum", "0 0 0 |     0   0", "0 0 1 |     0   1"]
    assert len(str(table).splitlines()) == 9
    assert table.values.tolist() == full_adder()(table.rows).tolist()


@pytest.mark.parametrize(
    ("x", "said"),
    [(np.zeros((2, 3)), "rows of 2 bits"), (np.zeros(2), "rows of 2 bits"), (np.full((1, 2), 0.5), "0 or 1")],
)
def test_what_is_no_row_of_bits_is_refused(x: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said):
        and_gate()(x)
    with pytest.raises(DataError, match=said):
        xor_circuit()(x)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: at_least(3, 2), "count"),
        (lambda: ThresholdNeuron((), 0), "weights"),
        (lambda: ThresholdNeuron((1,), 0, "divisive"), "inhibition"),
        (lambda: Circuit(("a", "a"), {}, ()), "inputs"),
        (lambda: Circuit(("a",), {"a": (not_gate(), ("a",))}, ("a",)), "name of an input"),
        (lambda: Circuit(("a",), {"b": (not_gate(), ("c",)), "c": (not_gate(), ("b",))}, ("b",)), "before it"),
        (lambda: Circuit(("a",), {"b": (and_gate(), ("a",))}, ("b",)), "2 weights"),
        (lambda: Circuit(("a",), {"b": (not_gate(), ("a",))}, ("a",)), "one of the gates"),
        (lambda: truth_table(and_gate(17)), "16"),
    ],
)
def test_what_is_no_gate_or_circuit_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        make()
