"""Contrastive learning, held against the exact gradient of machines that can be summed over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from layerwise import kernels
from layerwise.data import Batch
from layerwise.energy import RBM
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.training.checkpoint import read_tree, write_tree
from layerwise.training.contrastive import ContrastiveInfo, ContrastiveLearning, ContrastiveState
from layerwise.units import BernoulliUnits, CategoricalUnits, MixedUnits, UnitKind

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
SINGLE = 2.0**-23

MakeRBM = Callable[..., RBM]
States = Callable[[int], Tensor]
Gradients = dict[str, Tensor]

KINDS = sorted(UnitKind.kinds)
every_kind = pytest.mark.parametrize("visible", KINDS)
every_kind_on_either_side = pytest.mark.parametrize(
    ("visible", "hidden"), [(kind, "bernoulli") for kind in KINDS] + [("bernoulli", kind) for kind in KINDS[1:]]
)
# Noisy rectified units are drawn nearly, not exactly, as the model says: their chains do not stay where they are.
DRAWN_EXACTLY = [kind for kind in KINDS if kind != "noisy_rectified"]


def batch(values: Tensor) -> Batch:
    return Batch(values, None, 0, len(values))


def chosen(p: Tensor, count: int, seed: int = 0) -> Tensor:
    return torch.multinomial(p, count, replacement=True, generator=torch.Generator().manual_seed(seed))


class MeanLogLikelihood(torch.nn.Module):
    """Of rows, exactly: log Z is a sum over the states of the binary side."""

    def __init__(self, rbm: RBM, states: Tensor) -> None:
        super().__init__()
        self.rbm, self.states = rbm, states

    def forward(self, v: Tensor) -> Tensor:
        rbm, x = self.rbm, self.states
        if isinstance(rbm.hidden, BernoulliUnits):
            log_z = torch.logsumexp(rbm.visible.cumulant(rbm.field_of_visible(x)) - rbm.hidden.energy(x), 0)
        else:
            log_z = torch.logsumexp(-rbm.free_energy(x), 0)
        return -rbm.free_energy(v).mean() - log_z


def by_autograd(rbm: RBM, v: Tensor, hidden: Tensor) -> Gradients:
    names = [name for name, _ in rbm.named_parameters()]
    at = [p.detach().clone().requires_grad_() for p in rbm.parameters()]
    parameters = {f"rbm.{name}": p for name, p in zip(names, at, strict=True)}
    value = functional_call(MeanLogLikelihood(rbm, hidden), parameters, v)
    return dict(zip(names, torch.autograd.grad(value, at), strict=True))


def by_finite_differences(rbm: RBM, v: Tensor, hidden: Tensor, step: float = 1e-5) -> Gradients:
    likelihood, result = MeanLogLikelihood(rbm, hidden), {}
    for name, parameter in rbm.named_parameters():
        result[name] = torch.zeros(parameter.shape, dtype=torch.float64)
        for place in torch.cartesian_prod(*(torch.arange(n) for n in parameter.shape)).reshape(-1, parameter.dim()):
            where = tuple(place.tolist())
            before = float(parameter[where])
            values = []
            for shift in (step, -step):
                parameter[where] = before + shift
                values.append(float(likelihood(v)))
            parameter[where] = before
            result[name][where] = (values[0] - values[1]) / (2 * step)
    return result


def statistics_of_rows(rbm: RBM, v: Tensor) -> Gradients:
    """-∂E/∂parameter for each row, the hidden units by their expectations."""
    field = rbm.field_of_hidden(v)
    mean = rbm.hidden.mean(field)
    return {
        "weights": v[:, :, None] * mean[:, None, :],
        **{f"visible.{name}": value for name, value in rbm.visible.statistics(v).items()},
        **{f"hidden.{name}": value for name, value in rbm.hidden.expected_statistics(field, mean).items()},
    }


def by_the_formula(rbm: RBM, v: Tensor, everything: Tensor, p: Tensor) -> Gradients:
    """⟨-∂E/∂θ⟩ over the data rows less the same over all rows, each as probable as the model says."""
    data, model = statistics_of_rows(rbm, v), statistics_of_rows(rbm, everything)
    return {name: data[name].mean(0) - torch.tensordot(p, model[name], 1) for name in data}


def exact_rows(rbm: RBM, states: States, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rows and hidden states drawn from the machine's exact distribution; the binary side is drawn first."""
    random = RandomStream(seed).child("exact rows")
    if not isinstance(rbm.hidden, BernoulliUnits):
        v = states(rbm.visible.size)
        v = v[chosen((-rbm.free_energy(v)).double().softmax(0), count, seed)]
        return v, rbm.sample_h_from_v(v, random)
    h = states(rbm.hidden.size)
    log_p = rbm.visible.cumulant(rbm.field_of_visible(h)) - rbm.hidden.energy(h)
    h = h[chosen(log_p.double().softmax(0), count, seed)]
    return rbm.sample_v_from_h(h, random), h


