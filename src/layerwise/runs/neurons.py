"""Whether a perceptron's classes can be separated at all: a hyperplane, or the proof that there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.networks import Network
from layerwise.runs.division import prepared_sample
from layerwise.runs.measured import NeuronFinding
from layerwise.training.separating_plane import Plane, relative_margin
from layerwise.training.separation import separability

__all__ = ["neuron_findings"]

MOST_COLUMNS, MOST_ENTRIES = 100, 200_000
"""Up to here a linear program decides on a class in about a second."""


def neuron_findings(
    network: Network, mistakes: Sequence[int], rows: Rows, preparation: Preparation
) -> tuple[NeuronFinding, ...]:
    """What each neuron came to, and whether its class can be separated from the others.

    A neuron without a mistake has shown it itself; of the others a linear program decides where rows and columns are
    few enough.

    Parameters
    ----------
    network : Network
        Of one layer, a score a class.
    mistakes : sequence of int
        Of each neuron, in all epochs; of two classes there is one neuron, that of the second.
    rows : Rows
        That were learned from, with a label each.
    preparation : Preparation
    """
    assert rows.labels is not None
    dense = network.layers[0].dense
    assert dense is not None
    assert dense.bias is not None
    values: npt.NDArray[np.float32] = prepared_sample(rows, preparation).numpy()
    weights, intercepts = dense.weight.detach().double().cpu().numpy(), dense.bias.detach().double().cpu().numpy()
    classes = [1] if len(rows.classes) == 2 else range(len(rows.classes))
    found: list[NeuronFinding] = []
    for code, count in zip(classes, mistakes, strict=True):
        signs = np.where(rows.labels == code, 1.0, -1.0)
        right = (values @ weights[code] + intercepts[code] > 0) == (signs > 0)
        counts = rows.classes[code], int(count), int(np.count_nonzero(~right))
        found.append(_decided(counts, values, signs, Plane(weights[code], float(intercepts[code]))))
    return tuple(found)


def _decided(
    counts: tuple[str, int, int], values: npt.NDArray[np.float32], signs: npt.NDArray[np.float64], plane: Plane
) -> NeuronFinding:
    if abs(signs.sum()) == len(signs):  # no row of the class has a label, or every one is of it
        return NeuronFinding(*counts)
    if values.shape[1] <= MOST_COLUMNS and values.size <= MOST_ENTRIES:
        proof = separability(values, signs > 0)
        decided = True if proof.separable else False if proof.exact else None
        return NeuronFinding(*counts, decided, proof.margin, proof.mistake_bound, proof.exact)
    margin = relative_margin(values.astype(np.float64), signs, plane, None)
    return NeuronFinding(*counts, True, margin) if margin > 0 else NeuronFinding(*counts, None, math.nan)
