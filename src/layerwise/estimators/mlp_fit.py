"""How a multilayer perceptron is trained: by minibatches, or by all rows at once."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from layerwise.errors import DivergenceError
from layerwise.estimators.audience import Stage, audience_of
from layerwise.estimators.conversion import as_tensor, parts
from layerwise.estimators.mlp_options import descent_from
from layerwise.estimators.mlp_rows import Lesson
from layerwise.estimators.strategy import ranks_of
from layerwise.networks import scores
from layerwise.randomness import RandomStream
from layerwise.training.gradient_descent import DescentState
from layerwise.training.loop import Place, run
from layerwise.training.network_epochs import EpochInfo, finished
from layerwise.training.pace import Pace
from layerwise.training.quasi_newton import Minimum, minimise
from layerwise.warning import warn

__all__ = ["Going", "by_all_rows", "by_minibatches", "carried", "warn_unfinished"]


@dataclass(frozen=True)
class Going:
    """What ``partial_fit`` goes on with."""

    solver: str
    state: DescentState

    def fits(self, estimator: Any) -> bool:
        """Whether the parameters still ask for the same movement."""
        return self.solver == estimator.solver and bool(self.state.average) == bool(estimator.averaging)


def by_minibatches(
    estimator: Any,
    lesson: Lesson,
    network: nn.Sequential,
    pace: Pace,
    random: RandomStream,
    device: torch.device,
    going: Going | None = None,
    *,
    epochs: int,
) -> tuple[nn.Sequential, Going]:
    """Do epochs of gradient descent until nothing gets better.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Its parameters.
    lesson : Lesson
        What is learned from; rows held out are not among it.
    network : torch.nn.Sequential
        Moved in place.
    pace : Pace
    random : RandomStream
    device : torch.device
        Where it is trained; everything is on the CPU afterwards.
    going : Going, optional
        What an earlier call of this ended with.
    epochs : int
        The most.

    Returns
    -------
    network : torch.nn.Sequential
        As it is used: the running mean where one is asked for, the best one where rows are held out.
    going : Going

    Raises
    ------
    DivergenceError
        Training left the finite numbers. The network is the last good one.
    """
    dtype = next(network.parameters()).dtype
    size = lesson.batch_size(estimator.batch_size)
    ranks = ranks_of(estimator)
    stream = lesson.stream(size, random.child("batches"), dtype, estimator.shuffle, device, ranks)
    trainer = descent_from(estimator, lesson.loss, lesson.aim, pace, stream.n_batches)
    state = trainer.init(network.to(device), random.child("dropout"))
    if going is not None:
        # Loss and sweep are those of now; what moves the parameters, and the draws, go on.
        before = _moved(going.state, device)
        state = replace(before, network=state.network, sweep=state.sweep)
    pace.begin(network, resumed=going is not None)
    done = len(pace.losses)
    stage = audience_of(estimator).stage(type(estimator).__name__, epochs)
    watch = _Watch(pace, stage, network, len(pace.flows))
    try:
        run(
            trainer,
            state,
            stream,
            done + epochs,
            start=Place(done),
            observer=watch,
            after_epoch=pace.after_epoch,
            ranks=ranks,
        )
    except DivergenceError:
        _put(network.cpu(), pace.kept)
        raise
    except KeyboardInterrupt:
        warn("Training interrupted by user.")
    last = _moved(pace.last or state, torch.device("cpu"))
    used = finished(last)
    if pace.judge is not None:
        _put(used, pace.kept)
    return used, Going(estimator.solver, replace(last, sweep=None))  # made anew for the loss of next time


def by_all_rows(estimator: Any, lesson: Lesson, network: nn.Sequential, device: torch.device) -> Minimum:
    """Search a minimum of the loss of all rows.

    Raises
    ------
    DivergenceError
        The loss is not finite. The network is what it was.
    """
    dtype = next(network.parameters()).dtype
    targets = lesson.targets.to(device)
    weights = None if lesson.weights is None else torch.from_numpy(lesson.weights).to(device)

    def rows() -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        for part in parts(lesson.values):
            of_part = None if weights is None else weights[part]
            yield _dense(lesson.values, part, torch.float64, device), targets[part], of_part

    stage = audience_of(estimator).stage(type(estimator).__name__, int(estimator.max_iter))

    def tell(iteration: int, loss: float) -> bool:
        if estimator.verbose:
            print(f"Iteration {iteration}, loss = {loss:.8f}")  # noqa: T201  # this is what verbose asks for
        stage.epoch_done(iteration - 1, EpochInfo(loss), network)
        return stage.enough

    try:
        return minimise(
            network.to(device),
            rows,
            lesson.loss,
            float(estimator.alpha),
            max_iter=int(estimator.max_iter),
            max_fun=int(estimator.max_fun),
            tol=float(estimator.tol),
            tell=tell,
        )
    finally:
        network.to("cpu", dtype)


@dataclass
class _Watch:
    """Lets the pace look on, and tells callbacks what it saw."""

    pace: Pace
    stage: Stage
    network: nn.Sequential
    told: int
    """Of so many steps that were watched."""

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        """Pass on."""
        self.pace.batch_done(place, rows, info)

    def epoch_done(self, epoch: int) -> None:
        """Tell."""
        pace = self.pace
        unseen = pace.scores[-1] if pace.judge is not None else math.nan
        flows, self.told = pace.flows[self.told :], len(pace.flows)  # none where the last minibatch had no weight
        info = EpochInfo(pace.losses[-1], unseen=unseen, flow=flows[-1] if flows else None)
        self.stage.epoch_done(pace.epochs - 1, info, self.network)
        pace.stopped |= self.stage.enough

    def wants_to_stop(self) -> bool:
        """Whether nothing has become better for too long, or a callback has asked to."""
        return self.pace.wants_to_stop()


def warn_unfinished(estimator: Any, found: Minimum | None) -> None:
    """Say that training ended before it had converged."""
    if found is None:
        said = (
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization hasn't "
            "converged yet."
        )
    else:
        said = (
            f"lbfgs failed to converge after {found.iterations} iteration(s): {found.message}\n"
            "Increase max_iter or max_fun, or scale the columns."
        )
    warn(said, ConvergenceWarning)


@torch.no_grad()
def carried(network: nn.Sequential, values: Any, link: str) -> npt.NDArray[Any]:
    """The scores that a network gives rows, part by part, in the precision that answers to both.

    Parameters
    ----------
    network : torch.nn.Sequential
    values : ndarray or csr_matrix of shape (rows, columns)
    link : str
        The name of the activation that the loss has in itself.

    Returns
    -------
    ndarray of shape (rows, outputs)
    """
    parameter = next(network.parameters())
    own = np.float64 if parameter.dtype == torch.float64 else np.float32
    precision = np.dtype(np.result_type(values.dtype, own))
    dtype = torch.float64 if precision == np.float64 else torch.float32
    if dtype != parameter.dtype:
        network = copy.deepcopy(network).to(dtype)
    place = parameter.device
    found = [scores(network, _dense(values, part, dtype, place), link).cpu() for part in parts(values)]
    return torch.cat(found).numpy()


def _dense(values: Any, part: slice, dtype: torch.dtype, device: torch.device) -> Tensor:
    some: Any = values[part]
    return as_tensor(some, dtype).to(device)


def _moved(state: DescentState, device: torch.device) -> DescentState:
    """A State on another device."""
    state.network.to(device)
    for kept in state.movement.optimiser.state.values():
        for name, value in kept.items():
            kept[name] = value.to(device) if isinstance(value, Tensor) else value
    return replace(state, average={name: value.to(device) for name, value in state.average.items()})


def _put(network: nn.Sequential, parameters: Mapping[str, Tensor]) -> None:
    network.load_state_dict(dict(parameters))
