"""Seconds of one training epoch of a network: layerwise, scikit-learn, skorch, and the dense products.

    python benchmarks/mlp_epoch.py                                                    all of it, on a quiet machine
    python benchmarks/mlp_epoch.py --case digits --rounds 1 --print-only              a short look

MNIST, 60,000 × 784 float32 rows, a classifier 784-512-256-10 and an autoencoder 784-128-32-128-784, batches of 128;
scikit-learn's digits, a classifier 64-100-10 and batches of 200. Adam at a rate of 0.001, ReLU, two threads. Every
competitor is a process of its own that loads the rows, waits, and does one epoch when it is its turn, so all of them
meet the same machine. How each is run stands in its file in ``competitors/`` and goes into ``results/mlp_epoch.json``.

skorch is timed where ``--skorch PYTHON`` names a Python that has it, or where it is installed beside layerwise.
MNIST is read from ``LAYERWISE_DATA/mnist``.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environment
import numpy as np
from sklearn.datasets import load_digits
from workers import Entry, Worker

THREADS, PAUSE = 2, 0.3
"""Seconds between two turns: some thread pools spin for a few hundredths of a second after work before they sleep."""
FLOOR, OURS, THEIRS, SKORCH = "dense products", "layerwise", "scikit-learn", "skorch"
CLASSIFIERS = (
    Entry(FLOOR, "mlp_products.py", "labels"),
    Entry(OURS, "mlp_with_layerwise.py", ""),
    Entry(THEIRS, "mlp_with_sklearn.py", ""),
    Entry(SKORCH, "mlp_with_skorch.py", ""),
)
AUTOENCODERS = (
    Entry(FLOOR, "mlp_products.py", "rows"),
    Entry(OURS, "autoencoder_with_layerwise.py", ""),
    Entry(THEIRS, "autoencoder_with_sklearn.py", ""),
)


@dataclass(frozen=True)
class Case:
    """A network and its rows; epochs in one turn, so that a turn is long against its beginning and its end."""

    hidden: tuple[int, ...]
    batch_size: int
    epochs: int
    entries: tuple[Entry, ...] = CLASSIFIERS


CASES = {
    "mnist": Case((512, 256), 128, 1),
    "digits": Case((100,), 200, 20),
    "mnist autoencoder": Case((128, 32, 128), 128, 3, AUTOENCODERS),
}


def rows_of(name: str, count: int | None) -> np.ndarray:
    """Columns from 0 to 1 and the label in the last column, float32."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return np.column_stack([X / 16, y]).astype(np.float32)[:count]
    folder = os.environ.get("LAYERWISE_DATA")
    if folder is None:
        raise FileNotFoundError("MNIST is read from $LAYERWISE_DATA/mnist, which is not set; or say --case digits")
    with gzip.open(Path(folder) / "mnist" / "train-images-idx3-ubyte.gz") as stream:
        pictures = np.frombuffer(stream.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(Path(folder) / "mnist" / "train-labels-idx1-ubyte.gz") as stream:
        labels = np.frombuffer(stream.read(), np.uint8, offset=8)
    return np.column_stack([pictures.astype(np.float32) / 255, labels.astype(np.float32)])[:count]


def measure(rows: np.ndarray, case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """One interleaved run of one case."""
    setting = {
        "hidden": list(case.hidden),
        "batch_size": case.batch_size,
        "epochs": case.epochs,
        "learning_rate": 0.001,
        "seed": 0,
        "threads": options.threads,
    }
    with ExitStack() as open_until_end:
        folder = Path(open_until_end.enter_context(tempfile.TemporaryDirectory()))
        np.save(folder / "rows.npy", rows)
        workers: dict[str, Worker] = {}
        told: dict[str, Any] = {}
        for entry in case.entries:
            python = options.skorch if entry.label == SKORCH else sys.executable
            if python is None:
                continue
            worker = open_until_end.enter_context(Worker(entry, python, folder / "rows.npy", folder, setting))
            workers[entry.label], told[entry.label] = worker, worker.ready()
        timed = environment.interleave(workers, options.rounds, warm_up=options.warm_up, pause=PAUSE)
    return {"rows": [len(rows), rows.shape[1] - 1], "setting": setting, **timed, "competitors": told}


def table(result: dict[str, Any]) -> str:
    """The Markdown table of a result."""
    measured = result["data"]
    heads = [f"{name}, {'-'.join(map(str, CASES[name].hidden))} hidden" for name in measured]
    lines = ["| one epoch | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(heads)]
    known = next(iter(measured.values()))["timings"]
    for label in known:
        cells: list[str] = []
        for name, of_case in measured.items():
            if label not in of_case["timings"]:
                cells.append("–")
                continue
            seconds = of_case["timings"][label]["median"] / CASES[name].epochs
            against, what = (FLOOR, "the products") if label == OURS else (OURS, OURS)
            times = "" if label == FLOOR else f" = {of_case['ratios'][label][against]:.2f} × {what}"
            cells.append(f"{1000 * seconds:.2f} ms{times}")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    note = (
        f"Adam, float32, {result['threads']} threads. Medians of {result['rounds']} interleaved rounds; multiples are "
        f"medians of the ratio within a round. {environment.signature(result['machine'])}."
    )
    return "\n".join([*lines, "", note])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=[*CASES], action="append", help="only this one; may be given again")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--warm-up", type=int, default=1, help="rounds that are not counted")
    parser.add_argument("--rows", type=int, help="only so many")
    parser.add_argument("--threads", type=int, default=THREADS)
    beside = sys.executable if importlib.util.find_spec("skorch") else None
    parser.add_argument("--skorch", default=beside, metavar="PYTHON", help="a Python that has skorch and torch")
    parser.add_argument("--print-only", action="store_true", help="leave results/mlp_epoch.json as it is")
    options = parser.parse_args()
    if min(options.rounds, options.threads) < 1 or options.warm_up < 0:
        parser.error("--rounds and --threads must be at least 1, --warm-up at least 0")
    if not options.print_only and (options.case or options.rows):
        parser.error("results/mlp_epoch.json keeps the whole figure only: with --case or --rows, add --print-only")
    try:
        rows = {name: rows_of(name, options.rows) for name in options.case or CASES}
        described = environment.machine()
        data = {name: measure(values, CASES[name], options) for name, values in rows.items()}
    except (OSError, RuntimeError) as error:
        sys.exit(f"mlp_epoch: {error}")
    result = {
        "name": "mlp_epoch",
        "machine": described,
        "threads": options.threads,
        "rounds": options.rounds,
        "warm_up": options.warm_up,
        "data": data,
    }
    print(table(result))
    if not options.print_only:
        print(f"\nwrote {environment.save('mlp_epoch', result)}")


if __name__ == "__main__":
    main()
