"""What a model of the cost of a step says of many GPUs; computed, not measured.

python benchmarks/scaling_model.py
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import environment

GPUS = (8, 100, 1000)
ROWS_A_GPU = 1000


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


def compute() -> list[dict[str, Any]]:
    """Bytes, operations and seconds of a step by model."""
    found: list[dict[str, Any]] = []
    for cost in MODELS:
        steps = [step_seconds(cost, ROWS_A_GPU, gpus) for gpus in GPUS]
        sums = [of_step[1] for of_step in steps]
        found.append({"model": cost.name, "message": cost.message, "products": steps[0][0], "sums": sums})
    return found


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    gpus = " / ".join(f"{count:,}" for count in GPUS)
    lines = [
        f"| {ROWS_A_GPU:,} rows a GPU | summed a step | products | sums on {gpus} GPUs | efficiency | "
        "epoch of 10⁹ rows |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for found in result["models"]:
        steps = [found["products"] + sums for sums in found["sums"]]
        shares = " / ".join(f"{100 * found['products'] / step:.0f}" for step in steps)
        counts = [ROWS / (ROWS_A_GPU * count) for count in GPUS]
        epochs = " / ".join(_span(count * step) for count, step in zip(counts, steps, strict=True))
        sums = " / ".join(f"{1e3 * sums:.2f}" for sums in found["sums"])
        figures = f"{found['message'] / 1e6:,.1f} MB | {1e3 * found['products']:.2f} ms | {sums} ms | {shares} %"
        lines.append(f"| {found['model']} | {figures} | {epochs} |")
    note = (
        f"Computed, not measured: {PACE / 1e12:.0f} TFLOP/s reached in products, {BANDWIDTH / 1e9:.0f} GB/s between "
        f"GPUs, {1e6 * LATENCY:.0f} µs a hop, nothing of a sum hidden behind products."
    )
    return "\n".join([*lines, "", note])


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def main() -> None:
    """Compute and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    result = {"name": "scaling_model", "models": compute()}
    print(table(result))
    print(f"\n{environment.save('scaling_model', result)}")


if __name__ == "__main__":
    main()
