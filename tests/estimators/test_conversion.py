"""Conversions: random states, devices, rows in their own precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from layerwise.data.minibatches import MinibatchStream
from layerwise.errors import DataError, OptionError
from layerwise.estimators import conversion
from layerwise.estimators.conversion import (
    OwnPrecision,
    as_tensor,
    check_probabilities,
    parts,
    stream_from,
    training_device,
)
from layerwise.randomness import RandomStream


def test_a_seed_gives_the_same_stream() -> None:
    assert stream_from(3) == stream_from(3)
    assert stream_from(3) != stream_from(4)
    assert stream_from(np.random.RandomState(3)) == stream_from(3)
    state = np.random.RandomState(3)
    assert stream_from(state) != stream_from(state)
    assert stream_from(None) != stream_from(None)


def test_a_seed_that_is_none_is_refused() -> None:
    for seed in (1.5, "a", -1, 2**32, np.random.default_rng(0)):
        with pytest.raises(OptionError, match=r"random_state = .*: must be None, a whole number .*; give 0"):
            stream_from(seed)


def test_devices() -> None:
    assert training_device("cpu") == torch.device("cpu")
    assert training_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("gpu", "mps", None, 3.5, []):
        with pytest.raises(OptionError, match=r"device = .*: must be 'auto', 'cpu' or 'cuda'; leave it at 'auto'"):
            training_device(name)
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(OptionError, match=f"device = '{missing}': torch finds no such GPU on this machine"):
        training_device(missing)


def test_parts_cover_the_rows_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "PART", 20)
    assert list(parts(np.zeros((5, 7)))) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert list(parts(np.zeros((2, 100)))) == [slice(0, 1), slice(1, 2)]


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_a_tensor_is_a_copy(form: Any) -> None:
    array = np.eye(3, dtype=np.uint8)
    array.flags.writeable = False
    tensor = as_tensor(form(array), torch.float64)
    tensor.zero_()
    assert tensor.dtype == torch.float64
    assert np.array_equal(array, np.eye(3))


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_minibatches_keep_precision_and_bits(form: Any, dtype: Any) -> None:
    array = np.random.default_rng(0).integers(0, 2, (11, 3)).astype(dtype)
    if dtype == np.float64:
        array *= 1 / 3  # a number that float32 would round
    stream = OwnPrecision(form(array), 4, RandomStream(0))
    assert isinstance(stream, MinibatchStream)
    batches = [batch.values for batch in stream.epoch(0)]
    assert [len(values) for values in batches] == [4, 4, 3]
    rows = torch.cat(batches)
    assert rows.dtype == (torch.float64 if dtype == np.float64 else torch.float32)
    assert sorted(rows.tolist()) == sorted(array.tolist())
    # A new order in each epoch: rows that are sorted by class do no harm.
    assert not torch.equal(rows, torch.cat([batch.values for batch in stream.epoch(1)]))


def test_the_first_value_outside_the_interval_is_named() -> None:
    values = np.array([[0.0, 1.0, 0.5], [0.0, 0.2, 7.0], [9.0, 0.0, 0.0]])
    for rows in (values, sparse.csr_array(values)):
        with pytest.raises(DataError, match=r"X, row 1, column 2 = 7.0"):
            check_probabilities(rows, None)
        with pytest.raises(DataError, match=r"X, row 1, column 'c' = 7.0"):
            check_probabilities(rows, ["a", "b", "c"])
    check_probabilities(values[:1], None)
    check_probabilities(sparse.csr_array((3, 3)), None)
