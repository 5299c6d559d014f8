"""An RBM of 500 hidden units on MNIST, whose grey levels are probabilities: how likely are pictures drawn from them?

    LAYERWISE_DATA=FOLDER python benchmarks/grey_rbm.py                 all of it, half an hour on two quiet cores
    LAYERWISE_DATA=FOLDER python benchmarks/grey_rbm.py --only race     the race alone, the rest as it was
    LAYERWISE_DATA=FOLDER python benchmarks/grey_rbm.py --validate      learn from 50,000, measured on the last 10,000

Two questions. How likely does a long training find the test pictures, each grey level drawn once as a bit? Log Z is
annealed forward and backward, and the lower of the two likelihoods is quoted [1]_ [2]_. And how long does each library
take to −100 and to −90 nats? Each does a whole training of so many epochs, in which the learning rate falls to zero,
and the seconds of the shortest that gets there count; what is measured is the last 10,000 training pictures, which none
of them learns from. scikit-learn and rbms have no falling rate: it is set for them before each epoch.

References
----------
.. [1] R. Salakhutdinov, I. Murray (2008). On the quantitative analysis of deep belief networks. ICML: -86.34 by CD-25.
.. [2] Y. Burda, R. Grosse, R. Salakhutdinov (2015). Accurate and conservative estimates of MRF log-likelihood using
   reverse annealing. AISTATS.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import environment
import numpy as np
import peers
import torch
from workers import Entry, Worker

from layerwise.data import DrawnBits, Minibatches, Preparation, Rows, bits_of, load
from layerwise.energy import LikelihoodWarning, bernoulli_rbm, log_likelihood
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.loop import run
from layerwise.training.schedules import Linear

HIDDEN, BATCH, SEEDS = 500, 100, (0, 1, 2)
EPOCHS = 60
OPTIONS: dict[str, Any] = {"method": "pcd", "chains": 500, "learning_rate": 0.4, "momentum": 0.0, "centred": True}
PUBLISHED = -86.34
"""CD-25."""

TARGETS = (-100.0, -90.0)
PLANS = (2, 3, 4, 6, 8, 12, 16)
"""Epochs of a whole training; the first that reaches a target counts."""
RACE: dict[str, Any] = {"hidden": HIDDEN, "batch_size": BATCH, "seed": 0, "threads": 2}
PCD = "PCD-1"
RACERS: dict[str, tuple[Entry, dict[str, Any]]] = {
    "layerwise": (
        Entry("layerwise", "with_layerwise.py", "pcd"),
        {"learning_rate": 0.4, "centred": True, "chains": 200, "bits": True},
    ),
    "scikit-learn": (Entry("scikit-learn", "with_sklearn.py", "pcd"), {"learning_rate": 0.2}),
    "rbms": (
        Entry("rbms", "with_rbms.py", "pcd", "rbms"),
        {"learning_rate": 0.2, "centred": True, "chains": 200},
    ),
}
"""Each library with the rate that brought it furthest in eight epochs: of .05, .1, .2 and .4, rbms of three of them."""


def learn(grey: torch.Tensor, seed: int, epochs: int) -> tuple[Any, float]:
    """A machine and the seconds that it took."""
    started = time.perf_counter()
    random = RandomStream(seed)
    table = Rows.from_arrays(grey.numpy())
    batches = Minibatches(table, Preparation.fit(table, "bernoulli"), BATCH, random.child("order"))
    stream = DrawnBits(batches, random.child("bits"))
    rbm = bernoulli_rbm(grey.shape[1], HIDDEN)
    rbm.scatter_weights(random.child("weights"))
    rbm.visible.start_from(grey.mean(0), grey.mean(0) * (1 - grey.mean(0)))
    trainer = ContrastiveLearning(**OPTIONS, schedule=Linear(epochs * stream.n_batches))
    run(trainer, trainer.init(rbm, random.child("chains")), stream, epochs)
    return rbm, time.perf_counter() - started


def likelihood(rbm: Any, bits: torch.Tensor, mean: torch.Tensor, chains: int, temperatures: int) -> dict[str, float]:
    """Nats a picture by both directions of annealing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LikelihoodWarning)
        found = log_likelihood(rbm, bits, method="ais", chains=chains, temperatures=temperatures, mean=mean)
    assert found.backward is not None
    return {
        "forward": found.upper,
        "backward": found.lower,
        "error": found.standard_error,
        "log_partition_error": max(found.log_partition_error, found.backward.standard_error),
    }


