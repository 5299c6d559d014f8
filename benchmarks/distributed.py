"""What a step costs on one rank and on two of this machine, and what a model of the cost says of a thousand GPUs.

The same global minibatch is trained by one process with one thread, by two ranks with a thread each, and by one process
with two threads, which take turns. Efficiency is what two ranks gain on one, over two.

    python benchmarks/distributed.py
    python benchmarks/distributed.py --rounds 1 --print-only
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import environment

SETTINGS = {
    "RBM 784 × 500, PCD-1": ("rbm", (100, 1000)),
    "MLP 784-512-256-10, Adam": ("mlp", (128, 1024)),
}
PLACES = {"one": (1, 1), "two ranks": (2, 1), "two threads": (1, 2)}
"""How many processes, and threads of each."""
STEPS, BLOCKS = 10, 8


@dataclass(frozen=True)
class Cost:
    """What a step of a model costs: floating-point operations a row, and bytes that every rank sends once."""

    name: str
    operations: float
    message: float


def rbm_cost(visible: int, hidden: int) -> Cost:
    """Five products of PCD-1 or CD-1 with as many chains as rows."""
    parameters = visible * hidden + visible + hidden
    return Cost(f"RBM {visible:,} × {hidden:,}", 10.0 * visible * hidden, 4.0 * (parameters + 1))


def network_cost(*sizes: int) -> Cost:
    """Each layer forwards, and backwards by weights and by values; the lowest has none below."""
    weights = [below * above for below, above in pairwise(sizes)]
    parameters = sum(weights) + sum(sizes[1:])
    name = "network " + "-".join(str(size) for size in sizes)
    return Cost(name, 2.0 * (3 * sum(weights) - weights[0]), 4.0 * (parameters + 2))


MODELS = (
    rbm_cost(784, 500),
    rbm_cost(16_384, 16_384),
    network_cost(784, 1000, 500, 250, 30, 250, 500, 1000, 784),
)
PACE, BANDWIDTH, LATENCY, ROWS = 25e12, 40e9, 5e-6, 10**9
"""Assumed of a GPU: operations a second in products, bytes a second between GPUs, seconds a hop; rows to learn."""


def step_seconds(cost: Cost, rows: int, ranks: int) -> tuple[float, float]:
    """Seconds of a step's products and of its sum over the ranks: a ring for the bytes, a tree for the hops."""
    products = rows * cost.operations / PACE
    if ranks == 1:
        return products, 0.0
    sums = 2 * (ranks - 1) / ranks * cost.message / BANDWIDTH + 2 * math.log2(ranks) * LATENCY
    return products, sums


def work(model: str, batch: int) -> float:
    """Seconds of a step, the least over some blocks of steps; on every rank."""
    import numpy as np

    from layerwise.data import Minibatches, Preparation, Rows
    from layerwise.energy import bernoulli_rbm
    from layerwise.networks import Network
    from layerwise.randomness import RandomStream
    from layerwise.training.contrastive import ContrastiveLearning
    from layerwise.training.distributed import joined
    from layerwise.training.gradient_descent import GradientDescent

    generator = np.random.default_rng(0)
    needed = STEPS * (BLOCKS + 1) * batch
    values = (generator.random((needed, 784)) < 0.19).astype(np.float32)
    rows = Rows.from_arrays(values, generator.integers(0, 10, needed))
    with joined() as ranks:
        stream = Minibatches(
            rows, Preparation.fit(rows, "bernoulli"), batch, RandomStream(0), rank=ranks.rank, world_size=ranks.size
        )
        trainer: Any
        if model == "rbm":
            trainer = ContrastiveLearning("pcd", chains=batch, ranks=ranks)
            machine = bernoulli_rbm(784, 500)
            machine.scatter_weights(RandomStream(1))
            state = trainer.init(machine, RandomStream(2))
        else:
            trainer = GradientDescent(optimiser="adam", ranks=ranks)
            state = trainer.init(Network.of_sizes((784, 512, 256, 10), "relu", random=RandomStream(1)), RandomStream(2))
        blocks: list[float] = []
        for number, minibatch in enumerate(stream.epoch(0)):
            if number % STEPS == 0:
                start = time.perf_counter()
            state, _ = trainer.step(state, minibatch)
            ranks.any(False)  # as the loop asks after each minibatch whether to stop
            if number % STEPS == STEPS - 1:
                blocks.append((time.perf_counter() - start) / STEPS)
    return min(blocks[1:])


