"""Circuits of threshold neurons: with a layer between, they compute every function of bits [1]_.

References
----------
.. [1] W. S. McCulloch, W. Pitts (1943). A logical calculus of the ideas immanent in nervous activity. Bulletin of
   Mathematical Biophysics 5.
.. [2] M. Minsky (1967). Computation: finite and infinite machines. Prentice-Hall. (Chapter 3)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from layerwise.errors import OptionError
from layerwise.units.bits import Bits, like, read_bits
from layerwise.units.threshold import ThresholdNeuron, and_gate, nand_gate, nor_gate, or_gate

__all__ = ["Circuit", "xnor_circuit", "xor_circuit"]


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

    Raises
    ------
    OptionError
        A name that is not known where it is read, or a gate that reads another number of values than it has weights.

    Examples
    --------
    >>> import numpy as np
    >>> circuit = xnor_circuit()
    >>> circuit(np.array([[0, 0], [0, 1]]))
    array([[1],
           [0]])
    >>> circuit.values(np.array([[0, 1]]))["nor"]
    array([0])
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
        if not self.outputs:
            raise OptionError("outputs", self.outputs, "must name a gate at least")
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
        values = self._values(read_bits(x, len(self.inputs)))
        return like(x, torch.stack([values[name] for name in self.outputs], dim=1))

    def values(self, x: Bits) -> dict[str, Bits]:
        """The value of every input and every gate by name, each of shape (batch,).

        Raises
        ------
        DataError
            Another number of columns, or a value that is neither 0 nor 1.
        """
        return {name: like(x, bits) for name, bits in self._values(read_bits(x, len(self.inputs))).items()}

    def _values(self, x: Tensor) -> dict[str, Tensor]:
        values = dict(zip(self.inputs, x.unbind(dim=1), strict=True))
        for name, (neuron, sources) in self.gates.items():
            values[name] = neuron(torch.stack([values[source] for source in sources], dim=1))
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
