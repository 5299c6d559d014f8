"""How well networks classify rows that nothing was learned from, beside logistic regression on the same labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor, nn

from layerwise.data.minibatches import Minibatches
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.data.stored import StoredValues
from layerwise.randomness import RandomStream

__all__ = ["accuracy", "at_once", "held", "in_order", "logistic_regression", "probabilities"]

_CHUNK = 1000
# L-BFGS from zero: MNIST's 60,000 rows are within a hundredth of a point of their end by then.
_ITERATIONS = 300
_SPARSE_BELOW = 0.3
"""Density under which a sparse matrix of eight bytes an entry is well smaller than a dense one of four."""


def in_order(rows: Rows, preparation: Preparation, device: str | torch.device = "cpu") -> Minibatches:
    """The rows in their order, a thousand at a time: what is measured need not fit into memory."""
    return Minibatches(rows, preparation, _CHUNK, RandomStream(0), shuffle=False, device=device)


def held(rows: Rows) -> Rows:
    """Rows in memory: of a stream as many as one window holds, drawn."""
    if not isinstance(rows.values, StoredValues):
        return rows
    drawn = RandomStream(0).child("held").permutation(len(rows))[: rows.values.window_rows].sort().values.numpy()
    return rows.select(drawn).in_memory()


def probabilities(network: nn.Sequential, rows: Rows, preparation: Preparation) -> Iterator[Tensor]:
    """What a network gives each class, a thousand rows at a time.

    Yields
    ------
    Tensor of shape (some rows, classes)
        Each row sums to 1.
    """
    device = next(network.parameters()).device
    for batch in in_order(rows, preparation, device).epoch(0):
        with torch.no_grad():
            given = network(batch.values).softmax(1).cpu()
        yield given


def accuracy(network: nn.Sequential, rows: Rows, preparation: Preparation) -> float:
    """Share of the rows whose most probable class is their label."""
    given = [part.numpy().argmax(1) for part in probabilities(network, rows, preparation)]
    return _share(np.concatenate(given), rows)


def logistic_regression(learning: Rows, test: Rows, preparation: Preparation) -> float:
    """Accuracy on test rows of a logistic regression on the learning rows, both prepared as the network's are.

    Missing values are given their column's mean.

    Parameters
    ----------
    learning, test : Rows
        Every row has a label. Of a stream some are drawn, as many as one window holds.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    filling, classifier = SimpleImputer(keep_empty_features=True, copy=False), LogisticRegression(max_iter=_ITERATIONS)
    model: Any = Pipeline([("filling", filling), ("classifier", classifier)])
    with warnings.catch_warnings():
        # The last digits of a baseline's weights are not worth a user's attention.
        warnings.simplefilter("ignore")
        learning = held(learning)
        model.fit(at_once(learning, preparation), learning.labels)
        parts: list[Any] = [model.predict(batch.values.numpy()) for batch in in_order(test, preparation).epoch(0)]
    return _share(np.concatenate(parts), test)


def at_once(rows: Rows, preparation: Preparation) -> Any:
    """All prepared rows; without their zeros where few entries are not, because the report must fit beside them."""
    some = next(iter(in_order(rows, preparation).epoch(0))).values
    if int(some.count_nonzero()) < _SPARSE_BELOW * some.numel():
        return sparse.vstack([sparse.csr_array(batch.values.numpy()) for batch in in_order(rows, preparation).epoch(0)])
    dense = np.empty((len(rows), preparation.n_units), dtype=np.float32)
    first = 0
    for batch in in_order(rows, preparation).epoch(0):
        dense[first : first + len(batch.values)] = batch.values.numpy()
        first += len(batch.values)
    return dense


def _share(predicted: npt.NDArray[np.int64], rows: Rows) -> float:
    assert rows.labels is not None
    return float((predicted == rows.labels).mean())
