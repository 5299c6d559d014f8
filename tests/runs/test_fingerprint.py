"""Equal data have equal fingerprints, and nothing else has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from layerwise.data import Dataset, Rows
from layerwise.errors import DataError
from layerwise.runs.fingerprint import fingerprint, open_data
from layerwise.runs.recipe import DataTable


def of(values: object, labels: object = None, **options: object) -> str:
    return fingerprint(Dataset("name", Rows.from_arrays(values, labels, **options), None, "here"))  # type: ignore[arg-type]


def test_each_part_of_the_data_counts() -> None:
    values = [[0.0, 1.0], [2.0, 3.0]]
    others = [
        of(values),
        of([[0.0, 1.0], [2.0, 3.5]]),
        of([[0.0, 1.0, 2.0, 3.0]]),
        of(np.array(values, dtype=np.float32)),
        of(values, ["a", "b"]),
        of(values, ["b", "a"]),
        of(values, ["a", "c"]),
        of(values, columns=("x", "y")),
        of(values, picture=(1, 2)),
        of(csr_array(np.array(values))),
    ]
    assert len(set(others)) == len(others)
    assert of(values, ["a", "b"]) == of(np.array(values), np.array(["a", "b"]))


def test_the_test_part_counts() -> None:
    rows = Rows.from_arrays([[0.0, 1.0], [2.0, 3.0]])
    assert fingerprint(Dataset("a", rows, rows, "")) != fingerprint(Dataset("a", rows, None, ""))


def test_data_that_have_changed_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.eye(3))
    dataset, found = open_data(DataTable(source=str(path)))
    assert len(dataset.train) == 3
    known = DataTable(source=str(path), fingerprint=found)
    assert open_data(known)[1] == found
    np.save(path, 2 * np.eye(3))
    with pytest.raises(DataError, match="has changed since the recipe was written"):
        open_data(known)
