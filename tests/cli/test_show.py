"""``layerwise show``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

Command = Any


def test_a_finished_run_is_shown_whole(layerwise: Command, digits_run: Path) -> None:
    done = layerwise("show", digits_run)
    assert (done.code, done.err) == (0, "")
    for text in (
        "data                        digits",
        "layers                      12-8",
        "parameters of the layers    960",  # 64·12 + 64 + 12 and 12·8 + 12 + 8: each machine has two biases
        "parameters of the network   974",  # 64·12 + 12, 12·8 + 8 and 8·10 + 10
        "layer 2               2        reconstruction error",
        "logistic regression",
        "With 40 labels, this network classifies",
        "finished; report: ",
    ):
        assert text in done.out, text


def test_it_needs_neither_the_data_nor_the_checkpoint(layerwise: Command, digits_run: Path) -> None:
    shutil.copytree(digits_run, "copy")
    shutil.rmtree("copy/checkpoint")
    assert layerwise("show", "copy").code == 0
    Path("copy/report.html").unlink()
    assert (
        "all is learned, the report is not written; go on with: layerwise resume copy" in layerwise("show", "copy").out
    )
