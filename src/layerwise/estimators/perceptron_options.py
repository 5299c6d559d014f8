"""What the parameters of a perceptron mean."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from layerwise.errors import OptionError
from layerwise.estimators.options import choice, flag, number, whole_number
from layerwise.training.perceptron_epochs import Patience
from layerwise.training.perceptron_rule import PerceptronLearning
from layerwise.training.perceptron_state import PerceptronInfo

__all__ = ["learning_from", "patience_from", "print_epoch"]


def learning_from(estimator: Any) -> PerceptronLearning:
    """The rule that a perceptron's parameters ask for.

    Parameters
    ----------
    estimator : Perceptron

    Raises
    ------
    OptionError
    """
    penalty = estimator.penalty
    if penalty is not None:
        choice("penalty", penalty, "l2", "l1", "elasticnet")
    rule = choice("rule", estimator.rule, "rosenblatt", "delta", "pocket", "averaged")
    rate = number("eta0", estimator.eta0, above=0.0, remedy="start with 1")
    if rule == "delta" and rate > 1:
        limit = "must be at most 1 where rule='delta': it is the share of the error that a row corrects"
        raise OptionError("eta0", rate, limit, "start with 0.1")
    return PerceptronLearning(
        rule=cast(Any, rule),
        rate=rate,
        penalty=penalty,
        alpha=number("alpha", estimator.alpha, least=0.0, remedy="start with 0.0001"),
        l1_ratio=number("l1_ratio", estimator.l1_ratio, least=0.0, below=np.nextafter(1, 2), remedy="start with 0.15"),
        fit_intercept=flag("fit_intercept", estimator.fit_intercept),
        shuffle=flag("shuffle", estimator.shuffle),
    )


def patience_from(estimator: Any) -> Patience:
    """When a perceptron's parameters ask it to stop.

    Parameters
    ----------
    estimator : Perceptron

    Raises
    ------
    OptionError
    """
    least = None if estimator.tol is None else number("tol", estimator.tol, least=0.0, remedy="start with 0.001")
    return Patience(whole_number("n_iter_no_change", estimator.n_iter_no_change, least=1), least)


def print_epoch(epoch: int, info: PerceptronInfo) -> None:
    """One line on an epoch, the classes added up: what ``verbose`` asks for."""
    print(  # noqa: T201
        f"[Perceptron] epoch {epoch + 1}, mistakes = {int(info.mistakes.sum())}, mean loss = {info.loss.sum():.6g}"
    )
