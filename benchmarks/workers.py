"""Libraries that take turns: each a process of its own that has loaded the rows and waits for the word.

How each is run stands in its file in ``competitors/``; :mod:`competitors.serve` is the other end.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environment
import numpy as np

COMPETITORS = Path(__file__).resolve().parent / "competitors"


@dataclass(frozen=True)
class Entry:
    """One competitor: its file, its method, and the peer whose environment it needs."""

    label: str
    script: str
    method: str
    peer: str | None = None


class Worker:
    """A competitor's process. Calling it does one epoch and gives its seconds, as measured inside."""

    def __init__(self, entry: Entry, python: Path | str, rows: Path, folder: Path, setting: dict[str, Any]) -> None:
        surroundings = dict(os.environ)
        environment.use_threads(setting["threads"], surroundings)
        self.label = entry.label
        self.kept = folder / f"{entry.label}.npz"
        self.complaints = folder / f"{entry.label}.stderr"
        script = str(COMPETITORS / entry.script)
        with self.complaints.open("wb") as stderr:
            self.process = subprocess.Popen(
                [str(python), script, str(rows), entry.method, json.dumps(setting)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=surroundings,
                cwd=folder,  # learnergy leaves a log where it stands
            )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ready(self) -> dict[str, Any]:
        """Wait until the rows are loaded; the versions it runs on and how it is run."""
        return json.loads(self._answer())

    def __call__(self) -> float:
        return float(self._ask("go"))

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Weights (visible, hidden), visible and hidden biases as they are now; None where nothing is learned."""
        if self._ask(f"keep {self.kept}") != "true":
            return None
        with np.load(self.kept) as kept:
            return kept["weights"], kept["visible"], kept["hidden"]

    def _ask(self, word: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            complaint = self.complaints.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise RuntimeError(f"{self.label} ended with exit code {self.process.wait()}:\n{complaint}")
        return line.strip()
