"""What a step costs on one rank and on two of this machine.

The same global minibatch is trained by one process with one thread, by two ranks with a thread each, and by one process
with two threads, which take turns. Efficiency is what two ranks gain on one, over two.

    python benchmarks/distributed.py
    python benchmarks/distributed.py --rounds 1 --print-only
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import environment

SETTINGS = {
    "RBM 784 × 500, PCD-1": ("rbm", (100, 1000)),
    "MLP 784-512-256-10, Adam": ("mlp", (128, 1024)),
}
PLACES = {"one": (1, 1), "two ranks": (2, 1), "two threads": (1, 2)}
"""How many processes, and threads of each."""
STEPS, BLOCKS = 10, 8


def work(model: str, batch: int) -> None:
    """Print the seconds of a step, the least over some blocks of steps, of the slowest rank."""
    import numpy as np
    import torch

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
        seconds = ranks.rows(torch.tensor([min(blocks[1:])], dtype=torch.float64), ranks.size)
        if ranks.first:  # ranks share a pipe, and lines of two would run into each other
            print(float(seconds.max()))


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
        return float(done.stdout)

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
    return "\n".join([*lines, "", note])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--print-only", action="store_true", help="leave results/distributed.json as it is")
    parser.add_argument("--work", nargs=2, metavar=("MODEL", "BATCH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work[0], int(options.work[1]))
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
