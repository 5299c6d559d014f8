"""Labels beside the values: what generative training of a classification RBM, and of a labelled top, is fed with."""

from __future__ import annotations

import math

import pytest
import torch

from layerwise.data import Minibatches, Preparation, Rows
from layerwise.data.minibatches import MinibatchStream
from layerwise.energy import RBM, BeliefNet
from layerwise.energy.class_rbm import class_log_probabilities, class_rbm
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.label_units import JoinedLabels
from layerwise.training.loop import run
from layerwise.units import BernoulliUnits


def stream_of(rows: Rows) -> Minibatches:
    return Minibatches(rows, Preparation.fit(rows, "bernoulli"), 16, RandomStream(0))


def test_labels_stand_after_the_values_and_unknown_ones_are_missing(rows: Rows) -> None:
    assert rows.labels is not None
    labels = rows.labels.copy()
    labels[::4] = -1
    some = Rows.from_arrays(rows.values, labels)
    stream, joined = stream_of(some), JoinedLabels(stream_of(some), 3)
    assert isinstance(joined, MinibatchStream)
    assert (joined.n_rows, joined.n_batches, joined.n_columns) == (60, 4, 15)
    for plain, batch in zip(stream.epoch(1, 1), joined.epoch(1, 1), strict=True):
        assert batch.labels is not None
        assert torch.equal(batch.values[:, :12], plain.values)
        known = batch.labels >= 0
        assert torch.equal(batch.values[known, 12:].argmax(1), batch.labels[known])
        assert bool((batch.values[known, 12:].sum(1) == 1).all())
        assert bool(batch.values[~known, 12:].isnan().all())


@pytest.mark.parametrize("share_labelled", [1.0, 0.5])
def test_contrastive_learning_as_it_is_learns_the_joint_distribution(share_labelled: float, rows: Rows) -> None:
    assert rows.labels is not None
    labels = rows.labels.copy()
    labels[int(60 * share_labelled) :] = -1
    stream = JoinedLabels(stream_of(Rows.from_arrays(rows.values, labels)), 3)
    rbm = class_rbm(12, 10, 3)
    rbm.scatter_weights(RandomStream(0), 0.1)
    trainer = ContrastiveLearning(learning_rate=0.1)
    run(trainer, trainer.init(rbm, RandomStream(0)), stream, 80)
    values = Preparation.fit(rows, "bernoulli").prepare(rows.values)
    wrong = class_log_probabilities(rbm, values).argmax(1) != torch.from_numpy(rows.labels)
    # Twelve columns, each flipped once in ten times: prototypes at least four columns apart are rarely mistaken.
    assert int(wrong.sum()) <= 6


def test_the_top_of_a_belief_network_learns_labels_beside_the_code(rows: Rows) -> None:
    below = RBM(BernoulliUnits(12), BernoulliUnits(10))
    below.scatter_weights(RandomStream(1), 0.1)
    lower = ContrastiveLearning(learning_rate=0.1)
    run(lower, lower.init(below, RandomStream(0)), stream_of(rows), 40)
    top = class_rbm(10, 8, 3)
    top.scatter_weights(RandomStream(2), 0.1)
    net = BeliefNet([below, top])
    stream = JoinedLabels(stream_of(rows), 3).map(lambda v: net.up(v, 1))
    assert stream.n_columns == 13
    run(lower, lower.init(top, RandomStream(0)), stream, 80)
    values = Preparation.fit(rows, "bernoulli").prepare(rows.values)
    assert rows.labels is not None
    assert int((net.classify(values) != torch.from_numpy(rows.labels)).sum()) <= 12  # who guesses is wrong 40 times
    # A dream of a class is taken for one of that class, more often than by chance.
    wanted = torch.arange(300) % 3
    dreams = net.sample(300, RandomStream(3), steps=50, label=wanted)
    assert float((net.classify(dreams) == wanted).float().mean()) > 1 / 3 + 5 * math.sqrt(2 / 9 / 300)


def test_streams_that_cannot_be_joined_are_refused(rows: Rows) -> None:
    with pytest.raises(OptionError, match="classes = 1: must be at least 2"):
        JoinedLabels(stream_of(rows), 1)
    with pytest.raises(DataError, match="labels = None: every row needs a label, or -1 for none"):
        next(JoinedLabels(stream_of(Rows.from_arrays(rows.values)), 3).epoch(0))
    with pytest.raises(DataError, match=r"labels, row \d+ = 2: must be from -1 to 1, one of the 2 classes"):
        next(JoinedLabels(stream_of(rows), 2).epoch(0))
