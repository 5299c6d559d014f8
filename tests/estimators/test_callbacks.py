"""Callbacks see every estimator's fit and change nothing of it."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import check_is_fitted

from layerwise import RBM, DBNClassifier, MLPClassifier, MLPRegressor
from layerwise.callbacks import Callback, Checkpoint, Epoch, StopWhen
from layerwise.errors import OptionError

X = (np.random.default_rng(0).random((40, 6)) < 0.4).astype(float)
Y = (X.sum(1) > 2).astype(int)


@pytest.fixture(autouse=True)
def _short_fits_do_not_converge() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


class Nosy(Callback):
    """Keeps what it is told, and spoils all that it is handed."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.epochs: list[Epoch] = []
        self.shapes: list[dict[str, tuple[int, ...]]] = []
        self.problem: BaseException | None = None

    def fit_started(self, estimator: str, parameters: Mapping[str, object]) -> None:
        self.calls.append(f"start {estimator}")
        assert "random_state" in parameters

    def epoch_done(self, epoch: Epoch) -> None:
        self.calls.append("epoch")
        self.epochs.append(epoch)
        parameters = epoch.parameters()
        self.shapes.append({name: tuple(value.shape) for name, value in parameters.items()})
        for value in parameters.values():
            value.fill_(7)
        torch.rand(3)
        np.random.random(3)  # noqa: NPY002  # what others draw from

    def fit_ended(self, problem: BaseException | None) -> None:
        self.calls.append("end")
        self.problem = problem


class Raising(Callback):
    """Ends a fit after so many epochs."""

    def __init__(self, problem: BaseException, after: int = 1) -> None:
        self.problem, self.left = problem, after

    def epoch_done(self, epoch: Epoch) -> None:
        self.left -= 1
        if not self.left:
            raise self.problem


def learned(estimator: Any, folder: Path) -> bytes:
    estimator.save(folder)
    return (folder / "model.safetensors").read_bytes()


def test_the_same_is_learned_to_the_bit_with_callbacks(any_estimator: Callable[..., Any], tmp_path: Path) -> None:
    nosy = Nosy()
    watched = any_estimator(random_state=0).set_callbacks(nosy, Checkpoint(tmp_path / "checkpoints"))
    watched.fit(X, Y)
    alone = any_estimator(random_state=0).fit(X, Y)
    assert learned(watched, tmp_path / "a") == learned(alone, tmp_path / "b")

    name = type(alone).__name__
    assert nosy.calls == [f"start {name}", *["epoch"] * len(nosy.epochs), "end"]
    assert nosy.problem is None
    assert all(epoch.figures and epoch.number <= epoch.most for epoch in nosy.epochs)
    assert all(nosy.shapes)
    stages = [epoch.stage for epoch in nosy.epochs if epoch.number == 1]
    assert len(set(stages)) == len(stages)
    assert len(list((tmp_path / "checkpoints").iterdir())) == len(stages)


def test_an_exception_reaches_the_caller_and_nothing_is_fitted(any_estimator: Callable[..., Any]) -> None:
    for problem in (RuntimeError("full"), KeyboardInterrupt()):
        nosy, estimator = Nosy(), any_estimator(random_state=0)
        estimator.set_callbacks(nosy, Raising(problem))
        if isinstance(estimator, MLPClassifier | MLPRegressor) and isinstance(problem, KeyboardInterrupt):
            with pytest.warns(UserWarning, match="interrupted by user"):  # as scikit-learn's: what was learned is kept
                estimator.fit(X, Y)
            estimator.predict(X)
            continue
        with pytest.raises(type(problem)):
            estimator.fit(X, Y)
        assert nosy.calls[-1] == "end"
        assert nosy.problem is problem
        with pytest.raises(NotFittedError):
            check_is_fitted(estimator)


def test_the_curve_is_what_callbacks_are_told() -> None:
    nosy = Nosy()
    machine = RBM(3, n_iter=4, random_state=0).set_callbacks(nosy).fit(X)
    assert [epoch.info for epoch in nosy.epochs] == machine.learning_curve_
    assert {epoch.stage for epoch in nosy.epochs} == {"training"}
    assert [epoch.number for epoch in nosy.epochs] == [1, 2, 3, 4]
    network = DBNClassifier((4, 3), epochs=2, fine_tune_epochs=2, random_state=0).set_callbacks(nosy).fit(X, Y)
    told = {title: [of.info for of in nosy.epochs[4:] if of.stage == title] for title in network.learning_curves_}
    assert told == network.learning_curves_


