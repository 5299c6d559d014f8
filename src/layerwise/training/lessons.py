"""The rows that a course learns from, and those that it is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from layerwise.data.minibatches import MinibatchStream
from layerwise.errors import DataError
from layerwise.training.ranks import ALONE, Ranks
from layerwise.training.target_scale import TargetScale

__all__ = ["Lessons"]


@dataclass(frozen=True)
class Lessons:
    """The rows a course learns from.

    Parameters
    ----------
    rows : MinibatchStream
        All rows; labels are not looked at.
    labelled : MinibatchStream or None
        The labelled rows, for fine-tuning; or those that have a target, with it.
    classes : int
    sample : Tensor of shape (rows, columns)
        Some prepared training rows: visible units start from them, and measurements are taken on them.
    held_out : Tensor or None
        As many prepared rows that no layer learns from, for the free-energy gap.
    labelled_sample : (values, labels) or None
        Some labelled training rows, for measurements; where there are targets, with these in the labels' place.
    """

    rows: MinibatchStream
    labelled: MinibatchStream | None
    classes: int
    sample: Tensor
    held_out: Tensor | None = None
    labelled_sample: tuple[Tensor, Tensor] | None = None
    units: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the visible units are made from, as :func:`layerwise.units.kind_from` takes it."""
    held_out_labelled: tuple[Tensor, Tensor] | None = None
    """Labelled rows that nothing is learned from, for curves; or rows with targets."""
    target_scale: TargetScale | None = None
    """How targets were brought to mean 0 and standard deviation 1; None where rows have labels."""
    ranks: Ranks = ALONE
    """Who learns together; the minibatches are this one's."""

    def with_labels(self, model: str) -> MinibatchStream:
        """The labelled rows.

        Raises
        ------
        DataError
            There is none, and the model learns from nothing else.
        """
        if self.labelled is None:
            raise DataError("labels", None, f"{model} learns from labelled rows, and there are none")
        return self.labelled
