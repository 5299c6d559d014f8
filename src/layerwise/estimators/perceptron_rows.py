"""What a perceptron estimator is given, as what a perceptron learns from: sides, weights, first weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from layerwise.errors import DataError
from layerwise.estimators.class_weights import weights_of_classes
from layerwise.estimators.holding_out import REMEDY, held_count
from layerwise.estimators.labels import checked_classes
from layerwise.estimators.unit_rows import checked_weights
from layerwise.training.perceptron_rule import PerceptronLearning
from layerwise.training.perceptron_state import PerceptronState, SignedRows, answers, signed

__all__ = ["first_weights", "hold_out", "told_classes", "weighted_sides"]

Weights = npt.NDArray[Any]


def told_classes(classes: object, known: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """The classes of a first step, or those of the steps before.

    Raises
    ------
    DataError
        There are none, too few, or others than before.
    """
    if known is None:
        return checked_classes(classes)
    if classes is not None and not np.array_equal(checked_classes(classes), known):
        rule = f"must be those of the first call, {known.tolist()}"
        raise DataError("classes", np.unique(np.asarray(classes)).tolist(), rule, "leave them out")
    return known


def weighted_sides(
    values: Any, labels: npt.NDArray[Any], classes: npt.NDArray[Any], class_weight: object, sample_weight: object
) -> SignedRows:
    """Every class against the rest, or the second of two against the first, with what the rows count.

    Raises
    ------
    DataError, OptionError
        A label is none of the classes, or weights that do not fit.
    """
    weights = checked_weights(sample_weight, len(labels))
    names, place = np.unique(labels, return_inverse=True)
    code_of = {name: code for code, name in enumerate(classes.tolist())}
    for name in names.tolist():
        if name not in code_of:
            rule = f"is none of the classes {', '.join(str(known) for known in classes[:20])}"
            raise DataError("y", name, rule, "leave such rows out")
    of_class = weights_of_classes(class_weight, classes, labels)
    codes = np.array([code_of[name] for name in names.tolist()], np.int64)[place]
    rows = signed(values, codes, len(classes))
    if weights is not None:
        rows = replace(rows, weights=weights)
    if len(classes) == 2:
        return replace(rows, positive=of_class[1:], negative=of_class[:1])
    return replace(rows, positive=of_class)  # any other row counts one, as in scikit-learn


def first_weights(coef: Any, intercept: Any, rows: SignedRows) -> tuple[Weights, Weights]:
    """Where to start: weights of shape (columns, problems) and intercepts.

    Parameters
    ----------
    coef, intercept : array-like or None
        As ``coef_`` and ``intercept_`` are shaped; None is zero.
    rows : SignedRows

    Raises
    ------
    DataError
        They do not fit the rows.
    """
    columns, problems, dtype = rows.values.shape[1], rows.signs.shape[1], rows.values.dtype
    weights, bias = np.zeros((columns, problems), dtype), np.zeros(problems, dtype)
    if coef is not None:
        given = np.asarray(coef.toarray() if hasattr(coef, "toarray") else coef, dtype=dtype)
        if given.shape != (problems, columns) and not (problems == 1 and given.size == columns):
            rule = f"Provided coef_init does not match dataset: must be of shape {(problems, columns)}"
            raise DataError("coef_init.shape", given.shape, rule)
        weights = given.reshape(problems, columns).T
    if intercept is not None:
        given = np.asarray(intercept, dtype=dtype)
        if given.shape != (problems,) and not (problems == 1 and given.size == 1):
            rule = f"Provided intercept_init does not match dataset: must be of shape {(problems,)}"
            raise DataError("intercept_init.shape", given.shape, rule)
        bias = given.reshape(problems)
    return weights, bias


def hold_out(
    estimator: Any, rows: SignedRows, labels: npt.NDArray[Any], learning: PerceptronLearning
) -> tuple[SignedRows, Callable[[PerceptronState], Weights]]:
    """Take the share of the rows that decides when to stop: the same rows as scikit-learn takes.

    Parameters
    ----------
    estimator : Perceptron
    rows : SignedRows
    labels : ndarray of shape (rows,)
        Of each class the same share is taken.
    learning : PerceptronLearning

    Returns
    -------
    rows : SignedRows
        Without them.
    judge : callable
        From a State to the weighted accuracy on them, for each problem.

    Raises
    ------
    DataError
        The share leaves a class without a row on one of the two sides, or without weight.
    """
    from sklearn.model_selection import StratifiedShuffleSplit  # heavy

    names, counts = np.unique(labels, return_counts=True)
    count = held_count(len(labels), estimator.validation_fraction)
    if counts.min() < 2 or len(names) > min(count, len(labels) - count):
        rare = f", and class {names.tolist()[counts.argmin()]!r} has one" if counts.min() < 2 else ""
        rule = f"must leave a row of each of {len(names)} classes on either side: {count} of {len(labels)} rows"
        rule = f"{rule} would be held out{rare}"
        raise DataError("validation_fraction", estimator.validation_fraction, rule, REMEDY)
    split = StratifiedShuffleSplit(test_size=estimator.validation_fraction, random_state=estimator.random_state)
    taught, held = next(split.split(np.zeros((len(labels), 1)), labels))
    weights = rows.weights[held]
    if not weights.any():
        rule = "The sample weights for validation set are all zero"
        raise DataError("sample_weight", "zero for each row held out", rule, "take another random_state")
    values, sides = cast(Any, rows.values)[held], rows.signs[held] > 0

    def judge(state: PerceptronState) -> Weights:
        right = (answers(values, *learning.learned(state)) > 0) == sides
        return np.average(right, axis=0, weights=weights)

    return replace(rows, taught=np.sort(taught)), judge
