"""Certificates: whatever is said of two classes is checked here from the certificate alone."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import sparse

from layerwise.errors import DataError
from layerwise.training.exact_shares import exact_shares
from layerwise.training.separation import Separability, separability

CORNERS = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
ROUNDING = 2.0**-52
OPTIMAL = 1e-7
"""Largest share of the margin that the solvers may leave unused."""

Rows = npt.NDArray[np.float64]
Side = npt.NDArray[np.bool_]


def dense(X: Any) -> Rows:
    return X if isinstance(X, np.ndarray) else X.toarray()


def check(found: Separability, X: Any, positive: Side) -> None:
    """The certificate's own proof, with nothing taken from the code that made it."""
    rows, signs = dense(X), np.where(positive, 1.0, -1.0)
    assert np.all(found.shares >= 0)
    for side in (positive, ~positive):
        assert found.shares[side].sum() == pytest.approx(1)
    gap = np.linalg.norm(rows.T @ (found.shares * signs))
    assert gap == pytest.approx(found.gap, abs=100 * ROUNDING * (1 + np.abs(rows).max()))
    if found.separable:
        assert found.weights is not None
        assert np.linalg.norm(found.weights) == pytest.approx(1)
        assert found.margin > 0
        # In exact arithmetic, but for the rounding of the division by the length.
        for row, sign in zip(rows, signs, strict=True):
            height = sum(Fraction(w) * Fraction(x) for w, x in zip(found.weights, row, strict=True))
            assert sign * (height + Fraction(found.intercept)) > 0
        heights = signs * (rows @ found.weights + found.intercept)
        assert heights.min() == pytest.approx(found.margin, rel=1e-6, abs=1e-12 * np.abs(rows).max())
        assert found.margin <= found.gap / 2 * (1 + OPTIMAL)
        assert not found.exact
    else:
        assert found.exact == (found.gap == 0)
        assert found.weights is None
        assert found.mistake_bound == math.inf


