"""What a course learns from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.estimators import lessons
from layerwise.estimators.lessons import lessons_from
from layerwise.randomness import RandomStream


def test_the_labelled_rows_are_taught_and_all_are_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "MEASURED", 4)
    values = np.arange(10, dtype=np.float32)[:, None] / 9
    rows = Rows(values, np.array([0, -1, 1, -1, -1, 1, -1, -1, 0, 1]), ("a", "b"))
    taught = lessons_from(rows, Preparation.fit(rows, "bernoulli"), 3, RandomStream(0), torch.device("cpu"))
    assert (taught.rows.n_rows, taught.classes, taught.held_out) == (10, 2, None)
    assert taught.labelled is not None
    assert taught.labelled.n_rows == 5
    for batch in taught.labelled.epoch(0):
        assert batch.labels is not None
        assert [rows.labels[round(float(9 * v))] for v in batch.values[:, 0]] == batch.labels.tolist()  # type: ignore[index]
    assert taught.sample.shape == (4, 1)
    assert taught.labelled_sample is not None
    measured, labels = taught.labelled_sample
    assert [rows.labels[round(float(9 * v))] for v in measured[:, 0]] == labels.tolist()  # type: ignore[index]
