"""Learning to classify with an RBM, held against the exact gradients of machines that can be summed over."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from layerwise.data import Batch, Minibatches, Preparation, Rows
from layerwise.energy import RBM
from layerwise.energy.class_rbm import class_log_probabilities, class_rbm, features_of, join_labels
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.training.checkpoint import read_tree, write_tree
from layerwise.training.class_gradient import free_energy_gradient
from layerwise.training.classification_rbm import ClassificationLearning
from layerwise.training.classification_state import ClassificationInfo, ClassificationState
from layerwise.training.loop import run
from layerwise.units import (
    BernoulliUnits,
    CategoricalUnits,
    GaussianUnits,
    MixedUnits,
    NoisyRectifiedUnits,
    RectifiedUnits,
    SpinUnits,
    UnitKind,
)

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
CLASSES = 3
ROWS = 20_000

Gradients = dict[str, Tensor]

LAYERS: dict[str, Callable[[], UnitKind]] = {
    "bernoulli": lambda: BernoulliUnits(3),
    "categorical": lambda: CategoricalUnits((2, 3)),
    "gaussian": lambda: GaussianUnits(3),
    "mixed": lambda: MixedUnits([BernoulliUnits(2), GaussianUnits(2), CategoricalUnits((3,))]),
    "noisy_rectified": lambda: NoisyRectifiedUnits(3),
    "rectified": lambda: RectifiedUnits(3),
    "spin": lambda: SpinUnits(3),
}
PAIRS = [*((visible, "bernoulli") for visible in LAYERS), *(("mixed", hidden) for hidden in LAYERS)]
every_pair = pytest.mark.parametrize(("visible", "hidden"), PAIRS)


def test_no_kind_escapes() -> None:
    assert set(UnitKind.kinds) == set(LAYERS)


def machine(visible: str = "bernoulli", hidden: str = "bernoulli", seed: int = 0) -> RBM:
    """With parameters of chance, in float64."""
    rbm = class_rbm(LAYERS[visible](), LAYERS[hidden](), CLASSES).double()
    generator = torch.Generator().manual_seed(seed)
    for parameter in rbm.parameters():
        parameter.copy_(0.7 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return rbm


def rows_of(rbm: RBM, count: int = 9) -> Tensor:
    field = torch.zeros(count, rbm.visible.size, dtype=rbm.weights.dtype)
    return rbm.visible.sample(field, RandomStream(1))[:, : features_of(rbm)]


def batch(values: Tensor, labels: Tensor | None) -> Batch:
    return Batch(values, labels, 0, len(values))


class Objective(torch.nn.Module):
    """The mean over rows of the weighted log-likelihoods; log Z is a sum over every state of a binary machine."""

    def __init__(self, rbm: RBM, weights: tuple[float, float, float]) -> None:
        super().__init__()
        self.rbm, self.weights = rbm, weights

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        rbm, (discriminative, generative, unlabelled) = self.rbm, self.weights
        joined = [join_labels(x, torch.full((len(x),), k), CLASSES) for k in range(CLASSES)]
        free = torch.stack([rbm.free_energy(v) for v in joined], dim=1)
        chosen = -free.gather(1, labels.clamp_min(0)[:, None])[:, 0]
        every = torch.logsumexp(-free, 1)
        total = discriminative * (labels >= 0) * (chosen - every)
        if generative or unlabelled:
            log_z = torch.logsumexp(-rbm.free_energy(everything(rbm)), 0)
            total = total + generative * (labels >= 0) * (chosen - log_z)
            total = total + unlabelled * (labels < 0) * (every - log_z)
        return total.mean()


def everything(rbm: RBM) -> Tensor:
    """Every row of a binary machine with every label."""
    x = torch.tensor(list(product([0.0, 1.0], repeat=features_of(rbm))), dtype=torch.float64)
    return torch.cat([join_labels(x, torch.full((len(x),), k), CLASSES) for k in range(CLASSES)])


def by_autograd(objective: Objective, x: Tensor, labels: Tensor) -> Gradients:
    names = [name for name, _ in objective.rbm.named_parameters()]
    at = [p.detach().clone().requires_grad_() for p in objective.rbm.parameters()]
    value = functional_call(objective, {f"rbm.{n}": p for n, p in zip(names, at, strict=True)}, (x, labels))
    found = torch.autograd.grad(value, at, allow_unused=True, materialize_grads=True)
    return dict(zip(names, found, strict=True))


def by_finite_differences(objective: Objective, x: Tensor, labels: Tensor, step: float = 1e-5) -> Gradients:
    result: Gradients = {}
    for name, parameter in objective.rbm.named_parameters():
        result[name] = torch.zeros(parameter.shape, dtype=torch.float64)
        for where in product(*(range(n) for n in parameter.shape)):
            before = float(parameter[where])
            values = []
            for shift in (step, -step):
                parameter[where] = before + shift
                values.append(float(objective(x, labels)))
            parameter[where] = before
            result[name][where] = (values[0] - values[1]) / (2 * step)
    return result


def first_step(
    trainer: ClassificationLearning, rbm: RBM, x: Tensor, labels: Tensor, chains: Tensor | None = None
) -> Gradients:
    """By how much one step moves each parameter, for a learning rate of one."""
    state = trainer.init(rbm, RandomStream(0))
    if chains is not None:
        state = ClassificationState(rbm, state.optimiser, chains, 0, state.random)
    before = {name: p.clone() for name, p in rbm.named_parameters()}
    trainer.step(state, batch(x, labels))
    return {name: (p - before[name]) / trainer.learning_rate for name, p in rbm.named_parameters()}


@every_pair
def test_four_ways_to_the_discriminative_gradient_agree(visible: str, hidden: str) -> None:
    rbm = machine(visible, hidden)
    x, labels = rows_of(rbm), torch.arange(9) % CLASSES
    objective = Objective(rbm, (1.0, 0.0, 0.0))
    exact, differences = by_autograd(objective, x, labels), by_finite_differences(objective, x, labels)
    p = class_log_probabilities(rbm, x).exp()
    formula = free_energy_gradient(rbm, x, (torch.nn.functional.one_hot(labels, CLASSES) - p) / len(x))
    moved = first_step(
        ClassificationLearning(1, generative=0.0, optimiser="sgd", learning_rate=1.0, momentum=0.0), rbm, x, labels
    )
    assert formula.keys() == exact.keys() == differences.keys() == moved.keys() == dict(rbm.named_parameters()).keys()
    for name, gradient in exact.items():
        assert torch.allclose(formula[name], gradient, rtol=1e-9, atol=1e-10), name
        assert torch.allclose(moved[name], gradient, rtol=1e-9, atol=1e-10), name
        assert torch.allclose(differences[name], gradient, rtol=1e-5, atol=1e-7), name


def per_row_statistics(rbm: RBM, v: Tensor) -> Gradients:
    mean = rbm.mean_h_from_v(v)
    return {"weights": v[:, :, None] * mean[:, None, :], "visible.bias": v, "hidden.bias": mean}


def spread(rbm: RBM) -> Gradients:
    """Standard deviation of each statistic under the machine's own distribution."""
    v = everything(rbm)
    p = (-rbm.free_energy(v)).softmax(0)
    result: Gradients = {}
    for name, values in per_row_statistics(rbm, v).items():
        mean = torch.tensordot(p, values, 1)
        result[name] = torch.tensordot(p, (values - mean) ** 2, 1).sqrt()
    return result


