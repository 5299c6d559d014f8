"""Parallel tempering against Gibbs sampling on a machine whose modes lie apart: independent samples a second.

    LAYERWISE_DATA=FOLDER python benchmarks/tempering.py                         some minutes
    LAYERWISE_DATA=FOLDER python benchmarks/tempering.py --seeds 1 --print-only

An RBM of 100 hidden units learns the zeros and ones of MNIST, thresholded at one half. What is watched along a chain is
which of the two a row is nearer to: the product with the difference of the two classes' means. Counted are its changes
of side (a row must come as far as a quarter of the way from the middle to the other class's mean), a second of all the
chains' work; beside it stands the integrated autocorrelation time, which no trace can show to be longer than itself.
Gibbs chains start at rows of the data, half of each class; tempered ones keep a ladder that was adapted before.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import environment
import numpy as np
import torch

from layerwise.data import Minibatches, Preparation, Rows, load
from layerwise.energy import RBM, Path, adapt_ladder, bernoulli_rbm, gibbs, ladder, mixing, start_tempering, temper
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.loop import run
from layerwise.training.schedules import Linear

HIDDEN, EPOCHS, CHAINS, STEPS, REPLICAS = 100, 60, 50, 4000, 16


def learn(rows: torch.Tensor, random: RandomStream) -> RBM:
    """A machine of zeros and ones."""
    table = Rows.from_arrays(rows.numpy())
    stream = Minibatches(table, Preparation.fit(table, "bernoulli"), 100, random.child("order"))
    rbm = bernoulli_rbm(rows.shape[1], HIDDEN)
    rbm.scatter_weights(random.child("weights"))
    rbm.visible.start_from(rows.mean(0), rows.var(0))
    trainer = ContrastiveLearning("pcd", chains=200, learning_rate=0.1, schedule=Linear(EPOCHS * stream.n_batches))
    run(trainer, trainer.init(rbm, random.child("chains")), stream, EPOCHS)
    return rbm


def told(traces: list[torch.Tensor], seconds: float, sides: tuple[float, float]) -> dict[str, float]:
    """Autocorrelation time and how often chains change sides."""
    x = torch.stack(traces)
    found, (low, high) = mixing(x), sides
    middle, margin = (low + high) / 2, (high - low) / 8
    side, changes = torch.zeros(x.shape[1]), 0
    for row in x:
        now = torch.where(row > middle + margin, 1.0, torch.where(row < middle - margin, -1.0, side))
        changes += int(((now * side) < 0).sum())
        side = now
    return {
        "time": found.time,
        "error": found.error,
        "r_hat": found.r_hat,
        "seconds": seconds,
        "changes": changes,
        "changes_a_second": changes / seconds,
    }


def measure(seed: int) -> dict[str, Any]:
    """Both samplers on one machine."""
    random = RandomStream(seed)
    train = load("mnist").train
    assert train.labels is not None
    white = torch.from_numpy((np.asarray(train.values) > 127).astype(np.float32))
    zeros, ones = (white[torch.from_numpy(train.labels == digit)] for digit in (0, 1))
    rows = torch.cat([zeros, ones])
    rbm = learn(rows, random)
    direction = ones.mean(0) - zeros.mean(0)
    sides = float(zeros.mean(0) @ direction), float(ones.mean(0) @ direction)
    start = torch.cat([zeros[: CHAINS // 2], ones[: CHAINS - CHAINS // 2]])

    v, traces, began = start, list[torch.Tensor](), time.perf_counter()
    of_gibbs = random.child("gibbs")
    for _ in range(STEPS):
        v, _ = gibbs(rbm, v, 1, of_gibbs)
        traces.append(v @ direction)
    plain = told(traces, time.perf_counter() - began, sides)

    of_tempering = random.child("tempering")
    path = Path.from_mean(rbm, rows.mean(0))
    state = start_tempering(path, ladder(REPLICAS), CHAINS, of_tempering)
    for _ in range(6):
        state = temper(path, state, 200, of_tempering)
        state = state.on(adapt_ladder(state.betas.tolist(), state.rates.tolist()))
    traces, began = [], time.perf_counter()
    for _ in range(STEPS):
        state = temper(path, state, 1, of_tempering)
        traces.append(state.rows @ direction)
    tempered = told(traces, time.perf_counter() - began, sides)
    return {"seed": seed, "gibbs": plain, "tempering": {**tempered, "rates": state.rates.tolist()}}


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    lines = [
        "| machine | sampler | changes of side | a second | autocorrelation time, steps | R̂ | lowest swap rate |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in result["machines"]:
        for name in ("gibbs", "tempering"):
            found = one[name]
            rate = f"{min(found['rates']):.2f}" if "rates" in found else "–"
            long = "≥ " if found["time"] > STEPS / 2 else ""
            lines.append(
                f"| {one['seed']} | {name} | {found['changes']:,} | {found['changes_a_second']:,.1f} "
                f"| {long}{found['time']:,.0f} ± {found['error']:,.0f} | {found['r_hat']:.2f} | {rate} |"
            )
    note = f"{CHAINS} chains, {STEPS:,} steps, {REPLICAS} temperatures. {environment.signature(result['machine'])}."
    return "\n".join([*lines, "", note])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--print-only", action="store_true", help="leave results/tempering.json as it is")
    options = parser.parse_args()
    machine = environment.machine()
    machines = [measure(seed) for seed in range(options.seeds)]
    result = {"name": "tempering", "machine": machine, "machines": machines}
    print(table(result))
    if not options.print_only:
        print(f"\nwrote {environment.save('tempering', result)}")


if __name__ == "__main__":
    main()
