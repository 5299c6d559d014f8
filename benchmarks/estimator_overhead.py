"""What estimators cost beside training: their import, a small fit's checks and measurements, memory of a transform.

    python benchmarks/estimator_overhead.py                              some minutes, 6 GB of disk for a while
    python benchmarks/estimator_overhead.py --rows 20000 --print-only    a short look

Imports are new processes, interleaved: torch alone, ``import layerwise`` (which imports nothing heavy), torch with
``sklearn.base``, and an estimator, which needs both. The overhead of ``fit``, with default parameters on 100 rows × 10
columns, is the processor time of the calling thread less that spent in the trainer's steps and in making minibatches:
checking, preparing, measuring after each epoch. With one epoch it is little more than what a fit costs once.
``transform`` of a trained ``RBM`` reads float32 rows of 784 columns from a memory-mapped file, and sparse ones with
13 % ones from three; memory is the greatest amount beside mapped files, with what the process had before and the answer
itself taken off.
"""

from __future__ import annotations

import argparse
import compileall
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import environment

COLUMNS, HIDDEN, PART = 784, 64, 20_000
PASSES = ("epochs", "max_iter", "n_iter", "fine_tune_epochs")
"""What estimators call their numbers of passes over the rows."""
IMPORTS = {
    "torch": "import torch",
    "layerwise": "import layerwise",
    "torch, sklearn.base": "import torch, sklearn.base",
    "layerwise.RBM": "from layerwise import RBM",
}


def import_seconds(rounds: int) -> dict[str, Any]:
    """Processor and waiting time of new processes."""

    import layerwise

    # An installer compiles what it copies; a source tree may never be, and would be compiled again in each process.
    compileall.compile_dir(Path(layerwise.__file__).parent, quiet=2)

    def start(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    return environment.interleave({name: partial(start, code) for name, code in IMPORTS.items()}, rounds)


def fit_overhead(rounds: int) -> dict[str, dict[str, Any]]:
    """Seconds of every estimator, with its own number of epochs and with one: the least of so many fits."""
    import numpy as np

    from layerwise import estimators
    from layerwise.data.minibatches import Minibatches
    from layerwise.training.classification_rbm import ClassificationLearning
    from layerwise.training.contrastive import ContrastiveLearning
    from layerwise.training.gradient_descent import GradientDescent
    from layerwise.training.perceptron_rule import PerceptronLearning

    warnings.simplefilter("ignore")
    trained = [0.0]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*args, **options)
            finally:
                trained[0] += time.thread_time() - start

        return timed

    def counted_batches(self: Minibatches, number: int, start: int = 0) -> Iterator[Any]:
        batches, missing = epoch(self, number, start), object()
        advance = counted(lambda: next(batches, missing))
        while (batch := advance()) is not missing:
            yield batch

    epoch, Minibatches.epoch = Minibatches.epoch, counted_batches  # type: ignore[method-assign]
    for trainer in (ClassificationLearning, ContrastiveLearning, GradientDescent, PerceptronLearning):
        trainer.step = counted(trainer.step)  # type: ignore[method-assign]
    X = np.random.default_rng(0).random((100, 10))
    y = (X[:, 0] > 0.5).astype(int)
    found: dict[str, dict[str, Any]] = {}
    for name in estimators.__all__:
        kind = getattr(estimators, name)
        if not isinstance(kind, type):
            continue
        passes = [each for each in kind().get_params() if each in PASSES]
        for label, options in (("as it is", {}), ("one epoch", dict.fromkeys(passes, 1))):
            for _ in range(rounds):
                trained[0], start = 0.0, time.thread_time()
                kind(random_state=0, **options).fit(X, y)
                whole = time.thread_time() - start
                taken = {"fit": whole, "training": trained[0], "overhead": whole - trained[0]}
                best = found.setdefault(name, {}).setdefault(label, taken)
                found[name][label] = min(best, taken, key=lambda each: each["overhead"])
    return found


