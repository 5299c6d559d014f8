"""``layerwise transform``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from layerwise.cli.evaluate import Stream
from layerwise.cli.terminal import say

__all__ = ["transform"]


def transform(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="A name or a path, as for train; labels are not needed.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Ends in .npy, .npz, .csv or .parquet; is replaced if there."
        ),
    ],
    layer: Annotated[
        int | None, typer.Option(metavar="L", show_default="the top", help="Which layer's code, from 1.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", show_default="the run's", help="Column of a table that is no input."),
    ] = None,
    stream: Stream = None,
) -> None:
    """Write what a layer makes of rows.

    Of an energy model its units' expectations, as learned without labels; of an autoencoder the code, or a layer on the
    way to it; of an mlp a hidden layer; of a perceptron its answers.

    Rows keep their order; where data have a test part of their own, it follows the training part. A table names its
    columns after layer and unit: layer3_0, layer3_1, …

    For example:

    - layerwise transform runs/digits-1 digits -o codes.npy
    """
    from layerwise.runs.code_files import check_codes, write_codes
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.matching import load_like, matched
    from layerwise.runs.model import Model
    from layerwise.training.memory import enough_memory

    check_codes(output)
    folder = RunFolder.open(run)
    recipe, model = folder.recipe(), Model.load(folder.model_path)
    model.check_layer(layer)
    window = recipe.data.window_mib * 2**20
    dataset = load_like(data, target, recipe.data.target, model, stream=stream, window=window)
    depth = layer or model.depth
    parts = [part for part in (dataset.train, dataset.test) if part is not None]
    rows = [matched(replace(part, labels=None, classes=()), model, dataset.name) for part in parts]
    shape = sum(map(len, rows)), model.sizes[depth - 1]
    with enough_memory({"DATA": data}, "give fewer rows, or write a smaller layer"):
        codes = (some for part in rows for some in model.codes_in_parts(part, depth))
        write_codes(output, codes, shape, depth)
    say(f"{output}: code of layer {depth}, {shape[0]:,} rows of {shape[1]:,} columns")
