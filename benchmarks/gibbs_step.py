"""A Gibbs step of many chains against the two dense products that it cannot do without.

    LAYERWISE_DATA=FOLDER python benchmarks/gibbs_step.py                          half a minute
    LAYERWISE_DATA=FOLDER python benchmarks/gibbs_step.py --rounds 1 --print-only  a short look

1,000 chains of an RBM of 784 × 500 binary units, trained for three passes over MNIST thresholded at one half, so that
the chains have the density of what a user samples. The products alone are ``torch.mm`` of the same float32 matrices; a
step is those, two additions of biases and 1,284,000 Bernoulli draws. Interleaved, two threads.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import environment

CHAINS, HIDDEN, STEPS, PAUSE = 1000, 500, 20, 0.05


def seconds_each(call: Callable[[], object]) -> float:
    """Seconds of one step."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) / STEPS


def measure(rounds: int) -> dict[str, Any]:
    """One interleaved run."""
    import numpy as np
    import torch

    from layerwise.data import Minibatches, Preparation, Rows, load
    from layerwise.energy import bernoulli_rbm, gibbs
    from layerwise.randomness import RandomStream
    from layerwise.training.contrastive import ContrastiveLearning
    from layerwise.training.loop import run

    random = RandomStream(0)
    white = (np.asarray(load("mnist").train.values) > 127).astype(np.float32)
    rows = Rows.from_arrays(white)
    stream = Minibatches(rows, Preparation.fit(rows, "bernoulli"), 100, random.child("order"))
    rbm = bernoulli_rbm(784, HIDDEN)
    rbm.scatter_weights(random.child("weights"))
    rbm.visible.start_from(torch.from_numpy(white.mean(0)), torch.from_numpy(white.var(0)))
    trainer = ContrastiveLearning("pcd")
    run(trainer, trainer.init(rbm, random.child("chains")), stream, 3)
    v, h = gibbs(rbm, torch.from_numpy(white[:CHAINS]), 100, random)
    weights, turned = rbm.weights.detach().contiguous(), rbm.weights.detach().T.contiguous()

    def products() -> None:
        for _ in range(STEPS):
            torch.mm(v, weights)
            torch.mm(h, turned)

    competitors = {
        "two dense products": partial(seconds_each, products),
        "gibbs": partial(seconds_each, lambda: gibbs(rbm, v, STEPS, random)),
    }
    densities = {"visible": float(v.mean()), "hidden": float(h.mean())}
    return {"densities": densities, **environment.interleave(competitors, rounds, pause=PAUSE)}


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    timings = result["timings"]
    lines = ["| 1,000 chains, 784 × 500 | milliseconds a step |", "| --- | ---: |"]
    lines += [f"| {name} | {1e3 * taken['median']:.2f} |" for name, taken in timings.items()]
    lines.append(f"| gibbs / two dense products | {result['ratios']['gibbs']['two dense products']:.2f} |")
    shares = result["densities"]
    note = (
        f"float32, {result['setting']['threads']} threads; {100 * shares['visible']:.0f} % of the visible and "
        f"{100 * shares['hidden']:.0f} % of the hidden units are on. Medians of {result['setting']['rounds']} "
        f"interleaved rounds; the last line is the median of the ratio within a round. "
        f"{environment.signature(result['machine'])}."
    )
    return "\n".join([*lines, "", note])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--print-only", action="store_true", help="leave results/gibbs_step.json as it is")
    options = parser.parse_args()
    if min(options.rounds, options.threads) < 1:
        parser.error("--rounds and --threads must be at least 1")
    environment.use_threads(options.threads)
    described = environment.machine()
    setting = {"rounds": options.rounds, "threads": options.threads}
    result = {"name": "gibbs_step", "machine": described, "setting": setting, **measure(options.rounds)}
    print(table(result))
    if not options.print_only:
        print(f"\nwrote {environment.save('gibbs_step', result)}")


if __name__ == "__main__":
    main()