def every_value(units: UnitKind) -> tuple[Tensor, Tensor]:
    """Every value of one unit and the logarithm of its weight in a sum or an integral."""
    if (sites := units.states()) is not None:
        x = sites[0].double()
    elif units.name == "noisy_rectified":
        x = torch.arange(60, dtype=torch.float64)[:, None]
    else:
        points, weights = (torch.from_numpy(array) for array in np.polynomial.legendre.leggauss(10))
        edges = torch.linspace(0 if units.name == "rectified" else -25, 25, 41, dtype=torch.float64)
        half = (edges[1] - edges[0]) / 2
        return (edges[:-1, None] + half + half * points).reshape(-1, 1), (half * weights).log().repeat(40)
    return x, torch.zeros(len(x), dtype=torch.float64)


def every_row(units: UnitKind) -> tuple[Tensor, Tensor]:
    """Every row of a layer of two units, and the logarithm of its weight."""
    if isinstance(units, CategoricalUnits):
        return every_value(units)
    parts = list(units.parts) if isinstance(units, MixedUnits) else [units, units]
    (x, log_x), (y, log_y) = (every_value(part) for part in parts)  # type: ignore[arg-type]
    return torch.cat([x.repeat_interleave(len(y), 0), y.repeat(len(x), 1)], 1), log_x.repeat_interleave(
        len(y)
    ) + log_y.repeat(len(x))


@every_kind
def test_three_ways_to_the_exact_gradient_agree(visible: str, make_rbm: MakeRBM, states: States) -> None:
    rbm = make_rbm(visible, (2, 3)).double()
    hidden = states(3).double()
    everything, log_weight = every_row(rbm.visible)
    p = (log_weight - rbm.free_energy(everything)).softmax(0)
    v = rbm.visible.sample(torch.zeros(30, 2, dtype=torch.float64), RandomStream(1))
    formula = by_the_formula(rbm, v, everything, p)
    exact, differences = by_autograd(rbm, v, hidden), by_finite_differences(rbm, v, hidden)
    assert formula.keys() == exact.keys() == dict(rbm.named_parameters()).keys()
    for name, gradient in exact.items():
        assert torch.allclose(formula[name], gradient, rtol=1e-10, atol=1e-10), name
        assert torch.allclose(differences[name], gradient, rtol=1e-6, atol=1e-8), name


def first_step(
    trainer: ContrastiveLearning, rbm: RBM, v: Tensor, chains: Tensor | None = None, seed: int = 0
) -> tuple[Gradients, ContrastiveState, ContrastiveInfo]:
    """By how much one step moves each parameter, for a learning rate of one."""
    state = trainer.init(rbm, RandomStream(seed))
    if chains is not None:
        state = ContrastiveState(rbm, state.velocity, chains, state.random)
    before = {name: p.double().clone() for name, p in rbm.named_parameters()}
    state, info = trainer.step(state, batch(v))
    moved = {name: (p.double() - before[name]) / trainer.learning_rate for name, p in rbm.named_parameters()}
    return moved, state, info


