"""Perceptron rules, held against loops written out, finite differences and Novikoff's theorem."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.training.perceptron_epochs import Patience, Trained, learn
from layerwise.training.perceptron_rule import PerceptronLearning
from layerwise.training.perceptron_state import SignedRows, answers, signed
from layerwise.training.separation import separability

Rows = npt.NDArray[np.float64]
PATIENCE, FOREVER = Patience(), Patience(least=None)


def cut(rows: int, columns: int, seed: int, room: float = 0.2) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Rows on either side of a hyperplane, none nearer to it than ``room``."""
    generator = np.random.default_rng(seed)
    direction = generator.normal(size=columns)
    direction /= np.linalg.norm(direction)
    X = generator.normal(size=(rows, columns))
    height = X @ direction
    X += np.outer(np.where(height > 0, room, -room), direction)
    return X + generator.normal(size=columns), (height > 0).astype(np.int64)


def noise(rows: int, columns: int, seed: int, classes: int = 2) -> tuple[Rows, npt.NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(rows, columns)), np.arange(rows) % classes


def run(
    learning: PerceptronLearning, rows: SignedRows, epochs: int, seed: int = 0, patience: Patience = PATIENCE
) -> Trained:
    columns, problems = rows.values.shape[1], rows.signs.shape[1]
    state = learning.init(np.zeros((columns, problems)), np.zeros(problems), RandomStream(seed))
    return learn(learning, state, rows, epochs, patience)


def test_rosenblatts_rule_is_the_loop_of_the_textbook() -> None:
    X, y = noise(60, 4, 0)
    w, b, expected = np.zeros(4), 0.0, []
    for _ in range(5):
        wrong = 0
        for x, sign in zip(X, 2 * y - 1, strict=True):
            if sign * (w @ x + b) <= 0:
                w, b, wrong = w + 0.5 * sign * x, b + 0.5 * sign, wrong + 1
        expected.append(wrong)
    learning = PerceptronLearning(rate=0.5, shuffle=False)
    trained = run(learning, signed(X, y, 2), 5, patience=FOREVER)
    weights, intercept = learning.learned(trained.state)
    np.testing.assert_allclose(weights[:, 0], w, rtol=1e-12)
    np.testing.assert_allclose(intercept, b, rtol=1e-12)
    assert trained.mistakes[:, 0].tolist() == expected


@pytest.mark.parametrize("seed", range(6))
def test_no_order_of_separable_rows_makes_more_mistakes_than_novikoff_allows(seed: int) -> None:
    X, y = cut(80, 3, seed)
    rows, bound = signed(X, y, 2), separability(X, y == 1).mistake_bound
    for rate in (0.01, 1.0):
        learning = PerceptronLearning(rate=rate)
        state = learning.init(np.zeros((3, 1)), np.zeros(1), RandomStream(seed))
        mistakes, last = 0, 1
        while last:
            state, info = learning.step(state, rows)
            last = int(info.mistakes[0])
            mistakes += last
            assert mistakes <= bound
        assert np.all(answers(X, *learning.learned(state)) * rows.signs > 0)


def test_a_step_of_the_delta_rule_goes_down_the_gradient_of_the_squared_error() -> None:
    generator = np.random.default_rng(3)
    start, x = generator.normal(size=5), generator.normal(size=5)

    def error(w: Rows, b: float) -> float:
        return 0.5 * float(1.0 - w @ x - b) ** 2

    h = 1e-6
    directions = np.eye(6)
    gradient = np.array(
        [
            (error(start + h * d[:5], 0.3 + h * d[5]) - error(start - h * d[:5], 0.3 - h * d[5])) / (2 * h)
            for d in directions
        ]
    )
    learning = PerceptronLearning("delta", rate=0.25)
    state = learning.init(start[:, None], np.array([0.3]), RandomStream(0))
    rows = signed(x[None], np.array([1]), 2)
    state, _ = learning.step(state, rows)
    weights, intercept = learning.learned(state)
    moved = np.append(weights[:, 0] - start, intercept[0] - 0.3)
    # Central differences of a quadratic are exact but for rounding, which is divided by h.
    np.testing.assert_allclose(moved, -0.25 * gradient / (x @ x + 1), atol=1e-9)


def test_the_delta_rule_corrects_its_share_of_the_error() -> None:
    """After a row with rate η the error on it is 1 - η of what it was; a heavy row goes no further than all of it."""
    X = np.array([[3.0, -1.0, 20.0]])
    for rate, weight, left in ((0.25, 1.0, 0.75), (1.0, 1.0, 0.0), (0.25, 2.0, 0.5), (0.25, 9.0, 0.0)):
        learning = PerceptronLearning("delta", rate=rate)
        rows = signed(X, np.array([1]), 2)
        rows = SignedRows(X, rows.signs, np.array([weight]), rows.positive, rows.negative, rows.taught)
        state, _ = learning.step(learning.init(np.zeros((3, 1)), np.zeros(1), RandomStream(0)), rows)
        assert 1 - answers(X, *learning.learned(state))[0, 0] == pytest.approx(left, abs=1e-12)


