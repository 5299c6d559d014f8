"""What the ranks do in the tests of shared training: a command, ``rank_work.py FOLDER "2 all" "4 all" …``.

Each further argument is a number of ranks and their work, one after the other. The first rank leaves what it came to in
the folder, and this command the exit codes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from forked_ranks import carry_out
from torch import Tensor

from layerwise.cli import main
from layerwise.data import Minibatches, Preparation, Rows
from layerwise.energy import bernoulli_rbm
from layerwise.energy.class_rbm import class_rbm
from layerwise.energy.rbm import RBM
from layerwise.networks import CrossEntropy, Network, Squared
from layerwise.randomness import RandomStream
from layerwise.training.checkpoint import read_tree, write_tree
from layerwise.training.classification_rbm import ClassificationLearning
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.corruption import Masking
from layerwise.training.course import Course
from layerwise.training.course_observer import Quiet, Stage
from layerwise.training.distributed import joined, started_as
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.lessons import Lessons
from layerwise.training.loop import Place, run
from layerwise.training.plan import Plan
from layerwise.training.ranks import Ranks
from layerwise.units import BernoulliUnits, GaussianUnits

ROWS, VISIBLE, HIDDEN, BATCH = 53, 12, 6, 26
"""The last minibatch is of one row: with more ranks than that some have none, and 26 rows are no multiple of 4."""
RATE = 0.1

numbers = np.random.default_rng(0)
BITS = (numbers.random((ROWS, VISIBLE)) < 0.4).astype(np.float32)
REAL = numbers.normal(size=(ROWS, VISIBLE)).astype(np.float32)
LABELS = BITS[:, 0].astype(np.int64)
WEIGHTS = torch.from_numpy(numbers.uniform(0.5, 2.0, ROWS))
WEIGHTS[BATCH : BATCH + 8] = 0.0  # in their order, all that the first of four ranks has of the second minibatch

IDLE = WEIGHTS.clone()
IDLE[BATCH : 2 * BATCH] = 0.0  # all of the second minibatch


def minibatches(
    ranks: Ranks, values: np.ndarray = BITS, kind: Any = "bernoulli", weights: Tensor | None = None
) -> Minibatches:
    rows = Rows.from_arrays(values, LABELS, missing=True)
    place = {"rank": ranks.rank, "world_size": ranks.size}
    preparation = Preparation.fit(rows, kind)
    return Minibatches(rows, preparation, BATCH, RandomStream(0), **place, shuffle=weights is None, weights=weights)


def contrastive(ranks: Ranks, values: np.ndarray = BITS, weights: Tensor | None = None, **options: Any) -> Any:
    real = values is REAL
    trainer = ContrastiveLearning(**{"chains": 7, "learning_rate": RATE / (20 if real else 1), **options}, ranks=ranks)
    machine = RBM(GaussianUnits(VISIBLE), BernoulliUnits(HIDDEN)) if real else bernoulli_rbm(VISIBLE, HIDDEN)
    machine.scatter_weights(RandomStream(5))
    state = trainer.init(machine, RandomStream(1))
    stream = minibatches(ranks, values, "gaussian" if real else "bernoulli", weights=weights)
    return trainer.to_tree(run(trainer, state, stream, 2, ranks=ranks).state)


def with_labels(ranks: Ranks, **options: Any) -> Any:
    trainer = ClassificationLearning(
        generative=0.5, optimiser="sgd", learning_rate=RATE, momentum=0.5, chains=7, ranks=ranks, **options
    )
    machine = class_rbm(BernoulliUnits(VISIBLE), HIDDEN, 2)
    machine.scatter_weights(RandomStream(5))
    state = trainer.init(machine, RandomStream(1))
    return trainer.to_tree(run(trainer, state, minibatches(ranks, weights=WEIGHTS), 2, ranks=ranks).state)


def network(ranks: Ranks, weights: Tensor | None = None, activation: str = "tanh", **options: Any) -> Any:
    aim = options.get("aim", "labels")
    sizes = (VISIBLE, HIDDEN, VISIBLE if aim == "values" else 2)
    trainer = GradientDescent(**{"optimiser": "sgd", "learning_rate": RATE, **options}, ranks=ranks)
    first = trainer.init(Network.of_sizes(sizes, activation, random=RandomStream(3)), RandomStream(1))
    stream = minibatches(ranks, weights=weights)
    return trainer.to_tree(run(trainer, first, stream, 2, ranks=ranks).state)


DONE: dict[str, Callable[[Ranks], Any]] = {
    "cd": lambda ranks: contrastive(ranks, method="cd", steps=2, momentum=0.0),
    "cd with weights": lambda ranks: contrastive(ranks, method="cd", weights=WEIGHTS),
    "pcd": lambda ranks: contrastive(ranks, weight_decay=0.01),
    "pcd with weights": lambda ranks: contrastive(ranks, weights=WEIGHTS),
    "pcd with missing values": lambda ranks: contrastive(ranks, np.where(REAL > 1.5, np.nan, BITS).astype(np.float32)),
    "centred, sparse, clipped, averaged": lambda ranks: contrastive(
        ranks, centred=True, sparsity_target=0.2, clip_norm=0.2, averaging=0.9
    ),
    "gaussian": lambda ranks: contrastive(ranks, REAL),
    "pt": lambda ranks: contrastive(ranks, method="pt", temperatures=3),
    "class-rbm": with_labels,
    "class-rbm by cd": lambda ranks: with_labels(ranks, method="cd"),
    "mlp": lambda ranks: network(ranks, dropout=0.3, input_dropout=0.2, ridge=0.5),
    "mlp with weights": lambda ranks: network(ranks, weights=WEIGHTS, ridge=0.5),
    "mlp with a minibatch without weight": lambda ranks: network(ranks, weights=IDLE, ridge=0.5, dropout=0.3),
    "mlp with a class without weight": lambda ranks: network(
        ranks, loss=CrossEntropy(class_weights=(0.0, 1.0)), weights=WEIGHTS, by_minibatch=True
    ),
    "mlp with weights of classes": lambda ranks: network(ranks, loss=CrossEntropy(class_weights=(3.0, 1.0))),
    "mlp by autograd": lambda ranks: network(
        ranks, loss=CrossEntropy(class_weights=(1.0, 3.0)), weights=WEIGHTS, by_minibatch=True, activation="gelu"
    ),
    "autoencoder": lambda ranks: network(
        ranks, loss=Squared(), aim="values", corruption=Masking(0.25), clip_norm=1.0, averaging=0.9
    ),
}


class Until(Quiet):
    """Asks to stop after a number of minibatches; on one rank alone, which all must follow."""

    def __init__(self, minibatches: int) -> None:
        self.left = minibatches

    def batch_done(self, stage: Stage, place: Place, rows: int, info: object) -> None:
        self.left -= 1

    def wants_to_stop(self) -> bool:
        return self.left <= 0


def course(ranks: Ranks) -> Course:
    """Two layers by persistent chains, then all together with labels."""
    plan = Plan(hidden=(HIDDEN, 4), method="pcd", epochs=2, batch_size=BATCH, fine_tune_epochs=2, dropout=0.2)
    stream, sample = minibatches(ranks), torch.from_numpy(BITS)
    lessons = Lessons(stream, stream, 2, sample, None, (sample, torch.from_numpy(LABELS)), ranks=ranks)
    return Course(plan, lessons, RandomStream(4))


def cut_short(ranks: Ranks, folder: Path) -> None:
    """The command line, until the second rank is killed in the middle of a minibatch."""
    step = ContrastiveLearning.step

    def step_or_die(self: ContrastiveLearning, state: Any, batch: Any) -> Any:
        if self.ranks.rank == 1 and state.steps_done == 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, state, batch)

    options = ["--hidden", "6", "--epochs", "2", "--fine-tune-epochs", "0", "--out", str(folder / "run")]
    with mock.patch.object(ContrastiveLearning, "step", step_or_die):
        sys.exit(main(["train", "digits", *options]))


def work(kind: str, rest: str, folder: Path) -> None:
    if kind == "killed":
        cut_short(started_as(), folder)
    if kind == "command":
        sys.exit(main([*rest.split(), str(folder / "run")]))
    with joined() as ranks:
        if kind == "all":
            found = {name: once(ranks) for name, once in DONE.items()}
            whole = course(ranks)
            assert whole.advance()
            found["course"] = whole.to_tree()
        else:
            # So many minibatches more of the course that lies in the folder.
            begun, path = course(ranks), folder / "part"
            if path.exists():
                begun.restore(read_tree(path, "tree"))
            observer = Until(int(rest)) if ranks.rank == ranks.size - 1 else Quiet()
            begun.advance(observer)
            found = begun.to_tree()
        if ranks.first:
            write_tree(folder / (f"all {ranks.size}" if kind == "all" else "part"), found, "tree")


if __name__ == "__main__":
    carry_out(work, Path(sys.argv[1]), sys.argv[2:])
