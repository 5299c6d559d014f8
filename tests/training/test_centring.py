"""The centred gradient: another gradient of the same machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from layerwise import kernels
from layerwise.data import Batch
from layerwise.energy import RBM
from layerwise.randomness import RandomStream
from layerwise.training.centring import Offsets
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.gradient import gradient_of
from layerwise.training.movement import whole_gradient
from layerwise.training.phases import Phase
from layerwise.units import UnitKind

MakeRBM = Callable[..., RBM]
SINGLE = 2.0**-23
KINDS = sorted(UnitKind.kinds)
on_either_side = pytest.mark.parametrize(
    ("visible", "hidden"), [(kind, "bernoulli") for kind in KINDS] + [("bernoulli", kind) for kind in KINDS[1:]]
)


def batch(values: Tensor) -> Batch:
    return Batch(values, None, 0, len(values))


def centred_biases(rbm: RBM, offsets: Offsets) -> tuple[Tensor, Tensor]:
    return rbm.visible.bias + rbm.weights @ offsets.hidden, rbm.hidden.bias + rbm.weights.T @ offsets.visible


@on_either_side
def test_a_machine_with_offsets_is_the_same_distribution(visible: str, hidden: str, make_rbm: MakeRBM) -> None:
    rbm = make_rbm(visible, hidden=hidden).double()
    generator = torch.Generator().manual_seed(1)
    offsets = Offsets(*(torch.randn(n, generator=generator, dtype=torch.float64) for n in (4, 3)))
    a, b = centred_biases(rbm, offsets)
    v = rbm.visible.sample(torch.zeros(50, 4, dtype=torch.float64), RandomStream(0))
    h = rbm.hidden.sample(torch.zeros(50, 3, dtype=torch.float64), RandomStream(1))
    energy = rbm.visible.base_energy(v) + rbm.hidden.base_energy(h) - v @ a - h @ b
    energy = energy - (((v - offsets.visible) @ rbm.weights) * (h - offsets.hidden)).sum(1)
    difference = energy - rbm.energy(v, h)  # a constant: the partition function takes it up
    assert torch.allclose(difference, difference[:1].expand(50), rtol=1e-10, atol=1e-10)


class FreeEnergyGap(torch.nn.Module):
    """Of model rows above data rows, in the parameters of a machine with offsets."""

    def __init__(self, rbm: RBM, offsets: Offsets) -> None:
        super().__init__()
        self.rbm, self.offsets = rbm, offsets

    def forward(self, parameters: dict[str, Tensor], data: Tensor, model: Tensor) -> Tensor:
        plain = dict(parameters)
        weights = plain["weights"]
        plain["visible.bias"] = plain["visible.bias"] - weights @ self.offsets.hidden
        plain["hidden.bias"] = plain["hidden.bias"] - weights.T @ self.offsets.visible
        named = {f"rbm.{name}": value for name, value in plain.items()}
        return (
            functional_call(_Free(self.rbm), named, model).mean() - functional_call(_Free(self.rbm), named, data).mean()
        )


class _Free(torch.nn.Module):
    def __init__(self, rbm: RBM) -> None:
        super().__init__()
        self.rbm = rbm

    def forward(self, v: Tensor) -> Tensor:
        return self.rbm.free_energy(v)


@on_either_side
@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("clip_norm", [None, 1e9])
def test_a_centred_step_is_a_step_of_the_machine_with_offsets(
    clip_norm: float | None, momentum: float, visible: str, hidden: str, make_rbm: MakeRBM
) -> None:
    rate = 0.01
    rbm = make_rbm(visible, scale=0.3, hidden=hidden).double()
    before = make_rbm(visible, scale=0.3, hidden=hidden).double()
    v = rbm.visible.sample(torch.zeros(30, 4, dtype=torch.float64), RandomStream(1))
    trainer = ContrastiveLearning(
        "cd", centred=True, learning_rate=rate, momentum=momentum, sliding=0.3, clip_norm=clip_norm
    )
    state, info = trainer.step(trainer.init(rbm, RandomStream(0)), batch(v))
    offsets = state.offsets
    assert offsets is not None
    first = before.visible.mean(before.visible.bias[None])[0]
    assert torch.allclose(offsets.visible, 0.7 * first + 0.3 * v.mean(0), rtol=1e-6)

    at = {name: p.detach().clone() for name, p in before.named_parameters()}
    at["visible.bias"], at["hidden.bias"] = centred_biases(before, offsets)
    at = {name: p.requires_grad_() for name, p in at.items()}
    gap = FreeEnergyGap(before, offsets)(at, info.data, info.model)
    gradient = dict(zip(at, torch.autograd.grad(gap, list(at.values())), strict=True))
    after = {name: (at[name] + rate * gradient[name]).detach() for name in at}
    after["visible.bias"] = after["visible.bias"] - after["weights"] @ offsets.hidden
    after["hidden.bias"] = after["hidden.bias"] - after["weights"].T @ offsets.visible
    for name, parameter in rbm.named_parameters():
        assert torch.allclose(parameter, after[name], rtol=1e-7, atol=1e-8), name


def test_the_centred_gradient_does_not_mind_which_value_is_called_one(make_rbm: MakeRBM) -> None:
    # Rows with zeros and ones exchanged, and the machine that gives them the same probability.
    one, other = make_rbm().double(), make_rbm().double()
    other.weights.copy_(-one.weights)
    other.visible.bias.copy_(-one.visible.bias)
    other.hidden.bias.copy_(one.hidden.bias + one.weights.sum(0))
    rows = torch.bernoulli(torch.full((2, 20, 4), 0.3, dtype=torch.float64), generator=torch.Generator().manual_seed(0))
    found = []
    for rbm, (data, model), flip in ((one, rows, False), (other, 1 - rows, True)):
        phases = [Phase(x, x, rbm.field_of_hidden(x), rbm.mean_h_from_v(x)) for x in (data, model)]
        mean = rows[0].mean(0)
        offsets = Offsets(1 - mean if flip else mean, torch.full((3,), 0.4, dtype=torch.float64))
        found.append(whole_gradient(rbm, gradient_of(rbm, *phases, offsets=offsets), 0.0))
        plain = whole_gradient(rbm, gradient_of(rbm, *phases), 0.0)
    assert torch.allclose(found[0]["weights"], -found[1]["weights"], rtol=1e-10, atol=1e-12)
    assert torch.allclose(found[0]["visible.bias"], -found[1]["visible.bias"], rtol=1e-10, atol=1e-12)
    of_hidden = found[1]["hidden.bias"] + found[1]["weights"].sum(0)
    assert torch.allclose(found[0]["hidden.bias"], of_hidden, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(found[1]["weights"], plain["weights"], rtol=0.1)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_listed_rows_are_learned_from_as_dense_rows_are(momentum: float, make_rbm: MakeRBM) -> None:
    v = (torch.rand(30, 200, generator=torch.Generator().manual_seed(0)) < 0.1).float()
    results = []
    for below in (0.0, 0.25):
        rbm = make_rbm(sizes=(200, 20), scale=0.05)
        rbm.visible.bias.fill_(-2.0)
        trainer = ContrastiveLearning("cd", learning_rate=0.5, momentum=momentum, centred=True)
        state = trainer.init(rbm, RandomStream(0))
        with mock.patch.multiple(kernels, SPARSE_BELOW=below, SMALLEST_SPARSE=0):
            for _ in range(2):
                state, _ = trainer.step(state, batch(v))
        results.append(rbm)
    for (name, one), other in zip(results[0].named_parameters(), results[1].parameters(), strict=True):
        # Sums of 200 float32 numbers below 1 in another order; no draw lies so close to its threshold that it flips.
        assert torch.allclose(one, other, rtol=0, atol=400 * SINGLE), name


def test_offsets_that_do_not_slide_stay_and_plain_training_has_none(make_rbm: MakeRBM) -> None:
    v = make_rbm().visible.sample(torch.zeros(20, 4), RandomStream(1))
    trainer = ContrastiveLearning("cd", centred=True, sliding=0.0)
    state = trainer.init(make_rbm(), RandomStream(0))
    assert state.offsets is not None
    first = state.offsets.hidden.clone()
    state, _ = trainer.step(state, batch(v))
    assert torch.equal(state.offsets.hidden, first)  # type: ignore[union-attr]
    assert replace(trainer, centred=False).init(make_rbm(), RandomStream(0)).offsets is None
