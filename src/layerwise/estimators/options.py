"""The rules of constructor parameters: each is checked when ``fit`` begins, and named by the name the caller knows.

scikit-learn's contract is that ``__init__`` stores whatever it is given; so the annotations of constructors speak to
people and to type checkers, and at run time anything goes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import numpy as np

from layerwise.errors import OptionError

__all__ = [
    "Choice",
    "Flag",
    "Number",
    "Seed",
    "Sizes",
    "Visible",
    "Whole",
    "choice",
    "flag",
    "layer_sizes",
    "number",
    "verbosity",
    "whole_number",
]

LARGEST = 1e38
"""Beyond this a float32 is at its end."""

if TYPE_CHECKING:
    Whole = int
    Number = float
    Choice = str
    Flag = bool
    Visible = str | Mapping[Any, str]
    Sizes = Sequence[int]
    Seed = int | np.random.RandomState | None
else:
    Whole = Number = Choice = Flag = Visible = Sizes = Seed = object


def whole_number(name: str, value: object, *, least: int, remedy: str = "") -> int:
    """A whole number of at least ``least``; a boolean is none.

    Raises
    ------
    OptionError
    """
    if _is_whole(value) and int(value) >= least:
        return int(value)
    raise OptionError(name, value, f"must be a whole number of at least {least}", remedy)


def number(
    name: str,
    value: object,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = LARGEST,
    remedy: str,
) -> float:
    """A number greater than ``above``, at least ``least`` and less than ``below``.

    Raises
    ------
    OptionError
    """
    # NaN fails every comparison.
    if _is_number(value) and float(value) > above and least <= float(value) < below:
        return float(value)
    lower = f"greater than {above:g}" if above > least else f"at least {least:g}"
    raise OptionError(name, value, f"must be a number {lower} and less than {below:g}", remedy)


def choice(name: str, value: object, *choices: str) -> str:
    """One of some words.

    Raises
    ------
    OptionError
    """
    if isinstance(value, str) and value in choices:
        return value
    raise OptionError(name, value, "must be " + " or ".join(repr(word) for word in choices), f"try {choices[0]!r}")


def flag(name: str, value: object) -> bool:
    """True or False.

    Raises
    ------
    OptionError
    """
    if isinstance(value, bool | np.bool_):
        return bool(cast(Any, value))
    raise OptionError(name, value, "must be True or False", "leave it out")


def layer_sizes(name: str, value: object) -> tuple[int, ...]:
    """The size of each hidden layer, at least one.

    Raises
    ------
    OptionError
    """
    remedy = "give the layers' sizes from the data upwards, such as (256, 256)"
    sizes = cast(object, cast(Any, value).tolist()) if isinstance(value, np.ndarray) else value
    if not _is_list(sizes) or not sizes:
        raise OptionError(name, sizes, "must be a sequence of at least one layer's size", remedy)
    checked = [int(size) for size in sizes if _is_whole(size) and int(size) >= 1]
    if len(checked) < len(sizes):
        raise OptionError(name, sizes, "every layer must have a whole number of units, at least 1", remedy)
    return tuple(checked)


def verbosity(name: str, value: object) -> int:
    """A whole number or a boolean: how much is printed.

    Raises
    ------
    OptionError
    """
    return int(value) if isinstance(value, bool) else whole_number(name, value, least=0, remedy="0 prints nothing")


def _is_whole(value: object) -> TypeGuard[int | np.integer[Any]]:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[int | float]:
    return _is_whole(value) or isinstance(value, float | np.floating)


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
