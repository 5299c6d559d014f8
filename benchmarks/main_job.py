"""The main job on MNIST through the command line: accuracy with few labels and with all, time and memory.

    LAYERWISE_DATA=FOLDER python benchmarks/main_job.py                 all of it, half an hour
    LAYERWISE_DATA=FOLDER python benchmarks/main_job.py --only all_labels

500-500-2000, every one of the 60,000 training pictures without its label, 1,000 labels drawn anew for each of five
seeds; beside it the same network without pretraining (same fine-tuning, same minibatches) and logistic regression. Then
all 60,000 labels. Options were chosen on the last 10,000 training pictures; the test pictures are read once, when a
course is done. Time and peak memory are those of the whole process, start and report included.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import environment

JOBS = {
    "thousand_labels": ["--labels", "1000", "--repeats", "5"],
    "all_labels": ["--fine-tune-epochs", "60"],
}
TITLES = {"thousand_labels": "1,000 labels", "all_labels": "60,000 labels"}


def run(name: str, options: list[str]) -> dict[str, Any]:
    """One run of the command, measured from outside."""
    folder = Path(tempfile.mkdtemp()) / name
    command = [sys.executable, "-m", "layerwise", "train", "mnist", "--out", str(folder), *options]
    started = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    results = [line["result"] for line in lines if "result" in line]
    for result in results:
        del result["data"]  # where the files lay on this machine
    measured = {
        "command": "layerwise train mnist " + " ".join(options),
        "recipe": (folder / "recipe.toml").read_text(),
        "seconds": round(seconds, 1),
        "peak_mebibytes": round(usage.ru_maxrss / 1024),
        "results": results,
    }
    shutil.rmtree(folder.parent)
    return measured


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    lines = [
        "| MNIST, 500-500-2000 | this network | without pretraining | logistic regression | time | peak memory |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, job in result["jobs"].items():
        cells = [TITLES[name] + f", {len(job['results'])} seed" + ("s" if len(job["results"]) > 1 else "")]
        for network in ("this network", "without pretraining", "logistic regression"):
            accuracies = [100 * one["accuracies"][network] for one in job["results"]]
            spread = f" ± {statistics.stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
            cells.append(f"{statistics.mean(accuracies):.2f}{spread} %")
        cells += [f"{job['seconds'] / 60:.0f} min", f"{job['peak_mebibytes']:,} MiB"]
        lines.append("| " + " | ".join(cells) + " |")
    load = result["machine"]["load_before"] or 0.0
    busy = f" Other programs ran beside it (load {load:.1f} before): times are upper bounds." if load > 1 else ""
    return "\n".join([*lines, "", f"{environment.signature(result['machine'])}.{busy}"])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(JOBS), help="one of the two jobs; the other keeps its last result")
    arguments = parser.parse_args()
    path = environment.RESULTS / "main_job.json"
    jobs: dict[str, Any] = json.loads(path.read_text())["jobs"] if arguments.only and path.exists() else {}
    machine = environment.machine()
    for name, options in JOBS.items():
        if arguments.only in (None, name):
            jobs[name] = run(name, options)
    result = {"name": "main_job", "machine": machine, "jobs": {name: jobs[name] for name in JOBS if name in jobs}}
    print(table(result))
    print(f"\nwrote {environment.save('main_job', result)}")


if __name__ == "__main__":
    main()
