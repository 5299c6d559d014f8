"""How many rows are held out: what leaves too few on either side is refused in the same words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from layerwise import RBM, Autoencoder, MLPClassifier, MLPRegressor, Perceptron, StackedAutoencoder
from layerwise.errors import DataError, OptionError

Y = np.repeat([0, 1, 2], 50)
X = np.random.default_rng(0).random((150, 4))
KINDS: list[Any] = [MLPClassifier, MLPRegressor, Perceptron, Autoencoder, RBM]


@pytest.mark.parametrize("kind", [*KINDS, StackedAutoencoder])
@pytest.mark.parametrize("share", [0, 0.0, 1.0, -0.1])
def test_a_share_that_is_none_is_refused(kind: Any, share: float) -> None:
    with pytest.raises(OptionError, match=rf"validation_fraction = {share}: must be a number greater than 0 and less"):
        kind(early_stopping=True, validation_fraction=share).fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_where_nothing_is_held_out_a_share_of_zero_is_scikit_learns_to_take(kind: Any) -> None:
    model = kind(hidden_layer_sizes=(3,), max_iter=2, validation_fraction=0).fit(X, Y)
    assert len(model.loss_curve_) == 2


NONE_LEFT = [(kind, *case) for kind in KINDS for case in ((0.999, 150, 150), (0.7, 2, 2))]
NONE_LEFT += [(kind, 0.1, 1, 1) for kind in (MLPRegressor, Autoencoder, RBM)]  # there is no class in a single row


@pytest.mark.parametrize(("kind", "share", "rows", "held"), NONE_LEFT)
def test_a_share_that_leaves_no_row_is_refused_in_the_same_words(kind: Any, share: float, rows: int, held: int) -> None:
    some = np.linspace(0, 149, rows).astype(int)
    said = f"validation_fraction = {share}: leaves no row to learn from: {held} of {rows} would be held out; give more"
    with pytest.raises(DataError, match=said):
        kind(early_stopping=True, validation_fraction=share).fit(X[some], Y[some])


def test_a_row_of_each_class_is_on_either_side() -> None:
    model, three = Perceptron(early_stopping=True), [0, 60, 140]
    said = "validation_fraction = 0.1: must leave a row of each of 3 classes on either side: "
    with pytest.raises(DataError, match=f"{said}1 of 3 rows would be held out, and class 0 has one; give more rows"):
        model.fit(X[three], Y[three])
    with pytest.raises(DataError, match=f"{said}2 of 15 rows would be held out; give more rows"):
        model.fit(X[::10], Y[::10])
    with pytest.raises(DataError, match=f"{said}10 of 91 rows would be held out, and class 'c' has one;"):
        model.fit(X[:91], np.array([*"ab" * 45, "c"]))


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_single_row_is_too_few_for_a_score(kind: Any) -> None:
    said = "validation_fraction = 0.1: The validation set is too small: 1 of 10 rows, and there must be two; raise it"
    with pytest.raises(DataError, match=said):
        kind(early_stopping=True).fit(X[::15], Y[::15])
