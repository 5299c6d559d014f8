"""An RBM of 16 hidden units on MNIST thresholded at one half: the exact log-likelihood of the test pictures.

    LAYERWISE_DATA=FOLDER python benchmarks/exact_rbm.py                  three seeds, both polarities, ten minutes
    LAYERWISE_DATA=FOLDER python benchmarks/exact_rbm.py --validate       learn from 50,000, measured on the last 10,000

With 16 hidden units log Z is a sum of 65,536 terms, so nothing is estimated. Learned by persistent contrastive
divergence with a centred gradient, whose learning rate falls to zero; the options were chosen on the last 10,000
training pictures. On pictures whose black and white are exchanged a centred gradient should come as far; one that is
not centred does not. Published beside it: PyDeep's example, 50 epochs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import environment
import numpy as np
import torch

from layerwise.data import Minibatches, Preparation, Rows, load
from layerwise.energy import bernoulli_rbm, log_likelihood
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.loop import run
from layerwise.training.schedules import Linear

HIDDEN, BATCH, EPOCHS, SEEDS = 16, 200, 100, (0, 1, 2)
OPTIONS: dict[str, Any] = {"method": "pcd", "chains": 500, "learning_rate": 0.6, "momentum": 0.0}
ROWS = {"as they are": False, "black and white exchanged": True}
PUBLISHED = {"as they are": (-142.56, -149.05), "black and white exchanged": (-142.09, -183.36)}


def learn(rows: torch.Tensor, seed: int, centred: bool) -> tuple[Any, float]:
    """A machine and the seconds that it took."""
    started = time.perf_counter()
    random = RandomStream(seed)
    table = Rows.from_arrays(rows.numpy())
    stream = Minibatches(table, Preparation.fit(table, "bernoulli"), BATCH, random.child("order"))
    rbm = bernoulli_rbm(rows.shape[1], HIDDEN)
    rbm.scatter_weights(random.child("weights"))
    rbm.visible.start_from(rows.mean(0), rows.var(0))
    trainer = ContrastiveLearning(**OPTIONS, centred=centred, schedule=Linear(EPOCHS * stream.n_batches))
    run(trainer, trainer.init(rbm, random.child("chains")), stream, EPOCHS)
    return rbm, time.perf_counter() - started


def pictures(values: Any, exchanged: bool) -> torch.Tensor:
    """Thresholded at one half."""
    white = torch.from_numpy((np.asarray(values) > 127).astype(np.float32))
    return 1 - white if exchanged else white


def measure(validate: bool, seeds: tuple[int, ...]) -> dict[str, Any]:
    """Every figure of the table."""
    data = load("mnist")
    learning, asked = data.train.values, data.test.values if data.test is not None else None
    if validate:
        learning, asked = learning[:50_000], learning[50_000:]
    jobs: dict[str, Any] = {}
    for name, exchanged in ROWS.items():
        for centred in (True, False):
            results: list[dict[str, float]] = []
            for seed in seeds if centred else seeds[:1]:
                rbm, seconds = learn(pictures(learning, exchanged), seed, centred)
                found = log_likelihood(rbm, pictures(asked, exchanged), method="exact")
                results.append({"seed": seed, "nats": found.mean, "error": found.standard_error, "seconds": seconds})
                print(name, "centred" if centred else "not centred", results[-1], flush=True)
            jobs[f"{name}, {'centred' if centred else 'not centred'}"] = results
    return jobs


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    lines = [
        "| MNIST at a threshold of .5, 16 hidden units | exact test log-likelihood, nats | published | time |",
        "| --- | --- | --- | --- |",
    ]
    for name, results in result["jobs"].items():
        rows, gradient = name.rsplit(", ", 1)
        published = PUBLISHED[rows][gradient != "centred"]
        nats = [one["nats"] for one in results]
        spread = f" ± {statistics.stdev(nats):.2f} ({len(nats)} seeds)" if len(nats) > 1 else " (1 seed)"
        seconds = statistics.median(one["seconds"] for one in results)
        lines.append(f"| {name} | {statistics.mean(nats):.2f}{spread} | {published:.2f} | {seconds:.0f} s |")
    return "\n".join([*lines, "", f"{environment.signature(result['machine'])}."])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--validate", action="store_true", help="for tuning: the test pictures are not read")
    arguments = parser.parse_args()
    machine = environment.machine()
    if arguments.validate:
        measure(True, SEEDS[:1])
        return
    result = {"name": "exact_rbm", "machine": machine, "jobs": measure(False, SEEDS)}
    print(table(result))
    print(f"\nwrote {environment.save('exact_rbm', result)}")


if __name__ == "__main__":
    main()