def test_the_delta_rule_finds_least_squares_on_rows_that_can_be_met() -> None:
    X = np.random.default_rng(4).normal(size=(4, 6))
    y = np.array([0, 1, 1, 0])
    learning = PerceptronLearning("delta")
    trained = run(learning, signed(X, y, 2), 500, patience=FOREVER)
    np.testing.assert_allclose(answers(X, *learning.learned(trained.state))[:, 0], 2 * y - 1, atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_the_pocket_is_never_worse_than_any_weights_at_the_end_of_an_epoch(seed: int) -> None:
    X, y = noise(50, 3, seed, classes=3)
    learning, rows = PerceptronLearning("pocket"), signed(X, y, 3)
    state = learning.init(np.zeros((3, 3)), np.zeros(3), RandomStream(seed))
    before = np.full(3, np.inf)
    for _ in range(15):
        state, _ = learning.step(state, rows)
        now = state.memory.weights * state.memory.scale, state.memory.intercept
        wrong, kept = (
            ((answers(X, *weights) > 0) != (rows.signs > 0)).sum(axis=0) for weights in (now, learning.learned(state))
        )
        assert np.all(kept <= wrong)
        assert np.all(kept <= before)  # the ratchet
        before = kept


def test_the_pocket_finds_the_best_line_through_exclusive_or() -> None:
    corners = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    for y in ([0, 1, 1, 0], [1, 0, 0, 1]):
        learning, rows = PerceptronLearning("pocket"), signed(corners, np.array(y), 2)
        trained = run(learning, rows, 100, patience=FOREVER)
        assert int(((answers(corners, *learning.learned(trained.state)) > 0) == (rows.signs > 0)).sum()) == 3


def test_the_average_is_that_of_the_weights_after_every_visit() -> None:
    X, y = noise(12, 3, 1)
    w, b, path = np.zeros(3), 0.0, []
    for _ in range(3):
        for x, sign in zip(X, 2 * y - 1, strict=True):
            if sign * (w @ x + b) <= 0:
                w, b = w + sign * x, b + sign
            path.append(np.append(w, b))
    learning = PerceptronLearning("averaged", shuffle=False)
    weights, intercept = learning.learned(run(learning, signed(X, y, 2), 3, patience=FOREVER).state)
    np.testing.assert_allclose(np.append(weights, intercept), np.mean(path, axis=0), rtol=1e-10)


@pytest.mark.parametrize("rule", ["rosenblatt", "delta", "pocket", "averaged"])
def test_problems_learned_together_learn_what_each_learns_alone(rule: Any) -> None:
    X, y = noise(60, 5, 2, classes=4)
    learning = PerceptronLearning(rule, rate=0.5)
    together = run(learning, signed(X, y, 4), 30)
    for c in range(4):
        alone = run(learning, signed(X, (y == c).astype(np.int64), 2), 30)
        for all_of_them, one in zip(learning.learned(together.state), learning.learned(alone.state), strict=True):
            np.testing.assert_array_equal(all_of_them[..., c], one[..., 0])
        assert together.epochs[c] == alone.epochs[0]
        assert together.mistakes[: alone.epochs[0], c].tolist() == alone.mistakes[:, 0].tolist()


@pytest.mark.parametrize("rule", ["rosenblatt", "delta", "pocket", "averaged"])
def test_sparse_rows_teach_what_dense_ones_do(rule: Any) -> None:
    X, y = noise(60, 6, 3, classes=3)
    X[np.abs(X) < 0.5] = 0
    learning = PerceptronLearning(rule, rate=0.5)
    dense, listed = (run(learning, signed(values, y, 3), 8) for values in (X, sparse.csr_array(X)))
    for a, b in zip(learning.learned(dense.state), learning.learned(listed.state), strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_epoch_has_an_order_of_its_own_that_the_seed_decides() -> None:
    X, y = noise(40, 3, 4)
    first, again, other = (run(PerceptronLearning(), signed(X, y, 2), 4, seed, FOREVER) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.state.memory.weights, again.state.memory.weights)
    assert not np.array_equal(first.state.memory.weights, other.state.memory.weights)


def test_weights_that_leave_the_finite_numbers_are_an_error() -> None:
    X = np.array([[1e308, 1e308], [-1e308, 1e308], [1e308, -1e308]])
    with pytest.raises(DataError, match=r"overflow occurred at epoch #1.*StandardScaler"):
        run(PerceptronLearning(rate=1e10), signed(X, np.array([0, 1, 1]), 2), 10)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"rate": 0.0}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"rule": "delta", "rate": 1.5}, "rate"),
        ({"alpha": -1.0}, "alpha"),
        ({"l1_ratio": 1.5}, "l1_ratio"),
        ({"rule": "averaged", "penalty": "l2"}, "penalty"),
    ],
)
def test_options_that_break_a_rule_are_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(OptionError, match=what):
        PerceptronLearning(**options)
