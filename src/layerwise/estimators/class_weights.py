"""What the rows of each class count: one rule for every estimator that takes ``class_weight``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse

from layerwise.errors import OptionError
from layerwise.estimators.options import number

__all__ = ["refuse_balanced", "weights_by_class", "weights_of_classes"]

Weights = npt.NDArray[np.float64]


def refuse_balanced(class_weight: object) -> None:
    """Refuse, in a ``partial_fit``, weights that all rows decide on.

    Raises
    ------
    OptionError
    """
    if isinstance(class_weight, str) and class_weight == "balanced":
        rule = "class_weight 'balanced' is not supported for partial_fit: some rows do not tell how many there are"
        raise OptionError("class_weight", class_weight, rule, "give a dict, from compute_class_weight say")


def weights_of_classes(class_weight: object, classes: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Weights:
    """What a row of each class counts.

    Judged by the classes that there are, and not by those that some rows happen to be of.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
    classes : ndarray of shape (classes,)
        Sorted.
    labels : ndarray of shape (rows,)
        All of them among the classes; what balance is made of.

    Returns
    -------
    ndarray of shape (classes,)
        1 where nothing is said of a class.

    Raises
    ------
    OptionError
        Naming a class that there is not while another is left out, as by a slip, or a weight that is no number of at
        least 0. Where all have theirs, one more is that of a class that these rows lack.
    """
    weights = np.ones(len(classes))
    if class_weight is None:
        return weights
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(np.searchsorted(classes, labels), minlength=len(classes)).astype(np.float64)
        there = counts > 0
        weights[there] = counts.sum() / (there.sum() * counts[there])
        return weights
    if not isinstance(class_weight, Mapping):
        rule = "must be a dict from classes to weights, 'balanced' or None"
        raise OptionError("class_weight", class_weight, rule, "leave it out where all rows count the same")
    places = {name: place for place, name in enumerate(classes.tolist())}
    told = cast("Mapping[object, object]", class_weight)
    for name, weight in told.items():
        remedy = "leave the class out where its rows count 1"
        counts_for_it = number(f"class_weight of class {name!r}", weight, least=0.0, remedy=remedy)
        if name in places:
            weights[places[name]] = counts_for_it
        elif not all(known in told for known in places):
            rule = f"names a class that there is not: they are {', '.join(str(known) for known in list(places)[:20])}"
            raise OptionError("class_weight", name, rule, "leave it out")
    return weights


def weights_by_class(class_weight: object, classes: npt.NDArray[Any], labels: Any) -> Weights:
    """What each row counts by its class, or by each of its labels, of which there may be several.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        For several labels a row "balanced", None, or a list of such, one a label.
    classes : ndarray of shape (classes,)
        Sorted; of several labels a row not looked at.
    labels : ndarray of shape (rows,), or ndarray or sparse matrix of shape (rows, labels) of 0 and 1

    Returns
    -------
    ndarray of shape (rows,)

    Raises
    ------
    OptionError
    """
    if labels.ndim == 1:
        return weights_of_classes(class_weight, classes, labels)[np.searchsorted(classes, labels)]
    count, several = int(labels.shape[1]), isinstance(class_weight, list | tuple)
    told = cast("Sequence[object]", class_weight) if several else [class_weight] * count
    if isinstance(class_weight, Mapping) or len(told) != count:
        rule = f"must be a list of dicts, one for each of {count} labels, 'balanced' or None"
        remedy = "[{0: 1, 1: 5}, …]: five times where a row has the label"
        raise OptionError("class_weight", cast(object, class_weight), rule, remedy)
    bits, dense = np.array([0, 1]), cast(Any, labels).toarray() if sparse.issparse(labels) else labels
    return np.prod([weights_by_class(one, bits, dense[:, n]) for n, one in enumerate(told)], axis=0)
