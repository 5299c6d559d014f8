"""A fit gives back all that it took: tensors, files, threads. `benchmarks/endurance.py` is the long version."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import layerwise

KINDS = (layerwise.RBM, layerwise.DBNClassifier, layerwise.MLPClassifier, layerwise.Autoencoder, layerwise.Perceptron)
HANDLES = Path("/proc/self/fd")


def kept() -> dict[str, int]:
    gc.collect()
    tensors = sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())
    files = len(os.listdir(HANDLES)) if HANDLES.exists() else 0
    return {"tensors": tensors, "files": files, "threads": threading.active_count()}


@pytest.mark.filterwarnings("ignore")  # of fits that are too short to learn
def test_many_fits_keep_no_more_than_few() -> None:
    X = (np.random.default_rng(0).random((20, 4)) < 0.5).astype(np.float32)
    y = (X[:, 0] > 0).astype(int)

    def fit_all(times: int) -> dict[str, int]:
        for _ in range(times):
            for kind in KINDS:
                estimator: Any = kind()
                long = {name for name in estimator.get_params() if name.endswith(("n_iter", "max_iter", "epochs"))}
                estimator.set_params(**dict.fromkeys(long, 2)).fit(X, y)
        return kept()

    fit_all(1)
    few = fit_all(1)
    assert fit_all(3) == few
