"""What every test of this room runs under, and every estimator there is: a new one cannot escape."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numba
import pytest
import torch
from sklearn.base import is_classifier, is_regressor

SMALL = {
    "hidden": (4, 3),
    "n_components": 4,
    "epochs": 1,
    "fine_tune_epochs": 1,
    "n_iter": 1,
    "max_iter": 3,
    "batch_size": 8,
    "random_state": 0,
}
"""What keeps a fit short, for whichever parameters an estimator has."""


WHICH: dict[str, Callable[[type], bool]] = {
    "any_estimator": lambda kind: True,
    "any_transformer": lambda kind: hasattr(kind, "transform"),
    "any_stepwise": lambda kind: hasattr(kind, "partial_fit"),
    "any_warm": lambda kind: "warm_start" in inspect.signature(kind).parameters,
    "any_weighing": lambda kind: "sample_weight" in inspect.signature(kind.fit).parameters,
    "any_predictor": lambda kind: predicts(kind),
    "any_namesake": lambda kind: predicts(kind) and not hasattr(kind, "transform"),
    "any_semi_supervised": lambda kind: predicts(kind) and hasattr(kind, "transform"),
}
"""What a test asks for by the name of its parameter, and the estimators it is run for."""


def predicts(kind: Any) -> bool:
    """Whether it is a classifier or a regressor."""
    return is_classifier(kind()) or is_regressor(kind())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test makers of the estimators that it asks for."""
    from layerwise import estimators

    every = [kind for name in estimators.__all__ if isinstance(kind := getattr(estimators, name), type)]
    for name in WHICH.keys() & set(metafunc.fixturenames):
        kinds = [kind for kind in every if WHICH[name](kind)]
        metafunc.parametrize(name, [maker_of(kind) for kind in kinds], ids=[kind.__name__ for kind in kinds])


def maker_of(kind: Any) -> Callable[..., Any]:
    """Makes an estimator whose fit is short."""
    taken = inspect.signature(kind).parameters
    # ``hidden`` is the layers' sizes of one and the hidden units' kind, a word, of another.
    sizes = {name: SMALL[name] for name in SMALL if name in taken and not isinstance(taken[name].default, str)}
    return lambda **options: kind(**{**sizes, **options})


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The fits here are tiny and many: on a busy machine two threads mostly wait for each other."""
    threads = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    yield
    torch.set_num_threads(threads[0])
    numba.set_num_threads(threads[1])
