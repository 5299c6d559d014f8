"""``layerwise resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layerwise.cli.carrying_out import carry_out
from layerwise.cli.terminal import say

__all__ = ["resume"]


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run that was interrupted.")],
) -> None:
    """Go on with a run from its last checkpoint, to the same bits as if it had never stopped.

    For example:

    - layerwise resume runs/digits-1
    """
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.job import go_on

    job = go_on(RunFolder.open(run))
    if job.finished:
        say(f"{run} is finished; its report: {job.folder.report_path}")
    else:
        carry_out(lambda: job)
