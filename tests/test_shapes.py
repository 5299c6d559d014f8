"""Annotations are checked at run time under pytest, and their axes bind across the arguments of one call."""

from __future__ import annotations

import pytest
import torch
from beartype import beartype
from jaxtyping import TypeCheckError, jaxtyped

from layerwise.errors import OptionError
from layerwise.shapes import Couplings, HiddenBatch, HiddenVector, VisibleBatch


@jaxtyped(typechecker=beartype)
def field(v: VisibleBatch, weights: Couplings, bias: HiddenVector) -> HiddenBatch:
    return v @ weights + bias


def test_axes_that_fit_pass() -> None:
    assert field(torch.zeros(2, 3), torch.zeros(3, 4), torch.zeros(4)).shape == (2, 4)


@pytest.mark.parametrize(
    ("weights", "bias"),
    [((4, 4), (4,)), ((3, 4), (3,)), ((3, 4), (1, 4))],
    ids=["visible differs", "hidden differs", "a vector with two axes"],
)
def test_axes_that_do_not_fit_are_caught(weights: tuple[int, ...], bias: tuple[int, ...]) -> None:
    with pytest.raises(TypeCheckError):
        field(torch.zeros(2, 3), torch.zeros(weights), torch.zeros(bias))


def test_the_hook_checks_the_library_itself() -> None:
    with pytest.raises(TypeCheckError):
        OptionError(what=3, received=3, rule="must be text")  # type: ignore[arg-type]
