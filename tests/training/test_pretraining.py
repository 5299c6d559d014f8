"""Greedy stacking: where a layer starts, what it is given to learn, and what is measured of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from layerwise.data import Minibatches, Preparation, Rows
from layerwise.energy import RBM, BeliefNet
from layerwise.errors import DivergenceError, OptionError
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.loop import run
from layerwise.training.pretraining import GAUSSIAN_SHARE, GreedyPretraining, check_finite, measure_layer
from layerwise.units import BernoulliUnits, GaussianUnits

MakeRBM = Callable[..., RBM]


def pretraining(visible: str = "bernoulli") -> GreedyPretraining:
    return GreedyPretraining(visible, [7, 5], ContrastiveLearning("cd", learning_rate=0.1))


def stream_and_sample(rows: Rows, visible: str = "bernoulli") -> tuple[Minibatches, torch.Tensor]:
    preparation = Preparation.fit(rows, visible)  # type: ignore[arg-type]
    return Minibatches(rows, preparation, 16, RandomStream(0)), preparation.prepare(rows.values)


def test_the_first_layer_starts_from_the_data(rows: Rows) -> None:
    stream, sample = stream_and_sample(rows)
    trainer, state, given = pretraining().begin_layer([], stream, sample, RandomStream(1))
    rbm = state.rbm
    assert isinstance(rbm.visible, BernoulliUnits)
    assert (rbm.visible.size, rbm.hidden.size) == (12, 7)
    mean = sample.mean(0)
    assert mean.min() > 0.01
    assert torch.allclose(rbm.visible.mean(rbm.visible.bias[None])[0], mean, atol=1e-6)
    assert not rbm.hidden.bias.any()
    assert 0.005 < float(rbm.weights.std()) < 0.02
    assert given is stream
    assert trainer.learning_rate == 0.1


def test_a_pixel_that_is_never_seen_may_still_be_seen(rows: Rows) -> None:
    stream, sample = stream_and_sample(rows)
    sample[:, 0], sample[:, 1] = 0.0, 1.0
    _, state, _ = pretraining().begin_layer([], stream, sample, RandomStream(1))
    assert math.isclose(float(state.rbm.visible.bias[0]), -math.log(99), rel_tol=1e-5)
    assert math.isclose(float(state.rbm.visible.bias[1]), math.log(99), rel_tol=1e-5)


def test_gaussian_units_start_from_mean_and_variance_and_learn_more_slowly(rows: Rows) -> None:
    stream, sample = stream_and_sample(rows, "gaussian")
    moved = stream.map(lambda v: 3 * v + 1)
    trainer, state, _ = pretraining("gaussian").begin_layer([], moved, 3 * sample[:9] + 1, RandomStream(1))
    assert isinstance(state.rbm.visible, GaussianUnits)
    field = state.rbm.visible.bias[None]
    assert torch.allclose(state.rbm.visible.mean(field)[0], 3 * sample.mean(0) + 1, atol=1e-5)
    variance = (-state.rbm.visible.log_precision).exp()
    assert torch.allclose(variance, 9 * sample.var(0, correction=0), rtol=1e-5)
    assert trainer.learning_rate == pytest.approx(0.1 / 20)
    assert pretraining("gaussian").trainer_for(RBM(BernoulliUnits(3), BernoulliUnits(2))).learning_rate == 0.1


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_the_next_layer_learns_the_code_of_the_layer_below(visible: str, rows: Rows) -> None:
    stream, sample = stream_and_sample(rows, visible)
    greedy = pretraining(visible)
    _, below, _ = greedy.begin_layer([], stream, sample, RandomStream(1))
    below.rbm.scatter_weights(RandomStream(9), scale=1.0)
    trainer, state, given = greedy.begin_layer([below.rbm], stream, sample, RandomStream(2))
    assert isinstance(state.rbm.visible, BernoulliUnits)
    assert (state.rbm.visible.size, state.rbm.hidden.size) == (7, 5)
    assert trainer.learning_rate == 0.1
    assert (given.n_columns, given.n_rows, given.n_batches) == (7, 60, 4)
    with torch.no_grad():
        for batch, raw in zip(given.epoch(2), stream.epoch(2), strict=True):
            assert torch.equal(batch.values, below.rbm.mean_h_from_v(raw.values))
    code = below.rbm.mean_h_from_v(sample).mean(0).clamp(0.01, 0.99)
    assert torch.allclose(state.rbm.visible.mean(state.rbm.visible.bias[None])[0], code, atol=1e-5)


def test_a_layer_starts_the_same_from_the_same_stream(rows: Rows) -> None:
    stream, sample = stream_and_sample(rows)
    weights = [
        pretraining().begin_layer([], stream, sample, RandomStream(seed))[1].rbm.weights.clone() for seed in (1, 1, 2)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_a_layer_is_measured_by_the_formulas_and_not_changed(visible: str, make_rbm: MakeRBM) -> None:
    rbm, untouched = make_rbm(visible), make_rbm(visible)
    generator = torch.Generator().manual_seed(0)
    rows, held_out = torch.rand(30, 4, generator=generator), torch.rand(20, 4, generator=generator)
    info = measure_layer(rbm, rows, held_out)
    reconstruction = rbm.reconstruct(rows)
    errors = ((rows - reconstruction).double() ** 2).sum(1)
    assert math.isclose(info.reconstruction_error, float(errors.mean()), rel_tol=1e-5)
    gap = rbm.free_energy(held_out).double().mean() - rbm.free_energy(rows).double().mean()
    assert math.isclose(info.free_energy_gap, float(gap), rel_tol=1e-5, abs_tol=1e-5)
    assert math.isclose(info.hidden_activity, float(rbm.mean_h_from_v(rows).double().mean()), rel_tol=1e-5)
    assert math.isnan(measure_layer(rbm, rows, None).free_energy_gap)
    assert math.isnan(measure_layer(rbm, rows, rows[:0]).free_energy_gap)
    assert measure_layer(rbm, rows, rows).free_energy_gap == 0
    for one, other in zip(rbm.parameters(), untouched.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_gap_grows_where_the_training_rows_are_known_by_heart() -> None:
    # Rows without any structure, ten for four hundred parameters: all that can be learned is the rows themselves.
    noise = np.random.default_rng(0).integers(0, 2, (120, 12)).astype(np.float32)
    stream, sample = stream_and_sample(Rows(noise[:10]))
    held_out = torch.from_numpy(noise[10:])
    greedy = GreedyPretraining("bernoulli", [30], ContrastiveLearning("cd", learning_rate=1.0, momentum=0.8))
    trainer, state, _ = greedy.begin_layer([], stream, sample, RandomStream(1))
    before = measure_layer(state.rbm, sample, held_out)
    for epoch in range(80):
        for batch in stream.epoch(epoch):
            state, _ = trainer.step(state, batch)
    after = measure_layer(state.rbm, sample, held_out)
    assert after.reconstruction_error < before.reconstruction_error
    error = math.sqrt(sum(float(state.rbm.free_energy(part).var()) / len(part) for part in (sample, held_out)))
    assert after.free_energy_gap - before.free_energy_gap > 5 * error


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["weights", "visible.bias", "hidden.bias"])
def test_a_parameter_that_is_no_number_is_found_and_named(name: str, value: float, make_rbm: MakeRBM) -> None:
    rbm = make_rbm()
    check_finite(rbm, "layer 2")
    rbm.get_parameter(name)[-1] = value
    with pytest.raises(DivergenceError, match=rf"^layer 2: {name} left the finite numbers; .*lower the learning rate"):
        check_finite(rbm, "layer 2")


def test_a_network_is_looked_through_too() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    check_finite(network, "fine-tuning")
    with torch.no_grad():
        network[1].bias[0] = math.nan  # type: ignore[index]
    with pytest.raises(DivergenceError, match=r"fine-tuning: 1\.bias"):
        check_finite(network, "fine-tuning")


@pytest.mark.parametrize(("hidden", "named"), [([], r"\[\]"), ([5, 0], "0"), ([-3], "-3")], ids=str)
def test_layers_of_no_size_are_refused(hidden: list[int], named: str) -> None:
    with pytest.raises(OptionError, match=rf"hidden = {named}: "):
        GreedyPretraining("bernoulli", hidden, ContrastiveLearning())


def test_a_kind_of_unit_that_does_not_exist_is_refused_before_any_work() -> None:
    with pytest.raises(OptionError, match="unit kind = 'spinning': must be one of bernoulli, "):
        GreedyPretraining("spinning", [5], ContrastiveLearning())


def test_the_stack_that_grows_is_a_belief_net(rows: Rows) -> None:
    stream, sample = stream_and_sample(rows)
    layers: list[RBM] = []
    for depth in range(2):
        _, state, _ = pretraining().begin_layer(layers, stream, sample, RandomStream(depth))
        layers.append(state.rbm)
    assert BeliefNet(layers).sizes == (12, 7, 5)


def test_columns_that_seldom_or_never_vary_do_not_break_gaussian_units() -> None:
    # A column constant in all rows, whose precision would grow for ever; one constant in nearly all of them, whose
    # precision must not be that of the rows where it is constant.
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1600, 5, generator=generator)
    x[:, 1] = 0.0
    x[:, 2] = 0.0
    x[1500, 2] = 40.0
    rows = Rows.from_arrays(x.numpy())
    stream = Minibatches(rows, Preparation.fit(rows, "gaussian"), 20, RandomStream(1))
    sample = Preparation.fit(rows, "gaussian").prepare(x[:1000])
    trainer = ContrastiveLearning("cd", learning_rate=0.05, momentum=0.9)
    plan = GreedyPretraining("gaussian", [8], trainer)
    used, state, stream = plan.begin_layer([], stream, sample, RandomStream(2))
    assert used.learning_rate == pytest.approx(trainer.learning_rate * GAUSSIAN_SHARE)
    start = state.rbm.visible.get_parameter("log_precision").clone()
    assert start[2].abs() < 0.01  # its variance is 1 in all rows, and 0 in the sample
    state = run(used, state, stream, 40).state
    check_finite(state.rbm, "layer 1")
    assert float(measure_layer(state.rbm, sample, None).reconstruction_error) < 5.0