def drawn(rbm: RBM, count: int, seed: int) -> Tensor:
    """Rows with labels from the machine's exact distribution."""
    v = everything(rbm)
    p = (-rbm.free_energy(v)).softmax(0)
    return v[torch.multinomial(p, count, replacement=True, generator=torch.Generator().manual_seed(seed))]


@pytest.mark.parametrize("weights", [(0.0, 1.0, 0.0), (1.0, 0.3, 0.0), (0.5, 0.2, 0.7), (1.0, 0.0, 0.4)])
@pytest.mark.parametrize("gibbs_steps", [1, 2])
def test_chains_at_the_exact_distribution_give_the_exact_gradient_of_the_mix(
    weights: tuple[float, float, float], gibbs_steps: int
) -> None:
    rbm = machine()
    x, labels = rows_of(rbm), torch.arange(9) % CLASSES
    if weights[2]:
        labels[::2] = -1
    exact, errors = by_autograd(Objective(rbm, weights), x, labels), spread(rbm)
    labelled = float((labels >= 0).double().mean())
    count = weights[1] * labelled + weights[2] * (1 - labelled)
    chains = rbm.sample_h_from_v(drawn(rbm, ROWS, 1), RandomStream(5))
    trainer = ClassificationLearning(
        1, *weights, gibbs_steps=gibbs_steps, optimiser="sgd", learning_rate=1.0, momentum=0.0
    )
    moved = first_step(trainer, rbm, x, labels, chains)
    for name, gradient in exact.items():
        allowed = SIGMAS * count * errors[name] / math.sqrt(ROWS)
        assert bool(((moved[name] - gradient).abs() <= allowed + 1e-9).all()), name


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("gibbs_steps", [1, 3])
def test_cd_at_the_exact_distribution_stands_still(labelled: bool, gibbs_steps: int) -> None:
    rbm = machine()
    v = drawn(rbm, ROWS, 2)
    x, labels = v[:, :3], v[:, 3:].argmax(1)
    if not labelled:
        labels = torch.full_like(labels, -1)
    trainer = ClassificationLearning(
        1, 0.0, 1.0, 1.0, "cd", gibbs_steps, optimiser="sgd", learning_rate=1.0, momentum=0.0
    )
    errors, moved = spread(rbm), first_step(trainer, rbm, x, labels)
    for name, movement in moved.items():
        # The two phases are not independent: the variance of their difference is at most twice the sum of theirs.
        assert bool((movement.abs() <= SIGMAS * 2 * errors[name] / math.sqrt(ROWS)).all()), name


