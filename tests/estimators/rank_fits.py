"""What the ranks do in the tests of estimators that learn together: a command, ``rank_fits.py FOLDER "2 fits" …``.

Every rank saves what it has fitted under its own name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.append(str(Path(__file__).parents[1] / "training"))

from forked_ranks import carry_out

from layerwise import (
    DBN,
    RBM,
    Autoencoder,
    BernoulliRBM,
    ClassRBM,
    DBNClassifier,
    DBNRegressor,
    GaussianRBM,
    MLPClassifier,
    MLPRegressor,
    StackedAutoencoder,
    StackedAutoencoderClassifier,
)
from layerwise.callbacks import Callback
from layerwise.errors import LayerwiseError
from layerwise.training.distributed import started_as

ROWS, COLUMNS, HIDDEN, BATCH, RATE, MOMENTUM = 53, 12, 6, 26, 0.1, 0.5
"""The last minibatch is of one row: one of two ranks has none."""
EPOCHS = 2
numbers = np.random.default_rng(0)
BITS = (numbers.random((ROWS, COLUMNS)) < 0.4).astype(np.float32)
REAL = numbers.normal(size=(ROWS, COLUMNS)).astype(np.float32)
GAPS = np.where(REAL > 1.5, np.nan, BITS).astype(np.float32)
LABELS = BITS[:, 0].astype(np.int64)
SOME = np.where(np.arange(ROWS) < 40, LABELS, -1)
WEIGHTS = numbers.uniform(0.5, 2.0, ROWS)

Options = dict[str, Any]
MACHINE: Options = {"n_components": HIDDEN, "batch_size": BATCH, "n_iter": EPOCHS, "n_chains": 7}
STACK: Options = {"hidden": (HIDDEN, 4), "batch_size": BATCH, "epochs": EPOCHS}
DESCENT: Options = {"optimiser": "sgd", "learning_rate": RATE}
TUNED: Options = {"fine_tune_epochs": EPOCHS}
NET: Options = {"hidden_layer_sizes": (HIDDEN,), "batch_size": BATCH, "solver": "sgd", "learning_rate_init": RATE}
NET |= {"momentum": MOMENTUM, "max_iter": EPOCHS}
STOPPING: Options = {"early_stopping": True, "n_iter_no_change": 1}

FITS: dict[str, Callable[[Options], Any]] = {
    "BernoulliRBM": lambda o: BernoulliRBM(HIDDEN, batch_size=BATCH, n_iter=EPOCHS, **o).fit(BITS),
    "BernoulliRBM, a step more": lambda o: (
        BernoulliRBM(HIDDEN, batch_size=BATCH, n_iter=EPOCHS, **o).fit(BITS).partial_fit(BITS[:31])
    ),
    "RBM": lambda o: RBM(**MACHINE, **STOPPING, **o).fit(GAPS, sample_weight=WEIGHTS),
    "RBM, tempered": lambda o: RBM(**MACHINE, method="pt", temperatures=3, **o).fit(BITS),
    "RBM, a step more": lambda o: RBM(**MACHINE, **o).fit(BITS).partial_fit(BITS[:31]),
    "GaussianRBM": lambda o: GaussianRBM(**MACHINE, averaging=0.9, **o).fit(REAL),
    "ClassRBM": lambda o: ClassRBM(**MACHINE, optimiser="sgd", momentum=MOMENTUM, **STOPPING, **o).fit(BITS, SOME),
    "ClassRBM, a step": lambda o: ClassRBM(**MACHINE, optimiser="sgd", **o).partial_fit(BITS, LABELS, [0, 1]),
    "DBN": lambda o: DBN(**STACK, labels=True, n_chains=7, up_down_epochs=EPOCHS, **o).fit(BITS, LABELS, WEIGHTS),
    "DBNClassifier": lambda o: DBNClassifier(**STACK, **TUNED, **o).fit(BITS, SOME, WEIGHTS),
    "DBNRegressor": lambda o: DBNRegressor(**STACK, **TUNED, **o).fit(BITS, REAL[:, 0]),
    "MLPClassifier": lambda o: MLPClassifier(**NET, dropout=0.2, watch_gradients=True, **o).fit(BITS, LABELS, WEIGHTS),
    "MLPClassifier, stopping": lambda o: MLPClassifier(**NET, **STOPPING, **o).fit(BITS, LABELS),
    "MLPClassifier, an epoch": lambda o: MLPClassifier(**NET, **o).partial_fit(BITS, LABELS, classes=[0, 1]),
    "MLPRegressor, stopping": lambda o: MLPRegressor(**NET, **STOPPING, **o).fit(BITS, REAL[:, 0]),
    "Autoencoder": lambda o: Autoencoder(**STACK, **DESCENT, **STOPPING, corruption="masking", **o).fit(BITS),
    "Autoencoder, a step": lambda o: Autoencoder(**STACK, **DESCENT, **o).partial_fit(BITS),
    "StackedAutoencoder": lambda o: StackedAutoencoder(**STACK, **DESCENT, **TUNED, **o).fit(BITS),
    "StackedAutoencoderClassifier": lambda o: StackedAutoencoderClassifier(**STACK, **DESCENT, **TUNED, **o).fit(
        BITS, SOME
    ),
}


class Stops(Callback):
    """Asks to stop after the first epoch, and says where it was asked."""

    def epoch_done(self, epoch: object) -> None:
        print("a callback was told")  # noqa: T201

    def wants_to_stop(self) -> bool:
        return True


class Fails(Callback):
    """Raises what is not ours."""

    def epoch_done(self, epoch: object) -> None:
        raise ZeroDivisionError


MISTAKES: dict[str, Callable[[int, Options], Any]] = {
    "rows": lambda rank, o: RBM(**MACHINE, **o).fit(BITS[rank:]),
    "parameters": lambda rank, o: RBM(**MACHINE, **o, momentum=0.1 * rank).fit(BITS),
    "seed": lambda rank, o: RBM(**MACHINE, **{**o, "random_state": None}).fit(BITS),
    "penalty": lambda rank, o: Autoencoder(**STACK, sparsity_target=0.1, **o).fit(BITS),
    "chains": lambda rank, o: RBM(**{**MACHINE, "n_chains": 1}, **o).fit(BITS),
    "callback": lambda rank, o: RBM(**MACHINE, **o).set_callbacks(Fails()).fit(BITS),
}


def work(kind: str, rest: str, folder: Path) -> None:
    me = started_as()
    options: Options = {"random_state": 0, "strategy": "ddp"}
    if kind == "fits":
        for name, fitted in FITS.items():
            fitted(options).save(folder / f"{name} {me.rank} of {me.size}")
    elif kind == "mistakes":
        for name, mistaken in MISTAKES.items():
            try:
                mistaken(me.rank, options)
            except (LayerwiseError, ZeroDivisionError) as problem:
                print(f"{name}: {type(problem).__name__}: {problem}")  # noqa: T201
    elif kind == "shown":
        net = MLPClassifier(**NET | {"max_iter": 5}, verbose=True, **options).set_callbacks(Stops())
        net.fit(BITS, LABELS)
        sys.exit(net.n_iter_)
    elif kind == "group":
        place = {"init_method": f"file://{folder}/meeting", "rank": me.rank, "world_size": me.size}
        torch.distributed.init_process_group("gloo", **place)
        os.environ["MASTER_PORT"] = "nowhere"
        RBM(**MACHINE, **options).fit(BITS).save(folder / f"in a group {me.rank} of {me.size}")
        torch.distributed.barrier()


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")  # two epochs are too few to converge
    carry_out(work, Path(sys.argv[1]), sys.argv[2:])
