"""Fuzz the readers of files: guided by coverage where atheris is installed, by damage of chance where it is not.

    python tests/hostile/fuzz.py --seconds 60                    all readers, so many seconds each
    python tests/hostile/fuzz.py --target npz --seconds 600
    python tests/hostile/fuzz.py --target npz --guided           atheris, until it is stopped or finds something

Of each reader it prints how many files it met, how many it refused, its slowest one and how far memory went beyond
where it stood. A crash is printed with its traceback, and its file is kept in the folder that is named.
"""

from __future__ import annotations

import argparse
import importlib
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

if "--guided" in sys.argv:
    import atheris

    # Only what is imported in here is watched: all that reads files in Python, before anything else imports it.
    with atheris.instrument_imports(include=["layerwise", "numpy.lib", "zipfile", "gzip", "tomllib", "json", "PIL"]):
        for name in ("gzip", "tomllib", "zipfile", "PIL.Image", "targets"):
            importlib.import_module(name)
        for name in (
            "data.sources",
            "data.column_tables",
            "runs.draft",
            "runs.metrics",
            "runs.model_file",
            "estimators",
        ):
            importlib.import_module(f"layerwise.{name}")
        vars(sys.modules["PIL.Image"])["init"]()

from damage import damaged
from targets import Target, targets

from layerwise.errors import LayerwiseError

SECONDS, MEMORY = 20, 1 << 30
"""What a file of a few kilobytes may take before it counts as a hang or a bomb."""


def peak(reset: bool = False) -> int:
    """Most bytes of this process that were in memory since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(name: str, target: Target, seconds: float, seed: int) -> int:
    """Number of crashes; what they are is printed."""
    chance, crashes, met, refused, slowest = random.Random(seed), {}, 0, 0, 0.0
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    path = folder / target.name
    path.parent.mkdir(parents=True, exist_ok=True)
    seeds, before, until = target.seeds(), peak(reset=True), time.monotonic() + seconds
    while time.monotonic() < until:
        content = damaged(seeds[chance.randrange(len(seeds))], chance.randrange)
        path.write_bytes(target.sign(content))
        since = time.process_time()
        signal.alarm(SECONDS)
        try:
            target.read(path)
        except LayerwiseError:
            refused += 1
        except BaseException as problem:
            where = traceback.extract_tb(problem.__traceback__)[-1]
            if (key := (type(problem).__name__, where.filename, where.lineno)) not in crashes:
                kept = folder / f"crash{len(crashes)}"
                kept.write_bytes(path.read_bytes())
                crashes[key] = kept
                say(f"{name}: {kept}\n{traceback.format_exc(limit=-6)}")
            if isinstance(problem, KeyboardInterrupt):
                raise
        finally:
            signal.alarm(0)
        met, slowest = met + 1, max(slowest, time.process_time() - since)
    grown = (peak() - before) / 2**20
    say(f"{name}: {met} files, {refused} refused, {len(crashes)} crashes, {slowest:.2f} s, {grown:+.0f} MiB")
    return len(crashes)


def guided(target: Target, arguments: list[str]) -> None:
    """Hand the reader to atheris."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    corpus, path = folder / "corpus", folder / target.name
    corpus.mkdir()
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(seed)

    def one(content: bytes) -> None:
        path.write_bytes(target.sign(content))
        with suppress(LayerwiseError):
            target.read(path)

    atheris.Setup(
        [sys.argv[0], str(corpus), "-max_len=20000", f"-timeout={SECONDS}", "-rss_limit_mb=4096", *arguments], one
    )
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=list(targets()))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true")
    options, others = parser.parse_known_args()
    warnings.simplefilter("ignore")
    chosen: dict[str, Any] = {name: one for name, one in targets().items() if options.target in (None, name)}
    if options.guided:
        guided(chosen[options.target], others)
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (64 * MEMORY, most))
    return min(1, sum(run(name, one, options.seconds, options.seed) for name, one in chosen.items()))


if __name__ == "__main__":
    sys.exit(main())
