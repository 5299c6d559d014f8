"""The gradient of a minibatch from its two phases, in the form that the movement wants it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from layerwise import kernels
from layerwise.energy.rbm import RBM
from layerwise.training.centring import Offsets, centre_biases
from layerwise.training.phases import Phase

__all__ = ["Gradient", "gradient_of"]


@dataclass(slots=True)
class Gradient:
    """A gradient whose part for the couplings is not summed up yet."""

    of_units: dict[str, Tensor]
    """Of every parameter but the couplings, by name."""
    phases: tuple[kernels.Phase, kernels.Phase]
    """Data and model: the mean of the outer products of each is its correlation."""
    couple: tuple[Tensor, Tensor] | None
    """Two vectors whose outer product is to be taken from the difference of the correlations."""


def gradient_of(
    rbm: RBM, data: Phase, model: Phase, signal: Tensor | None = None, offsets: Offsets | None = None
) -> Gradient:
    """Difference of two phases.

    Parameters
    ----------
    rbm : RBM
    data, model : Phase
    signal : Tensor of shape (batch, hidden), optional
        What a penalty sends back to the fields of the data's hidden units.
    offsets : Offsets, optional
        Gives the centred gradient.
    """
    of_units: dict[str, Tensor] = {}
    visible = [rbm.visible.statistics(phase.values) for phase in (data, model)]
    hidden = [rbm.hidden.expected_statistics(phase.field, phase.hidden) for phase in (data, model)]
    if signal is not None:
        hidden[0]["bias"] = hidden[0]["bias"] + signal
    right = [of_phase["bias"] for of_phase in hidden]
    _differences(of_units, "visible", visible, data, model)
    _differences(of_units, "hidden", hidden, data, model)
    couple = None
    if offsets is not None:
        right = [of_phase - offsets.hidden for of_phase in right]
    right = [data.weighted(right[0]), model.weighted(right[1])]
    if offsets is not None:
        couple = centre_biases(of_units, offsets, (data.values, right[0]), (model.values, right[1]))
    return Gradient(of_units, ((data.listed, right[0]), (model.listed, right[1])), couple)


def _differences(
    of_units: dict[str, Tensor], side: str, statistics: Sequence[dict[str, Tensor]], data: Phase, model: Phase
) -> None:
    of_data, of_model = statistics
    for name, values in of_data.items():
        difference = kernels.mean_difference(data.weighted(values), model.weighted(of_model[name]))
        of_units[f"{side}.{name}"] = difference
