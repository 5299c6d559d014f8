"""Seconds of one training epoch of an RBM: layerwise, its peers, and the dense products that none of them can go below.

    python benchmarks/rbm_epoch.py                          all of it: some minutes on a quiet machine
    python benchmarks/rbm_epoch.py --data random --rounds 1 --rows 2000 --print-only      a short look

20,000 × 784 rows, 500 hidden units, batches of 100, float32, learning rate .05, two threads; PCD-1 and CD-1, each
library by the methods that it has. Every competitor is a process of its own that loads the rows, waits, and does one
epoch when it is its turn: A B C A B C …, so all of them meet the same machine. Starting, compiling and loading fall
into the warm-up round, which is not counted. How each library is run stands in its file in ``competitors/`` and goes
into ``results/rbm_epoch.json``.

MNIST is read from ``LAYERWISE_DATA/mnist`` (train-images-idx3-ubyte.gz).
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import environment
import numpy as np
import peers
from workers import Entry, Worker

SETTING = {"hidden": 500, "batch_size": 100, "learning_rate": 0.05, "seed": 0, "threads": 2}
ROWS, COLUMNS, DENSITY = 20_000, 784, 0.13
PAUSE = 0.3
"""Seconds between two turns: some thread pools spin for a few hundredths of a second after work before they sleep."""
FLOOR = "five dense products"
METHODS = {"pcd": "PCD-1", "cd": "CD-1"}


ENTRIES = (
    Entry(FLOOR, "dense_products.py", "pcd"),
    Entry("layerwise PCD-1", "with_layerwise.py", "pcd"),
    Entry("scikit-learn PCD-1", "with_sklearn.py", "pcd"),
    Entry("rbms PCD-1", "with_rbms.py", "pcd", "rbms"),
    Entry("layerwise CD-1", "with_layerwise.py", "cd"),
    Entry("rbms CD-1", "with_rbms.py", "cd", "rbms"),
    Entry("learnergy CD-1", "with_learnergy.py", "cd", "learnergy"),
)


def rows_of(name: str, count: int) -> np.ndarray:
    """The first ``count`` rows of a data set: (count, 784) float32 in [0, 1]."""
    if name == "random":
        return (np.random.default_rng(0).random((count, COLUMNS)) < DENSITY).astype(np.float32)
    folder = os.environ.get("LAYERWISE_DATA")
    if folder is None:
        raise FileNotFoundError("MNIST is read from $LAYERWISE_DATA/mnist, which is not set; or say --data random")
    path = Path(folder) / "mnist" / "train-images-idx3-ubyte.gz"
    with gzip.open(path) as stream:
        pictures = np.frombuffer(stream.read(16 + count * COLUMNS), np.uint8, offset=16).reshape(-1, COLUMNS)
    grey = pictures.astype(np.float32) / 255
    return (grey > 0.5).astype(np.float32) if name == "mnist-bits" else grey


DATA = {"random": "random bits", "mnist-bits": "MNIST thresholded at .5", "mnist-grey": "MNIST grey levels"}


def measure(rows: np.ndarray, options: argparse.Namespace, installed: dict[str, peers.Installed]) -> dict[str, Any]:
    """One interleaved run on one data set."""
    with ExitStack() as open_until_end:
        folder = Path(open_until_end.enter_context(tempfile.TemporaryDirectory()))
        stored = folder / "rows.npy"
        np.save(stored, rows)
        workers: dict[str, Worker] = {}
        told: dict[str, Any] = {}
        for entry in ENTRIES:
            python = sys.executable if entry.peer is None else installed[entry.peer].python
            worker = Worker(entry, python, stored, folder, {**SETTING, "threads": options.threads})
            workers[entry.label] = open_until_end.enter_context(worker)
            told[entry.label] = worker.ready()
            if entry.peer is not None:
                told[entry.label]["edits"] = list(installed[entry.peer].edits)
        timed = environment.interleave(workers, options.rounds, warm_up=options.warm_up, pause=PAUSE)
        errors = {label: _reconstruction_error(worker.parameters(), rows[:1000]) for label, worker in workers.items()}
    return {
        "rows": list(rows.shape),
        "density": float(np.count_nonzero(rows) / rows.size),
        **timed,
        "reconstruction_error": errors,
        "competitors": told,
    }


def _reconstruction_error(parameters: tuple[np.ndarray, ...] | None, rows: np.ndarray) -> float | None:
    """Squared error of one mean-field reconstruction, summed over columns: says that it did learn."""
    if parameters is None:
        return None
    weights, visible, hidden = parameters
    mean_hidden = 1 / (1 + np.exp(-(rows @ weights + hidden)))
    mean_visible = 1 / (1 + np.exp(-(mean_hidden @ weights.T + visible)))
    return float(((rows - mean_visible) ** 2).sum(axis=1).mean())


def table(result: dict[str, Any]) -> str:
    """The Markdown table of a result."""
    measured = result["data"]
    names = list(measured)
    lines = [
        "| one epoch | " + " | ".join(f"{DATA[name]}, {measured[name]['density']:.0%} ≠ 0" for name in names) + " |",
        "| --- |" + " ---: |" * len(names),
    ]
    for entry in ENTRIES:
        cells = [_cell(entry, measured[name]) for name in names]
        lines.append(f"| {entry.label} | " + " | ".join(cells) + " |")
    setting, shape = result["setting"], measured[names[0]]["rows"]
    used = result["competitors"]
    numbers = {package: number for told in used.values() for package, number in told["versions"].items()}
    edited = sorted({label.split()[0] for label, told in used.items() if told.get("edits")})
    note = (
        f"{shape[0]:,} × {shape[1]} rows, {setting['hidden']} hidden units, batches of {setting['batch_size']}, "
        f"float32, {setting['threads']} threads. Medians of {setting['rounds']} interleaved rounds; multiples are "
        f"medians of the ratio within a round. {environment.signature(result['machine'])}; rbms {numbers['rbms']}, "
        f"learnergy {numbers['learnergy']}."
    )
    if edited:
        note += f" {', '.join(edited)}: installed on a Python older than it asks for, with one import line changed."
    return "\n".join([*lines, "", note])


def _cell(entry: Entry, measured: dict[str, Any]) -> str:
    seconds = f"{measured['timings'][entry.label]['median']:.2f} s"
    if entry.label == FLOOR:
        return seconds
    own = f"layerwise {METHODS[entry.method]}"
    against, of = (FLOOR, "the products") if entry.label == own else (own, "layerwise")
    return f"{seconds} = {measured['ratios'][entry.label][against]:.2f} × {of}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=[*DATA], action="append", help="only this one; may be given again")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--warm-up", type=int, default=1, help="rounds that are not counted")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--threads", type=int, default=SETTING["threads"])
    parser.add_argument("--print-only", action="store_true", help="leave results/rbm_epoch.json as it is")
    peers.add_options(parser)
    options = parser.parse_args()
    if min(options.rounds, options.rows, options.threads) < 1 or options.warm_up < 0:
        parser.error("--rounds, --rows and --threads must be at least 1, --warm-up at least 0")
    if not options.print_only and (options.data or options.rows != ROWS):
        parser.error("results/rbm_epoch.json keeps the whole figure only: with --data or --rows, add --print-only")
    try:
        rows = {name: rows_of(name, options.rows) for name in options.data or DATA}
    except OSError as error:
        sys.exit(f"rbm_epoch: {error}")
    described = environment.machine()
    installed = peers.install_all(options)
    setting = {**SETTING, "threads": options.threads, "rounds": options.rounds, "warm_up": options.warm_up}
    try:
        measured = {name: measure(values, options, installed) for name, values in rows.items()}
    except RuntimeError as error:
        sys.exit(f"rbm_epoch: {error}")
    told = [one.pop("competitors") for one in measured.values()]  # the same on all data
    result = {
        "name": "rbm_epoch",
        "machine": described,
        "setting": setting,
        "competitors": told[0],
        "data": measured,
    }
    print(table(result))
    for name in measured:
        print(f"\nreconstruction error, {DATA[name]}:")
        for label, value in measured[name]["reconstruction_error"].items():
            print(f"  {label:24}" + ("nothing is learned" if value is None else f"{value:8.2f}"))
    if not options.print_only:
        print(f"\nwrote {environment.save('rbm_epoch', result)}")


if __name__ == "__main__":
    main()
