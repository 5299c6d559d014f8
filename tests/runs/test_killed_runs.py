"""A run that is killed, again and again, ends in the bits of one that was left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("rows", "kills"), [("in memory", KILLS), ("on disk", KILLS // 2)])
def test_a_run_that_is_killed_again_and_again_ends_in_the_same_bits(rows: str, kills: int) -> None:
    how = ["--stream"] if rows == "on disk" else []
    command = [sys.executable, str(Path(__file__).with_name("killed_runs.py")), str(kills), *how]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=one_thread, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    done = json.loads(ended.stdout)
    assert done["kills"] >= kills
    assert done["at a step of writing"] >= kills // 3
    assert done["resumed"] > kills // 3
    assert done["of one of two ranks"] >= kills // 4
    assert done["finished"] >= 2
    assert done["different"] == []
