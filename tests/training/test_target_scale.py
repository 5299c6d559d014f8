"""Targets on the scale that a network learns, and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from layerwise.networks import Network
from layerwise.randomness import RandomStream
from layerwise.training.target_scale import TargetScale, explained

TARGETS = np.random.default_rng(0).normal([3.0, -100.0, 7.0], [2.0, 30.0, 0.0], (50, 3))


def test_a_network_of_standard_targets_gives_them_on_their_own_scale() -> None:
    scale = TargetScale.of(TARGETS)
    standard = scale.standard(TARGETS)
    assert standard[:, :2].mean(0).numpy() == pytest.approx(0.0, abs=1e-6)
    assert standard[:, :2].std(0, correction=0).numpy() == pytest.approx(1.0)
    assert not standard[:, 2].any()
    network, x = Network.of_sizes((4, 5, 3), "tanh", random=RandomStream(0)), torch.randn(6, 4)
    before = network(x).detach().numpy()
    scale.put_into(network)
    assert network(x).detach().numpy() == pytest.approx(before * scale.deviation + scale.mean, rel=1e-5)


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    weights = np.arange(50) % 3.0
    weighted, copied = TargetScale.of(TARGETS, weights), TargetScale.of(TARGETS.repeat(weights.astype(int), axis=0))
    assert weighted.mean == pytest.approx(copied.mean)
    assert weighted.deviation == pytest.approx(copied.deviation)


def test_explained_is_scikit_learns_r2_without_constant_outputs() -> None:
    from sklearn.metrics import r2_score

    given, targets = torch.randn(50, 2), torch.from_numpy(TARGETS).float()
    both = explained(torch.cat([given, targets[:, 2:] + 1], 1), targets)
    assert both == pytest.approx(float(r2_score(TARGETS[:, :2], given.numpy())), rel=1e-4)
    assert np.isnan(explained(targets[:, 2:], targets[:, 2:]))
