"""Learning from rows on disk: its memory, its time beside rows in memory, and how well windows shuffle.

    python benchmarks/streams.py                                     6 GiB of rows on the disk, some ten minutes
    python benchmarks/streams.py --part shuffle                      one part anew, the other as it is
    python benchmarks/streams.py --gib 0.3 --folder /tmp --print-only      a short look

Epoch: an RBM (784 × 500, PCD-1, batches of 100) goes once over a file of 784 float32 columns, 13 % of them ones, with
windows of 256 MiB; another process does the same from a fifth of those rows in memory. They take turns, each turn as
many rows as two windows hold, so that each of the stream's turns waits for the disk where the disk is late. The file's
pages are dropped from the system's cache before the first turn. Processor time counts what the reading thread does,
also between turns.

Shuffle: 2,000,000 rows of 784 bytes in ten classes, sorted by class. How many rows of a class a minibatch of 100 holds
varies by so many times its variance in a full shuffle: measured over all minibatches of some epochs, beside what
docs/streams.md derives.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import environment

MIB, COLUMNS, HIDDEN, BATCH, WINDOW, SHARE = 2**20, 784, 500, 100, 256, 5
ONES = 33 / 256
CLASSES, SORTED_ROWS, WINDOWS, EPOCHS = 10, 2_000_000, (1, 4, 16, 64, 256, 1024), 12


def write_rows(path: Path, rows: int) -> None:
    """Random bits as float32, some thousand rows at a time."""
    import numpy as np

    random, block = np.random.default_rng(0), 20_000
    with path.open("wb") as file:
        about = {"descr": "<f4", "fortran_order": False, "shape": (rows, COLUMNS)}
        np.lib.format.write_array_header_1_0(file, about)
        for first in range(0, rows, block):
            entries = random.integers(0, 256, (min(block, rows - first), COLUMNS), dtype=np.uint8)
            file.write((entries < 256 * ONES).astype(np.float32).data)
        file.flush()
        os.fsync(file.fileno())


def peak() -> float:
    """Most MiB of this process that were in memory."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def learner(pipe: Connection, path: str, held: int | None, threads: int) -> None:
    """A process that learns as many minibatches as it is told, from the file or from its first rows in memory."""
    environment.use_threads(threads)
    import numpy as np
    import torch

    from layerwise.data import Minibatches, Preparation, Rows, load
    from layerwise.energy import bernoulli_rbm
    from layerwise.randomness import RandomStream
    from layerwise.training.contrastive import ContrastiveLearning

    torch.set_num_threads(threads)
    since = time.perf_counter()
    if held is None:
        rows = load(path, stream=True, window=WINDOW * MIB).train
    else:
        rows = Rows.from_arrays(np.array(np.load(path, mmap_mode="r")[:held]))
    random = RandomStream(0)
    batches = Minibatches(rows, Preparation.fit(rows, "bernoulli"), BATCH, random.child("order"))
    rbm = bernoulli_rbm(COLUMNS, HIDDEN)
    rbm.scatter_weights(random.child("weights"))
    rbm.visible.start_from(torch.full((COLUMNS,), ONES), torch.full((COLUMNS,), ONES * (1 - ONES)))
    trainer = ContrastiveLearning("pcd", chains=BATCH)
    state = trainer.init(rbm, random.child("chains"))
    pipe.send({"rows": len(rows), "opening_seconds": time.perf_counter() - since})
    epoch, done, used = batches.epoch(0), 0, time.process_time()
    while (count := pipe.recv()) is not None:
        since, learned = time.perf_counter(), 0
        while learned < count and done < batches.n_batches:
            for batch in islice(epoch, count - learned):
                state, _ = trainer.step(state, batch)
                learned, done = learned + 1, done + 1
            if done == batches.n_batches and held is not None:  # the part in memory is learned again and again
                epoch, done = batches.epoch(0), 0
        seconds, now = time.perf_counter() - since, time.process_time()
        pipe.send({"rows": learned * BATCH, "seconds": seconds, "processor_seconds": now - used})
        used = now
    pipe.send({"peak_mib": peak()})


