"""Early stopping, measures on held-out rows, and what is noticed of divergence."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from layerwise.data import Minibatches, Preparation, Rows
from layerwise.energy import RBM
from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning, ContrastiveState
from layerwise.training.early_stopping import EarlyStopping
from layerwise.training.held_out import minus_free_energy_gap, pseudo_log_likelihood, pseudo_score
from layerwise.training.loop import Place, run
from layerwise.training.vigilance import TrainingWarning, Vigilance, diagnose, silent_units
from layerwise.units import BernoulliUnits, UnitKind

MakeRBM = Callable[..., RBM]
States = Callable[[int], Tensor]
SIGMAS = 5.0


def stream(rows: Rows) -> Minibatches:
    return Minibatches(rows, Preparation.fit(rows, "bernoulli"), 20, RandomStream(0))


def start(make_rbm: MakeRBM, **options: object) -> tuple[ContrastiveLearning, ContrastiveState]:
    trainer = ContrastiveLearning(**{"learning_rate": 0.1, "chains": 20, **options})  # type: ignore[arg-type]
    return trainer, trainer.init(make_rbm(sizes=(12, 6), scale=0.1), RandomStream(1))


class Scripted:
    """A measure that says what it was told to, and keeps the couplings it was asked at."""

    def __init__(self, values: list[float]) -> None:
        self.values, self.seen = list(values), []

    def __call__(self, rbm: RBM) -> float:
        self.seen.append(rbm.weights.clone())
        return self.values[len(self.seen) - 1]


def test_training_stops_after_its_patience_and_the_best_state_goes_on(rows: Rows, make_rbm: MakeRBM) -> None:
    trainer, state = start(make_rbm, averaging=0.9, centred=True)
    measure = Scripted([1.0, 3.0, 2.0, math.nan, 3.0, 9.0])
    stopping = EarlyStopping(trainer, measure, patience=3)
    outcome = run(trainer, state, stream(rows), 50, observer=stopping, after_epoch=stopping.after_epoch)
    assert outcome.place == Place(5)
    assert not outcome.finished
    assert (stopping.best_epoch, stopping.values[:3]) == (1, [1.0, 3.0, 2.0])
    best = stopping.restore(outcome.state.rbm)
    assert torch.equal(best.rbm.weights, measure.seen[1])
    # It is the whole State: the second epoch's, to the bit.
    again, first = start(make_rbm, averaging=0.9, centred=True)
    expected = run(again, first, stream(rows), 2).state
    best, expected = (run(trainer, s, stream(rows), 4, start=Place(2)).state for s in (best, expected))
    assert torch.equal(best.rbm.weights, expected.rbm.weights)
    assert torch.equal(stopping.restore(make_rbm(sizes=(12, 6))).rbm.weights, measure.seen[1])


def test_a_gap_may_grow_to_its_limit(rows: Rows, make_rbm: MakeRBM) -> None:
    trainer, state = start(make_rbm)
    stopping = EarlyStopping(trainer, Scripted([-0.1, -0.2, -1.1, -0.9, -1.2, -1.3, 0.0]), patience=2, lowest=-1.0)
    outcome = run(trainer, state, stream(rows), 50, observer=stopping, after_epoch=stopping.after_epoch)
    assert (outcome.place.epoch, stopping.best_epoch) == (6, 3)


def test_without_a_reason_training_is_what_it_was(rows: Rows, make_rbm: MakeRBM) -> None:
    results = []
    for watched in (False, True):
        trainer, state = start(make_rbm)
        held_out = torch.from_numpy(rows.values[:20])
        stopping = EarlyStopping(trainer, pseudo_score(held_out), patience=100)
        vigilance = Vigilance(trainer, held_out)

        def both(
            state: ContrastiveState, epoch: int, s: EarlyStopping = stopping, v: Vigilance = vigilance
        ) -> ContrastiveState:
            return s.after_epoch(v.after_epoch(state, epoch), epoch)

        outcome = run(
            trainer, state, stream(rows), 5,
            observer=stopping if watched else None, after_epoch=both if watched else None,
        )  # fmt: skip
        results.append(outcome.state.rbm.weights)
    assert torch.equal(*results)


def test_no_good_epoch_and_no_patience_are_said(make_rbm: MakeRBM) -> None:
    trainer, state = start(make_rbm)
    stopping = EarlyStopping(trainer, lambda rbm: -5.0, lowest=-1.0)
    stopping.after_epoch(state, 0)
    with pytest.raises(OptionError, match=r"lowest = -1.0: was reached by no epoch"):
        stopping.restore(state.rbm)
    with pytest.raises(OptionError, match="patience = 0: must be at least 1"):
        EarlyStopping(trainer, lambda rbm: 0.0, patience=0)


def test_the_gap_is_a_difference_of_mean_log_likelihoods(make_rbm: MakeRBM, states: States) -> None:
    rbm, everything = make_rbm(), states(4)
    log_p = (-rbm.free_energy(everything)).double().log_softmax(0)
    measure = minus_free_energy_gap(everything[:5], everything[3:9])
    assert measure(rbm) == pytest.approx(float(log_p[3:9].mean() - log_p[:5].mean()), abs=1e-5)
    with pytest.raises(DataError, match="held_out = '1 rows'"):
        minus_free_energy_gap(everything, torch.full((1, 4), math.nan))


@pytest.mark.parametrize("kind", ["bernoulli", "categorical", "spin"])
def test_the_pseudo_likelihood_is_on_average_the_sum_over_sites(kind: str, make_rbm: MakeRBM) -> None:
    rbm, n = make_rbm(kind), 4000
    row = rbm.visible.sample(torch.zeros(1, 4), RandomStream(2))
    estimates = pseudo_log_likelihood(rbm, row.repeat(n, 1), RandomStream(0)).double()
    sites = rbm.visible.states()
    assert sites is not None
    exact, first = 0.0, 0
    for states in sites:
        others = row.repeat(len(states), 1)
        others[:, first : first + states.shape[1]] = states
        log_p = (-rbm.free_energy(others)).double().log_softmax(0)
        exact += float(log_p[(others == row).all(1)].sum())
        first += states.shape[1]
    assert abs(float(estimates.mean()) - exact) <= SIGMAS * float(estimates.std()) / math.sqrt(n) + 1e-5
    assert torch.equal(row, row.clone())


def test_pseudo_likelihood_of_real_units_is_refused(make_rbm: MakeRBM) -> None:
    with pytest.raises(OptionError, match="needs visible units whose states can be counted"):
        pseudo_score(torch.zeros(1, 4))(make_rbm("gaussian"))


def noticed(make_rbm: MakeRBM, change: Callable[[ContrastiveState], object], **options: object) -> str:
    """What is said after an epoch in which something went wrong."""
    trainer, state = start(make_rbm, **options)
    sample = torch.bernoulli(torch.full((50, 12), 0.5), generator=torch.Generator().manual_seed(0))
    vigilance = Vigilance(trainer, sample, "layer 1")
    good = state.rbm.weights.clone()
    vigilance.after_epoch(state, 0)
    if state.chains is not None:
        state = replace(state, chains=1 - state.chains)
    change(state)
    with pytest.raises(DivergenceError) as caught:
        vigilance.after_epoch(state, 1)
    assert vigilance.good_epoch == 0
    restored = vigilance.restore(state.rbm)
    assert restored is not None
    assert torch.equal(restored.rbm.weights, good)
    assert "the State after epoch 1 is kept; this is epoch 2" in str(caught.value)
    return str(caught.value)


def test_divergence_is_named_with_its_cause_and_the_last_good_state_is_kept(make_rbm: MakeRBM) -> None:
    said = noticed(make_rbm, lambda state: state.rbm.weights[0].fill_(math.nan))
    assert said.startswith("layer 1: weights left the finite numbers; likely cause: the learning rate is too high")
    said = noticed(make_rbm, lambda state: state.rbm.weights.mul_(500.0))
    assert said.startswith("layer 1: the couplings explode (the largest is")
    assert "lower the learning rate" in said
    said = noticed(make_rbm, lambda state: state.rbm.hidden.bias.fill_(-50.0))
    assert "6 of 6 hidden units are off for every row looked at, 0 always on" in said


@pytest.mark.parametrize("method", ["pcd", "pt"])
@pytest.mark.parametrize("astray", ["balanced", "one side outgrows the other", "a mode that no chain shows"])
def test_chains_that_stand_still_are_fatal_where_the_machine_leaves_the_data(astray: str, method: str) -> None:
    # The left half is on, or the right one, with three hidden units for each: Gibbs steps do not cross.
    weights = torch.full((12, 6), -4.0)
    weights[:6, :3], weights[6:, 3:] = 4.0, 4.0
    rbm = RBM(BernoulliUnits(12), BernoulliUnits(6), weights)
    sides = torch.tensor([[1.0] * 6 + [0.0] * 6, [0.0] * 6 + [1.0] * 6]).repeat(25, 1)
    if astray == "one side outgrows the other":
        rbm.visible.bias[:6] += 2.0
    elif astray == "a mode that no chain shows":
        rbm.visible.bias += 15.0
    trainer = ContrastiveLearning(method, chains=20, temperatures=3)  # type: ignore[arg-type]
    state = trainer.init(rbm, RandomStream(1))
    vigilance = Vigilance(trainer, sides)
    vigilance.after_epoch(state, 0)
    if astray == "balanced":
        with pytest.warns(TrainingWarning, match="no unit of any chain.*as probable as what tempered chains find"):
            vigilance.after_epoch(state, 1)
        assert vigilance.good_epoch == 1
    else:
        with pytest.raises(DivergenceError, match=r"no unit of any chain.*nats more probable.*take method 'pt'"):
            vigilance.after_epoch(state, 1)
        assert vigilance.good_epoch == 0
    chains = state.chains if state.tempering is None else state.tempering.chains.rows
    (blind,) = diagnose(state, torch.full((2, 12), math.nan), None, chains)
    assert not blind.fatal  # there is nothing to compare with


def test_a_small_machine_of_rows_far_apart_is_learned_to_the_end() -> None:
    # Rows without noise: chains come to rest in two modes, and nothing is wrong with that.
    side = torch.arange(100)[:, None] % 2
    rows = Rows.from_arrays(torch.cat([side, 1 - side], 1).repeat_interleave(6, 1).numpy())
    rbm = RBM(BernoulliUnits(12), BernoulliUnits(6))
    rbm.scatter_weights(RandomStream(0))
    trainer = ContrastiveLearning("pt", chains=50, temperatures=4, learning_rate=0.3)
    vigilance = Vigilance(trainer, torch.from_numpy(rows.values).float())
    state = trainer.init(rbm, RandomStream(1))
    run(trainer, state, stream(rows), 15, after_epoch=vigilance.after_epoch)
    assert vigilance.good_epoch == 14


def test_growth_from_small_couplings_is_learning(make_rbm: MakeRBM) -> None:
    trainer, state = start(make_rbm)
    vigilance = Vigilance(trainer, torch.zeros(5, 12))
    vigilance.after_epoch(state, 0)
    state.rbm.weights.mul_(15.0)  # a norm of 15 times as much, but no coupling decides alone
    vigilance.after_epoch(replace(state, chains=1 - state.chains), 1)  # type: ignore[operator]
    assert vigilance.good_epoch == 1


def test_many_silent_units_are_said_once(make_rbm: MakeRBM) -> None:
    trainer, state = start(make_rbm, method="cd")
    state.rbm.hidden.bias.copy_(torch.tensor([0.0, 0, 50, 50, -50, -50]))
    vigilance = Vigilance(trainer, torch.zeros(5, 12))
    with pytest.warns(TrainingWarning, match="2 of 6 hidden units are off for every row looked at, 2 always on"):
        vigilance.after_epoch(state, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vigilance.after_epoch(state, 1)


@pytest.mark.parametrize("hidden", sorted(UnitKind.kinds))
def test_silent_units_are_counted_by_what_their_kind_can_be(hidden: str, make_rbm: MakeRBM) -> None:
    rbm = make_rbm(hidden=hidden, sizes=(4, 3), scale=0.0)
    sample = torch.zeros(3, 4)
    rbm.hidden.bias.copy_(torch.tensor([-200.0, 0.0, 200.0]))
    expected = {
        "bernoulli": (1, 1),
        "categorical": (2, 1),
        "gaussian": (0, 0),
        "mixed": (1, 0),
        "noisy_rectified": (1, 0),
        "rectified": (1, 0),
        "spin": (1, 1),
    }
    assert silent_units(rbm, sample) == expected[hidden]
    assert silent_units(rbm, torch.empty(0, 4)) == (0, 0)


def test_nothing_is_wrong_with_a_machine_at_work(rows: Rows, make_rbm: MakeRBM) -> None:
    for method in ("cd", "pcd", "pt"):
        trainer, state = start(make_rbm, method=method)
        vigilance = Vigilance(trainer, torch.from_numpy(rows.values))
        outcome = run(trainer, state, stream(rows), 5, after_epoch=vigilance.after_epoch)
        assert vigilance.good_epoch == 4
        assert diagnose(outcome.state, torch.from_numpy(rows.values)) == []
