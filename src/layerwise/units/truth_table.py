"""Truth tables: what a neuron or a circuit gives for every row of bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from layerwise.errors import OptionError
from layerwise.units.circuit import Circuit
from layerwise.units.threshold import ThresholdNeuron

__all__ = ["TruthTable", "truth_table"]

MOST_INPUTS = 16
"""Beyond this a truth table has more lines than anybody reads."""


@dataclass(frozen=True)
class TruthTable:
    """All rows of inputs, in counting order, and what is given for each; its ``str`` is the table to read."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rows: np.ndarray
    """(2ⁿ, inputs)"""
    values: np.ndarray
    """(2ⁿ, outputs)"""

    def __str__(self) -> str:
        def line(left: Sequence[object], right: Sequence[object]) -> str:
            cells = [f"{value!s:>{len(name)}}" for name, value in zip(self.inputs, left, strict=True)]
            given = [f"{value!s:>{len(name)}}" for name, value in zip(self.outputs, right, strict=True)]
            return " ".join([*cells, "|", *given])

        body = zip(self.rows.tolist(), self.values.tolist(), strict=True)
        return "\n".join([line(self.inputs, self.outputs), *(line(x, y) for x, y in body)])


def truth_table(of: ThresholdNeuron | Circuit) -> TruthTable:
    """What a neuron or a circuit gives for every row of bits.

    Raises
    ------
    OptionError
        There are more than 16 inputs.

    Examples
    --------
    >>> from layerwise.units.threshold import nand_gate
    >>> print(truth_table(nand_gate()))
    x1 x2 | y
     0  0 | 1
     0  1 | 1
     1  0 | 1
     1  1 | 0
    """
    if isinstance(of, Circuit):
        names, outputs = of.inputs, of.outputs
    else:
        names, outputs = tuple(f"x{i + 1}" for i in range(len(of.weights))), ("y",)
    count = len(names)
    if count > MOST_INPUTS:
        raise OptionError("of", f"{count} inputs", f"a truth table has at most {MOST_INPUTS}", "look at fewer inputs")
    rows = np.array(list(product((0, 1), repeat=count)))
    return TruthTable(names, outputs, rows, of(rows).reshape(len(rows), -1))