def measure_epoch(gib: float, folder: Path, threads: int) -> dict[str, Any]:
    """One epoch over the file, in turns with a learner of rows in memory."""
    rows = int(gib * 2**30) // (4 * COLUMNS) // BATCH * BATCH
    turn = 2 * WINDOW * MIB // (4 * COLUMNS) // BATCH
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / "rows.npy"
        write_rows(path, rows)
        learners: dict[str, Connection] = {}
        for kind, held in (("stream", None), ("memory", max(BATCH, rows // SHARE))):
            ours, theirs = context.Pipe()
            context.Process(target=learner, args=(theirs, str(path), held, threads), daemon=True).start()
            learners[kind] = ours
        found: dict[str, Any] = {kind: {**pipe.recv(), "turns": []} for kind, pipe in learners.items()}
        drop_cached(path)
        for _ in range(max(1, rows // BATCH // turn)):
            for kind, pipe in learners.items():
                pipe.send(turn)
                found[kind]["turns"].append(pipe.recv())
                print(kind, found[kind]["turns"][-1], flush=True)
        for kind, pipe in learners.items():
            pipe.send(None)
            found[kind] |= pipe.recv()
    setting = {"gib": gib, "window_mib": WINDOW, "threads": threads, "rows_a_turn": turn * BATCH}
    return {"setting": setting, **found}


def drop_cached(path: Path) -> None:
    """Let the system forget what it keeps of a file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def measure_shuffle(rows: int, epochs: int) -> dict[str, Any]:
    """Variance of class counts in minibatches over that of a full shuffle, by the size of the window."""
    import numpy as np

    from layerwise.data.row_file import RowFile
    from layerwise.data.stored import StoredValues
    from layerwise.data.windows import windows_of
    from layerwise.randomness import RandomStream

    share = 1 / CLASSES
    full = BATCH * share * (1 - share) * (rows - BATCH) / (rows - 1)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "rows"
        path.touch()
        os.truncate(path, rows * COLUMNS)  # a hole: only the places of its rows are asked for
        file = RowFile(path, "rows", 0, rows, COLUMNS, np.dtype(np.uint8))
        for mib in (*WINDOWS, None):
            values = StoredValues(file, file.dtype, mib * MIB if mib else rows * COLUMNS)
            groups, ratios = values.groups(), []
            for epoch in range(epochs):
                every = windows_of(groups, values.window_rows, RandomStream(1).child(f"order {epoch}"))
                order = np.concatenate([window.numbers()[window.order().numpy()] for window in every])
                classes = (order * CLASSES // rows).astype(np.int64).reshape(-1, BATCH)
                counts = np.stack([(classes == label).sum(1) for label in range(CLASSES)])
                ratios.append(float(np.mean((counts - BATCH * share) ** 2)) / full)
            g, w = int(groups[1] - groups[0]), rows / len(every)
            about = {"window_mib": mib, "rows_of_a_window": round(w), "rows_of_a_group": g, "windows": len(every)}
            derived = 1 + (BATCH - 1) * (g - 1) * (1 / (w - 1) - 1 / (rows - 1))
            error = float(np.std(ratios, ddof=1)) / epochs**0.5
            found.append({**about, "ratio": float(np.mean(ratios)), "standard_error": error, "derived": derived})
            print(found[-1], flush=True)
    return {"setting": {"rows": rows, "epochs": epochs, "classes": CLASSES, "batch": BATCH}, "windows": found}


def microseconds(turns: list[dict[str, float]]) -> list[float]:
    """A row's, of the clock and of the processor: minimum and mean over all turns but the first."""
    found: list[float] = []
    for figure in ("seconds", "processor_seconds"):
        per_row = [1e6 * taken[figure] / taken["rows"] for taken in turns[1:] or turns]
        found += [min(per_row), sum(per_row) / len(per_row)]
    return found


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    epoch, shuffle = result["epoch"], result["shuffle"]
    setting = epoch["setting"]
    kinds = {"stream": f"{setting['gib']:g} GiB on disk", "memory": "a fifth of them in memory"}
    lines = ["| rows | number | µs a row, minimum | mean | processor, minimum | mean | most memory |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    found = {kind: microseconds(epoch[kind]["turns"]) for kind in kinds}
    for kind, what in kinds.items():
        figures = " | ".join(f"{figure:.1f}" for figure in found[kind])
        lines.append(f"| {what} | {epoch[kind]['rows']:,} | {figures} | {epoch[kind]['peak_mib']:,.0f} MiB |")
    ratios = " | ".join(f"{ours / theirs:.2f}" for ours, theirs in zip(*found.values(), strict=True))
    lines.append(f"| disk / memory | | {ratios} | |")
    note = (
        f"An RBM of {COLUMNS} × {HIDDEN} units, PCD-1, batches of {BATCH}, {setting['threads']} thread, one epoch of "
        f"the file, windows of {setting['window_mib']} MiB, in interleaved turns of {setting['rows_a_turn']:,} rows; "
        f"the first, which compiles, is left out. Other processes were at work: compare the processor's times, and "
        f"their means: what is read ahead in one turn may be counted in another. Memory is that of the process, torch "
        f"and the rest included. Before the first turn every entry was looked at, in "
        f"{epoch['stream']['opening_seconds']:.0f} s. {environment.signature(epoch['machine'])}."
    )
    lines += ["", note, "", "| window | its rows | rows of a group | variance over that of a full shuffle | derived |"]
    lines.append("| ---: | ---: | ---: | ---: | ---: |")
    for one in shuffle["windows"]:
        window = f"{one['window_mib']:,} MiB" if one["window_mib"] else "all rows"
        sizes = f"{one['rows_of_a_window']:,} | {one['rows_of_a_group']:,}"
        measured = f"{one['ratio']:.3f} ± {2 * one['standard_error']:.3f}"
        lines.append(f"| {window} | {sizes} | {measured} | {one['derived']:.3f} |")
    told = shuffle["setting"]
    note = (
        f"Rows of a class in a minibatch of {told['batch']}, of {told['rows']:,} rows of {COLUMNS} bytes in "
        f"{told['classes']} classes, sorted by class; mean over {told['epochs']} epochs ± two standard errors. "
        f"Derived: 1 + (b − 1) (g − 1) (1/(w − 1) − 1/(n − 1)); minibatches across two windows are better than that."
    )
    lines += ["", note]
    return "\n".join(lines)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=float, default=6)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the rows are written")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part", choices=("epoch", "shuffle"))
    parser.add_argument("--print-only", action="store_true", help="leave results/streams.json as it is")
    options = parser.parse_args()
    if min(options.gib, options.threads) <= 0:
        parser.error("--gib and --threads must be positive")
    if not Path("/proc/self/status").exists():
        parser.error("this reads /proc, which only Linux has")
    environment.use_threads(options.threads)
    described = environment.machine()
    measure = {
        "shuffle": lambda: measure_shuffle(SORTED_ROWS, EPOCHS),
        "epoch": lambda: measure_epoch(options.gib, options.folder, options.threads),
    }
    result = {"name": "streams"} if options.part is None else environment.load("streams")
    for part in measure if options.part is None else (options.part,):
        result[part] = {"machine": described, **measure[part]()}
    print(table(result))
    if not options.print_only:
        print(f"\nwrote {environment.save('streams', result)}")


if __name__ == "__main__":
    main()
