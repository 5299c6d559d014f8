"""Circuits hold for every row of bits, and are checked before they are asked."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch

from layerwise.errors import OptionError
from layerwise.units.circuit import Circuit, xnor_circuit, xor_circuit
from layerwise.units.threshold import ThresholdNeuron, and_gate, majority, not_gate


def all_bits(inputs: int) -> list[tuple[int, ...]]:
    return list(product((0, 1), repeat=inputs))


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


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Circuit(("a", "a"), {}, ()), "inputs"),
        (lambda: Circuit(("a",), {"a": (not_gate(), ("a",))}, ("a",)), "name of an input"),
        (lambda: Circuit(("a",), {"b": (not_gate(), ("c",)), "c": (not_gate(), ("b",))}, ("b",)), "before it"),
        (lambda: Circuit(("a",), {"b": (and_gate(), ("a",))}, ("b",)), "2 weights"),
        (lambda: Circuit(("a",), {"b": (not_gate(), ("a",))}, ("a",)), "one of the gates"),
        (lambda: Circuit(("a",), {"b": (not_gate(), ("a",))}, ()), "must name a gate"),
    ],
)
def test_what_is_no_circuit_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        make()