@every_kind_on_either_side
@pytest.mark.parametrize("method", ["cd", "pcd"])
def test_a_step_goes_along_the_difference_of_two_averages(
    method: str, visible: str, hidden: str, make_rbm: MakeRBM
) -> None:
    rbm, before = make_rbm(visible, (6, 5), hidden=hidden), make_rbm(visible, (6, 5), hidden=hidden)
    v = rbm.visible.sample(torch.zeros(40, 6), RandomStream(1))
    trainer = ContrastiveLearning(method, chains=25, learning_rate=0.5, momentum=0.0)  # type: ignore[arg-type]
    moved, state, info = first_step(trainer, rbm, v)
    data, model = statistics_of_rows(before, info.data), statistics_of_rows(before, info.model)
    assert torch.equal(info.data, v)
    assert len(info.model) == (40 if method == "cd" else 25)
    for name in moved:
        expected = data[name].double().mean(0) - model[name].double().mean(0)
        size = data[name].abs().mean(0) + model[name].abs().mean(0) + before.get_parameter(name).abs()
        assert bool(((moved[name] - expected).abs() <= 50 * SINGLE * size).all()), name
    assert torch.allclose(info.data_hidden, before.mean_h_from_v(v), rtol=8 * SINGLE)
    assert torch.allclose(info.model_hidden, before.mean_h_from_v(info.model), rtol=8 * SINGLE)
    assert math.isclose(info.hidden_activity, float(info.data_hidden.double().mean()), rel_tol=1e-5)
    of_visible, of_hidden = (len(u.parts) if isinstance(u, MixedUnits) else 1 for u in (rbm.visible, rbm.hidden))
    assert state.random == RandomStream(0, {"cd": 1, "pcd": 2}[method] * of_hidden + of_visible)


@pytest.mark.parametrize(
    ("visible", "hidden"),
    [(kind, "bernoulli") for kind in DRAWN_EXACTLY] + [("bernoulli", kind) for kind in DRAWN_EXACTLY],
)
@pytest.mark.parametrize(("method", "steps"), [("cd", 1), ("cd", 3), ("pcd", 1), ("pcd", 3), ("pt", 2)])
def test_at_the_exact_distribution_a_step_goes_nowhere_on_average(
    method: str, steps: int, visible: str, hidden: str, make_rbm: MakeRBM, states: States
) -> None:
    # Rows from the machine itself, chains from the machine itself: Gibbs steps and swaps leave both where they are.
    n, rbm = 10_000, make_rbm(visible, scale=0.8, hidden=hidden)
    before = make_rbm(visible, scale=0.8, hidden=hidden)
    v, _ = exact_rows(rbm, states, n)
    trainer = ContrastiveLearning(
        method,
        steps,
        n if method != "pt" else 2,
        learning_rate=1.0,
        momentum=0.0,
        temperatures=3,  # type: ignore[arg-type]
    )
    state = trainer.init(rbm, RandomStream(0))
    if method == "pcd":
        state = replace(state, chains=exact_rows(rbm, states, n, seed=1)[1])
    elif method == "pt":
        # Every place of the ladder has a machine of its own; its rows are drawn from that.
        assert state.tempering is not None
        path, of_places = state.tempering.path, []
        for place, beta in enumerate((0.0, 0.5, 1.0)):
            at = make_rbm(visible, scale=0.8, hidden=hidden)
            at.weights.mul_(beta)
            at.visible.bias.copy_(path.visible_bias + beta * (rbm.visible.bias - path.visible_bias))
            at.hidden.bias.mul_(beta)
            of_places.append(exact_rows(at, states, n, seed=10 + place)[0])
        chains = replace(state.tempering.chains, v=torch.stack(of_places, 1).reshape(3 * n, -1))
        state = replace(state, tempering=replace(state.tempering, chains=chains))
    state, info = trainer.step(state, batch(v))
    data, model = statistics_of_rows(before, info.data), statistics_of_rows(before, info.model)
    assert len(info.model) == n
    for name, parameter in rbm.named_parameters():
        step = parameter.double() - before.get_parameter(name).double()
        # CD's two phases come in pairs, row by row; the others' are independent.
        if method == "cd":
            variance = (data[name] - model[name]).double().var(0)
        else:
            variance = data[name].double().var(0) + model[name].double().var(0)
        rounding = 50 * SINGLE * data[name].abs().mean(0)
        assert bool((step.abs() <= SIGMAS * (variance / n).sqrt() + rounding).all()), name
    if method == "pcd":
        assert state.chains is not None
        assert len(state.chains) == n


