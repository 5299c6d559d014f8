"""The data's part of every gradient that a classification RBM learns by: free energies, each class with a weight."""

from __future__ import annotations

import torch
from torch import Tensor

from layerwise import kernels
from layerwise.energy.class_rbm import FieldsByClass, fields_by_class
from layerwise.energy.rbm import RBM
from layerwise.shapes import ClassBatch, PerRow, UnitBatch

__all__ = ["free_energy_gradient", "gradient_of_fields"]


def free_energy_gradient(rbm: RBM, x: UnitBatch, weights: ClassBatch) -> dict[str, Tensor]:
    """``Σ_rows Σ_k weight · ∂(-F(x, k)) / ∂parameter``, for every parameter by name, in closed form.

    Parameters
    ----------
    rbm : RBM
        With label units.
    x : Tensor of shape (batch, features)
    weights : Tensor of shape (batch, classes)
        Of each class in each row.
    """
    fields = fields_by_class(rbm, kernels.compress(x))
    return gradient_of_fields(rbm, x, fields, weights, weights.sum(1))


def gradient_of_fields(
    rbm: RBM, x: UnitBatch, fields: FieldsByClass, weights: ClassBatch, of_rows: PerRow
) -> dict[str, Tensor]:
    """The same of fields that are at hand.

    Parameters
    ----------
    rbm : RBM
    x : Tensor of shape (batch, features)
    fields : Tensor of shape (batch, classes, hidden)
        Of :func:`~layerwise.energy.class_rbm.fields_by_class`.
    weights : Tensor of shape (batch, classes)
    of_rows : Tensor of shape (batch,)
        The weights summed over the classes: where they cancel a caller knows that it is 0, and a sum does not.
    """
    rows, classes, hidden = fields.shape
    flat = fields.reshape(rows * classes, hidden)
    mean = rbm.hidden.mean(flat)
    by_class = mean.reshape(rows, classes, hidden)
    of_row = torch.bmm(weights[:, None, :], by_class)[:, 0]
    of_label = torch.bmm(weights.T[:, None, :], by_class.transpose(0, 1))[:, 0]
    gradient = {"weights": torch.cat([x.T @ of_row, of_label])}
    for name, values in rbm.hidden.expected_statistics(flat, mean).items():
        gradient[f"hidden.{name}"] = weights.reshape(-1) @ values
    # A visible unit's statistics depend on its own value alone: a feature's are the same for all classes.
    for name, values in rbm.visible.statistics(torch.cat([x, x.new_zeros(rows, classes)], dim=1)).items():
        gradient[f"visible.{name}"] = of_rows @ values
    gradient["visible.bias"][-classes:] = weights.sum(0)
    return gradient
