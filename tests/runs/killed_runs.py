"""Kill training at moments of chance, resume it each time, and see whether it ends in the bits of a run left alone.

    python tests/runs/killed_runs.py KILLS              rows in memory
    python tests/runs/killed_runs.py KILLS --stream     rows on disk, of which a window holds a third

Half of the kills come from a clock outside; the other half come at a step of writing to the disk, with a file half
written, not flushed, not renamed, not removed. A quarter of them hit one of two ranks, whose other is then ended as
torchrun ends it, and the run goes on with two. Each sitting is a fork of one process that has everything imported:
started anew it would spend its seconds on imports. What the kills came to is printed as JSON.
"""

from __future__ import annotations

import argparse
import builtins
import gc
import importlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.append(str(Path(__file__).parents[1] / "training"))

from forked_ranks import free_port

from layerwise.data import load
from layerwise.errors import RankError
from layerwise.runs import fingerprint, outcome, watch
from layerwise.runs import job as job_module
from layerwise.runs import metrics as metrics_module
from layerwise.runs.draft import Draft
from layerwise.runs.folder import RunFolder
from layerwise.runs.job import begin, go_on
from layerwise.runs.lock import alone_in
from layerwise.runs.progress import Display
from layerwise.runs.settling import settle
from layerwise.training import checkpoint
from layerwise.training.distributed import joined
from layerwise.training.ranks import ALONE, Ranks

MEMORY = Path("/dev/shm")
"""Where a file is flushed in no time: a killed process loses nothing that was written, flushed or not."""
ASKED = os.WEXITED | os.WNOHANG | os.WNOWAIT
"""Whether a process has ended, which is left to be waited for."""
PATIENCE = 1.0
"""Seconds that a rank is given to notice that the other is gone; one that still waits for it to join does not."""


def sitting(path: Path, source: Path, new: bool, ranks: Ranks = ALONE) -> None:
    """Begin the run, or go on with it, to its end; the rows of an .npy file are streamed."""
    training = {"hidden": [12, 8], "epochs": 2, "batch_size": 20, "fine_tune_epochs": 2, "method": "pcd"}
    data = {"source": str(source), "stream": source.suffix == ".npy"}
    tables = {"data": data, "training": training, "run": {"device": "cpu"}}
    with ExitStack() as held:
        if new:
            recipe, dataset, _ = settle(Draft().override(tables), ranks)
            folder = RunFolder.create(path, "killed") if ranks.first else RunFolder(path)
        else:
            folder = RunFolder.open(path) if ranks.first else RunFolder(path)
        if ranks.first:
            held.enter_context(alone_in(folder))
        job = begin(recipe, dataset, folder, ranks) if new else go_on(folder, ranks)
        if not job.finished:
            job.run(Display())


def start(path: Path, source: Path, size: int, doomed: int | None = None, step: int | None = None) -> list[int]:
    """The process ids of a sitting of so many ranks, of which one may be doomed to die at a step of writing."""
    new, port = not (path / "recipe.toml").exists(), free_port()

    def of_rank(rank: int) -> None:
        if step is not None and rank == doomed:
            kill_at_step(step)
        if size == 1:
            sitting(path, source, new)
            return
        told = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ.update({name: str(value) for name, value in told.items()})
        with joined() as ranks:
            sitting(path, source, new, ranks)

    return [forked(partial(of_rank, rank)) for rank in range(size)]


def ended(processes: list[int], doomed: int = 0) -> bool:
    """Wait for all ranks of a sitting: whether the doomed one was killed before it had done its part."""
    status = os.waitpid(processes[doomed], 0)[1]
    killed = os.WIFSIGNALED(status)
    assert status == (signal.SIGKILL if killed else 0), status
    for other in (process for process in processes if process != processes[doomed]):
        until = time.perf_counter() + PATIENCE
        while killed and time.perf_counter() < until and not os.waitid(os.P_PID, other, ASKED):
            time.sleep(0.01)
        if killed:
            os.kill(other, signal.SIGTERM)
        status = os.waitpid(other, 0)[1]
        assert killed or status == 0, status
    return killed