def test_the_gradient_is_a_mean_over_rows_whatever_the_shares_of_labels() -> None:
    # Rows with and without labels apart, each times its share, make the step of both together.
    x, labels = rows_of(machine()), torch.tensor([0, 1, -1, -1, -1, 2, -1, 0, -1])
    known = labels >= 0
    trainer = ClassificationLearning(1, 1.0, 0.0, 0.5, chains=ROWS, optimiser="sgd", learning_rate=1.0, momentum=0.0)
    whole = first_step(trainer, machine(), x, labels)
    parts = [first_step(trainer, machine(), x[rows], labels[rows]) for rows in (known, ~known)]
    for name in whole:
        assert torch.allclose(whole[name], (4 * parts[0][name] + 5 * parts[1][name]) / 9, atol=1e-9)


def test_chains_are_kept_between_steps() -> None:
    rbm, trainer = machine().float(), ClassificationLearning(5, generative=0.5, chains=7)
    state = trainer.init(rbm, RandomStream(0))
    assert state.chains is not None
    assert state.chains.shape == (7, 3)
    v = rbm.sample_v_from_h(state.chains, RandomStream(0, state.random.position))
    expected = rbm.sample_h_from_v(v, RandomStream(0, state.random.position + 2))  # v takes one position a part
    after, _ = trainer.step(state, batch(rows_of(rbm), torch.arange(9) % CLASSES))
    assert after.chains is not None
    assert torch.equal(after.chains, expected)


@pytest.fixture
def stream(rows: Rows) -> Minibatches:
    return Minibatches(rows, Preparation.fit(rows, "bernoulli"), 16, RandomStream(0))


def fresh(seed: int = 0) -> RBM:
    rbm = class_rbm(12, 10, CLASSES)
    rbm.scatter_weights(RandomStream(seed), 0.1)
    return rbm


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_steps_are_those_of_torchs_optimisers_with_a_rate_that_falls_to_zero(
    optimiser: Any, stream: Minibatches
) -> None:
    trainer = ClassificationLearning(
        stream.n_batches, generative=0.0, optimiser=optimiser, learning_rate=0.02, momentum=0.9, weight_decay=0.1
    )
    rbm, twin = fresh(), fresh()
    decayed = [
        {"params": [p for name, p in twin.named_parameters() if name == "weights"], "weight_decay": 0.1},
        {"params": [p for name, p in twin.named_parameters() if name != "weights"], "weight_decay": 0.0},
    ]
    by_hand: torch.optim.Optimizer
    if optimiser == "sgd":
        by_hand = torch.optim.SGD(decayed, 0.02, 0.9)
    else:
        by_hand = torch.optim.AdamW(decayed, 0.02, (0.9, 0.999))
    state = trainer.init(rbm, RandomStream(0))
    for done, minibatch in enumerate(stream.epoch(0)):
        assert minibatch.labels is not None
        gradient = by_autograd(Objective(twin, (1.0, 0.0, 0.0)), minibatch.values, minibatch.labels)
        gradient["visible.bias"][:12] = 0  # of which autograd leaves roundings, and Adam makes steps of those
        state, info = trainer.step(state, minibatch)
        assert math.isclose(
            info.log_likelihood,
            float(Objective(twin, (1.0, 0.0, 0.0))(minibatch.values, minibatch.labels)),
            rel_tol=1e-4,
        )
        for group in by_hand.param_groups:
            group["lr"] = 0.02 * (1 - done / trainer.steps)
        for name, parameter in twin.named_parameters():
            parameter.grad = -gradient[name]
        by_hand.step()
    for one, other in zip(rbm.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4)
    before = [p.clone() for p in rbm.parameters()]
    for minibatch in stream.epoch(1):  # all steps are done
        state, _ = trainer.step(state, minibatch)
    assert all(torch.equal(one, other) for one, other in zip(rbm.parameters(), before, strict=True))


