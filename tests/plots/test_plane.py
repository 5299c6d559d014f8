"""A code seen from where it is widest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from layerwise.plots.plane import Plane


@given(arrays(np.float64, st.tuples(st.integers(3, 12), st.integers(2, 6)), elements=st.floats(-5, 5)))
def test_a_plane_keeps_what_two_directions_can(code: np.ndarray) -> None:
    plane = Plane.of(code)
    total = np.square(code - code.mean(0)).sum()
    if total < 1e-9:
        return
    # Principal components: their variance is the sum of the two largest eigenvalues of the scatter matrix.
    eigenvalues = np.linalg.eigvalsh(np.cov(code.T, bias=True) * len(code))
    assert np.square(plane.points).sum() == pytest.approx(eigenvalues[-2:].sum(), rel=1e-6, abs=1e-9 * total)
    assert plane.share == pytest.approx(np.square(plane.points).sum() / total, rel=1e-6)


def test_a_plane_of_a_single_unit_or_of_a_code_that_does_not_vary() -> None:
    line = Plane.of(np.array([[0.0], [1.0], [2.0]], dtype=np.float32))
    np.testing.assert_allclose(line.points, [[-1, 0], [0, 0], [1, 0]])
    assert line.share == 1.0
    flat = Plane.of(np.ones((4, 3)))
    assert math.isnan(flat.share)
    assert not flat.points.any()


def test_a_plane_does_not_flip_with_the_sign_of_its_directions() -> None:
    code = np.random.default_rng(0).random((20, 5))
    plane = Plane.of(code)
    np.testing.assert_allclose(Plane.of(code[::-1]).points[::-1], plane.points, atol=1e-10)