def anonymous_bytes() -> int:
    """Memory of this process beside mapped files."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


def transform_memory(rows: int) -> dict[str, dict[str, float]]:
    """Most memory and seconds of a transform, of dense and of sparse rows in files."""
    import numpy as np
    from scipy import sparse

    from layerwise import RBM

    generator = np.random.default_rng(0)
    some = (generator.random((1000, COLUMNS)) < 0.13).astype(np.float32)
    machine = RBM(HIDDEN, n_iter=1, batch_size=100, random_state=0).fit(some)
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        dense = np.lib.format.open_memmap(path / "rows.npy", "w+", np.float32, (rows, COLUMNS))
        for first in range(0, rows, PART):
            dense[first : first + PART] = some[generator.integers(0, len(some), min(PART, rows - first))]
        dense.flush()
        found["dense"] = watched(machine, np.load(path / "rows.npy", mmap_mode="r"))
        each = sparse.csr_array(some)
        repeated = sparse.vstack([each] * -(-rows // len(some)), format="csr")[:rows]
        for part in ("data", "indices", "indptr"):
            np.save(path / f"{part}.npy", getattr(repeated, part))
        del repeated
        parts = tuple(np.load(path / f"{part}.npy", mmap_mode="r") for part in ("data", "indices", "indptr"))
        found["sparse"] = watched(machine, sparse.csr_array(parts, shape=(rows, COLUMNS)))
    return found


def watched(machine: Any, X: Any) -> dict[str, float]:
    """Transform while another thread looks at the memory."""
    before, most, done = anonymous_bytes(), 0, threading.Event()

    def look() -> None:
        nonlocal most
        while not done.wait(0.005):
            most = max(most, anonymous_bytes())

    looker = threading.Thread(target=look)
    looker.start()
    start = time.perf_counter()
    code = machine.transform(X)
    seconds = time.perf_counter() - start
    done.set()
    looker.join()
    return {"seconds": seconds, "answer_bytes": code.nbytes, "bytes_beside": most - before - code.nbytes}


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    imports, fits, memory = result["imports"]["ratios"], result["fit"], result["transform"]
    lines = ["| what | figure |", "| --- | ---: |"]
    lines.append(f"| `import layerwise` / `import torch` | {imports['layerwise']['torch']:.2f} |")
    ratio = imports["layerwise.RBM"]["torch, sklearn.base"]
    lines.append(f"| `from layerwise import RBM` / `import torch, sklearn.base` | {ratio:.2f} |")
    ratio = imports["layerwise.RBM"]["torch"]
    lines.append(f"| `from layerwise import RBM` / `import torch` | {ratio:.2f} |")
    for name, found in memory.items():
        beside = found["bytes_beside"] / 2**20
        lines.append(f"| `transform`, {result['setting']['rows']:,} × 784, {name}: memory beside | {beside:.0f} MiB |")
    lines += ["", "| `fit` of 100 × 10, overhead in ms | default epochs | one epoch |", "| --- | ---: | ---: |"]
    for name, taken in fits.items():
        cells = [f"{1e3 * taken[label]['overhead']:.1f}" for label in ("as it is", "one epoch")]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"{environment.signature(result['machine'])}."])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--print-only", action="store_true", help="leave results/estimator_overhead.json as it is")
    options = parser.parse_args()
    if min(options.rows, options.rounds) < 1:
        parser.error("--rows and --rounds must be at least 1")
    environment.use_threads(1)
    described = environment.machine()
    result = {
        "name": "estimator_overhead",
        "machine": described,
        "setting": {"rows": options.rows, "rounds": options.rounds},
        "imports": import_seconds(options.rounds),
        "transform": transform_memory(options.rows),
        "fit": fit_overhead(options.rounds),
    }
    print(table(result))
    if not options.print_only:
        print(f"\nwrote {environment.save('estimator_overhead', result)}")


if __name__ == "__main__":
    main()
