"""``layerwise sample``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layerwise.cli.terminal import say
from layerwise.errors import OptionError

__all__ = ["sample"]


def sample(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="A .png, for pictures, or a .npy file; of a table a .csv or .parquet file; is replaced if there.",
        ),
    ],
    count: Annotated[int, typer.Option(metavar="N", help="How many rows.")] = 100,
    steps: Annotated[
        int | None,
        typer.Option(metavar="K", show_default="as in the report", help="Gibbs steps in the top machine, from noise."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Decides every draw.")] = 0,
) -> None:
    """Draw rows from a belief network, Gibbs steps in its top machine and then one pass down, or from a machine.

    Binary units are written as the probabilities of the last step (grey levels), real values as draws. Rows of a table
    that a class-rbm has learned come with the classes drawn beside them, in a last column named as the target was.

    For example:

    - layerwise sample runs/digits-1 --count 25 -o dreams.png
    """
    from layerwise.randomness import RandomStream
    from layerwise.runs.energy_model import energy_model
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.model import Model
    from layerwise.runs.outputs import check_samples, write_samples
    from layerwise.runs.portrait import SAMPLING_STEPS
    from layerwise.training.memory import enough_memory

    steps = SAMPLING_STEPS if steps is None else steps
    for name, value in (("--count", count), ("--steps", steps)):
        if value < 1:
            raise OptionError(name, value, "must be at least 1")
    if not 0 <= seed < 2**62:
        raise OptionError("--seed", seed, f"must be at least 0 and below {2**62}", "give a seed such as 0")
    folder = RunFolder.open(run)
    model = energy_model(Model.load(folder.model_path), run, "draws no rows")
    check_samples(output, model)
    with enough_memory({"--count": count}, "give fewer rows"):
        rows, classes = model.sample(count, RandomStream(seed), steps)
        write_samples(output, rows, model, classes, folder.recipe().data.target)
    say(f"{output}: {count:,} rows after {steps:,} Gibbs steps")
