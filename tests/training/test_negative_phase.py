"""Parallel tempering inside training: what it shows, how its ladder follows, where its path starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from layerwise.data import Batch
from layerwise.energy import RBM, LadderWarning
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.negative_phase import ADAPTED_EVERY, adapted, first_tempering
from layerwise.units import UnitKind

MakeRBM = Callable[..., RBM]


def batch(values: Tensor) -> Batch:
    return Batch(values, None, 0, len(values))


@pytest.mark.parametrize("visible", sorted(UnitKind.kinds))
def test_a_step_shows_its_swap_rates_and_one_row_a_chain(visible: str, make_rbm: MakeRBM) -> None:
    v = make_rbm(visible).visible.sample(torch.zeros(20, 4), RandomStream(1))
    trainer = ContrastiveLearning("pt", chains=30, temperatures=4, learning_rate=0.001)
    state = trainer.init(make_rbm(visible, scale=0.3), RandomStream(0))
    assert state.chains is None
    state, info = trainer.step(state, batch(v))
    assert info.swap_rates is not None
    assert info.swap_rates.isnan().tolist() == [False, True, False]  # even and odd pairs take turns
    state, info = trainer.step(state, batch(v))
    assert info.swap_rates is not None
    assert bool(((info.swap_rates >= 0) & (info.swap_rates <= 1)).all())
    assert info.model.shape == (30, 4)
    assert bool(state.rbm.visible.accepts(info.model).all())
    for method in ("cd", "pcd"):
        trainer = ContrastiveLearning(method)  # type: ignore[arg-type]
        assert trainer.step(trainer.init(make_rbm(visible), RandomStream(0)), batch(v))[1].swap_rates is None


def test_the_path_starts_where_the_data_were_and_stays_there(make_rbm: MakeRBM) -> None:
    v = make_rbm().visible.sample(torch.zeros(20, 4), RandomStream(1))
    rbm = make_rbm()
    rbm.visible.start_from(v.mean(0), v.var(0))
    first = rbm.visible.bias.clone()
    trainer = ContrastiveLearning("pt", chains=10, temperatures=3, learning_rate=0.5)
    state = trainer.init(rbm, RandomStream(0))
    for _ in range(3):
        state, _ = trainer.step(state, batch(v))
    assert state.tempering is not None
    assert torch.equal(state.tempering.path.visible_bias, first)
    assert not torch.equal(rbm.visible.bias, first)
    assert state.tempering.path.rbm is state.rbm


def test_the_ladder_follows_its_swap_rates(make_rbm: MakeRBM) -> None:
    # Most of the change of such a machine lies in one part of the path: equal steps swap unequally.
    rbm = make_rbm(sizes=(12, 8), scale=1.5)
    v = rbm.visible.sample(torch.zeros(10, 12), RandomStream(1))
    trainer = ContrastiveLearning("pt", chains=50, temperatures=6, learning_rate=1e-9)
    state = trainer.init(rbm, RandomStream(0))
    spread = []
    for number in range(1, 3 * ADAPTED_EVERY + 1):
        state, info = trainer.step(state, batch(v))
        assert state.tempering is not None
        if number % ADAPTED_EVERY == 0:
            assert info.swap_rates is not None
            spread.append(float(info.swap_rates.max() - info.swap_rates.min()))
            assert int(state.tempering.chains.tried.sum()) == 0  # counting begins anew
    betas = state.tempering.chains.betas  # type: ignore[union-attr]
    assert (float(betas[0]), float(betas[-1])) == (0.0, 1.0)
    assert bool((betas.diff() > 0).all())
    assert spread[-1] < spread[0] / 2


def test_a_ladder_that_stays_too_coarse_is_said(make_rbm: MakeRBM) -> None:
    tempering = first_tempering(make_rbm(), 3, 5, RandomStream(0))
    counted = {"tried": torch.tensor([1000, 1000]), "accepted": torch.tensor([400, 5])}
    tempering = replace(tempering, chains=replace(tempering.chains, **counted))
    assert adapted(tempering, ADAPTED_EVERY - 1) is tempering
    assert float(adapted(tempering, ADAPTED_EVERY).chains.betas[1]) > 0.5  # silent: it was not yet adapted
    with pytest.warns(LadderWarning, match="the ladder of 3 temperatures is too coarse"):
        adapted(tempering, 2 * ADAPTED_EVERY)
