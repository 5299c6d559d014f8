"""``layerwise evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layerwise.cli.terminal import console, say

__all__ = ["Stream", "evaluate"]

Stream = Annotated[
    bool | None,
    typer.Option(
        "--stream/--no-stream",
        show_default="where the file is larger than half of the memory",
        help="Leave the rows of DATA on disk, and take some at a time. Folders of .parquet, .arrow or .csv files, and "
        "addresses such as s3://…, are always read so.",
    ),
]


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    data: Annotated[
        str | None,
        typer.Argument(metavar="DATA", show_default="the run's test part", help="A name or a path, as for train."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", show_default="the run's", help="Column of a table that holds the labels."),
    ] = None,
    stream: Stream = None,
) -> None:
    """Measure a run's model on its own test part, or on other data with the same columns.

    Columns and classes are matched by name, where they have names. Of data with a test part of their own, that part is
    measured. Rows without labels are measured by reconstruction error and, of an energy model, free energy alone.

    For example:

    - layerwise evaluate runs/digits-1
    - layerwise evaluate runs/iris-1 new.csv --target species
    """
    import numpy as np

    from layerwise.runs.energy_model import EnergyModel
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.matching import rows_asked_about
    from layerwise.runs.model import Model
    from layerwise.runs.network_model import NetworkModel
    from layerwise.runs.tables import energy_table, figure_table
    from layerwise.training.memory import enough_memory

    folder = RunFolder.open(run)
    model = Model.load(folder.model_path)
    rows, what = rows_asked_about(folder, model, data, target, stream=stream)
    told = "labelled" if rows.targets is None else "with a target"
    say(f"{what}: {len(rows):,} rows, {rows.n_labelled:,} of them {told}")
    with enough_memory({"DATA": what}, "give fewer rows"):
        if isinstance(model, EnergyModel):
            console().print(energy_table(model.sizes, model.measure(rows)))
        elif isinstance(model, NetworkModel) and (measured := model.measure(rows)):
            console().print(figure_table(what, measured))
    if model.kind == "rbm":
        say(f"what these rows are worth in nats: layerwise likelihood {run}{f' {data}' if data else ''}")
    elif not model.classifies:
        if isinstance(model, EnergyModel):
            say("no accuracy: the run learned its layers without labels")
        elif isinstance(model, NetworkModel) and model.regresses and not rows.n_labelled:
            say("no error: the rows have no targets")
    elif not rows.n_labelled:
        say("no accuracy: the rows have no labels")
    else:
        scored = rows.labelled()
        with enough_memory({"DATA": what}, "give fewer rows"):
            right = int(np.count_nonzero(model.answers(scored) == scored.labels))
        say(f"accuracy: {100 * right / len(scored):.2f} % ({right:,} of {len(scored):,} rows)")
