"""The whole course: what it does in which order, and that it can stop anywhere and go on to the same bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from layerwise.data import Minibatches, MinibatchStream, Preparation, Rows
from layerwise.energy import BeliefNet
from layerwise.errors import DivergenceError, OptionError
from layerwise.randomness import RandomStream
from layerwise.training.checkpoint import Checkpoints
from layerwise.training.contrastive import ContrastiveInfo
from layerwise.training.course import Course
from layerwise.training.course_observer import Quiet, Stage, TuningInfo
from layerwise.training.gradient_descent import DescentInfo
from layerwise.training.lessons import Lessons
from layerwise.training.loop import Place
from layerwise.training.plan import Plan
from layerwise.training.pretraining import LayerInfo, measure_layer
from layerwise.training.unrolling import random_stack, unroll

PLAN = Plan([7, 5], method="pcd", epochs=2, batch_size=20, fine_tune_epochs=2, dropout=0.2, twin=True)


@pytest.fixture
def lessons(rows: Rows) -> Callable[[str], Lessons]:
    def make(visible: str = "bernoulli") -> Lessons:
        train, held_out = rows.select(slice(0, 50)), rows.select(slice(50, 60))
        preparation = Preparation.fit(train, visible)  # type: ignore[arg-type]
        prepared = preparation.prepare(train.values)
        labelled = train.select(slice(0, 25))
        assert labelled.labels is not None
        return Lessons(
            Minibatches(train, preparation, 20, RandomStream(1)),
            Minibatches(labelled, preparation, 10, RandomStream(2)),
            3,
            prepared,
            preparation.prepare(held_out.values),
            (prepared[:25], torch.from_numpy(labelled.labels)),
        )

    return make


@dataclass
class Witness(Quiet):
    """Keeps all it is told, and asks to stop after so many minibatches."""

    stop_after: int | None = None
    batches: list[tuple[str, Place, int]] = field(default_factory=list)
    infos: list[object] = field(default_factory=list)
    started: list[tuple[Stage, Place, int]] = field(default_factory=list)
    epochs: list[tuple[str, int, LayerInfo | TuningInfo]] = field(default_factory=list)

    def stage_started(self, stage: Stage, place: Place, stream: MinibatchStream) -> None:
        self.started.append((stage, place, stream.n_columns))

    def batch_done(self, stage: Stage, place: Place, rows: int, info: object) -> None:
        self.batches.append((stage.title, place, rows))
        self.infos.append(info)

    def epoch_done(self, stage: Stage, epoch: int, info: LayerInfo | TuningInfo) -> None:
        self.epochs.append((stage.title, epoch, info))

    def wants_to_stop(self) -> bool:
        return self.stop_after is not None and len(self.batches) >= self.stop_after


def everything_learned(course: Course) -> dict[str, Tensor]:
    learned = {f"net.{name}": value for name, value in course.net.state_dict().items()}
    for name in ("network", "twin"):
        network = getattr(course, name)
        if network is not None:
            learned |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    return learned


def assert_same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


MakeLessons = Callable[..., Lessons]


def test_layers_are_learned_in_turn_and_then_the_network_and_its_twin(lessons: MakeLessons) -> None:
    course, witness = Course(PLAN, lessons(), RandomStream(0)), Witness()
    assert course.advance(witness)
    assert [stage.title for stage in course.stages] == ["layer 1", "layer 2", "fine-tuning", "without pretraining"]
    assert [(stage.title, place, columns) for stage, place, columns in witness.started] == [
        ("layer 1", Place(), 12),
        ("layer 2", Place(), 7),
        ("fine-tuning", Place(), 12),
        ("without pretraining", Place(), 12),
    ]
    assert [stage.epochs for stage in course.stages] == [2, 2, 2, 2]
    expected = [
        (title, Place(epoch, batch), rows)
        for title, sizes in (
            ("layer 1", (20, 20, 10)),
            ("layer 2", (20, 20, 10)),
            ("fine-tuning", (10, 10, 5)),
            ("without pretraining", (10, 10, 5)),
        )
        for epoch in range(2)
        for batch, rows in enumerate(sizes)
    ]
    assert witness.batches == expected
    assert [(title, epoch) for title, epoch, _ in witness.epochs] == [
        (stage.title, epoch) for stage in course.stages for epoch in range(2)
    ]
    assert course.net.sizes == (12, 7, 5)
    assert course.network is not None
    assert course.twin is not None


def test_what_is_measured_is_what_can_be_measured_afterwards(lessons: MakeLessons) -> None:
    given, witness = lessons(), Witness()
    course = Course(PLAN, given, RandomStream(0))
    course.advance(witness)
    last = {title: info for title, _, info in witness.epochs}
    assert given.held_out is not None
    for depth, layer in enumerate(course.layers):
        up = BeliefNet(course.layers[:depth]).up if depth else (lambda v: v)
        info = last[f"layer {depth + 1}"]
        assert info == measure_layer(layer, up(given.sample), up(given.held_out))
    assert given.labelled_sample is not None
    values, labels = given.labelled_sample
    for title, network in (("fine-tuning", course.network), ("without pretraining", course.twin)):
        info = last[title]
        assert isinstance(info, TuningInfo)
        assert network is not None
        scores = network(values).detach()
        assert math.isclose(info.loss, float(torch.nn.functional.cross_entropy(scores, labels)), rel_tol=1e-6)
        assert info.accuracy == float((scores.argmax(1) == labels).double().mean())


def test_to_look_on_changes_nothing(lessons: MakeLessons) -> None:
    silent, watched = (Course(PLAN, lessons(), RandomStream(0)) for _ in range(2))
    assert silent.advance()
    watched.advance(Witness())
    assert_same_bits(everything_learned(silent), everything_learned(watched))


def test_another_seed_learns_something_else(lessons: MakeLessons) -> None:
    one, other = Course(PLAN, lessons(), RandomStream(0)), Course(PLAN, lessons(), RandomStream(1))
    one.advance()
    other.advance()
    assert not torch.equal(one.layers[0].weights, other.layers[0].weights)


def test_the_position_of_the_courses_stream_does_not_matter(lessons: MakeLessons) -> None:
    one, other = Course(PLAN, lessons(), RandomStream(0)), Course(PLAN, lessons(), RandomStream(0, 77))
    one.advance()
    other.advance()
    assert_same_bits(everything_learned(one), everything_learned(other))


def test_the_twin_sees_the_same_minibatches_and_the_same_masks(
    lessons: MakeLessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = Witness()
    course = Course(PLAN, lessons(), RandomStream(0))
    course.advance(witness)
    labels: dict[str, list[list[int]]] = {"fine-tuning": [], "without pretraining": []}
    for (title, _, _), info in zip(witness.batches, witness.infos, strict=True):
        if isinstance(info, DescentInfo):
            labels[title].append(info.targets.tolist())
    assert labels["fine-tuning"] == labels["without pretraining"]
    # The same network in both stages would end as the same one: batches, masks and learning rates are the same.
    twins = replace(PLAN, epochs=0)
    course = Course(twins, lessons(), RandomStream(0))
    monkeypatch.setattr("layerwise.training.plan.random_stack", lambda *_: unroll(course.net, 3))
    course.advance()
    assert course.network is not None
    assert course.twin is not None
    assert_same_bits(dict(course.network.state_dict()), dict(course.twin.state_dict()))


def test_the_network_starts_from_the_layers_and_the_twin_from_chance(lessons: MakeLessons) -> None:
    # With a learning rate of nearly nothing both are at the end what they were at the start.
    plan = replace(PLAN, fine_tune_learning_rate=1e-30, fine_tune_epochs=1)
    course = Course(plan, lessons(), RandomStream(0))
    course.advance()
    assert course.network is not None
    assert course.twin is not None
    assert_same_bits(dict(course.network[:-1].state_dict()), dict(unroll(course.net, 3)[:-1].state_dict()))
    weights = RandomStream(0).child("without pretraining").child("weights")
    assert_same_bits(dict(course.twin[:-1].state_dict()), dict(random_stack((12, 7, 5), 3, weights)[:-1].state_dict()))


PLANS = {
    "pcd, dropout, twin": (PLAN, "bernoulli"),
    "cd, no momentum": (replace(PLAN, method="cd", momentum=0.0, dropout=0.0, gibbs_steps=2), "bernoulli"),
    "gaussian": (replace(PLAN, visible="gaussian", method="cd", twin=False), "gaussian"),
}
BATCHES = 3 * 2 * 4


@pytest.mark.parametrize(("plan", "visible"), PLANS.values(), ids=PLANS)
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stops=st.lists(st.integers(1, BATCHES), min_size=1, max_size=4))
@example(stops=[1] * BATCHES)  # after each minibatch
@example(stops=[3] * 8)  # after each epoch, and after each stage
def test_stopped_anywhere_it_goes_on_to_the_same_bits(
    plan: Plan, visible: str, lessons: MakeLessons, tmp_path: Path, stops: list[int]
) -> None:
    straight, witness = Course(plan, lessons(visible), RandomStream(0)), Witness()
    straight.advance(witness)
    store, seen, epochs = Checkpoints(tmp_path), [], []
    course = Course(plan, lessons(visible), RandomStream(0))
    for stop in [*stops, None]:
        onlooker = Witness(stop)
        finished = course.advance(onlooker)
        seen += onlooker.batches
        epochs += onlooker.epochs
        store.save(course.to_tree())
        course = Course(plan, lessons(visible), RandomStream(0))
        course.restore(store.load()[0])
        if finished:
            break
    assert course.advance(Witness())  # a finished course, restored, is finished
    assert seen == witness.batches
    assert [repr(epoch) for epoch in epochs] == [repr(epoch) for epoch in witness.epochs]
    assert_same_bits(everything_learned(course), everything_learned(straight))


def test_it_can_be_saved_when_a_stage_starts(lessons: MakeLessons, tmp_path: Path) -> None:
    store, states = Checkpoints(tmp_path), []

    class Saver(Witness):
        def stage_started(self, stage: Stage, place: Place, stream: MinibatchStream) -> None:
            store.save(course.to_tree())
            states.append(store.load()[0])

    course = Course(PLAN, lessons(), RandomStream(0))
    course.advance(Saver())
    for number, state in enumerate(states):
        again, witness = Course(PLAN, lessons(), RandomStream(0)), Witness()
        again.restore(state)
        again.advance(witness)
        assert len(witness.batches) == BATCHES - 6 * number
        assert_same_bits(everything_learned(again), everything_learned(course))


def test_a_course_goes_on_in_place_as_it_does_from_a_tree(lessons: MakeLessons) -> None:
    straight = Course(PLAN, lessons(), RandomStream(0))
    straight.advance()
    course, witness = Course(PLAN, lessons(), RandomStream(0)), Witness(4)
    assert not course.advance(witness)
    witness.stop_after = 11
    assert not course.advance(witness)
    assert course.advance()
    assert_same_bits(everything_learned(course), everything_learned(straight))


@pytest.mark.parametrize(
    ("changes", "titles"),
    [
        ({"fine_tune_epochs": 0}, ["layer 1", "layer 2"]),
        ({"twin": False}, ["layer 1", "layer 2", "fine-tuning"]),
        ({"hidden": [4], "twin": False}, ["layer 1", "fine-tuning"]),
    ],
    ids=str,
)
def test_stages_that_nobody_asked_for_are_left_out(
    changes: dict[str, Any], titles: list[str], lessons: MakeLessons
) -> None:
    course = Course(replace(PLAN, **changes), lessons(), RandomStream(0))
    assert [stage.title for stage in course.stages] == titles
    assert course.advance()
    assert (course.network is None) == (changes.get("fine_tune_epochs") == 0)
    assert course.twin is None


def test_without_labels_only_the_layers_are_learned(lessons: MakeLessons) -> None:
    unlabelled = replace(lessons(), labelled=None, labelled_sample=None, held_out=None)
    course, witness = Course(PLAN, unlabelled, RandomStream(0)), Witness()
    assert course.advance(witness)
    assert course.network is None
    assert all(isinstance(info, ContrastiveInfo) for info in witness.infos)
    assert all(isinstance(info, LayerInfo) and math.isnan(info.free_energy_gap) for _, _, info in witness.epochs)


def test_no_epochs_leave_the_layers_where_they_start(lessons: MakeLessons) -> None:
    course, witness = Course(replace(PLAN, epochs=0, fine_tune_epochs=0), lessons(), RandomStream(0)), Witness()
    assert course.advance(witness)
    assert witness.batches == []
    assert course.net.sizes == (12, 7, 5)


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({"learning_rate": 1e30}, "layer 1"),
        ({"fine_tune_learning_rate": 1e38}, "fine-tuning"),
    ],
    ids=str,
)
def test_an_absurd_learning_rate_ends_with_the_name_of_the_stage(
    changes: dict[str, Any], stage: str, lessons: MakeLessons, tmp_path: Path
) -> None:
    plan = replace(PLAN, epochs=4, fine_tune_epochs=4, method="cd", **changes)
    course, witness = Course(plan, lessons(), RandomStream(0)), Witness()
    with pytest.raises(DivergenceError, match=rf"^{stage}: .*left the finite numbers.*; .*lower the learning rate"):
        course.advance(witness)
    # Nothing that was told before was told of a machine that had no numbers left.
    assert all(math.isfinite(value) for _, _, info in witness.epochs for value in vars(info).values())


def test_the_layer_below_a_diverged_one_stays_good(lessons: MakeLessons) -> None:
    given = lessons()
    course = Course(PLAN, given, RandomStream(0))
    course.advance(Witness(stop_after=8))
    assert len(course.layers) == 1
    course._state.rbm.weights[0, 0] = math.nan
    with pytest.raises(DivergenceError, match=r"^layer 2: "):
        course.advance()
    assert bool(torch.isfinite(course.net.up(given.sample)).all())


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden": []},
        {"hidden": [0]},
        {"hidden": [5, -1]},
        {"epochs": -1},
        {"fine_tune_epochs": -1},
        {"batch_size": 0},
        {"gibbs_steps": 0},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"momentum": 1.0},
        {"weight_decay": -1.0},
        {"fine_tune_learning_rate": -0.1},
        {"fine_tune_weight_decay": -0.1},
        {"dropout": 1.0},
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_carried_out_is_refused_before_any_work(changes: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        replace(PLAN, **changes)
    # A recipe's author wrote this name, and no other.
    (name,) = changes
    assert caught.value.what == name
