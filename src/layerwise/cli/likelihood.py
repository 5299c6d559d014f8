"""``layerwise likelihood``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layerwise.cli.terminal import note, say

__all__ = ["likelihood"]


def likelihood(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    data: Annotated[
        str | None,
        typer.Argument(metavar="DATA", show_default="the run's test part", help="A name or a path, as for train."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="The figure of every row, as a .npy or .csv file."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", show_default="the run's", help="Column of a table that holds the labels."),
    ] = None,
    chains: Annotated[int, typer.Option(metavar="N", help="Annealed chains, in each direction.")] = 100,
    temperatures: Annotated[int, typer.Option(metavar="N", help="Steps of annealing.")] = 10_000,
    seed: Annotated[int, typer.Option(metavar="N", help="Decides every draw.")] = 0,
) -> None:
    """Say how probable rows are under a run's model, in nats a row.

    Of an rbm: log p(row), exact where a side can be counted, else annealed in both directions, which bracket it. Of a
    class-rbm: log p(row, label) of labelled rows. Of a dbn: a lower bound. Rows with missing values are left out.

    For example:

    - layerwise likelihood runs/digits-1
    - layerwise likelihood runs/patients-1 new.csv -o nats.csv
    """
    from layerwise.errors import OptionError
    from layerwise.runs.asked import ask_likelihood, write_nats
    from layerwise.runs.energy_model import energy_model
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.model import Model
    from layerwise.runs.verdict import LARGEST_GAP, apart_line
    from layerwise.training.memory import enough_memory

    for name, value in (("--chains", chains), ("--temperatures", temperatures)):
        if value < 2:
            raise OptionError(name, value, "must be at least 2")
    if seed < 0:
        raise OptionError("--seed", seed, "must be at least 0")
    if output is not None and output.suffix.lower() not in (".npy", ".csv"):
        raise OptionError("-o", output, "must end in .npy or .csv")
    folder = RunFolder.open(run)
    model = energy_model(Model.load(folder.model_path), run, "says nothing of how probable rows are")
    with enough_memory({"--chains": chains, "--temperatures": temperatures}, "give fewer"):
        found = ask_likelihood(folder, model, data, target, chains, temperatures, seed)
    say(f"{found.what}: {found.text}")
    if found.left_out:
        say(f"{found.left_out:,} rows were left out: a value or a label is missing in them")
    if abs(found.upper - found.lower) > LARGEST_GAP:
        note(apart_line(found.lower, found.upper))
    if output is not None:
        write_nats(output, found.per_row)
        say(f"{output}: {len(found.per_row):,} rows")
