"""``layerwise resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layerwise.cli.carrying_out import carry_out

__all__ = ["resume"]


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run that was interrupted.")],
) -> None:
    """Go on with a run from its last checkpoint, to the same bits as if it had never stopped.

    Started by torchrun, several processes go on together, as many as before or not.

    For example:

    - layerwise resume runs/digits-1
    - torchrun --nproc-per-node 2 -m layerwise resume runs/digits-1
    """
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.job import go_on
    from layerwise.training.distributed import joined

    with joined() as ranks:
        with ranks.together():
            folder = RunFolder.open(run) if ranks.first else RunFolder(run)
        carry_out(folder, lambda: go_on(folder, ranks), ranks)
