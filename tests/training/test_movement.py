"""How parameters move: momentum, torch's optimisers and schedules, clipping, penalties, averaging."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim.lr_scheduler import ExponentialLR, OneCycleLR, ReduceLROnPlateau

from layerwise.data import Batch
from layerwise.energy import RBM
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.training.averaging import averaged
from layerwise.training.checkpoint import read_tree, write_tree
from layerwise.training.contrastive import ContrastiveInfo, ContrastiveLearning, ContrastiveState
from layerwise.training.movement import first_movement, move_along
from layerwise.training.penalties import sparsity_signal
from layerwise.training.schedules import Cosine, InverseTime, Linear
from layerwise.units import UnitKind

MakeRBM = Callable[..., RBM]
SINGLE = 2.0**-23
OPTIMISERS = ["adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "nadam", "radam", "rmsprop", "rprop", "sgd"]
KINDS = sorted(UnitKind.kinds)


def batch(values: Tensor, weights: Tensor | None = None) -> Batch:
    return Batch(values, None, 0, len(values), weights)


def rows(rbm: RBM, count: int = 20, seed: int = 1) -> Tensor:
    return rbm.visible.sample(torch.zeros(count, rbm.visible.size), RandomStream(seed))


def trained(make_rbm: MakeRBM, steps: int = 3, **options: Any) -> tuple[ContrastiveState, ContrastiveInfo]:
    trainer = ContrastiveLearning(**{"method": "pcd", "chains": 30, "learning_rate": 0.1, "momentum": 0.0, **options})
    state = trainer.init(make_rbm(), RandomStream(0))
    for _ in range(steps):
        state, info = trainer.step(state, batch(rows(state.rbm)))
    return state, info  # type: ignore[possibly-undefined]


def same(one: RBM, other: RBM) -> bool:
    return all(torch.equal(p, q) for p, q in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_moves_padded_couplings_as_it_moves_others(name: str, make_rbm: MakeRBM) -> None:
    rbm = make_rbm(sizes=(6, 5))
    assert not rbm.weights.is_contiguous()
    plain = {key: torch.nn.Parameter(p.detach().clone().contiguous()) for key, p in rbm.named_parameters()}
    by_hand = vars(torch.optim)[type(first_movement([*plain.values()], name, 0.01, None, None).optimiser).__name__]
    reference = by_hand(list(plain.values()), lr=0.01)
    movement = first_movement(list(rbm.parameters()), name, 0.01, None, None)
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        gradient = {key: torch.randn(p.shape, generator=generator) for key, p in plain.items()}
        move_along(rbm, {}, movement, gradient, 0.01, 0.0)
        for key, p in plain.items():
            p.grad = -gradient[key]
        reference.step()
    for key, p in plain.items():
        assert torch.allclose(rbm.get_parameter(key), p, rtol=1e-6, atol=1e-7), key
        assert not torch.equal(p, make_rbm(sizes=(6, 5)).get_parameter(key))


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_the_own_momentum_is_that_of_sgd(momentum: float, make_rbm: MakeRBM) -> None:
    own, _ = trained(make_rbm, momentum=momentum)
    other, _ = trained(make_rbm, optimiser=torch.optim.SGD, optimiser_options={"momentum": momentum})
    for (name, p), q in zip(own.rbm.named_parameters(), other.rbm.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=0, atol=100 * SINGLE), name


def test_a_schedule_is_a_factor_of_the_learning_rate(make_rbm: MakeRBM) -> None:
    plain, _ = trained(make_rbm)
    assert same(plain.rbm, trained(make_rbm, schedule=lambda step: 1.0)[0].rbm)
    # The first step at half the rate, the others at none.
    once, _ = trained(make_rbm, steps=1, learning_rate=0.05)
    for optimiser in (None, "sgd"):
        halved, _ = trained(make_rbm, schedule=lambda step: 0.5 * (step == 0), optimiser=optimiser)
        for p, q in zip(once.rbm.parameters(), halved.rbm.parameters(), strict=True):
            assert torch.allclose(p, q, rtol=0, atol=20 * SINGLE)


def test_a_schedule_of_torch_is_one_of_ours(make_rbm: MakeRBM) -> None:
    theirs, _ = trained(make_rbm, optimiser="sgd", torch_schedule=lambda optimiser: ExponentialLR(optimiser, 0.5))
    ours, _ = trained(make_rbm, optimiser="sgd", schedule=lambda step: 0.5**step)
    assert same(theirs.rbm, ours.rbm)


def test_schedules_fall_as_they_say() -> None:
    assert [Linear(4)(s) for s in (0, 1, 4, 9)] == [1.0, 0.75, 0.0, 0.0]
    assert [round(Cosine(4)(s), 6) for s in (0, 2, 4, 9)] == [1.0, 0.5, 0.0, 0.0]
    assert [InverseTime(10)(s) for s in (0, 10, 30)] == [1.0, 0.5, 0.25]


def test_a_clipped_gradient_is_the_same_one_shorter(make_rbm: MakeRBM) -> None:
    before = make_rbm()
    plain, _ = trained(make_rbm, steps=1, learning_rate=1.0)
    moved = {name: p - before.get_parameter(name) for name, p in plain.rbm.named_parameters()}
    norm = math.sqrt(sum(float(m.double().square().sum()) for m in moved.values()))
    clipped, info = trained(make_rbm, steps=1, learning_rate=1.0, clip_norm=norm / 4)
    assert info.gradient_norm == pytest.approx(norm, rel=1e-5)
    for name, p in clipped.rbm.named_parameters():
        assert torch.allclose(p - before.get_parameter(name), moved[name] / 4, rtol=0, atol=20 * SINGLE), name
    unclipped, info = trained(make_rbm, clip_norm=1e6)
    for p, q in zip(unclipped.rbm.parameters(), trained(make_rbm)[0].rbm.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=0, atol=60 * SINGLE)


def test_l1_brings_couplings_to_zero_and_nothing_else_anywhere(make_rbm: MakeRBM) -> None:
    plain, _ = trained(make_rbm, steps=1)
    shrunk, _ = trained(make_rbm, steps=1, l1=4.0)
    w = plain.rbm.weights
    assert torch.equal(shrunk.rbm.weights, (w.abs() - 0.1 * 4.0).clamp_min(0) * w.sign())
    assert bool((shrunk.rbm.weights == 0).any())
    assert torch.equal(shrunk.rbm.hidden.bias, plain.rbm.hidden.bias)


def test_max_norm_bounds_each_hidden_unit_and_leaves_smaller_ones(make_rbm: MakeRBM) -> None:
    plain, _ = trained(make_rbm, steps=1)
    norms = plain.rbm.weights.norm(dim=0)
    most = float(norms.median())
    bounded, _ = trained(make_rbm, steps=1, max_norm=most)
    expected = plain.rbm.weights * (most / norms).clamp_max(1)
    assert torch.allclose(bounded.rbm.weights, expected, rtol=4 * SINGLE)
    assert torch.equal(bounded.rbm.weights[:, norms < most], plain.rbm.weights[:, norms < most])
    assert torch.equal(bounded.rbm.visible.bias, plain.rbm.visible.bias)


@pytest.mark.parametrize("hidden", KINDS)
@pytest.mark.parametrize("penalty", ["kl", "quadratic"])
def test_the_sparsity_target_adds_the_gradient_of_its_penalty(penalty: str, hidden: str, make_rbm: MakeRBM) -> None:
    if penalty == "kl" and hidden not in ("bernoulli", "categorical"):
        trainer = ContrastiveLearning(sparsity_target=0.1)
        with pytest.raises(OptionError, match="sparsity_penalty = 'kl': 'kl' needs hidden units that are 0 or 1"):
            trainer.init(make_rbm(hidden=hidden), RandomStream(0))
        return
    rate, target, cost = 0.01, 0.1, 0.7
    v = rows(make_rbm()).double()
    moved = []
    for asked in (None, target):
        rbm = make_rbm(scale=0.3, hidden=hidden).double()
        trainer = ContrastiveLearning(
            "cd",
            learning_rate=rate,
            momentum=0.0,
            sparsity_target=asked,
            sparsity_cost=cost,
            sparsity_penalty=penalty,  # type: ignore[arg-type]
        )
        trainer.step(trainer.init(rbm, RandomStream(0)), batch(v))
        moved.append(dict(rbm.named_parameters()))
    before = make_rbm(scale=0.3, hidden=hidden).double()
    w, b = before.weights.detach().clone().requires_grad_(), before.hidden.bias.detach().clone().requires_grad_()
    q = before.hidden.mean(v @ w + b).mean(0)
    p = torch.tensor(target, dtype=torch.float64)
    kl = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log() if penalty == "kl" else (q - p) ** 2
    by_weights, by_bias = torch.autograd.grad(cost * kl.sum(), [w, b])
    for name, gradient in (("weights", by_weights), ("hidden.bias", by_bias)):
        added = (moved[1][name] - moved[0][name]).detach()
        assert torch.allclose(added, -rate * gradient, rtol=1e-5, atol=1e-9), name
    assert torch.equal(moved[0]["visible.bias"], moved[1]["visible.bias"])


def test_the_activity_is_a_running_mean_and_comes_to_its_target(make_rbm: MakeRBM) -> None:
    state, info = trained(make_rbm, steps=1, sparsity_target=0.2)
    assert state.activity is not None
    assert torch.allclose(state.activity, info.data_hidden.mean(0))
    state, info = trained(make_rbm, steps=400, sparsity_target=0.2, sparsity_cost=20.0, learning_rate=0.05)
    assert (info.data_hidden.mean(0) - 0.2).abs().max() < (
        trained(make_rbm)[1].data_hidden.mean(0) - 0.2
    ).abs().max() / 5


def test_a_signal_for_units_at_their_target_is_none(make_rbm: MakeRBM) -> None:
    units, field = make_rbm().hidden, torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    for penalty in ("kl", "quadratic"):
        signal = sparsity_signal(units, field, torch.full((3,), 0.3), 0.3, 1.0, penalty)  # type: ignore[arg-type]
        assert torch.equal(signal, torch.zeros(5, 3))


def test_the_average_is_that_of_the_parameters_and_changes_none(make_rbm: MakeRBM) -> None:
    memory, seen, mean = 0.6, [], None
    trainer = ContrastiveLearning("cd", momentum=0.0, averaging=memory)
    state = trainer.init(make_rbm(), RandomStream(0))
    for step in range(1, 6):
        state, _ = trainer.step(state, batch(rows(state.rbm)))
        now = state.rbm.weights.double().clone()
        seen.append(now)
        kept = min(memory, 1 - 1 / step)
        mean = now if mean is None else kept * mean + (1 - kept) * now
    machine = averaged(state)
    assert mean is not None
    assert torch.allclose(machine.weights.double(), mean, rtol=1e-5)
    assert machine.weights.data_ptr() != state.rbm.weights.data_ptr()
    plain = ContrastiveLearning("cd", momentum=0.0)
    other = plain.init(make_rbm(), RandomStream(0))
    for _ in range(5):
        other, _ = plain.step(other, batch(rows(other.rbm)))
    assert same(other.rbm, state.rbm)
    with pytest.raises(OptionError, match="averaging = 0: was off"):
        averaged(other)


EVERY_OPTION: dict[str, dict[str, Any]] = {
    "tempering": {"method": "pt", "temperatures": 3, "steps": 2},
    "centred": {"centred": True, "momentum": 0.5},
    "centred, tempered, clipped": {"method": "pt", "centred": True, "clip_norm": 0.3},
    "schedule": {"schedule": Linear(7)},
    "torch's schedule": {"optimiser": "sgd", "torch_schedule": lambda o: OneCycleLR(o, 0.1, 10)},
    "penalties": {"l1": 0.1, "max_norm": 1.0, "weight_decay": 0.1, "sparsity_target": 0.2},
    "averaging": {"averaging": 0.9},
} | {name: {"optimiser": name, "learning_rate": 0.01} for name in OPTIMISERS}


@pytest.mark.parametrize("name", EVERY_OPTION)
def test_a_saved_state_goes_on_to_the_same_bits(name: str, make_rbm: MakeRBM, tmp_path: Path) -> None:
    trainer = ContrastiveLearning(**{"chains": 15, **EVERY_OPTION[name]})
    values = rows(make_rbm(sizes=(6, 5)))
    values[3, 2] = math.nan
    state = trainer.init(make_rbm(sizes=(6, 5)), RandomStream(0))
    for _ in range(3):
        state, _ = trainer.step(state, batch(values))
    write_tree(tmp_path / "state", trainer.to_tree(state), "state")
    restored = trainer.from_tree(make_rbm(sizes=(6, 5), seed=9), read_tree(tmp_path / "state", "state"))
    for _ in range(3):
        state, info = trainer.step(state, batch(values))
        restored, again = trainer.step(restored, batch(values))
        assert torch.equal(info.model, again.model)
    assert same(state.rbm, restored.rbm)
    assert state.random == restored.random
    for key, value in state.average.items():
        assert torch.equal(value, restored.average[key])
    assert state.steps_done == restored.steps_done == 6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimiser": "newton"}, "optimiser = 'newton': must be one of torch's: adadelta, "),
        ({"optimiser": "lbfgs"}, "optimiser = 'lbfgs': must be one of torch's: adadelta"),
        ({"optimiser": "sparseadam"}, "optimiser = 'sparseadam': must be one of torch's"),
        ({"optimiser": "adam", "optimiser_options": {"speed": 1}}, "optimiser = 'adam': does not work here with"),
        ({"optimiser": "adam", "optimiser_options": {"betas": (2.0, 0.9)}}, "optimiser = 'adam': does not work here"),
        ({"optimiser": "adam", "optimiser_options": {"fused": True}}, "optimiser_options = .*must leave out lr"),
        ({"optimiser_options": {"betas": (0.9, 0.9)}}, "optimiser_options = .*: needs an optimiser"),
        ({"torch_schedule": lambda o: ExponentialLR(o, 0.5)}, "torch_schedule = .*: needs an optimiser"),
        ({"optimiser": "sgd", "torch_schedule": ReduceLROnPlateau}, "torch_schedule = 'ReduceLROnPlateau'"),
        (
            {"optimiser": "sgd", "torch_schedule": lambda o: ExponentialLR(o, 0.5), "schedule": Linear(3)},
            "schedule = .*: cannot be given beside torch_schedule",
        ),
        ({"temperatures": 1}, "temperatures = 1: must be at least 2"),
        ({"missing_steps": 0}, "missing_steps = 0: must be at least 1"),
        ({"max_norm": 0.0}, "max_norm = 0.0: must be a positive"),
        ({"clip_norm": math.nan}, "clip_norm = nan: must be a positive"),
        ({"l1": -1.0}, "l1 = -1.0: must be at least 0"),
        ({"averaging": 1.0}, "averaging = 1.0: must be at least 0 and below 1"),
        ({"sliding": -0.1}, "sliding = -0.1: must be at least 0"),
        ({"sparsity_cost": -1.0}, "sparsity_cost = -1.0"),
    ],
)
def test_what_cannot_work_is_refused_before_any_work(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        ContrastiveLearning(**options)


@pytest.mark.parametrize("make", [Linear, Cosine, InverseTime])
def test_a_schedule_of_no_steps_is_refused(make: Callable[[int], object]) -> None:
    with pytest.raises(OptionError, match="must be at least 1"):
        make(0)