def trained(validate: bool, seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """The long training of every seed."""
    data = load("mnist")
    assert data.test is not None
    grey = torch.from_numpy(np.asarray(data.train.values, dtype=np.float32) / 255)
    learning = grey[:50_000] if validate else grey
    asked = grey[50_000:] if validate else torch.from_numpy(np.asarray(data.test.values, dtype=np.float32) / 255)
    results: list[dict[str, Any]] = []
    for seed in seeds:
        rbm, seconds = learn(learning, seed, EPOCHS)
        # The pictures are the same for every seed: what differs between seeds is the machine.
        found = likelihood(rbm, bits_of(asked, RandomStream(0)), learning.mean(0), 200, 20_000)
        results.append({"seed": seed, "seconds": seconds, **found})
        print(results[-1], flush=True)
    return results


def race(installed: dict[str, peers.Installed], racers: dict[str, tuple[Entry, dict[str, Any]]]) -> dict[str, Any]:
    """For every library the seconds and nats of each plan, until it has reached the last target."""
    grey = np.asarray(load("mnist").train.values, dtype=np.float32) / 255
    bits, mean = bits_of(torch.from_numpy(grey[50_000:]), RandomStream(0)), torch.from_numpy(grey[:50_000].mean(0))
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.npy"
        np.save(rows, grey[:50_000])
        for name, (entry, options) in racers.items():
            python = sys.executable if entry.peer is None else installed[entry.peer].python
            runs: list[dict[str, float]] = []
            for epochs in PLANS:
                with Worker(entry, python, rows, Path(folder), {**RACE, **options, "fall": epochs}) as worker:
                    told = worker.ready()
                    seconds = sum(worker() for _ in range(epochs))
                    weights, visible, hidden = (torch.from_numpy(part) for part in worker.parameters() or ())
                rbm = bernoulli_rbm(*weights.shape, weights.float())
                rbm.visible.bias.copy_(visible)
                rbm.hidden.bias.copy_(hidden)
                runs.append({"epochs": epochs, "seconds": seconds, **likelihood(rbm, bits, mean, 100, 1_000)})
                print(name, runs[-1], flush=True)
                if _nats(runs[-1]) >= max(TARGETS):
                    break
            results[name] = {"options": options, "told": told, "runs": runs}
    return results


def _nats(one: dict[str, Any]) -> float:
    """What is quoted: the lower of the two directions."""
    return min(one["forward"], one["backward"])


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    results = result["trained"]
    nats = [_nats(one) for one in results]
    apart = max(abs(one["forward"] - one["backward"]) for one in results)
    spread = f" ± {statistics.stdev(nats):.2f}" if len(nats) > 1 else ""
    lines = [
        "| MNIST drawn from its grey levels, 500 hidden units | test log-likelihood, nats |",
        "| --- | ---: |",
        f"| layerwise, PCD-1 with {OPTIONS['chains']} chains, {EPOCHS} epochs, {len(nats)} seeds "
        f"| {statistics.mean(nats):.2f}{spread} |",
        f"| CD-25, Salakhutdinov and Murray 2008 | {PUBLISHED:.2f} |",
        "",
        f"The lower of forward and backward annealing, which lie at most {apart:.2f} nats apart.",
        "",
        "| time to | " + " | ".join(result["race"]) + " |",
        "| --- |" + " ---: |" * len(result["race"]),
    ]
    for target in TARGETS:
        cells = [_reached(one["runs"], target) for one in result["race"].values()]
        lines.append(f"| {target:.0f} nats | " + " | ".join(cells) + " |")
    rates = ", ".join(f"{name} {one['options']['learning_rate']:g}" for name, one in result["race"].items())
    note = (
        "50,000 pictures, batches of 100, two threads; seconds of training alone, of the shortest of the trainings of "
        f"{', '.join(map(str, PLANS))} epochs that gets there. First rates, the best of .05, .1, .2 and .4 (rbms: all "
        f"but .4): {rates}; layerwise and rbms centred, with 200 chains, scikit-learn with 100, as it is. "
        f"{environment.signature(result['machine'])}."
    )
    return "\n".join([*lines, "", note])


def _reached(runs: list[dict[str, Any]], target: float) -> str:
    for one in runs:
        if _nats(one) >= target:
            return f"{one['seconds']:.0f} s ({one['epochs']} epochs, {_nats(one):.1f})"
    best = max(map(_nats, runs))
    return f"not in {runs[-1]['epochs']} epochs ({runs[-1]['seconds']:.0f} s; {best:.1f} at best)"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--validate", action="store_true", help="for tuning: the test pictures are not read")
    parser.add_argument("--only", choices=["trained", "race"], help="measure this part alone; the other stays")
    parser.add_argument("--rate", type=float, help="for tuning: eight epochs of every library at this rate")
    peers.add_options(parser)
    options = parser.parse_args()
    environment.use_threads(RACE["threads"])
    machine = environment.machine()
    if options.validate:
        trained(True, SEEDS[:1])
        return
    if options.rate is not None:
        global PLANS
        PLANS = (8,)
        racers = {name: (entry, {**own, "learning_rate": options.rate}) for name, (entry, own) in RACERS.items()}
        race(peers.install_all(options), racers)
        return
    result = environment.load("grey_rbm") if options.only else {"name": "grey_rbm"}
    result["machine"] = machine
    if options.only != "race":
        result["trained"] = trained(False, SEEDS)
    if options.only != "trained":
        result["race"] = race(peers.install_all(options), RACERS)
    print(table(result))
    print(f"\nwrote {environment.save('grey_rbm', result)}")


if __name__ == "__main__":
    main()
