"""Which units rows ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import MinMaxScaler

from layerwise.data.rows import Rows
from layerwise.data.suitable import suitable_units

INSIDE = np.array([[0.0, 1.0], [0.5, 0.25]])


@pytest.mark.parametrize(
    ("values", "units"),
    [
        (INSIDE, "bernoulli"),
        (INSIDE > 0.3, "bernoulli"),
        (16 * INSIDE, "gaussian"),
        (INSIDE - 0.5, "gaussian"),
        (sparse.csr_array(INSIDE), "bernoulli"),
        (sparse.csr_array(-INSIDE), "gaussian"),
        (sparse.csr_array(3 * INSIDE), "gaussian"),
        (sparse.csr_array((3, 2)), "bernoulli"),
        (MinMaxScaler().fit_transform(np.random.default_rng(0).normal(size=(50, 9)) * 7), "bernoulli"),
    ],
)
def test_rows_within_zero_and_one_are_binary_and_others_gaussian(values: Any, units: str) -> None:
    assert suitable_units(Rows.from_arrays(values)) == units


def test_pictures_are_binary_and_missing_values_say_nothing() -> None:
    white = Rows(np.array([[0.0, 200.0]]), picture=(1, 2), full_scale=255.0)
    assert suitable_units(white) == "bernoulli"
    assert suitable_units(Rows.from_arrays([[np.nan, 1.0], [0.0, 0.5]], missing=True)) == "bernoulli"
    assert suitable_units(Rows.from_arrays([[np.nan, 2.0], [0.0, 0.5]], missing=True)) == "gaussian"
