"""Estimators that learn together, each in one of the processes that torchrun started: what ``strategy`` asks for.

All processes call ``fit`` with the same rows and parameters. They join for its length, make sure of that, and each
does its part of every minibatch; all of them end with the same estimator, which knows nothing of the others any more.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from multiprocessing import current_process
from types import FunctionType
from typing import Any, cast

import numpy as np
from torch import nn

from layerwise.errors import OptionError
from layerwise.estimators.digest import digest_of
from layerwise.estimators.options import verbosity
from layerwise.training.distributed import joined, started_as
from layerwise.training.ranks import ALONE, Ranks

__all__ = ["Shared", "loudness", "ranks_of"]


class Shared:
    """Lets several processes share ``fit`` and ``partial_fit`` where the estimator's ``strategy`` asks for it."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("fit", "partial_fit"):
            member = vars(cls).get(name)
            # A method that is there only at times (sklearn's available_if) holds its function.
            function = getattr(member, "fn", member)
            if not isinstance(function, FunctionType):
                continue
            if member is function:
                setattr(cls, name, _together(function))
            else:
                member.fn = _together(function)  # type: ignore[union-attr]


def ranks_of(estimator: object) -> Ranks:
    """Who learns together while an estimator is fitted; alone outside of that."""
    return vars(estimator).get("_ranks", ALONE)


def loudness(estimator: Any) -> int:
    """What ``verbose`` asks of this process: nothing where another one speaks for all.

    Raises
    ------
    OptionError
    """
    return verbosity("verbose", estimator.verbose) * ranks_of(estimator).first


def _together(learn: Callable[..., Any]) -> Callable[..., Any]:
    """The method, done by all processes together where that is asked for."""

    @functools.wraps(learn)
    def together(self: Any, *args: Any, **named: Any) -> Any:
        if not _asked_for(self) or "_ranks" in vars(self):
            return learn(self, *args, **named)
        with joined() as ranks:
            if ranks.size == 1:
                return learn(self, *args, **named)
            with ranks.together():
                _check_seed(self)
                given = digest_of([*_said_of(self, learn.__name__), args, named])
            ranks.agree("parameter or other rows", given, f"call {learn.__name__} with the same ones in all processes")
            self._ranks = ranks
            try:
                return learn(self, *args, **named)
            finally:
                vars(self).pop("_ranks", None)

    return together


def _asked_for(estimator: Any) -> bool:
    strategy = getattr(estimator, "strategy", None)
    if strategy is None:
        return False
    if not isinstance(strategy, str) or strategy != "ddp":
        rule = "must be None, or 'ddp' to share each minibatch among the processes that torchrun started"
        raise OptionError("strategy", strategy, rule, "leave it out to learn in this process")
    if current_process().name.startswith("Loky") and started_as().size > 1:
        rule = "needs the process that torchrun started, and this is one of joblib's"
        raise OptionError("strategy", strategy, rule, "give n_jobs=1, or leave strategy out")
    return True


def _check_seed(estimator: Any) -> None:
    seed = estimator.random_state
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool):
        rule = "must be a whole number where several processes learn together: all of them draw the same"
        raise OptionError("random_state", seed, rule, "give random_state=0")


def _said_of(estimator: Any, method: str) -> list[object]:
    """The parameters that decide what is learned; and what was learned before, where that is gone on with."""
    said: list[object] = [type(estimator).__name__, {**estimator.get_params(deep=False), "verbose": None}]
    if method == "partial_fit" or getattr(estimator, "warm_start", False):
        kept: dict[str, Any] = vars(cast(object, estimator))
        said.append([(name, kept[name]) for name in kept if isinstance(kept[name], nn.Module | np.ndarray)])
    return said
