"""Errors: one line, four things, caught by the root of the tree and by what Python calls the same mistake."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerwise import errors
from layerwise.errors import (
    DataError,
    DivergenceError,
    InputError,
    Interrupted,
    LayerwiseError,
    OptionError,
    RunError,
    StorageError,
)

MISTAKES = (OptionError, DataError, RunError)


@pytest.mark.parametrize("name", errors.__all__)
def test_the_root_catches_everything(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, LayerwiseError)
    assert errors.__doc__ is not None
    assert name in errors.__doc__


def test_every_error_is_in_the_tree_that_is_drawn() -> None:
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds == set(errors.__all__)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        *((mistake, ValueError) for mistake in MISTAKES),
        (DivergenceError, ArithmeticError),
        (StorageError, OSError),
    ],
)
def test_each_is_what_python_calls_the_same_mistake(kind: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_names_what_was_received_and_what_is_accepted(mistake: type[InputError]) -> None:
    problem = mistake("--hidden", -5, "must be at least 1", "give a size such as 500")
    assert str(problem) == "--hidden = -5: must be at least 1; give a size such as 500"
    assert (problem.what, problem.received, problem.rule, problem.remedy) == (
        "--hidden", -5, "must be at least 1", "give a size such as 500",
    )  # fmt: skip


def test_a_mistake_without_a_remedy_ends_with_the_rule() -> None:
    assert str(DataError("y", 3, "must be a label")) == "y = 3: must be a label"


def test_a_path_is_shown_as_it_is_typed() -> None:
    assert str(RunError("RUN", Path("runs/first"), "does not exist")) == "RUN = runs/first: does not exist"


@given(st.one_of(st.text(), st.lists(st.integers()), st.binary(), st.floats(), st.none()))
def test_whatever_was_received_the_message_is_one_short_line(received: object) -> None:
    message = str(OptionError("what", received, "rule"))
    assert "\n" not in message
    assert len(message) <= len("what = : rule") + 80


def test_a_long_value_is_cut_and_says_so() -> None:
    assert str(OptionError("X", np.zeros((30, 30)), "must be finite")).count("…") == 1


def test_an_interruption_says_where_to_go_on() -> None:
    assert str(Interrupted(Path("run/checkpoint/000003.safetensors"))) == (
        "interrupted; resume from run/checkpoint/000003.safetensors"
    )
    assert str(Interrupted(None)) == "interrupted"


@pytest.mark.parametrize(
    "problem",
    [OptionError("what", 3, "rule", "remedy"), Interrupted(Path("here")), DivergenceError("x"), StorageError("full")],
    ids=lambda problem: type(problem).__name__,
)
def test_an_error_comes_back_whole_from_another_process(problem: Exception) -> None:
    # scikit-learn's parallel searches send them between processes this way.
    again = pickle.loads(pickle.dumps(problem))
    assert type(again) is type(problem)
    assert str(again) == str(problem)
    assert vars(again) == vars(problem)