def cut(rows: int, columns: int, seed: int) -> tuple[Rows, Side]:
    """Normal rows on either side of a hyperplane of chance, with both sides there."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(rows, columns))
    height = X @ generator.normal(size=columns)
    return X, height > np.median(height)


@pytest.mark.parametrize(("rows", "columns"), [(6, 1), (30, 3), (600, 8), (60, 40), (4, 50)])
def test_rows_cut_by_a_hyperplane_are_separated_by_the_widest(rows: int, columns: int) -> None:
    for seed in range(3):
        X, positive = cut(rows, columns, seed)
        found = separability(X, positive)
        assert found.separable
        check(found, X, positive)
        # Weak duality the other way: nothing is left between the margin and its bound.
        assert found.margin >= found.gap / 2 * (1 - OPTIMAL)


@pytest.mark.parametrize(("rows", "columns"), [(6, 1), (30, 2), (800, 3), (100, 12)])
def test_rows_of_chance_classes_have_a_common_point(rows: int, columns: int) -> None:
    generator = np.random.default_rng(rows)
    X = generator.normal(size=(rows, columns))
    positive = np.arange(rows) % 2 == 0
    found = separability(X, positive)
    assert not found.separable
    assert found.exact
    check(found, X, positive)
    # Kirchberger: so few rows prove it.
    assert np.count_nonzero(found.shares) <= columns + 2


@pytest.mark.parametrize("positive", [[False, True, True, False], [True, False, False, True]], ids=["XOR", "XNOR"])
def test_exclusive_or_is_proven_inseparable(positive: list[bool]) -> None:
    found = separability(CORNERS, np.array(positive))
    assert (found.separable, found.exact, found.gap) == (False, True, 0.0)
    assert found.shares.tolist() == [0.5] * 4


def test_every_other_function_of_two_bits_is_separated() -> None:
    for table in range(1, 15):
        positive = np.array([bool(table >> i & 1) for i in range(4)])
        found = separability(CORNERS, positive)
        check(found, CORNERS, positive)
        assert found.separable == (table not in (0b0110, 0b1001))


def test_the_margin_of_two_points_is_half_their_distance() -> None:
    found = separability(np.array([[0.0, 0], [3, 4]]), np.array([False, True]))
    assert found.margin == pytest.approx(2.5)
    np.testing.assert_allclose(found.weights, [0.6, 0.8])  # type: ignore[arg-type]
    assert found.intercept == pytest.approx(-2.5)


def test_novikoffs_bound_uses_the_best_hyperplane_through_the_intercepts_one() -> None:
    """By hand: x = 1 and x = -1 beside a 1 have R² = 2; the best direction is (1, 0), with a margin of 1."""
    found = separability(np.array([[1.0], [-1.0]]), np.array([True, False]))
    assert found.mistake_bound == pytest.approx(2)


@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.booleans()), min_size=2, max_size=9),
)
def test_small_whole_numbers_are_always_decided(rows: list[tuple[int, int, bool]]) -> None:
    """Ties, equal rows, rows on one line: everything that is degenerate happens here."""
    positive = np.array([row[2] for row in rows])
    assume(positive.any() and not positive.all())
    X = np.array([row[:2] for row in rows], dtype=np.float64)
    found = separability(X, positive)
    check(found, X, positive)
    assert found.separable or found.exact


def test_equal_rows_of_both_classes_are_the_common_point() -> None:
    X = np.array([[1.0, 2], [5, 5], [1, 2], [9, 1]])
    found = separability(X, np.array([True, True, False, False]))
    assert found.exact
    check(found, X, np.array([True, True, False, False]))


@pytest.mark.parametrize("scale", [1e-200, 1e-8, 1.0, 1e8, 1e300])
def test_the_unit_of_the_rows_does_not_matter(scale: float) -> None:
    X, positive = cut(40, 4, 1)
    found, scaled = separability(X, positive), separability(X * scale, positive)
    assert scaled.separable
    assert scaled.margin == pytest.approx(found.margin * scale)


def test_columns_of_very_different_units_and_constant_ones() -> None:
    X, positive = cut(60, 3, 2)
    X = np.column_stack([X * [1e9, 1.0, 1e-9], np.full(60, 7.0)])
    found = separability(X, positive)
    assert found.separable
    check(found, X, positive)


def test_an_offset_of_a_million_hides_nothing() -> None:
    X, positive = cut(50, 3, 3)
    found, moved = separability(X, positive), separability(X + 1e6, positive)
    assert moved.separable
    assert moved.margin == pytest.approx(found.margin, rel=1e-4)


def test_sparse_rows_have_the_certificate_of_dense_ones() -> None:
    generator = np.random.default_rng(5)
    X = generator.integers(0, 3, (300, 6)) * (generator.random((300, 6)) < 0.4).astype(float)
    for positive in (X @ np.arange(1, 7) > 4.5, generator.random(300) < 0.5):
        plain, listed = separability(X, positive), separability(sparse.csr_array(X), positive)
        check(listed, X, positive)
        assert (plain.separable, plain.exact) == (listed.separable, listed.exact)
        assert listed.margin == pytest.approx(plain.margin)


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError, match="both sides"):
        separability(CORNERS, np.ones(4, dtype=bool))


def test_exact_shares_solve_the_equations_exactly_or_say_nothing() -> None:
    generator = np.random.default_rng(7)
    points = generator.normal(size=(5, 3))
    signs = np.array([1.0, 1, 1, -1, -1])
    shares = exact_shares(points, signs)
    if shares is not None:
        np.testing.assert_allclose(points.T @ (shares * signs), 0, atol=1e-14)
    # Two points that differ in the last bit have no common point, though floating point would not tell them apart.
    apart = np.array([[1.0], [1.0 + ROUNDING]])
    assert exact_shares(apart, np.array([1.0, -1.0])) is None