@pytest.mark.parametrize("hidden", KINDS[1:])
def test_three_ways_agree_where_the_hidden_units_are_of_any_kind(
    hidden: str, make_rbm: MakeRBM, states: States
) -> None:
    rbm, everything = make_rbm(sizes=(3, 2), hidden=hidden).double(), states(3).double()
    v = everything[chosen(torch.full((8,), 0.125), 30)]
    formula = by_the_formula(rbm, v, everything, (-rbm.free_energy(everything)).softmax(0))
    exact, differences = by_autograd(rbm, v, everything), by_finite_differences(rbm, v, everything)
    assert formula.keys() == exact.keys() == dict(rbm.named_parameters()).keys()
    for name, gradient in exact.items():
        assert torch.allclose(formula[name], gradient, rtol=1e-9, atol=1e-10), name
        assert torch.allclose(differences[name], gradient, rtol=1e-6, atol=1e-8), name


@pytest.mark.parametrize("method", ["cd", "pcd", "pt"])
def test_with_many_steps_the_step_is_the_exact_gradient_on_average(
    method: str, make_rbm: MakeRBM, states: States
) -> None:
    n, rbm = 10_000, make_rbm()
    exact = make_rbm().double()
    v = states(4)[chosen(torch.linspace(1, 3, 16).softmax(0), 200)].repeat(n // 200, 1)
    gradient = by_autograd(exact, v.double(), states(3).double())
    trainer = ContrastiveLearning(method, 40, n, learning_rate=1.0, momentum=0.0, temperatures=3)  # type: ignore[arg-type]
    moved, _, info = first_step(trainer, rbm, v)
    model = statistics_of_rows(exact.float(), info.model)
    for name, step in moved.items():
        error = SIGMAS * (model[name].double().var(0) / n).sqrt()
        assert bool(((step - gradient[name]).abs() <= error + 4 * SINGLE).all()), name
        assert bool((gradient[name].abs() > error).any()), name  # so the test can tell


@pytest.mark.parametrize(
    ("visible", "options"),
    [("bernoulli", {"method": "pt"}), ("bernoulli", {"method": "pcd", "centred": True})]
    + [(kind, {"method": "pcd"}) for kind in ("bernoulli", "spin", "categorical")],
    ids=str,
)
def test_kept_chains_reach_what_the_exact_gradient_reaches(
    visible: str, options: dict[str, Any], make_rbm: MakeRBM, states: States
) -> None:
    teacher = make_rbm(visible, scale=2.0, seed=5)
    sites = teacher.visible.states()
    assert sites is not None
    everything = torch.stack([torch.cat(row) for row in product(*sites)]).float()
    # The curvature grows with the square of the distance of a unit's states.
    width = float(everything.max() - everything.min())
    rate, steps, chains = 0.5 / width**2, int(250 * width**2), 400
    rows = chosen((-teacher.free_energy(everything)).double().softmax(0), 200)
    v = everything[rows]
    p = torch.bincount(rows, minlength=len(everything)).double() / 200
    entropy = -torch.xlogy(p, p).sum()

    def divergence(rbm: RBM) -> float:
        log_q = (-rbm.free_energy(everything.to(rbm.weights.dtype))).double().log_softmax(0)
        return float(-(p @ log_q) - entropy)

    exact = make_rbm(visible, scale=0.5, seed=1).double()
    start = divergence(exact)
    for _ in range(steps):
        for name, gradient in by_autograd(exact, v.double(), states(3).double()).items():
            exact.get_parameter(name).add_(gradient, alpha=rate)

    trainer = ContrastiveLearning(steps=1, chains=chains, learning_rate=rate, momentum=0.0, temperatures=4, **options)
    state = trainer.init(make_rbm(visible, scale=0.5, seed=1), RandomStream(0))
    for _ in range(steps):
        state, _ = trainer.step(state, batch(v))
    # Noise of covariance C / chains in the gradient keeps the parameters η C / (2 H chains) from the optimum and so
    # costs η tr C / (4 chains). Each of the statistics, 19 of binary units, varies by a quarter of the squared width at
    # most; that consecutive steps look at chains that have hardly moved makes up for a factor, here 5.
    statistics = sum(parameter.numel() for parameter in exact.parameters())
    noise = 5 * rate * statistics * width**2 / 4 / (4 * chains)
    difference = divergence(state.rbm) - divergence(exact)
    assert difference <= noise
    if "centred" not in options:  # the centred gradient takes a shorter way, and is farther on by now
        assert difference >= -noise
    assert start - divergence(exact) > 20 * noise


@every_kind
def test_a_ragged_batch_does_not_bias_the_step(visible: str, make_rbm: MakeRBM) -> None:
    # The same rows three times are the same data, and the chains are the same hundred for 7 rows and for 21.
    v = make_rbm(visible).visible.sample(torch.zeros(7, 4), RandomStream(1))
    trainer = ContrastiveLearning("pcd", chains=100, learning_rate=1.0, momentum=0.0)
    once, _, _ = first_step(trainer, make_rbm(visible), v)
    often, _, _ = first_step(trainer, make_rbm(visible), v.repeat(3, 1))
    for name, step in once.items():
        assert torch.allclose(step, often[name], rtol=0, atol=80 * SINGLE), name


def test_a_hundred_chains_serve_batches_of_any_size(make_rbm: MakeRBM, states: States) -> None:
    # Averaged over many steps, batches of 101 and of 7 rows from one source go the same way as its exact gradient does.
    source = torch.linspace(1, 3, 16).softmax(0)
    everything = states(4)
    exact = make_rbm().double()
    p = (-exact.free_energy(everything.double())).softmax(0)
    of_states = statistics_of_rows(exact, everything.double())
    gradient = {name: torch.tensordot(source.double() - p, s, 1) for name, s in of_states.items()}
    for size in (101, 7):
        # A learning rate so small that the machine stands still while its gradient is averaged over 60 steps.
        trainer = ContrastiveLearning("pcd", 10, 100, learning_rate=1e-6, momentum=0.0)
        state = trainer.init(make_rbm(), RandomStream(size))
        drawn = []
        for step in range(60):
            state, info = trainer.step(state, batch(everything[chosen(source, size, step)]))
            one, two = statistics_of_rows(make_rbm(), info.data), statistics_of_rows(make_rbm(), info.model)
            drawn.append({name: one[name].mean(0) - two[name].mean(0) for name in one})
            assert len(info.model) == 100
        moved = {name: p.double() for name, p in state.rbm.named_parameters()}
        for name, expected in gradient.items():
            steps = torch.stack([d[name] for d in drawn]).double()
            # Ten Gibbs steps apart, chains have nearly forgotten: consecutive steps are as good as independent.
            error = SIGMAS * steps.std(0) / math.sqrt(60)
            assert bool(((steps.mean(0) - expected).abs() <= error).all()), (size, name)
            travelled = moved[name] - make_rbm().get_parameter(name).double()
            assert bool(((travelled / 60e-6 - steps.mean(0)).abs() <= 2 * SINGLE / 1e-6).all()), (size, name)


def test_momentum_and_weight_decay_follow_their_formula(make_rbm: MakeRBM) -> None:
    trainer = ContrastiveLearning("pcd", chains=30, learning_rate=0.3, momentum=0.9, weight_decay=0.2)
    rbm = make_rbm()
    state = trainer.init(rbm, RandomStream(0))
    by_hand = {name: p.double().clone() for name, p in rbm.named_parameters()}
    velocity = {name: torch.zeros_like(p) for name, p in by_hand.items()}
    v = rbm.visible.sample(torch.zeros(20, 4), RandomStream(1))
    for _ in range(3):
        before = make_rbm()
        before.load_state_dict(rbm.state_dict())
        state, info = trainer.step(state, batch(v))
        data, model = statistics_of_rows(before, info.data), statistics_of_rows(before, info.model)
        for name, value in by_hand.items():
            gradient = data[name].double().mean(0) - model[name].double().mean(0)
            decay = 0.2 if name == "weights" else 0.0
            velocity[name] = 0.9 * velocity[name] + gradient - decay * value
            by_hand[name] = value + 0.3 * velocity[name]
            assert torch.allclose(rbm.get_parameter(name).double(), by_hand[name], rtol=0, atol=60 * SINGLE), name


def test_listed_rows_are_learned_from_as_dense_rows_are(make_rbm: MakeRBM) -> None:
    v = (torch.rand(30, 200, generator=torch.Generator().manual_seed(0)) < 0.1).float()
    results = []
    for below in (0.0, 0.25):
        rbm = make_rbm(sizes=(200, 20), scale=0.05)
        rbm.visible.bias.fill_(-2.0)
        trainer = ContrastiveLearning("cd", learning_rate=0.5, momentum=0.5, weight_decay=0.01)
        state = trainer.init(rbm, RandomStream(0))
        with mock.patch.multiple(kernels, SPARSE_BELOW=below, SMALLEST_SPARSE=0):
            for _ in range(2):
                state, info = trainer.step(state, batch(v))
            assert isinstance(kernels.compress(info.model), kernels.SparseRows) == (below > 0)
        results.append(rbm)
    for (name, one), other in zip(results[0].named_parameters(), results[1].parameters(), strict=True):
        # Sums of 200 float32 numbers below 1 in another order; no draw lies so close to its threshold that it flips.
        assert torch.allclose(one, other, rtol=0, atol=200 * SINGLE), name


@every_kind
@pytest.mark.parametrize("method", ["cd", "pcd"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_saved_state_goes_on_to_the_same_bits(
    momentum: float, method: str, visible: str, make_rbm: MakeRBM, tmp_path: Path
) -> None:
    v = make_rbm(visible).visible.sample(torch.zeros(20, 4), RandomStream(1))
    trainer = ContrastiveLearning(method, 2, 15, momentum=momentum)  # type: ignore[arg-type]
    state = trainer.init(make_rbm(visible), RandomStream(0))
    for _ in range(2):
        state, _ = trainer.step(state, batch(v))
    write_tree(tmp_path / "state", trainer.to_tree(state), "state")
    restored = trainer.from_tree(make_rbm(visible, seed=9), read_tree(tmp_path / "state", "state"))
    for _ in range(3):
        state, info = trainer.step(state, batch(v))
        restored, info_again = trainer.step(restored, batch(v))
        assert torch.equal(info.model, info_again.model)
    for (name, one), other in zip(state.rbm.named_parameters(), restored.rbm.parameters(), strict=True):
        assert torch.equal(one, other), name
    assert state.random == restored.random


def test_a_step_leaves_its_batch_alone(make_rbm: MakeRBM) -> None:
    v = make_rbm().visible.sample(torch.zeros(20, 4), RandomStream(1))
    before = v.clone()
    for method in ("cd", "pcd"):
        first_step(ContrastiveLearning(method), make_rbm(), v)
        assert torch.equal(v, before)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "ml"),
        ("steps", 0),
        ("chains", 0),
        ("learning_rate", 0.0),
        ("learning_rate", -0.1),
        ("learning_rate", math.inf),
        ("learning_rate", math.nan),
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("momentum", math.nan),
        ("weight_decay", -1.0),
        ("weight_decay", math.nan),
    ],
)
def test_an_option_out_of_its_range_is_refused(name: str, value: object) -> None:
    # What the annotation itself excludes is caught by it under pytest.
    with pytest.raises(Exception, match=name) as caught:
        ContrastiveLearning(**{name: value})  # type: ignore[arg-type]
    if name != "method":
        assert isinstance(caught.value, OptionError)
        assert str(caught.value).startswith(f"{name} = {value}: must be")
