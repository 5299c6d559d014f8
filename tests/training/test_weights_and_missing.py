"""Rows that weigh more than others, and rows of which a part is missing."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from layerwise.data import Batch, Minibatches, Preparation, Rows
from layerwise.energy import RBM, class_rbm
from layerwise.errors import DataError
from layerwise.randomness import RandomStream
from layerwise.training.averaging import averaged
from layerwise.training.classification_rbm import ClassificationLearning
from layerwise.training.contrastive import ContrastiveLearning, ContrastiveState
from layerwise.training.phases import complete
from layerwise.units import UnitKind

MakeRBM = Callable[..., RBM]
States = Callable[[int], Tensor]
SINGLE = 2.0**-23
SIGNIFICANCE = 1e-6
KINDS = sorted(UnitKind.kinds)
every_kind = pytest.mark.parametrize("visible", KINDS)


def rows(rbm: RBM, count: int = 6) -> Tensor:
    return rbm.visible.sample(torch.zeros(count, rbm.visible.size), RandomStream(1))


def step(trainer: ContrastiveLearning, rbm: RBM, v: Tensor, weights: Tensor | None = None) -> ContrastiveState:
    return trainer.step(trainer.init(rbm, RandomStream(0)), Batch(v, None, 0, len(v), weights))[0]


@every_kind
@pytest.mark.parametrize(
    "options",
    [{}, {"centred": True, "sliding": 0.5}, {"clip_norm": 0.1}, {"sparsity_target": 0.2}, {"method": "pt"}],
    ids=str,
)
def test_a_weight_of_two_is_the_row_twice(options: dict[str, object], visible: str, make_rbm: MakeRBM) -> None:
    v = rows(make_rbm(visible))
    trainer = ContrastiveLearning(**{"chains": 50, "learning_rate": 1.0, "momentum": 0.0, **options})  # type: ignore[arg-type]
    twice = step(trainer, make_rbm(visible), v[[0, 1, 1, 2, 3, 4, 4, 5]])
    heavy = step(trainer, make_rbm(visible), v, torch.tensor([0.5, 1, 0.5, 0.5, 1, 0.5], dtype=torch.float64))
    for (name, one), other in zip(twice.rbm.named_parameters(), heavy.rbm.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=100 * SINGLE), name
    even = step(trainer, make_rbm(visible), v)
    assert not torch.allclose(even.rbm.weights, heavy.rbm.weights, rtol=0, atol=1e-3)


@every_kind
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("options", [{}, {"centred": True, "sliding": 0.0}, {"method": "pt"}], ids=str)
def test_a_row_weighs_the_same_in_every_minibatch(
    options: dict[str, object], batch_size: int, visible: str, make_rbm: MakeRBM
) -> None:
    # From one machine and the same chains, the steps of an epoch's minibatches add up to that of all rows together.
    v, weights = rows(make_rbm(visible)), torch.tensor([9.0, 1.0, 0.5, 2.0, 30.0, 1.0], dtype=torch.float64)
    trainer = ContrastiveLearning(**{"chains": 50, "learning_rate": 2.0**-7, "momentum": 0.0, **options})  # type: ignore[arg-type]
    start, whole = make_rbm(visible), step(trainer, make_rbm(visible), v, weights).rbm
    moved = {name: torch.zeros_like(p) for name, p in start.named_parameters()}
    of_rows = Rows(v.numpy())
    as_it_is = Preparation.unchanged(v.shape[1])
    for batch in Minibatches(of_rows, as_it_is, batch_size, RandomStream(2), weights=weights).epoch(0):
        rbm = trainer.step(trainer.init(make_rbm(visible), RandomStream(0)), batch)[0].rbm
        for name, p in rbm.named_parameters():
            moved[name] += (p - start.get_parameter(name)) * (len(batch.values) / len(v))
    for name, p in whole.named_parameters():
        assert torch.allclose(moved[name], p - start.get_parameter(name), rtol=1e-4, atol=100 * SINGLE), name


def test_a_labelled_row_weighs_the_same_in_every_minibatch() -> None:
    x, labels = torch.eye(6, 4), torch.arange(6) % 2
    weights = torch.tensor([9.0, 1.0, 0.5, 2.0, 30.0, 1.0], dtype=torch.float64)
    trainer = ClassificationLearning(None, 1.0, 0.7, optimiser="sgd", learning_rate=1.0, momentum=0.0)

    def moved(batch_size: int) -> Tensor:
        total = torch.zeros(4 + 2, 3)
        stream = Minibatches(
            Rows(x.numpy(), labels.numpy()), Preparation.unchanged(4), batch_size, RandomStream(2), weights=weights
        )
        for batch in stream.epoch(0):
            rbm = class_rbm(4, 3, 2)
            rbm.scatter_weights(RandomStream(3), 0.5)
            before = rbm.weights.clone()
            trainer.step(trainer.init(rbm, RandomStream(0)), batch)
            total += (rbm.weights - before) * (len(batch.values) / len(x))
        return total

    assert torch.allclose(moved(1), moved(6), rtol=1e-4, atol=100 * SINGLE)
    assert torch.allclose(moved(4), moved(6), rtol=1e-4, atol=100 * SINGLE)


@every_kind
def test_equal_weights_are_none(visible: str, make_rbm: MakeRBM) -> None:
    v = rows(make_rbm(visible))
    for method in ("cd", "pcd"):
        trainer = ContrastiveLearning(method, momentum=0.0)  # type: ignore[arg-type]
        one, other = step(trainer, make_rbm(visible), v), step(trainer, make_rbm(visible), v, torch.full((6,), 3.0))
        for p, q in zip(one.rbm.parameters(), other.rbm.parameters(), strict=True):
            assert torch.allclose(p, q, rtol=0, atol=4 * SINGLE)


def test_dreams_that_start_at_a_row_weigh_what_it_weighs(make_rbm: MakeRBM) -> None:
    # A row that weighs all but nothing is left out of both phases.
    v = rows(make_rbm(), 20)
    trainer = ContrastiveLearning("cd", learning_rate=1.0, momentum=0.0)
    weights = torch.tensor([1.0] * 10 + [0.0] * 10)
    alone, heavy = step(trainer, make_rbm(), v[:10]), step(trainer, make_rbm(), v, weights)
    for (name, p), q in zip(alone.rbm.named_parameters(), heavy.rbm.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=0, atol=40 * SINGLE), name


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -1.0], [math.nan, 1.0], [math.inf, 1.0]], ids=str)
def test_weights_that_are_none_are_refused(weights: list[float], make_rbm: MakeRBM) -> None:
    with pytest.raises(DataError, match=r"weights = .*must be at least 0 and finite"):
        step(ContrastiveLearning(), make_rbm(), torch.zeros(2, 4), torch.tensor(weights))


def test_a_batch_with_all_its_values_is_the_same_object_and_draws_nothing(make_rbm: MakeRBM) -> None:
    random, v = RandomStream(0), rows(make_rbm())
    assert complete(make_rbm(), v, 5, random, 0) is v
    assert random.position == 0


@every_kind
def test_missing_values_are_filled_with_what_the_kind_can_be(visible: str, make_rbm: MakeRBM) -> None:
    rbm = make_rbm(visible, scale=0.5)
    v = rows(rbm, 40)
    v[torch.arange(0, 40, 3)] = math.nan  # whole rows: right for a categorical site, too
    random = RandomStream(0)
    filled = complete(rbm, v, 5, random, 0)
    assert bool(rbm.visible.accepts(filled).all())
    assert torch.equal(filled[1::3], v[1::3])
    assert random.position == 0
    trainer = ContrastiveLearning("cd", learning_rate=0.01)
    state, info = trainer.step(trainer.init(rbm, RandomStream(0)), Batch(v, None, 0, 40))
    assert bool(rbm.visible.accepts(info.data).all())
    assert all(bool(torch.isfinite(p).all()) for p in state.rbm.parameters())
    assert bool(v[0].isnan().all())  # the batch is left alone


def test_what_is_filled_in_follows_the_machine_given_the_rest(make_rbm: MakeRBM, states: States) -> None:
    rbm, n = make_rbm(), 20_000
    everything = states(4)
    p = (-rbm.free_energy(everything)).double().softmax(0)
    for known in ([1.0, 0.0, math.nan, math.nan], [math.nan] * 4):
        row = torch.tensor(known)
        fits = (everything == row) | row.isnan()
        given = torch.where(fits.all(1), p, 0.0)
        given = given / given.sum()
        filled = complete(rbm, row.repeat(n, 1), 30, RandomStream(3), 0)
        counts = torch.bincount((filled.long() * torch.tensor([8, 4, 2, 1])).sum(1), minlength=16).double()
        possible = given > 0
        assert counts[~possible].sum() == 0
        statistic = ((counts - n * given) ** 2 / (n * given))[possible].sum()
        assert float(statistic) <= chi2.isf(SIGNIFICANCE, int(possible.sum()) - 1)


def test_learning_goes_by_what_is_there(make_rbm: MakeRBM, states: States) -> None:
    # Two units that are equal nine times in ten; a quarter of the values is missing.
    generator, n = torch.Generator().manual_seed(0), 400
    bits = torch.randint(0, 2, (n, 1), generator=generator).float()
    other = torch.where(torch.rand(n, 1, generator=generator) < 0.9, bits, 1 - bits)
    v = torch.cat([bits, other], 1)
    v[torch.rand(n, 2, generator=generator) < 0.25] = math.nan
    everything = states(2)
    # The maximum of the likelihood of what is there, by expectation and maximisation.
    fits = ((v[:, None] == everything) | v[:, None].isnan()).all(2).double()
    best = torch.full((4,), 0.25, dtype=torch.float64)
    for _ in range(200):
        best = (fits * best / (fits @ best)[:, None]).mean(0)
    # What a machine would learn if the holes were filled with means.
    filled = torch.where(v.isnan(), v.nanmean(0), v).double()
    equal_if_filled = float((filled.prod(1) + (1 - filled).prod(1)).mean())
    equal = float(best[0] + best[3])
    assert equal - equal_if_filled > 0.1

    trainer = ContrastiveLearning("pcd", chains=400, learning_rate=0.5, missing_steps=5, averaging=0.99, centred=True)
    state = trainer.init(make_rbm(sizes=(2, 3), scale=0.5), RandomStream(0))
    for _ in range(600):
        state, _ = trainer.step(state, Batch(v, None, 0, n))
    p = (-averaged(state).free_energy(everything)).double().softmax(0)
    assert abs(float(p[0] + p[3]) - equal) < (equal - equal_if_filled) / 4