def test_checkpoints_hold_the_parameters_of_their_epoch(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    checkpoint = Checkpoint(tmp_path, keep=2)
    machine = RBM(3, n_iter=5, random_state=0).set_callbacks(checkpoint).fit(X)
    assert checkpoint.last is not None
    for name, value in load_file(checkpoint.last).items():
        assert torch.equal(value, machine.machine_.state_dict()[name])
    assert [path.name[6:11] for path in sorted((tmp_path / "training").iterdir())] == ["00004", "00005"]
    third = RBM(3, n_iter=5, schedule="constant", random_state=0)
    with pytest.raises(RuntimeError):
        third.set_callbacks(Checkpoint(tmp_path / "b"), Raising(RuntimeError("full"), after=3)).fit(X)
    shorter = RBM(3, n_iter=3, schedule="constant", random_state=0).fit(X)
    weights = load_file(tmp_path / "b" / "training" / "epoch-00003.safetensors")["weights"]
    assert torch.equal(weights, shorter.machine_.weights)  # usable after what broke the fit off


@pytest.mark.parametrize("wrong", [{"every": 0}, {"keep": 0}])
def test_a_checkpoint_needs_whole_numbers(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=f"{next(iter(wrong))} = 0"):
        Checkpoint(tmp_path, **wrong)


def test_a_rule_ends_each_stage_and_what_was_learned_stays(any_estimator: Callable[..., Any], tmp_path: Path) -> None:
    longer = {"epochs": 4, "fine_tune_epochs": 4, "n_iter": 4, "max_iter": 9}
    taken = any_estimator().get_params()
    longer = {name: value for name, value in longer.items() if name in taken}
    nosy = Nosy()
    estimator = any_estimator(**longer, random_state=0)
    estimator.set_callbacks(StopWhen(lambda epoch: epoch.number >= 2), nosy).fit(X, Y)
    check_is_fitted(estimator)
    of_stages: dict[str, int] = {}
    for epoch in nosy.epochs:
        of_stages[epoch.stage] = epoch.number
        assert epoch.most > 2
    assert set(of_stages.values()) == {2}


def test_a_rule_ends_a_search_over_all_rows() -> None:
    nosy = Nosy()
    network = MLPClassifier((4,), solver="lbfgs", max_iter=20, random_state=0)
    network.set_callbacks(nosy, StopWhen(lambda epoch: epoch.number == 3)).fit(X, Y)
    assert network.n_iter_ == len(nosy.epochs) == 3
    fewer = MLPClassifier((4,), solver="lbfgs", max_iter=3, random_state=0).fit(X, Y)
    assert all((a == b).all() for a, b in zip(network.coefs_, fewer.coefs_, strict=True))


def test_callbacks_are_no_parameters_and_are_handed_on_by_clone(tmp_path: Path) -> None:
    nosy = Nosy()
    machine = RBM(3, n_iter=2).set_callbacks(nosy)
    assert "callbacks" not in machine.get_params()
    clone(machine).fit(X)
    assert nosy.calls[0] == "start RBM"
    nosy.calls.clear()
    clone(machine.set_callbacks()).fit(X)
    assert nosy.calls == []
    search = GridSearchCV(MLPClassifier(max_iter=2).set_callbacks(nosy), {"alpha": [0.1, 0.2]}, cv=2)
    search.fit(X, Y)
    assert nosy.calls.count("end") == 5
    again = pickle.loads(pickle.dumps(clone(machine).set_callbacks(Checkpoint(tmp_path)).fit(X)))
    assert again.fit(X).learning_curve_


def test_one_step_of_partial_fit_is_no_fit() -> None:
    nosy = Nosy()
    MLPClassifier(random_state=0).set_callbacks(nosy).partial_fit(X, Y, classes=[0, 1])
    assert nosy.calls == []


@pytest.mark.parametrize("wrong", [Nosy, print, "progress"])
def test_what_is_no_callback_is_refused(wrong: Any) -> None:
    with pytest.raises(OptionError, match=r"callbacks.*layerwise\.callbacks\.Callback"):
        RBM().set_callbacks(wrong)
