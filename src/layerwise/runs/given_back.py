"""How well test rows come back from a network, beside principal components with a code of the same size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.networks.reconstruction import Reconstruction
from layerwise.runs.scores import at_once, held, in_order

__all__ = ["by_components", "components_error", "mean_row_error", "network_error"]


@torch.no_grad()
def network_error(network: nn.Sequential, back: Reconstruction, rows: Rows, preparation: Preparation) -> float:
    """Squared difference between a row and what an autoencoder gives back, summed over the units, mean over rows."""
    device = next(network.parameters()).device
    back.kind.to(device)
    total = 0.0
    for batch in in_order(rows, preparation, device).epoch(0):
        total += float((batch.values - back.mean(network, batch.values)).square().double().sum())
    return total / len(rows)


def by_components(learning: Rows, preparation: Preparation, size: int) -> Callable[[Tensor], Tensor]:
    """How prepared rows come back from the best linear code of that size, learned from other rows.

    Parameters
    ----------
    learning : Rows
    preparation : Preparation
    size : int
        Of the code; as many as there are units, or rows, leave nothing out.
    """
    from sklearn.decomposition import PCA

    values: Any = at_once(held(learning), preparation)
    dense: Any = values.toarray() if hasattr(values, "toarray") else values
    model: Any = PCA(min(size, *dense.shape), random_state=0).fit(dense)
    return lambda rows: torch.from_numpy(model.inverse_transform(model.transform(rows.numpy()))).to(rows)


def components_error(learning: Rows, test: Rows, preparation: Preparation, size: int) -> float:
    """The same error of test rows that come back from principal components."""
    back, total = by_components(learning, preparation, size), 0.0
    for batch in in_order(test, preparation).epoch(0):
        total += float((batch.values - back(batch.values)).square().double().sum())
    return total / len(test)


def mean_row_error(learning: Rows, test: Rows, preparation: Preparation) -> float:
    """The same of a code of no number at all: every row comes back as the mean of the learning rows."""
    total = sum(batch.values.double().sum(0) for batch in in_order(learning, preparation).epoch(0))
    mean = torch.as_tensor(total) / len(learning)
    parts = (float((batch.values - mean).square().sum()) for batch in in_order(test, preparation).epoch(0))
    return sum(parts) / len(test)
