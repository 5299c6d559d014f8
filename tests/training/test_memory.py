"""What does not fit into memory is said by the name of what is too large, and nothing else is taken for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from layerwise.errors import OptionError
from layerwise.training import memory
from layerwise.training.memory import check_parameters, enough_memory


@pytest.mark.parametrize(
    ("make", "size"), [(np.empty, 10**15), *((torch.zeros, size) for size in (10**15, 10**18, 10**19, 10**30))]
)
def test_whoever_cannot_get_the_memory_the_option_is_named(make: Any, size: int) -> None:
    with (
        pytest.raises(OptionError, match=rf"count = {size}: needs more memory than there is; give less"),
        enough_memory({"count": size}, "give less"),
    ):
        make((size, 64))


def test_several_options_are_named_together() -> None:
    with pytest.raises(OptionError, match=r"a, b = \[1, 2\]: needs"), enough_memory({"a": 1, "b": 2}, ""):
        raise MemoryError


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
    ],
)
def test_torch_says_it_in_words(problem: Exception) -> None:
    with pytest.raises(OptionError, match="needs more memory"), enough_memory({"a": 1}, ""):
        raise problem


@pytest.mark.parametrize(
    "problem", [RuntimeError("CUDA error: an illegal memory access"), TypeError("no number"), ValueError("no number")]
)
def test_other_problems_stay_what_they_are(problem: Exception) -> None:
    with pytest.raises(type(problem)) as raised, enough_memory({"a": 1}, ""):
        raise problem
    assert raised.value is problem


def test_parameters_are_counted_layer_by_layer_and_fit_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    count = (5 * 4 + 5 + 4) + (4 * 3 + 4 + 3)
    monkeypatch.setattr(memory, "physical_memory", lambda: memory.BYTES * count)
    check_parameters("hidden", [4, 3], 5)
    monkeypatch.setattr(memory, "physical_memory", lambda: memory.BYTES * count - 1)
    with pytest.raises(OptionError, match=r"hidden = \[4, 3\]: needs more memory than there is"):
        check_parameters("hidden", [4, 3], 5)
    monkeypatch.setattr(memory, "physical_memory", lambda: None)
    check_parameters("hidden", [10**30], 5)
