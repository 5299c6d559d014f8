"""``layerwise impute``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layerwise.cli.terminal import say

__all__ = ["impute"]


def impute(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of an rbm's or a class-rbm's run.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="A .csv, .parquet or .npy file with missing values.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="A .csv or .parquet file for a table, a .npy file for an array."
        ),
    ],
    steps: Annotated[
        int, typer.Option(metavar="K", help="Gibbs steps that are averaged over; as many go before.")
    ] = 100,
    seed: Annotated[int, typer.Option(metavar="N", help="Decides every draw.")] = 0,
) -> None:
    """Fill missing values with what a machine expects there given the rest of the row; known values stay as they are.

    Whole numbers, truth values and texts are filled with one of their kind, the likeliest or the nearest.

    For example:

    - layerwise impute runs/patients-1 gaps.csv -o whole.csv
    """
    from layerwise.errors import OptionError
    from layerwise.runs.energy_model import energy_model
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.imputed import impute_file
    from layerwise.runs.model import Model

    for name, value, least in (("--steps", steps, 1), ("--seed", seed, 0)):
        if value < least:
            raise OptionError(name, value, f"must be at least {least}")
    folder = RunFolder.open(run)
    model = energy_model(Model.load(folder.model_path), run, "fills no missing values")
    cells = impute_file(folder, model, Path(data).expanduser(), output, steps, seed)
    say(f"{output}: {cells:,} missing values filled")