def runner(model: str, batch: int, processes: int, threads: int) -> Callable[[], float]:
    """A command that measures in processes of its own."""
    surroundings = dict(os.environ)
    environment.use_threads(threads, surroundings)
    launch = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    )
    command = [sys.executable, *launch, __file__, "--work", model, str(batch)]

    def run() -> float:
        done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True)
        return max(float(line) for line in done.stdout.split())

    return run


def measure(rounds: int) -> dict[str, Any]:
    """Seconds of a step by model, batch and place."""
    runs = {
        f"{name}, {batch} rows, {place}": runner(model, batch, *where)
        for name, (model, batches) in SETTINGS.items()
        for batch in batches
        for place, where in PLACES.items()
    }
    timings = environment.interleave(runs, rounds, warm_up=0)["timings"]
    return {"timings": timings}


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    lines = [
        "| global minibatch | one process | two ranks | gain | efficiency | one process, two threads |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, (_, batches) in SETTINGS.items():
        for batch in batches:
            one, two, threads = (
                1e3 * result["timings"][f"{name}, {batch} rows, {place}"]["minimum"] for place in PLACES
            )
            figures = f"{one:.2f} | {two:.2f} | {one / two:.2f} | {one / two / 2:.0%} | {threads:.2f}"
            lines.append(f"| {name}, {batch:,} rows | {figures} |".replace("%", " %"))
    note = (
        f"Milliseconds a step, the least of {result['rounds']} interleaved rounds of {BLOCKS} blocks of {STEPS} steps; "
        f"a thread a process unless said. {environment.signature(result['machine'])}."
    )
    modelled = [
        "| model, 1,000 rows a GPU | MB summed a step | products | sums, 8 / 100 / 1,000 GPUs | efficiency | "
        f"an epoch of {ROWS:.0e} rows |".replace("1e+09", "10⁹"),
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cost in MODELS:
        found = [step_seconds(cost, 1000, gpus) for gpus in (8, 100, 1000)]
        shares = " / ".join(f"{100 * products / (products + sums):.0f}" for products, sums in found)
        epochs = " / ".join(
            _span((products + sums) * ROWS / (1000 * gpus))
            for gpus, (products, sums) in zip((8, 100, 1000), found, strict=True)
        )
        sums = " / ".join(f"{1e3 * sums:.2f}" for _, sums in found)
        products = f"{1e3 * found[0][0]:.2f} ms"
        figures = f"{cost.message / 1e6:,.1f} | {products} | {sums} ms | {shares} % | {epochs}"
        modelled.append(f"| {cost.name} | {figures} |")
    assumed = (
        f"Computed, not measured: {PACE / 1e12:.0f} TFLOP/s reached in products, {BANDWIDTH / 1e9:.0f} GB/s between "
        f"GPUs, {1e6 * LATENCY:.0f} µs a hop, nothing of a sum hidden behind products."
    )
    return "\n".join([*lines, "", note, "", *modelled, "", assumed])


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--print-only", action="store_true", help="leave results/distributed.json as it is")
    parser.add_argument("--work", nargs=2, metavar=("MODEL", "BATCH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(work(options.work[0], int(options.work[1])))
        return
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    described = environment.machine()
    result = {"name": "distributed", "machine": described, "rounds": options.rounds, **measure(options.rounds)}
    print(table(result))
    if not options.print_only:
        print(f"\n{environment.save('distributed', result)}")


if __name__ == "__main__":
    main()
