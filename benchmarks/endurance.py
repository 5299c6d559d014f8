"""Does a long training stay as small as it began, and does anything stay behind after a fit, a run or a process?

    python benchmarks/endurance.py                                            some half hour of one core
    python benchmarks/endurance.py --part fits                                one part anew, the others as they are
    python benchmarks/endurance.py --minutes 1 --fits 100 --print-only        a short look

Training: the first layer (500 units, persistent chains) of `layerwise train` on MNIST, or on random bits where MNIST
is not at hand, with checkpoints and metrics, for so many minutes; its resident memory is read every five seconds, and
what counts is the median of the last quarter less that of the second (the first one fills caches). Fits: every public
estimator in turn on 60 rows × 6 columns in one process; resident memory, open files and threads after the first fifth
and at the end. Ends: a command line as a process group of its own, of which nothing may be left when it returns.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import environment

SECONDS_BETWEEN = 5.0
MIB = 2**20


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def kept() -> dict[str, float]:
    """What a process has beside memory that it can forget to give back."""
    gc.collect()
    return {
        "resident_mib": resident() / MIB,
        "open_files": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "python_threads": threading.active_count(),
    }


def training(minutes: float) -> dict[str, Any]:
    """Resident memory of one long training."""
    import numpy as np

    from layerwise.errors import DataError, Interrupted, StorageError
    from layerwise.runs.draft import Draft
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.job import begin
    from layerwise.runs.progress import Display
    from layerwise.runs.settling import settle
    from layerwise.runs.stopping import Stop

    class Clock(Stop, Display):
        """Stops when the time is over, and reads the memory on the way."""

        def __init__(self) -> None:
            self.since = self.read_at = time.monotonic()
            self.samples: list[tuple[float, float]] = []
            self.rows = 0

        @property
        def asked(self) -> bool:
            return time.monotonic() - self.since > 60 * minutes

        def batch_done(self, stage: object, place: object, rows: int) -> None:
            self.rows += rows
            if (now := time.monotonic()) - self.read_at >= SECONDS_BETWEEN:
                self.read_at = now
                self.samples.append((now - self.since, resident() / MIB))

    plan = {"hidden": [500], "epochs": 10**6, "method": "pcd", "visible": "bernoulli"}
    with tempfile.TemporaryDirectory() as name:
        bits = Path(name) / "bits.npy"
        np.save(bits, (np.random.default_rng(0).random((20_000, 784)) < 0.2).astype(np.uint8))
        tables: dict[str, Any] = {"data": {"source": "mnist"}, "training": plan, "run": {"device": "cpu"}}
        try:
            recipe, dataset, _ = settle(Draft().override(tables))
        except (DataError, StorageError):
            recipe, dataset, _ = settle(Draft().override({**tables, "data": {"source": str(bits)}}))
        job, clock = begin(recipe, dataset, RunFolder.create(Path(name) / "run", "endurance")), Clock()
        with suppress(Interrupted):
            job.run(clock, clock)
        epochs, saved = len(job.metrics.lines), max(int(path.stem) for path in job.folder.checkpoint_path.iterdir())
    values = [mib for _, mib in clock.samples]
    quarter = max(1, len(values) // 4)
    second, last = median(values[quarter : 2 * quarter] or values), median(values[-quarter:])
    return {
        "data": dataset.name,
        "minutes": minutes,
        "epochs": epochs,
        "checkpoints": saved,
        "rows": clock.rows,
        "resident_mib": {"second quarter": second, "last quarter": last, "most": max(values)},
        "growth_mib": last - second,
        "samples": [[round(seconds), round(mib, 1)] for seconds, mib in clock.samples[:: max(1, len(values) // 60)]],
    }


def fits(count: int) -> dict[str, Any]:
    """What is kept after many fits in one process."""
    import numpy as np

    from layerwise import estimators

    warnings.simplefilter("ignore")
    X = (np.random.default_rng(0).random((60, 6)) < 0.5).astype(np.float32)
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    public = (getattr(estimators, name) for name in estimators.__all__)
    kinds = [kind for kind in public if isinstance(kind, type) and hasattr(kind, "fit")]
    after_first: dict[str, float] = {}
    for number in range(count):
        kind: Any = kinds[number % len(kinds)]
        kind().fit(X, y)
        if number + 1 == max(2 * len(kinds), count // 5):
            after_first = kept()
    after_all = kept()
    return {
        "count": count,
        "estimators": [kind.__name__ for kind in kinds],
        "after_first": after_first,
        "after_all": after_all,
        "growth": {name: after_all[name] - before for name, before in after_first.items()},
    }


def ends() -> dict[str, Any]:
    """Whether a command line leaves a process behind, when it ends by itself and when it is stopped."""
    options = ["--hidden", "8", "--epochs", "200", "--fine-tune-epochs", "1", "--device", "cpu"]
    left: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        for how, number in (("by itself", None), ("SIGTERM", signal.SIGTERM), ("SIGINT", signal.SIGINT)):
            folder = Path(name) / how
            command = [sys.executable, "-m", "layerwise", "train", "digits", "--out", str(folder), *options]
            process = subprocess.Popen(
                command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            while number is not None and process.poll() is None:
                if (folder / "metrics.jsonl").exists() and (folder / "metrics.jsonl").stat().st_size:
                    process.send_signal(number)
                    break
                time.sleep(0.02)
            code = process.wait()
            try:
                os.killpg(process.pid, 0)
                alive = True
            except ProcessLookupError:
                alive = False
            left[how] = {"exit_code": code, "process_left": alive, "lock_left": (folder / ".lock").exists()}
    return {"commands": left}


def table(result: dict[str, Any]) -> str:
    """For a person, and for a guide."""
    long, many = result["training"], result["fits"]
    lines = ["| what | figure |", "| --- | ---: |"]
    memory = long["resident_mib"]
    minutes = f"{long['minutes']:g} minutes"
    lines.append(
        f"| training for {minutes}, {long['epochs']:,} epochs: resident | {memory['second quarter']:.1f} MiB |"
    )
    lines.append(f"| the same in its last quarter | {memory['last quarter']:.1f} MiB |")
    for name, grown in many["growth"].items():
        what = name.replace("_", " ").replace("resident mib", "MiB resident")
        lines.append(f"| {many['count']:,} fits in one process: {what} | {grown:+.4g} |")
    for how, found in result["ends"]["commands"].items():
        rest = "nothing" if not found["process_left"] and not found["lock_left"] else "something"
        lines.append(f"| a command that ended {how}, exit code {found['exit_code']}, left | {rest} |")
    return "\n".join([*lines, "", f"{environment.signature(many['machine'])}."])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--fits", type=int, default=1000)
    parser.add_argument("--part", choices=("fits", "ends", "training"))
    parser.add_argument("--print-only", action="store_true", help="leave results/endurance.json as it is")
    options = parser.parse_args()
    if options.minutes <= 0 or options.fits < 1:
        parser.error("--minutes and --fits must be positive")
    if not Path("/proc/self/statm").exists():
        parser.error("this reads /proc, which only Linux has")
    environment.use_threads(1)
    described = environment.machine()
    import torch

    torch.set_num_threads(1)
    # Fits come first: memory that a long training has freed would hide what they keep.
    measure = {"fits": lambda: fits(options.fits), "ends": ends, "training": lambda: training(options.minutes)}
    result = {"name": "endurance"} if options.part is None else environment.load("endurance")
    for part in measure if options.part is None else (options.part,):
        result[part] = {"machine": described, **measure[part]()}
    print(table(result))
    if not options.print_only:
        print(f"\nwrote {environment.save('endurance', result)}")


if __name__ == "__main__":
    main()
