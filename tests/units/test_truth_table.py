"""A truth table has every row of bits and reads like one."""

from __future__ import annotations

import pytest

from layerwise.errors import OptionError
from layerwise.units.circuit import Circuit, xnor_circuit
from layerwise.units.threshold import ThresholdNeuron, and_gate, majority
from layerwise.units.truth_table import truth_table


def full_adder() -> Circuit:
    """The sum of three bits in binary: the carry is their majority."""
    gates = {
        "carry": (majority(3), ("a", "b", "c")),
        "sum": (ThresholdNeuron((1, 1, 1, -2), 1), ("a", "b", "c", "carry")),
    }
    return Circuit(("a", "b", "c"), gates, ("carry", "sum"))


def test_a_truth_table_reads_like_one() -> None:
    table = truth_table(full_adder())
    assert str(table).splitlines()[:3] == ["a b c | carry sum", "0 0 0 |     0   0", "0 0 1 |     0   1"]
    assert len(str(table).splitlines()) == 9
    assert table.values.tolist() == full_adder()(table.rows).tolist()


def test_what_no_neuron_tells_is_told_by_three() -> None:
    assert str(truth_table(xnor_circuit())).splitlines() == [
        "a b | xnor",
        "0 0 |    1",
        "0 1 |    0",
        "1 0 |    0",
        "1 1 |    1",
    ]


def test_a_table_that_nobody_reads_is_not_made() -> None:
    with pytest.raises(OptionError, match="a truth table has at most 16"):
        truth_table(and_gate(17))
