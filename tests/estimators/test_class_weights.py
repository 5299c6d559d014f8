"""``class_weight``: the same rule for every estimator that takes it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

import layerwise
from layerwise import MLPClassifier, Perceptron
from layerwise.errors import OptionError
from layerwise.estimators.class_weights import weights_by_class, weights_of_classes

CLASSES = np.array([0, 1, 2])
Y = np.repeat(CLASSES, (10, 20, 30))
X = np.random.default_rng(0).normal(size=(60, 4)) + 2 * np.eye(3, 4)[Y]
BITS = np.random.default_rng(1).integers(0, 2, (60, 3))
SEVERAL = [{0: 1, 1: 5.0}, {0: 0.3}, {1: 0.7, 0: 1.1}]
KINDS: list[Any] = [MLPClassifier, Perceptron]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_every_estimator_that_takes_it_is_tried() -> None:
    kinds = [getattr(layerwise, name) for name in layerwise.__all__]
    takes = {kind for kind in kinds if inspect.isclass(kind) and "class_weight" in inspect.signature(kind).parameters}
    assert takes == set(KINDS)


@pytest.mark.parametrize("asked", [None, "balanced", {}, {0: 0.1, 1: 2, 2: 3.0}, {1: np.float32(0.3)}], ids=str)
def test_weights_are_scikit_learns_to_the_bit(asked: Any) -> None:
    for labels, names in ((Y, [0, 1, 2]), (np.array(["a", "b", "c"])[Y], ["a", "b", "c"]), (Y > 0, [False, True])):
        classes, of = np.array(names), asked
        if isinstance(asked, dict):
            of = {names[place]: weight for place, weight in asked.items() if place < len(names)}
        expected = compute_class_weight(of, classes=classes, y=labels)
        np.testing.assert_array_equal(weights_of_classes(of, classes, labels), expected)
        np.testing.assert_array_equal(weights_by_class(of, classes, labels), compute_sample_weight(of, labels))


def test_a_class_that_these_rows_lack_may_have_a_weight() -> None:
    two = np.array([0, 1])  # as in a fold without a rare class
    np.testing.assert_array_equal(weights_of_classes({0: 1, 1: 2.0, 2: 9.0}, two, Y[Y < 2]), [1, 2])


@pytest.mark.parametrize("asked", ["balanced", SEVERAL], ids=str)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_weights_of_several_labels_a_row_are_scikit_learns(asked: Any, container: Any) -> None:
    np.testing.assert_array_equal(weights_by_class(asked, CLASSES, container(BITS)), compute_sample_weight(asked, BITS))
    MLPClassifier((3,), max_iter=2, class_weight=asked).fit(X, BITS)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("foo", r"class_weight = 'foo': must be a dict from classes to weights, 'balanced' or None"),
        ([1.0, 1.0, 1.0], r"class_weight = \[1\.0, 1\.0, 1\.0\]: must be a dict"),
        ({0: -1, 1: 1}, r"class_weight of class 0 = -1: must be a number at least 0"),
        ({0: "a"}, r"class_weight of class 0 = 'a': must be a number at least 0"),
        ({1: np.nan}, r"class_weight of class 1 = nan"),
        ({1: np.inf}, r"class_weight of class 1 = inf"),
        ({0: 1, 7: 2.0}, r"class_weight = 7: names a class that there is not: they are 0, 1, 2; leave it out"),
        ({"0": 1}, r"class_weight = '0': names a class that there is not"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_class_weight_is_refused_in_the_same_words(kind: Any, asked: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        kind(class_weight=asked).fit(X, Y)
    with pytest.raises(OptionError, match=said):
        kind(class_weight=asked).partial_fit(X, Y, classes=CLASSES)


@pytest.mark.parametrize("asked", [{0: 1, 1: 5}, SEVERAL[:2], "foo"], ids=str)
def test_what_is_no_class_weight_of_several_labels_is_refused(asked: Any) -> None:
    with pytest.raises(OptionError, match="class_weight = "):
        MLPClassifier(class_weight=asked).fit(X, BITS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_of_a_class_that_no_row_of_a_batch_is_of_is_taken(kind: Any) -> None:
    model = kind(class_weight={2: 5.0}, random_state=0).partial_fit(X[:30], Y[:30], classes=CLASSES)
    plain = kind(random_state=0).partial_fit(X[:30], Y[:30], classes=CLASSES)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    with pytest.raises(OptionError, match="not supported for partial_fit"):
        kind(class_weight="balanced").partial_fit(X, Y, classes=CLASSES)
