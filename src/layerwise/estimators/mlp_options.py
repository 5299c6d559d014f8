"""What the parameters of a multilayer perceptron mean."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from layerwise.errors import OptionError
from layerwise.estimators.options import choice, flag, number, verbosity, whole_number
from layerwise.estimators.strategy import loudness, ranks_of
from layerwise.networks.loss import Loss
from layerwise.training.descent_optimisers import PaperAdam, RatedMomentum
from layerwise.training.gradient_descent import Aim, GradientDescent
from layerwise.training.pace import Pace

__all__ = ["ACTIVATIONS", "check_options", "descent_from", "hidden_sizes", "pace_from"]

ACTIVATIONS = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
"""scikit-learn's names of activations, and what they are called here."""

ONE = float(np.nextafter(1, 2))
"""The least number above 1: a limit that 1 keeps."""


def hidden_sizes(value: object) -> tuple[int, ...]:
    """The size of each hidden layer; a number is one layer, an empty sequence none.

    Raises
    ------
    OptionError
    """
    sizes: list[Any] = list(cast(Any, value)) if isinstance(value, Iterable) else [value]
    for size in sizes:
        if isinstance(size, bool | np.bool_) or not isinstance(size, int | np.integer) or size < 1:
            rule, remedy = "hidden_layer_sizes must be > 0, whole numbers all", "give sizes such as (100,)"
            raise OptionError("hidden_layer_sizes", sizes, rule, remedy)
    return tuple(int(size) for size in sizes)


def check_options(estimator: Any) -> None:
    """Refuse a parameter that breaks its rule, whichever solver would use it.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor

    Raises
    ------
    OptionError
    """
    hidden_sizes(estimator.hidden_layer_sizes)
    choice("activation", estimator.activation, "relu", "tanh", "logistic", "identity")
    choice("solver", estimator.solver, "adam", "sgd", "lbfgs")
    choice("learning_rate", estimator.learning_rate, "constant", "invscaling", "adaptive")
    if estimator.batch_size != "auto":
        whole_number("batch_size", estimator.batch_size, least=1, remedy="leave it at 'auto'")
    for name, least in (("max_iter", 1), ("max_fun", 1)):
        whole_number(name, getattr(estimator, name), least=least)
    if estimator.n_iter_no_change != math.inf:
        whole_number("n_iter_no_change", estimator.n_iter_no_change, least=1, remedy="infinity never stops")
    for name in ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "watch_gradients"):
        flag(name, getattr(estimator, name))
    verbosity("verbose", estimator.verbose)
    for name, usual in (("alpha", 0.0001), ("power_t", 0.5), ("tol", 1e-4)):
        number(name, getattr(estimator, name), least=0.0, remedy=f"start with {usual:g}")
    for name, usual in (("learning_rate_init", 0.001), ("epsilon", 1e-8)):
        number(name, getattr(estimator, name), above=0.0, remedy=f"start with {usual:g}")
    number("momentum", estimator.momentum, least=0.0, below=ONE, remedy="start with 0.9")
    for name in ("beta_1", "beta_2", "dropout", "input_dropout", "averaging"):
        number(name, getattr(estimator, name), least=0.0, below=1.0, remedy="leave it out")
    # Where no row is held out a share of 0 is taken, as scikit-learn takes it.
    lower: dict[str, float] = {"above": 0.0} if estimator.early_stopping else {"least": 0.0}
    number("validation_fraction", estimator.validation_fraction, **lower, below=1.0, remedy="start with 0.1")
    if estimator.max_norm is not None:
        number("max_norm", estimator.max_norm, above=0.0, remedy="start with 3")
    if estimator.dropout and estimator.activation == "identity" and estimator.network is None:
        rule = "only units with an activation are dropped, and activation='identity' leaves none"
        raise OptionError("dropout", estimator.dropout, rule, "drop inputs: input_dropout")
    if estimator.solver == "lbfgs":
        for name in ("dropout", "input_dropout", "averaging", "max_norm", "watch_gradients", "strategy"):
            if getattr(estimator, name):
                rule = "needs minibatches, and solver='lbfgs' has none"
                raise OptionError(name, getattr(estimator, name), rule, "take solver='adam'")


def descent_from(estimator: Any, loss: Loss, aim: Aim, pace: Pace, n_batches: int) -> GradientDescent:
    """The descent that the parameters ask for, of which ``solver`` is ``"adam"`` or ``"sgd"``.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    loss : Loss
    aim : {"labels", "targets"}
    pace : Pace
        Decides the learning rate.
    n_batches : int
        Of an epoch.
    """
    if estimator.solver == "adam":
        kind, options = (
            PaperAdam,
            {"betas": (float(estimator.beta_1), float(estimator.beta_2)), "eps": float(estimator.epsilon)},
        )
    else:
        kind, options = RatedMomentum, {"momentum": float(estimator.momentum), "nesterov": estimator.nesterovs_momentum}
    return GradientDescent(
        loss,
        aim,
        optimiser=kind,
        optimiser_options=options,
        learning_rate=float(estimator.learning_rate_init),
        schedule=pace.factor,
        dropout=float(estimator.dropout),
        input_dropout=float(estimator.input_dropout),
        ridge=float(estimator.alpha),
        by_minibatch=True,
        max_norm=estimator.max_norm,
        averaging=float(estimator.averaging),
        watch_every=n_batches if estimator.watch_gradients else 0,
        ranks=ranks_of(estimator),
    )


def pace_from(estimator: Any, before: Pace | None) -> Pace:
    """When to stop, by the parameters and by what was seen before.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    before : Pace, optional
        That of the fit which is gone on with.
    """
    pace = before or Pace(estimator.learning_rate_init)
    pace.rate = float(estimator.learning_rate_init)
    pace.schedule = estimator.learning_rate if estimator.solver == "sgd" else "constant"
    pace.power_t, pace.tol = float(estimator.power_t), float(estimator.tol)
    pace.patience = estimator.n_iter_no_change
    pace.tell = print if loudness(estimator) else None
    return pace