@pytest.mark.parametrize(
    "weights", [(1.0, 0.0, 0.0), (1.0, 0.1, 0.0), (0.0, 1.0, 0.0)], ids=["discriminative", "hybrid", "generative"]
)
def test_it_learns_what_can_be_learned(weights: tuple[float, float, float], rows: Rows, stream: Minibatches) -> None:
    trainer = ClassificationLearning(100 * stream.n_batches, *weights, optimiser="sgd", learning_rate=0.1, momentum=0.5)
    rbm = fresh()
    run(trainer, trainer.init(rbm, RandomStream(0)), stream, 100)
    values = Preparation.fit(rows, "bernoulli").prepare(rows.values)
    assert rows.labels is not None
    labels = torch.from_numpy(rows.labels)
    log_p = class_log_probabilities(rbm, values)
    # Twelve columns, each flipped once in ten times: prototypes at least four columns apart are rarely mistaken.
    assert ClassificationInfo(log_p, labels).error <= 3 / 60
    assert ClassificationInfo(log_p, labels).log_likelihood > -0.5


def test_rows_without_labels_help(rows: Rows) -> None:
    # One labelled row a class and fifty-seven without: what they say of x is all there is to learn.
    assert rows.labels is not None
    labels = rows.labels.copy()
    labels[3:] = -1
    few = Rows.from_arrays(rows.values, labels)
    stream = Minibatches(few, Preparation.fit(few, "bernoulli"), 20, RandomStream(0))
    trainer = ClassificationLearning(
        150 * stream.n_batches, 1.0, 1.0, 1.0, optimiser="sgd", learning_rate=0.3, momentum=0.5
    )
    rbm = fresh()
    run(trainer, trainer.init(rbm, RandomStream(0)), stream, 150)
    values = Preparation.fit(rows, "bernoulli").prepare(rows.values)
    log_p = class_log_probabilities(rbm, values)
    assert ClassificationInfo(log_p, torch.from_numpy(rows.labels)).error <= 6 / 60


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("method", ["cd", "pcd"])
def test_a_run_resumes_to_the_bit(method: Any, optimiser: Any, stream: Minibatches, tmp_path: Path) -> None:
    trainer = ClassificationLearning(8, 1.0, 0.2, 0.0, method, 2, 10, optimiser, 0.05)
    whole = run(trainer, trainer.init(fresh(), RandomStream(0)), stream, 2).state
    half = run(trainer, trainer.init(fresh(), RandomStream(0)), stream, 1).state
    write_tree(tmp_path / "state", trainer.to_tree(half), "state")
    state = trainer.from_tree(fresh(5), read_tree(tmp_path / "state", "state"))
    for minibatch in stream.epoch(1):
        state, _ = trainer.step(state, minibatch)
    for one, other in zip(whole.rbm.parameters(), state.rbm.parameters(), strict=True):
        assert torch.equal(one, other)
    assert state.random == whole.random
    assert state.steps_done == whole.steps_done


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps = 0: must be at least 1"),
        ({"gibbs_steps": 0}, "gibbs_steps = 0: must be at least 1"),
        ({"chains": 0}, "chains = 0: must be at least 1"),
        ({"generative": -1.0}, "generative = -1.0: must be at least 0"),
        ({"unlabelled": math.nan}, "unlabelled = nan: must be at least 0"),
        ({"discriminative": 0.0, "generative": 0.0}, "something must be learned"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0: must be a positive number; start with 0.01 for Adam"),
        ({"momentum": 1.0}, "momentum = 1.0: must be at least 0 and below 1"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ClassificationLearning(**{"steps": 1, **options})


def test_a_machine_without_labels_is_refused() -> None:
    with pytest.raises(OptionError, match="must end in one site of categorical units"):
        ClassificationLearning(1).init(RBM(BernoulliUnits(4), BernoulliUnits(2)), RandomStream(0))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "labels = None: every row needs a label; or let rows without one count: unlabelled > 0"),
        (torch.tensor([0, -1, 2]), "labels, row 1 = -1: must be from 0 to 2"),
        (torch.tensor([0, 1, 3]), "labels, row 2 = 3: must be from 0 to 2"),
    ],
)
def test_labels_that_do_not_serve_are_refused(labels: Tensor | None, message: str) -> None:
    rbm, trainer = fresh(), ClassificationLearning(1)
    with pytest.raises(DataError, match=message):
        trainer.step(trainer.init(rbm, RandomStream(0)), batch(torch.zeros(3, 12), labels))


