"""Upper layers of a belief network learned from codes that are carried up anew, or that were kept on the disk.

    LAYERWISE_DATA=FOLDER python benchmarks/layer_codes.py                             some ten minutes
    LAYERWISE_DATA=FOLDER python benchmarks/layer_codes.py --rows 3000 --rounds 1 --print-only      a short look

784-500-500-2000 on MNIST's training pictures, which lie on the disk and pass through memory in windows of 8 MiB; PCD-1,
batches of 100. A turn is one epoch of a layer. Carried: each minibatch goes through the layers below when it is asked
for. Kept: all codes were written once, float32, and are read in windows as large. What is said of a training is the sum
over its layers, the keeping counted once for each layer. Processor time on one thread, the reading thread's included.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import environment

SIZES, BATCH, WINDOW, EPOCHS = (784, 500, 500, 2000), 100, 2**23, (5, 10, 30)
LAYERS = (2, 3)


def measure(count: int, rounds: int, folder: Path) -> dict[str, Any]:
    """One interleaved run."""
    import numpy as np

    from layerwise.data import Minibatches, Preparation, Rows, load
    from layerwise.data.npy_rows import npy_rows
    from layerwise.data.stored import StoredValues
    from layerwise.energy import BeliefNet, bernoulli_rbm
    from layerwise.randomness import RandomStream
    from layerwise.training.contrastive import ContrastiveLearning
    from layerwise.training.loop import run

    random = RandomStream(0)
    trainer = ContrastiveLearning("pcd", chains=BATCH)
    np.save(folder / "rows.npy", np.asarray(load("mnist").train.values[:count]))
    rows = load(folder / "rows.npy", stream=True, window=WINDOW).train
    data = Minibatches(rows, Preparation.fit(rows, "bernoulli"), BATCH, random.child("order"))
    in_order = Minibatches(rows, Preparation.fit(rows, "bernoulli"), BATCH, random, shuffle=False)
    below: list[Any] = []
    competitors: dict[str, Callable[[], float]] = {}

    def epoch(state: Any, batches: Any) -> float:
        since = time.process_time()
        run(trainer, state, batches, 1)
        return time.process_time() - since

    def keep(net: Any, path: Path) -> float:
        since = time.process_time()
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "<f4", "fortran_order": False, "shape": (count, net.sizes[-1])}
            )
            for batch in in_order.epoch(0):
                file.write(np.ascontiguousarray(net.up(batch.values).numpy()).data)
        return time.process_time() - since

    for layer in range(1, len(SIZES)):
        rbm = bernoulli_rbm(*SIZES[layer - 1 : layer + 1])
        rbm.scatter_weights(random.child(f"weights {layer}"))
        state = trainer.init(rbm, random.child(f"chains {layer}"))
        if layer == 1:
            stream: Any = data
            competitors["layer 1"] = partial(epoch, state, data)
        else:
            net, path = BeliefNet(list(below)), folder / f"codes{layer}.npy"
            stream = data.map(net.up)
            keep(net, path)
            codes = Rows(StoredValues(npy_rows(path)[0], np.dtype(np.float32), WINDOW))
            kept = Minibatches(codes, Preparation.fit(codes, "bernoulli"), BATCH, random.child("order"))
            competitors[f"layer {layer}, carried"] = partial(epoch, state, stream)
            competitors[f"layer {layer}, kept"] = partial(epoch, state, kept)
            # Beside the file that is read: one that is written to is refused.
            competitors[f"layer {layer}, keeping"] = partial(keep, net, folder / "again.npy")
        run(trainer, state, stream, 1)
        below.append(rbm)
    return environment.interleave(competitors, rounds, pause=0.05)


def whole(timings: dict[str, Any], epochs: int) -> tuple[float, float]:
    """Seconds of a training of all layers, carried and kept, by minima."""
    least = {name: taken["minimum"] for name, taken in timings.items()}
    carried = epochs * (least["layer 1"] + sum(least[f"layer {layer}, carried"] for layer in LAYERS))
    kept = epochs * (least["layer 1"] + sum(least[f"layer {layer}, kept"] for layer in LAYERS))
    return carried, kept + sum(least[f"layer {layer}, keeping"] for layer in LAYERS)


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    timings, count = result["timings"], result["setting"]["rows"]
    lines = ["| µs a row and epoch | carried up | kept on the disk | keeping, once |", "| --- | ---: | ---: | ---: |"]

    def per_row(name: str) -> str:
        return f"{1e6 * timings[name]['minimum'] / count:.1f}"

    lines.append(f"| layer 1, {SIZES[0]} × {SIZES[1]} | {per_row('layer 1')} | | |")
    for layer in LAYERS:
        figures = " | ".join(per_row(f"layer {layer}, {how}") for how in ("carried", "kept", "keeping"))
        lines.append(f"| layer {layer}, {SIZES[layer - 1]} × {SIZES[layer]} | {figures} |")
    for epochs in EPOCHS:
        carried, kept = whole(timings, epochs)
        lines.append(f"| all layers, {epochs} epochs: carried / kept | {carried / kept:.3f} | | |")
    held = count * 4 * sum(SIZES[layer - 1] for layer in LAYERS) / 2**20
    note = (
        f"{count:,} pictures; the codes take {held:,.0f} MiB, the pictures {count * SIZES[0] / 2**20:,.0f}. Minima of "
        f"{result['setting']['rounds']} interleaved rounds, processor time of one thread. "
        f"{environment.signature(result['machine'])}."
    )
    return "\n".join([*lines, "", note])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--print-only", action="store_true", help="leave results/layer_codes.json as it is")
    options = parser.parse_args()
    if min(options.rows - BATCH, options.rounds) < 1:
        parser.error(f"--rows must be more than {BATCH}, and --rounds at least 1")
    environment.use_threads(1)
    described = environment.machine()
    setting = {"rows": options.rows, "rounds": options.rounds, "sizes": SIZES, "window_mib": WINDOW // 2**20}
    with tempfile.TemporaryDirectory() as name:
        measured = measure(options.rows, options.rounds, Path(name))
    result = {"name": "layer_codes", "machine": described, "setting": setting, **measured}
    print(table(result))
    if not options.print_only:
        print(f"\nwrote {environment.save('layer_codes', result)}")


if __name__ == "__main__":
    main()
