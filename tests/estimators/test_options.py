"""The rules of constructor parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from layerwise.errors import OptionError
from layerwise.estimators.options import choice, layer_sizes, number, verbosity, whole_number


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_every_type(value: Any) -> None:
    assert whole_number("n", value, least=3) == 3
    assert type(whole_number("n", value, least=3)) is int


@pytest.mark.parametrize("value", [2, 3.0, True, "3", None, np.nan, [3], np.array([3, 4])])
def test_anything_else_is_refused_by_name(value: Any) -> None:
    with pytest.raises(OptionError, match=r"n = .*: must be a whole number of at least 3; give 7"):
        whole_number("n", value, least=3, remedy="give 7")


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1)])
def test_numbers_of_every_type(value: Any) -> None:
    assert number("x", value, above=0.0, remedy="") == float(value)
    assert type(number("x", value, above=0.0, remedy="")) is float


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, -np.inf, 1e38, True, "1", None, 1j, np.array([1.0, 2.0])])
def test_numbers_outside_the_bounds_are_refused_by_name(value: Any) -> None:
    with pytest.raises(OptionError, match=r"x = .*: must be a number greater than 0 and less than 1e\+38; try 1"):
        number("x", value, above=0.0, remedy="try 1")


def test_bounds_that_belong_to_the_interval() -> None:
    assert number("x", 0, least=0.0, below=1.0, remedy="") == 0
    with pytest.raises(OptionError, match="x = 1: must be a number at least 0 and less than 1; try 0"):
        number("x", 1, least=0.0, below=1.0, remedy="try 0")


def test_a_choice_is_one_of_its_words() -> None:
    assert choice("kind", "b", "a", "b") == "b"
    for value in ("c", None, 1, ["a"]):
        with pytest.raises(OptionError, match=r"kind = .*: must be 'a' or 'b'; try 'a'"):
            choice("kind", value, "a", "b")


@pytest.mark.parametrize("value", [(3, 4), [3, 4], np.array([3, 4]), (np.int64(3), 4)])
def test_layer_sizes_of_every_type(value: Any) -> None:
    assert layer_sizes("hidden", value) == (3, 4)


@pytest.mark.parametrize("value", [(), [], 5, None, "34", np.array(5), np.zeros((0,)), {"a": 1}])
def test_layers_must_be_listed(value: Any) -> None:
    with pytest.raises(OptionError, match=r"hidden = .*: must be a sequence of at least one layer's size; give .*256"):
        layer_sizes("hidden", value)


@pytest.mark.parametrize("value", [(0,), (3, -1), (3.5,), (True,), (None,), ("3",), np.array([[1, 2]])])
def test_every_layer_has_a_unit(value: Any) -> None:
    with pytest.raises(OptionError, match=r"hidden = .*: every layer must have a whole number of units, at least 1"):
        layer_sizes("hidden", value)


def test_verbosity_is_a_number_or_a_boolean() -> None:
    assert [verbosity("verbose", value) for value in (0, 2, True, False)] == [0, 2, 1, 0]
    for value in (-1, "yes", 0.5):
        with pytest.raises(OptionError, match=r"verbose = .*: must be a whole .* at least 0; 0 prints nothing"):
            verbosity("verbose", value)