def test_rows_without_any_labels_are_unlabelled_rows() -> None:
    trainer = ClassificationLearning(1, unlabelled=1.0)
    one, other = fresh(), fresh()
    x = torch.rand(5, 12, generator=torch.Generator().manual_seed(0))
    _, info = trainer.step(trainer.init(one, RandomStream(0)), batch(x, None))
    trainer.step(trainer.init(other, RandomStream(0)), batch(x, torch.full((5,), -1)))
    assert all(torch.equal(p, q) for p, q in zip(one.parameters(), other.parameters(), strict=True))
    assert math.isnan(info.log_likelihood)
    assert math.isnan(info.error)


@pytest.mark.parametrize("method", ["cd", "pcd"])
def test_a_row_that_weighs_twice_is_two_rows(method: Any) -> None:
    # The data's part of the gradient is exact; chains are left out by comparing what they do not enter.
    x, labels = rows_of(machine()), torch.arange(9) % CLASSES
    counts = torch.tensor([1, 2, 1, 1, 3, 1, 1, 1, 1])
    trainer = ClassificationLearning(1, 1.0, 0.0, method=method, optimiser="sgd", learning_rate=1.0, momentum=0.0)
    weighted, repeated = machine(), machine()
    trainer.step(trainer.init(weighted, RandomStream(0)), Batch(x, labels, 0, 9, counts.double()))
    both = batch(x.repeat_interleave(counts, 0), labels.repeat_interleave(counts))
    trainer.step(trainer.init(repeated, RandomStream(0)), both)
    for one, other in zip(weighted.parameters(), repeated.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)


def test_weights_reach_the_generative_part_too() -> None:
    # Rows that weigh nothing might as well not be there.
    x, labels = rows_of(machine()), torch.arange(9) % CLASSES
    trainer = ClassificationLearning(1, 0.5, 1.0, optimiser="sgd", learning_rate=1.0, momentum=0.0)
    weighted, fewer = machine(), machine()
    counts = torch.tensor([1.0] * 6 + [0.0] * 3, dtype=torch.float64)
    trainer.step(trainer.init(weighted, RandomStream(0)), Batch(x, labels, 0, 9, counts))
    trainer.step(trainer.init(fewer, RandomStream(0)), batch(x[:6], labels[:6]))
    for one, other in zip(weighted.parameters(), fewer.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)


def test_missing_values_are_drawn_given_the_others_and_the_label() -> None:
    # Every feature is tied to the label, so that a row without a single value is known by its label alone.
    def tied() -> RBM:
        rbm = class_rbm(3, 3, CLASSES)
        rbm.weights.copy_(torch.cat([torch.eye(3), torch.eye(3)]) * 30)
        rbm.visible.bias[:3] = -15.0
        rbm.hidden.bias.fill_(-15.0)
        return rbm

    labels = torch.arange(300) % CLASSES
    whole = torch.nn.functional.one_hot(labels, CLASSES).float()
    trainer = ClassificationLearning(1, 0.0, 1.0, optimiser="sgd", learning_rate=1.0, momentum=0.0)
    gaps, full = tied(), tied()
    trainer.step(trainer.init(gaps, RandomStream(0)), batch(torch.full_like(whole, math.nan), labels))
    trainer.step(trainer.init(full, RandomStream(0)), batch(whole, labels))
    for one, other in zip(gaps.parameters(), full.parameters(), strict=True):
        assert torch.isfinite(one).all()
        assert torch.allclose(one, other, atol=0.02)


def test_a_column_that_never_varies_does_not_grow_sharper_for_ever() -> None:
    rbm = class_rbm(GaussianUnits(2), 2, 2)
    x = torch.tensor([[0.0, -1.0], [0.0, 1.0]])
    trainer = ClassificationLearning(generative=1.0, learning_rate=1.0)
    state = trainer.init(rbm, RandomStream(0))
    for _ in range(30):
        state, _ = trainer.step(state, batch(x, torch.tensor([0, 1])))
    of_parts = [p for name, p in rbm.named_parameters() if name.endswith("log_precision")]
    assert float(torch.cat(of_parts).max()) == pytest.approx(math.log(1e4))
