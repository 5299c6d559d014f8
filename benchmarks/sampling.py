"""Nanoseconds an element of drawing Bernoulli units from their fields: the fused kernel against two torch calls.

    python benchmarks/sampling.py                              some seconds
    python benchmarks/sampling.py --rounds 1 --print-only      a short look

``torch.bernoulli(torch.sigmoid(x))`` against ``layerwise.kernels.bernoulli(x, random)``, which gives the same thing in
one pass, and ``mean_and_bernoulli``, which gives the probabilities too. float32 normal fields, two threads,
interleaved; a turn repeats the call until it has drawn ``ELEMENTS`` numbers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import environment

SHAPES = ((100, 500), (100, 784), (1000, 784), (10_000, 784))
ELEMENTS = 8_000_000
PAUSE = 0.05
LABELS = {
    "torch": "torch.bernoulli(torch.sigmoid(x))",
    "bernoulli": "kernels.bernoulli",
    "mean_and_bernoulli": "kernels.mean_and_bernoulli",
}


def seconds_each(call: Callable[[], object], repeats: int) -> float:
    """Mean seconds of one call."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def measure(shape: tuple[int, int], rounds: int) -> dict[str, Any]:
    """One interleaved run on one shape."""
    import torch

    from layerwise import kernels
    from layerwise.randomness import RandomStream

    fields = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    random = RandomStream(0)
    repeats = max(1, ELEMENTS // fields.numel())
    calls: dict[str, Callable[[], object]] = {
        "torch": lambda: torch.bernoulli(torch.sigmoid(fields)),
        "bernoulli": lambda: kernels.bernoulli(fields, random),
        "mean_and_bernoulli": lambda: kernels.mean_and_bernoulli(fields, random),
    }
    timed = environment.interleave(
        {name: partial(seconds_each, call, repeats) for name, call in calls.items()}, rounds, pause=PAUSE
    )
    nanoseconds = {name: 1e9 * taken["median"] / fields.numel() for name, taken in timed["timings"].items()}
    return {"shape": list(shape), "repeats": repeats, "nanoseconds_an_element": nanoseconds, **timed}


def table(result: dict[str, Any]) -> str:
    """The Markdown table of a result."""
    measured = result["shapes"]
    shapes = [f"{one['shape'][0]:,} × {one['shape'][1]}" for one in measured]
    lines = [
        "| nanoseconds an element | " + " | ".join(shapes) + " |",
        "| --- |" + " ---: |" * len(shapes),
    ]
    for name, label in LABELS.items():
        cells = [f"{one['nanoseconds_an_element'][name]:.2f}" for one in measured]
        lines.append(f"| `{label}` | " + " | ".join(cells) + " |")
    times = [f"{one['ratios']['torch']['bernoulli']:.1f}" for one in measured]
    lines.append("| torch / `kernels.bernoulli` | " + " | ".join(times) + " |")
    setting = result["setting"]
    note = (
        f"float32, {setting['threads']} threads. Medians of {setting['rounds']} interleaved rounds; the last line is "
        f"the median of the ratio within a round. {environment.signature(result['machine'])}."
    )
    return "\n".join([*lines, "", note])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--print-only", action="store_true", help="leave results/sampling.json as it is")
    options = parser.parse_args()
    if min(options.rounds, options.threads) < 1:
        parser.error("--rounds and --threads must be at least 1")
    environment.use_threads(options.threads)
    described = environment.machine()
    shapes = [measure(shape, options.rounds) for shape in SHAPES]
    setting = {"rounds": options.rounds, "threads": options.threads}
    result = {"name": "sampling", "machine": described, "setting": setting, "shapes": shapes}
    print(table(result))
    if not options.print_only:
        print(f"\nwrote {environment.save('sampling', result)}")


if __name__ == "__main__":
    main()