def kill_at_step(step: int) -> None:
    """Let this process kill itself at so many steps of writing from now."""
    left = [step]

    def before(action: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            count()
            return action(*arguments, **named)

        return counted

    def count() -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def torn(*arguments: Any, **named: Any) -> Any:
        count()
        file = builtins.open(*arguments, **named)  # noqa: SIM115, it is handed on
        whole = file.write

        def write(content: Any) -> int:
            if left[0] == 0:
                whole(content[: len(content) // 2])
                file.flush()
            count()
            return whole(content)

        file.write = write
        return file

    for module in (checkpoint, metrics_module):
        vars(module)["open"] = torn
    for name in ("fsync", "replace", "unlink", "mkdir"):
        setattr(os, name, before(getattr(os, name)))


def forked(work: Callable[[], None]) -> int:
    """The process id of a fork that does the work and ends."""
    process = os.fork()
    if process:
        return process
    try:
        work()
        os._exit(0)
    except RankError:
        os._exit(2)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def import_what_is_used(path: Path, source: Path) -> None:
    """A first fork makes a run and tells what it imported; kernels that ran in this process could not run in a fork."""
    told = path / "modules.json"

    def first() -> None:
        sitting(path / "first", source, new=True)
        told.write_text(json.dumps(list(sys.modules)))

    os.waitpid(forked(first), 0)
    for name in json.loads(told.read_text()):
        importlib.import_module(name) if not name.startswith("__") else None


def content(path: Path) -> dict[str, Any]:
    """All that a run left, without what a clock says."""
    files = {str(file.relative_to(path)): file for file in sorted(path.rglob("*")) if file.is_file()}
    lines = [json.loads(line) for line in files["metrics.jsonl"].read_text().splitlines()]
    for line in lines:
        for name in ("seconds", "rows_per_second"):
            line.pop(name, None)
            line.get("result", {}).pop(name, None)
    numbers = [int(file.stem) for name, file in files.items() if name.startswith("checkpoint/")]
    kept = {name: files[name].read_bytes() for name in ("recipe.toml", "model.safetensors", "report.html")}
    others = sorted(name for name in files if name not in kept and not name.startswith("checkpoint/"))
    # One more than the last two where the last removal did not come about.
    enough = checkpoint.Checkpoints.KEPT <= len(numbers) <= checkpoint.Checkpoints.KEPT + 1
    return {**kept, "metrics": lines, "checkpoints": enough, "others": others}


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]


def main(kills: int, stream: bool) -> dict[str, Any]:
    torch.set_num_threads(1)
    # What takes longest and has nothing to do with the state: a baseline, the page and its pictures.
    vars(outcome)["logistic_regression"] = lambda *_: 0.5
    vars(job_module)["portray"] = lambda findings, *_: findings
    vars(job_module)["render"] = lambda _: "<!doctype html>"
    watch.SECONDS_BETWEEN_CHECKPOINTS = 0.0
    chance = random.Random(0)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        path, source = Path(name), Path(name) / ("rows.npy" if stream else "rows.npz")
        rows = (np.random.default_rng(0).random((60, 10)) < 0.5).astype(np.uint8)
        if stream:
            np.save(source, rows)
            vars(fingerprint)["load"] = lambda *given, **named: load(*given, **named | {"window": rows.nbytes // 3})
        else:
            np.savez(source, X=rows, y=(rows[:, 0] + rows[:, 1]) % 2)
        import_what_is_used(path, source)
        gc.freeze()  # a collection in a fork would copy every page
        of_ranks = kills // 4
        alone, shared = (
            killed_again_and_again(path / f"{size} ranks", source, size, count, chance)
            for size, count in ((1, kills - of_ranks), (2, of_ranks))
        )
    return {what: alone[what] + shared[what] for what in alone} | {"of one of two ranks": shared["kills"]}


def killed_again_and_again(path: Path, source: Path, size: int, kills: int, chance: random.Random) -> dict[str, Any]:
    """What so many kills of runs of so many ranks came to."""
    done = {"kills": 0, "at a step of writing": 0, "resumed": 0, "finished": 0, "different": list[str]()}
    path.mkdir()
    since = time.perf_counter()
    assert not ended(start(path / "whole", source, size))
    whole, seconds = content(path / "whole"), time.perf_counter() - since
    more = True
    while more:
        more = done["kills"] < kills  # the last run goes to its end
        run = path / f"run{done['finished']}"
        by_step, step = more and done["kills"] % 2 == 1, chance.randrange(80)
        doomed = 0 if by_step or not more else chance.randrange(size)  # the first rank is the one that writes
        done["resumed"] += more and (run / "recipe.toml").exists()
        processes = start(run, source, size, doomed, step if by_step else None)
        if more and not by_step:
            time.sleep(chance.uniform(0, 0.7 * seconds))
            os.kill(processes[doomed], signal.SIGKILL)
        if ended(processes, doomed):
            done["kills"] += 1
            done["at a step of writing"] += by_step
        else:
            done["finished"] += 1
            done["different"] += differences(content(run), whole)
    return done


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", type=int)
    parser.add_argument("--stream", action="store_true")
    options = parser.parse_args()
    sys.stdout.write(json.dumps(main(options.kills, options.stream)))
