"""Networks as courses: stopped anywhere they go on to the same bits, and what is measured is what happened."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from layerwise.data import Minibatches, MinibatchStream, Preparation, Rows
from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.networks import Autoencoder, layers_of
from layerwise.randomness import RandomStream
from layerwise.training.autoencoder_plan import AutoencoderPlan, StackedAutoencoderPlan
from layerwise.training.checkpoint import Checkpoints
from layerwise.training.course import Course
from layerwise.training.course_observer import Info, MistakesInfo, Quiet, RowsInfo, Stage, TuningInfo
from layerwise.training.lessons import Lessons
from layerwise.training.loop import Place
from layerwise.training.network_plan import MLPPlan
from layerwise.training.perceptron_plan import PerceptronPlan
from layerwise.training.separation import separability
from layerwise.training.stacking import stacked

MLP = MLPPlan([7, 5], epochs=3, batch_size=20, dropout=0.3)
AUTOENCODER = AutoencoderPlan([7, 3], epochs=3, batch_size=20, corruption="masking")
STACK = StackedAutoencoderPlan([7, 3], epochs=2, batch_size=20, fine_tune_epochs=2, twin=True, tied=True)
PLANS = {
    "mlp": MLP,
    "autoencoder": AUTOENCODER,
    "noisy": replace(AUTOENCODER, corruption="gaussian", tied=True, activation="tanh"),
    "stack": replace(STACK, corruption="salt_and_pepper"),
    **{
        rule: PerceptronPlan(rule=rule, epochs=6, learning_rate=0.1 if rule == "delta" else 1.0)
        for rule in ("rosenblatt", "pocket", "averaged", "delta")
    },
}


@pytest.fixture
def lessons(rows: Rows) -> Callable[..., Lessons]:
    def make(plan: Any, classes: int = 3) -> Lessons:
        codes = rows.labels
        assert codes is not None
        told = Rows.from_arrays(np.asarray(rows.values), np.minimum(codes, classes - 1))
        train, held_out = told.select(slice(0, 50)), told.select(slice(50, 60))
        preparation = Preparation.fit(train, "bernoulli")
        some, apart = preparation.prepare(train.values), preparation.prepare(held_out.values)
        assert train.labels is not None
        assert held_out.labels is not None
        return Lessons(
            Minibatches(train, preparation, plan.batch_size, RandomStream(1)),
            Minibatches(train, preparation, plan.batch_size, RandomStream(2)),
            classes,
            some,
            apart,
            (some, torch.from_numpy(train.labels)),
            preparation.spec(),
            (apart, torch.from_numpy(held_out.labels)),
        )

    return make


class Witness(Quiet):
    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after, self.batches, self.infos = stop_after, 0, list[tuple[str, int, Info]]()

    def batch_done(self, stage: Stage, place: Place, rows: int, info: object) -> None:
        self.batches += 1

    def epoch_done(self, stage: Stage, epoch: int, info: Info) -> None:
        self.infos.append((stage.title, epoch, info))

    def wants_to_stop(self) -> bool:
        return self.stop_after is not None and self.batches >= self.stop_after


def bits(course: Course) -> dict[str, bytes]:
    return {
        f"{title}.{name}": value.numpy().tobytes()
        for title, module in course.learned.items()
        for name, value in module.state_dict().items()
    }


@pytest.mark.parametrize("stop", [1, 2, 3, 7])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_stopped_anywhere_it_goes_on_to_the_same_bits_and_the_same_figures(
    plan: Any, lessons: Callable[..., Lessons], tmp_path: Path, stop: int
) -> None:
    straight, witness = Course(plan, lessons(plan), RandomStream(0)), Witness()
    assert straight.advance(witness)
    store, told = Checkpoints(tmp_path), list[tuple[str, int, Info]]()
    course, finished = Course(plan, lessons(plan), RandomStream(0)), False
    while not finished:
        onlooker = Witness(stop)
        finished = course.advance(onlooker)
        told += onlooker.infos
        store.save(course.to_tree())
        course = Course(plan, lessons(plan), RandomStream(0))
        course.restore(store.load()[0])
    assert [repr(line) for line in told] == [repr(line) for line in witness.infos]
    assert bits(course) == bits(straight)
    assert bits(course)


def test_the_flow_of_an_epoch_is_that_of_its_last_step(lessons: Callable[..., Lessons]) -> None:
    course, seen = Course(MLP, lessons(MLP), RandomStream(0)), list[dict[str, torch.Tensor]]()

    class Watching(Witness):
        def stage_started(self, stage: Stage, place: Place, stream: MinibatchStream) -> None:
            seen.append(weights())

        def batch_done(self, stage: Stage, place: Place, rows: int, info: object) -> None:
            seen.append(weights())

    def weights() -> dict[str, torch.Tensor]:
        return {name: value.detach().clone() for name, value in course._state.network.named_parameters()}

    witness = Watching()
    course.advance(witness)
    for (_, epoch, info), last in zip(witness.infos, (3, 6, 9), strict=True):
        assert isinstance(info, TuningInfo)
        assert info.flow is not None
        before, after = seen[last - 1], seen[last]
        ratios = [
            float((after[f"{name}.weight"] - before[f"{name}.weight"]).norm() / before[f"{name}.weight"].norm())
            for name in info.flow.names
        ]
        assert info.flow.update_ratio == pytest.approx(ratios, rel=1e-5), epoch
        assert info.held_out_accuracy is not None


def test_what_an_autoencoder_measures_is_the_squared_distance_of_rows(lessons: Callable[..., Lessons]) -> None:
    given = lessons(AUTOENCODER)
    course, witness = Course(AUTOENCODER, given, RandomStream(0)), Witness()
    course.advance(witness)
    network, (_, _, info) = course.network, witness.infos[-1]
    assert isinstance(network, Autoencoder)
    assert isinstance(info, RowsInfo)
    assert given.held_out is not None
    with torch.no_grad():
        for rows, error in ((given.sample, info.reconstruction_error), (given.held_out, info.held_out_error)):
            assert error == pytest.approx(float((rows - network(rows)).square().sum(1).mean()), rel=1e-5)


def test_layers_stay_as_they_were_learned_and_without_fine_tuning_are_the_network(
    lessons: Callable[..., Lessons],
) -> None:
    layers = [f"layer {number}" for number in (1, 2)]
    alone = Course(replace(STACK, fine_tune_epochs=0), lessons(STACK), RandomStream(0))
    alone.advance()
    tuned = Course(STACK, lessons(STACK), RandomStream(0))
    tuned.advance()
    assert [stage.title for stage in tuned.stages] == [*layers, "fine-tuning", "without pretraining"]
    for title in layers:
        for name, value in alone.learned[title].state_dict().items():
            assert torch.equal(value, tuned.learned[title].state_dict()[name])
    whole = stacked([copy.deepcopy(alone.learned[title]) for title in layers])  # type: ignore[misc]
    assert alone.network is not None
    assert alone.twin is None
    x = lessons(STACK).sample
    assert torch.equal(whole(x), alone.network(x))
    assert tuned.network is not None
    assert not torch.equal(whole(x), tuned.network(x))


def test_rosenblatts_rule_ends_within_novikoffs_bound(lessons: Callable[..., Lessons]) -> None:
    plan = PerceptronPlan(epochs=1000)
    given = lessons(plan, classes=2)
    course, witness = Course(plan, given, RandomStream(0)), Witness()
    course.advance(witness)
    infos = [info for _, _, info in witness.infos if isinstance(info, MistakesInfo)]
    assert given.labelled_sample is not None
    values, labels = given.labelled_sample
    proof = separability(values.numpy(), labels.numpy() == 1)
    assert proof.separable
    assert 0 < sum(info.mistakes for info in infos) <= proof.mistake_bound
    assert [info.mistakes == 0 for info in infos] == [False] * (len(infos) - 1) + [True]
    assert len(infos) < 1000
    assert infos[-1].accuracy == 1.0
    assert course.network is not None
    scores = course.network(values)
    assert torch.equal(scores[:, 0], -scores[:, 1])
    assert torch.equal(scores[:, 1] > 0, labels == 1)


def test_every_hidden_layer_and_activation_is_the_plans(lessons: Callable[..., Lessons]) -> None:
    plan = replace(AUTOENCODER, activation="selu", code_activation="tanh")
    network = plan.network(lessons(plan).units, 3, RandomStream(0))
    names = [layer.activation.name for layer in layers_of(network)]
    assert names == ["selu", "tanh", "selu", "sigmoid"]
    of_classes = replace(MLP, activation="tanh").network(lessons(MLP).units, 3, RandomStream(0))
    assert [layer.activation.name for layer in layers_of(of_classes)] == ["tanh", "tanh", "identity"]


def test_without_labels_a_classifier_learns_nothing_and_an_autoencoder_does(lessons: Callable[..., Lessons]) -> None:
    unlabelled = replace(lessons(MLP), labelled=None, labelled_sample=None, held_out_labelled=None)
    for plan in (MLP, PerceptronPlan()):
        with pytest.raises(DataError, match="learns from labelled rows"):
            Course(plan, unlabelled, RandomStream(0)).advance()
    assert Course(AUTOENCODER, unlabelled, RandomStream(0)).advance()


@pytest.mark.parametrize("plan", [MLP, AUTOENCODER], ids=["mlp", "autoencoder"])
def test_an_absurd_learning_rate_ends_with_the_name_of_the_stage(plan: Any, lessons: Callable[..., Lessons]) -> None:
    wild = replace(plan, learning_rate=1e38)
    with pytest.raises(DivergenceError, match=r"^network: "):
        Course(wild, lessons(wild), RandomStream(0)).advance()


@pytest.mark.parametrize(
    ("plan", "changes"),
    [
        *((MLP, {name: value}) for name, value in (("hidden", []), ("hidden", [0]), ("epochs", 0), ("batch_size", 0))),
        *((MLP, {name: value}) for name, value in (("activation", "relux"), ("initialisation", "x"), ("dropout", 1.0))),
        *((MLP, {name: value}) for name, value in (("learning_rate", math.nan), ("input_dropout", -0.1))),
        (AUTOENCODER, {"code_activation": "x"}),
        (AUTOENCODER, {"corruption_amount": 1.5}),
        (replace(AUTOENCODER, corruption="none"), {"corruption_amount": 0.3}),
        (AUTOENCODER, {"weight_decay": -1.0}),
        (STACK, {"fine_tune_epochs": -1}),
        (STACK, {"fine_tune_learning_rate": 0.0}),
        (PerceptronPlan(), {"epochs": 0}),
        (PerceptronPlan(), {"learning_rate": 0.0}),
        (PerceptronPlan(rule="delta"), {"learning_rate": 2.0}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_plan_that_cannot_be_carried_out_is_refused_before_any_work(plan: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        replace(plan, **changes)
    (name,) = changes
    assert caught.value.what == name
