r"""The neuron of McCulloch and Pitts: it counts, compares with a threshold, fires or does not, and learns nothing.

.. math:: y = \begin{cases} 1 & \text{if } \sum_i w_i x_i \ge \theta \\ 0 & \text{else} \end{cases}

Inputs and outputs are bits. In the paper of 1943 inhibition is *absolute*: one active inhibitory input, here one with a
negative weight, forbids the neuron to fire whatever the others say. With *subtractive* inhibition its weight is added
like all others; every later model neuron does that. The weights are given by whoever builds the circuit; that they
could be learned is Rosenblatt's idea.

References
----------
.. [1] W. S. McCulloch, W. Pitts (1943). A logical calculus of the ideas immanent in nervous activity. Bulletin of
   Mathematical Biophysics 5.
.. [2] M. Minsky (1967). Computation: finite and infinite machines. Prentice-Hall. (Chapter 3: circuits of them.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from layerwise.errors import DataError, OptionError

__all__ = [
    "Circuit",
    "ThresholdNeuron",
    "TruthTable",
    "and_gate",
    "at_least",
    "majority",
    "nand_gate",
    "nor_gate",
    "not_gate",
    "or_gate",
    "truth_table",
    "xnor_circuit",
    "xor_circuit",
]

Bits = TypeVar("Bits", np.ndarray, Tensor)
MOST_INPUTS = 16
"""Beyond this a truth table has more lines than anybody reads."""


@dataclass(frozen=True)
class ThresholdNeuron:
    """Fires if its weighted inputs reach its threshold.

    Parameters
    ----------
    weights : sequence of float
        One an input; negative ones inhibit.
    threshold : float
    inhibition : {"subtractive", "absolute"}
        Whether an active input with a negative weight is added up like the others, or forbids to fire.

    Examples
    --------
    >>> import numpy as np
    >>> neuron = ThresholdNeuron((1, 1, -1), threshold=1, inhibition="absolute")
    >>> neuron(np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]]))
    array([1, 1, 0])
    """

    weights: tuple[float | int, ...]
    threshold: float | int
    inhibition: str = "subtractive"

    def __post_init__(self) -> None:
        if not len(self.weights):
            raise OptionError("weights", self.weights, "must hold one number an input, for one input at least")
        if self.inhibition not in ("subtractive", "absolute"):
            raise OptionError("inhibition", self.inhibition, "must be 'subtractive' or 'absolute'")
        object.__setattr__(self, "weights", tuple(float(weight) for weight in self.weights))

    def __call__(self, x: Bits) -> Bits:
        """Whether it fires, row by row.

        Parameters
        ----------
        x : array or Tensor of shape (batch, inputs)
            Zeros and ones.

        Returns
        -------
        array or Tensor of shape (batch,)
            Zeros and ones of the same type.

        Raises
        ------
        DataError
            Another number of columns, or a value that is neither 0 nor 1.
        """
        return _like(x, self._fires(_bits(x, len(self.weights))))

    def _fires(self, x: Tensor) -> Tensor:
        weights = torch.tensor(self.weights, dtype=torch.float64, device=x.device)
        if self.inhibition == "subtractive":
            return x @ weights >= self.threshold
        vetoed = (x[:, weights < 0] > 0).any(dim=1)
        return (x @ weights.clamp_min(0) >= self.threshold) & ~vetoed


def at_least(count: int, inputs: int) -> ThresholdNeuron:
    """Fires if so many of its inputs do.

    Parameters
    ----------
    count : int
        From 0, where it always fires, to ``inputs``.
    inputs : int

    Raises
    ------
    OptionError
    """
    if not 0 <= count <= inputs:
        raise OptionError("count", count, f"must be from 0 to the number of inputs, {inputs}")
    return ThresholdNeuron((1.0,) * inputs, float(count))


def and_gate(inputs: int = 2) -> ThresholdNeuron:
    """Fires if all of its inputs do."""
    return at_least(inputs, inputs)


def or_gate(inputs: int = 2) -> ThresholdNeuron:
    """Fires if one of its inputs does."""
    return at_least(1, inputs)


def majority(inputs: int = 3) -> ThresholdNeuron:
    """Fires if more than half of its inputs do."""
    return at_least(inputs // 2 + 1, inputs)


def not_gate() -> ThresholdNeuron:
    """Fires unless its input does: a threshold of 0 and one absolute inhibition."""
    return nor_gate(1)


def nor_gate(inputs: int = 2) -> ThresholdNeuron:
    """Fires if none of its inputs does: a threshold of 0 and nothing but absolute inhibition."""
    return ThresholdNeuron((-1.0,) * inputs, 0.0, "absolute")


def nand_gate(inputs: int = 2) -> ThresholdNeuron:
    """Fires unless all of its inputs do; inhibition must be subtractive for that, as one veto would be enough."""
    return ThresholdNeuron((-1.0,) * inputs, 1.0 - inputs)


@dataclass(frozen=True)
class Circuit:
    """Neurons that read inputs and each other, without loops.

    Parameters
    ----------
    inputs : sequence of str
        A name for each column.
    gates : mapping of str to (ThresholdNeuron, sequence of str)
        Each gate's name, its neuron and what that reads: inputs or gates further up in this mapping.
    outputs : sequence of str
        Gates whose values the circuit gives.

    Examples
    --------
    >>> print(truth_table(xnor_circuit()))
    a b | xnor
    0 0 |    1
    0 1 |    0
    1 0 |    0
    1 1 |    1
    """

    inputs: tuple[str, ...]
    gates: Mapping[str, tuple[ThresholdNeuron, Sequence[str]]]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.inputs)) < len(self.inputs) or not self.inputs:
            raise OptionError("inputs", self.inputs, "must be one name an input, each of them once")
        known = set(self.inputs)
        for name, (neuron, sources) in self.gates.items():
            if name in self.inputs:
                raise OptionError("gates", name, "is the name of an input, too", "give the gate another name")
            for source in sources:
                if source not in known:
                    rule = f"gate {name!r} may read inputs and gates before it only: {', '.join(sorted(known))}"
                    raise OptionError("gates", source, rule)
            if len(sources) != len(neuron.weights):
                rule = f"gate {name!r} has {len(neuron.weights)} weights and must read as many values"
                raise OptionError("gates", tuple(sources), rule)
            known.add(name)
        for name in self.outputs:
            if name not in self.gates:
                raise OptionError("outputs", name, f"must be one of the gates: {', '.join(self.gates)}")

    def __call__(self, x: Bits) -> Bits:
        """The outputs, row by row.

        Parameters
        ----------
        x : array or Tensor of shape (batch, inputs)
            Zeros and ones.

        Returns
        -------
        array or Tensor of shape (batch, outputs)

        Raises
        ------
        DataError
            Another number of columns, or a value that is neither 0 nor 1.
        """
        values = self._values(_bits(x, len(self.inputs)))
        return _like(x, torch.stack([values[name] for name in self.outputs], dim=1))

    def values(self, x: Bits) -> dict[str, Bits]:
        """The value of every input and every gate by name, each of shape (batch,).

        Raises
        ------
        DataError
            Another number of columns, or a value that is neither 0 nor 1.
        """
        return {name: _like(x, bits) for name, bits in self._values(_bits(x, len(self.inputs))).items()}

    def _values(self, x: Tensor) -> dict[str, Tensor]:
        values = dict(zip(self.inputs, x.unbind(dim=1), strict=True))
        for name, (neuron, sources) in self.gates.items():
            read = torch.stack([values[source] for source in sources], dim=1)
            values[name] = neuron._fires(read).to(x.dtype)  # pyright: ignore[reportPrivateUsage]
        return values


def xor_circuit() -> Circuit:
    """One of two, but not both, which no single neuron tells: (a or b) and not (a and b)."""
    gates = {
        "or": (or_gate(), ("a", "b")),
        "nand": (nand_gate(), ("a", "b")),
        "xor": (and_gate(), ("or", "nand")),
    }
    return Circuit(("a", "b"), gates, ("xor",))


def xnor_circuit() -> Circuit:
    """Both or none of two, which no single neuron tells: (a and b) or (neither a nor b)."""
    gates = {
        "and": (and_gate(), ("a", "b")),
        "nor": (nor_gate(), ("a", "b")),
        "xnor": (or_gate(), ("and", "nor")),
    }
    return Circuit(("a", "b"), gates, ("xnor",))


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


def _bits(x: np.ndarray | Tensor, inputs: int) -> Tensor:
    bits = torch.as_tensor(x).to(torch.float64)
    if bits.ndim != 2 or bits.shape[1] != inputs:
        rule = f"must be rows of {inputs} bits, of shape (batch, {inputs})"
        raise DataError("x", tuple(bits.shape), rule, "give one column an input")
    strange = bits[(bits != 0) & (bits != 1)]
    if len(strange):
        raise DataError("x", strange[0].item(), "every value must be 0 or 1", "compare with a threshold first")
    return bits


def _like(x: Bits, bits: Tensor) -> Bits:
    if isinstance(x, np.ndarray):
        return cast(Bits, bits.cpu().numpy().astype(x.dtype))
    return bits.to(x.dtype)
