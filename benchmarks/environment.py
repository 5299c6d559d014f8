"""What every measurement shares: where it was taken, an interleaved timer, and the JSON file that it is kept in.

Run as a command it prints the description of this machine that every results file carries.

Only figures of one interleaved run are compared: on a shared machine two runs differ by more than two libraries do.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results"
PACKAGES = ("layerwise", "torch", "numba", "numpy", "scipy", "scikit-learn")
POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Who reads its number of threads when it is loaded: OpenMP and so torch, MKL, OpenBLAS and so numpy, numba."""


def use_threads(count: int, environment: Any = os.environ) -> None:
    """Give every pool of threads ``count`` of them; for this process, before torch, numpy and numba are imported."""
    for variable in POOLS:
        environment[variable] = str(count)


def versions(*packages: str) -> dict[str, str]:
    """The installed versions of those packages that are installed here."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Describe where and on what a measurement was taken."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": versions(*PACKAGES),
        "commit": _commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def interleave(
    competitors: Mapping[str, Callable[[], float | None]], rounds: int, *, warm_up: int = 1, pause: float = 0.0
) -> dict[str, Any]:
    """Run A B C A B C …, so that whatever else the machine does falls on all of them alike.

    Parameters
    ----------
    competitors : mapping of name to callable
        A callable returns the seconds that it measured itself, or None to be timed here.
    rounds : int
        Measured rounds, at least 1.
    warm_up : int
        Rounds before them that are not counted: compilation, first allocations.
    pause : float
        Seconds of rest before each turn, in which the thread pools of the one before stop spinning.

    Returns
    -------
    dict
        ``timings[name]``: ``seconds`` of every round, ``minimum``, ``median``. ``ratios[a][b]``: the median over
        rounds of a's seconds divided by b's in the same round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in competitors}
    for number in range(-warm_up, rounds):
        for name, run in competitors.items():
            time.sleep(pause)
            start = time.perf_counter()
            own = run()
            taken = time.perf_counter() - start if own is None else own
            if number >= 0:
                seconds[name].append(taken)
    return {
        "timings": {
            name: {"minimum": min(taken), "median": median(taken), "seconds": taken} for name, taken in seconds.items()
        },
        "ratios": {
            a: {b: median(x / y for x, y in zip(seconds[a], seconds[b], strict=True)) for b in seconds if b != a}
            for a in seconds
        },
    }


def save(name: str, result: Mapping[str, Any]) -> Path:
    """Write ``results/NAME.json`` whole or not at all; numbers rounded to six digits, which is more than they hold."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    unfinished = path.with_suffix(".json.part")
    unfinished.write_text(json.dumps(_rounded(result), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)
    return path


def load(name: str) -> dict[str, Any]:
    """Read ``results/NAME.json``."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def keep(name: str, run: Mapping[str, Any], identity: Sequence[str], about: Mapping[str, Any]) -> dict[str, Any]:
    """Put one run of many into ``results/NAME.json``, so that a long measurement may be stopped and taken up again.

    It takes the place of the run with the same values under the keys of ``identity``; the others stay as they are.
    ``about`` is what the file says of them all.
    """
    try:
        runs = load(name)["runs"]
    except FileNotFoundError:
        runs = []
    others = [kept for kept in runs if any(kept[key] != run[key] for key in identity)]
    result = {"name": name, **about, "runs": [*others, run]}
    save(name, result)
    return result


def signature(described: Mapping[str, Any]) -> str:
    """One line for below a table: the machine, the versions that matter, the day."""
    packages = ", ".join(f"{name} {number}" for name, number in described["versions"].items())
    return f"{described['cpu']}, {described['cores']} cores; {packages}; {described['date'][:10]}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _commit() -> str | None:
    """The commit that the working tree stands on, marked where the tree differs from it; None without one."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        # Results are written by the very runs that they describe: they do not make a tree different.
        changed = _git("status", "--porcelain", "--", ".", ":(exclude)benchmarks/results")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit} with changes" if changed else commit


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(FOLDER.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    json.dump(machine(), sys.stdout, indent=1, ensure_ascii=False)
    print()
