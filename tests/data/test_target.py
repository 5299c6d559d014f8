"""What a target column is read as, and how rows with targets are divided."""

from __future__ import annotations

import decimal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layerwise.data import Rows
from layerwise.data.column_tables import load_columns
from layerwise.data.labelling import keep_labels, split
from layerwise.data.sources import load
from layerwise.data.target import read_target
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream

NAN = float("nan")


@pytest.mark.parametrize(
    ("entries", "numbers"),
    [
        ([1.5, None, 2], [1.5, NAN, 2.0]),
        ([NAN, 0.5, -1], [NAN, 0.5, -1.0]),
        ([decimal.Decimal("0.5"), decimal.Decimal(3)], [0.5, 3.0]),
        ([1, 2, None], None),
        ([2.0, -1.0], None),
        (["x", 1.5], None),
        ([True, False], None),
    ],
)
def test_numbers_are_what_is_not_all_whole(entries: list[Any], numbers: list[float] | None) -> None:
    labels, found = read_target(entries, "either", "t")
    if numbers is None:
        assert found is None
        assert labels is not None
        assert labels.tolist() == entries
    else:
        assert labels is None
        np.testing.assert_array_equal(found, numbers)
    assert read_target(entries, "classes", "t")[1] is None


@pytest.mark.parametrize("wrong", ["red", True, float("inf"), b"1"])
def test_what_is_no_finite_number_is_named_with_its_row(wrong: Any) -> None:
    with pytest.raises(DataError, match=r"t, row 2 = .*must be a finite number, or missing"):
        read_target([1, None, wrong], "numbers", "t")


@pytest.mark.parametrize("read", [load, load_columns])
def test_a_file_has_labels_or_targets(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,0.5\n2,\n3,2\n")
    rows = read(path, target="b", target_holds="either").train
    assert rows.labels is None
    np.testing.assert_array_equal(rows.targets, [0.5, NAN, 2.0])
    assert (rows.n_labelled, rows.labelled().targets.tolist()) == (2, [0.5, 2.0])
    path.write_text("a,b\n1,5\n2,\n3,2\n")
    assert read(path, target="b", target_holds="either").train.labels.tolist() == [1, -1, 0]
    assert read(path, target="b", target_holds="numbers").train.targets[2] == 2.0


def test_targets_stay_with_their_rows() -> None:
    values = np.arange(40.0)[:, None]
    rows = replace(Rows.from_arrays(values), targets=np.where(np.arange(40) < 30, 2 * values[:, 0], NAN))
    kept, apart = split(rows, 0.25, RandomStream(0))
    assert len(apart) == 10
    assert apart.n_labelled in (7, 8)  # as many with a target as their share
    few = keep_labels(rows, 5, RandomStream(0))
    assert few.n_labelled == 5
    for some in (kept, apart, few.labelled()):
        assert some.targets is not None
        known = ~np.isnan(some.targets)
        np.testing.assert_array_equal(some.targets[known], 2 * np.asarray(some.values)[known, 0])
    with pytest.raises(OptionError, match="labels = 31"):
        keep_labels(rows, 31, RandomStream(0))
