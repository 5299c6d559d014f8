"""``layerwise train``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layerwise.cli.carrying_out import carry_out
from layerwise.cli.terminal import console, say, tell
from layerwise.errors import OptionError

if TYPE_CHECKING:
    from layerwise.runs.division import Division

__all__ = ["train"]

_DATA = "Data"
_NETWORK = "Network"
_LEARNING = "Learning"
_RUN = "Run"
_CHOSEN = "chosen for the data"


class Model(StrEnum):
    """What is learned, as a flag."""

    dbn = "dbn"
    rbm = "rbm"
    class_rbm = "class-rbm"


class Visible(StrEnum):
    """Kinds of visible units, as a flag."""

    auto = "auto"
    bernoulli = "bernoulli"
    gaussian = "gaussian"
    spin = "spin"
    rectified = "rectified"
    categorical = "categorical"
    mixed = "mixed"


class Method(StrEnum):
    """Where the model's rows come from in contrastive learning, as a flag."""

    cd = "cd"
    pcd = "pcd"
    pt = "pt"


class Device(StrEnum):
    """Where to compute, as a flag."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="digits, mnist, fashion-mnist; a .npy, .npz, .csv, .parquet, .fasta(.gz) or idx(.gz) file; a folder "
            "of pictures with one folder a class; or a recipe, RECIPE.toml.",
        ),
    ] = "digits",
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            show_default="all",
            rich_help_panel=_DATA,
            help="Keep N labels, each class in proportion, and treat the other rows as unlabelled; or all.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", rich_help_panel=_DATA, help="Column of a table that holds the labels."),
    ] = None,
    model: Annotated[
        Model | None,
        typer.Option(
            show_default="dbn",
            rich_help_panel=_NETWORK,
            help="dbn: layers one after the other, then fine-tuning. rbm: one machine of all rows, as a density. "
            "class-rbm: one machine of rows and their labels.",
        ),
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option(
            metavar="SIZES",
            show_default=_CHOSEN,
            rich_help_panel=_NETWORK,
            help="Size of each hidden layer from the data upwards, such as 500,500,2000; of one machine, such as 500.",
        ),
    ] = None,
    visible: Annotated[
        Visible | None,
        typer.Option(
            show_default="auto",
            rich_help_panel=_NETWORK,
            help="Units that meet the data: bernoulli for pictures and rows within 0 and 1, gaussian for others. One "
            "machine also takes spin, rectified, categorical (codes, letters) and mixed: a table column by column, of "
            "numbers and texts, whose cells may be missing.",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default=_CHOSEN,
            rich_help_panel=_LEARNING,
            help="Passes over all rows, for each layer.",
        ),
    ] = None,
    fine_tune_epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default=_CHOSEN,
            rich_help_panel=_LEARNING,
            help="Of dbn: passes over the labelled rows; 0 learns layers alone.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(metavar="N", show_default=_CHOSEN, rich_help_panel=_LEARNING, help="Rows of a minibatch."),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            show_default=_CHOSEN,
            rich_help_panel=_LEARNING,
            help="Of contrastive learning; of one machine it falls linearly to zero.",
        ),
    ] = None,
    method: Annotated[
        Method | None,
        typer.Option(
            show_default="cd of dbn, else pcd",
            rich_help_panel=_LEARNING,
            help="What the data are compared with: Gibbs steps from the data (cd), from chains that are kept (pcd), or "
            "from chains at several temperatures (pt, of rbm).",
        ),
    ] = None,
    gibbs_steps: Annotated[
        int | None,
        typer.Option(metavar="K", show_default="1", rich_help_panel=_LEARNING, help="Gibbs steps for each minibatch."),
    ] = None,
    centred: Annotated[
        bool | None,
        typer.Option(
            "--centred/--no-centred",
            show_default="centred",
            rich_help_panel=_LEARNING,
            help="Of rbm: whether units are seen as differences from their means.",
        ),
    ] = None,
    generative: Annotated[
        float | None,
        typer.Option(
            metavar="WEIGHT",
            show_default="0.01",
            rich_help_panel=_LEARNING,
            help="Of class-rbm: what log p(row, label) counts beside log p(label | row).",
        ),
    ] = None,
    unlabelled: Annotated[
        float | None,
        typer.Option(
            metavar="WEIGHT",
            show_default="0",
            rich_help_panel=_LEARNING,
            help="Of class-rbm: what log p(row) of a row without label counts; at 0 those rows are left out.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default="0",
            rich_help_panel=_RUN,
            help="Decides the test part, the labels kept, the weights and every draw.",
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            metavar="R",
            show_default="1",
            rich_help_panel=_RUN,
            help="Train R times with seeds SEED, SEED+1, … and report mean ± standard deviation; the first is kept.",
        ),
    ] = None,
    device: Annotated[
        Device | None,
        typer.Option(
            show_default="auto", rich_help_panel=_RUN, help="Where to compute; auto takes a GPU if there is one."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            show_default="runs/DATA-1, -2, …",
            rich_help_panel=_RUN,
            help="New or empty folder for recipe, model, metrics, checkpoints and report.",
        ),
    ] = None,
) -> None:
    """Learn a belief network, or one energy model, and say what it is worth on rows that nothing was learned from.

    dbn: each layer is a restricted Boltzmann machine that learns from the layer below without labels. The stack is
    then fine-tuned by backpropagation on the rows that have a label, and compared on test rows with the same network
    without pretraining and with logistic regression.

    rbm: one machine learns all rows as a density, without labels. Test rows give its log-likelihood: exact where a side
    can be counted, else annealed from both sides. It samples, scores and fills in missing values.

    class-rbm: one machine learns rows and their labels together, and is compared with logistic regression.

    Data without a test part of their own lend a fifth of their rows to it. Up to 1,000 training rows, a tenth at
    most, are only watched: they give the free-energy gap, and their labels are not used.

    A recipe is a TOML file that says all of this; every run writes its own. Options given here go before the recipe's.

    Ctrl-C stops after the current minibatch with a checkpoint, from which `layerwise resume` goes on.

    For example:

    - layerwise train mnist --labels 1000 --hidden 500,500,2000 --repeats 5
    - layerwise train iris.csv --target species
    - layerwise train patients.csv --model rbm --hidden 100
    - layerwise train digits --model class-rbm --labels 100 --unlabelled 0.01
    - layerwise train runs/mnist-1/recipe.toml --seed 7
    """
    from layerwise.runs.draft import Draft
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.job import Job, begin
    from layerwise.runs.settling import settle

    is_recipe = Path(data).suffix.lower() == ".toml"
    draft = Draft.from_file(Path(data)) if is_recipe else Draft()
    flags: dict[str, dict[str, Any]] = {
        "data": {"source": None if is_recipe else _source(data), "labels": _count(labels), "target": target},
        "training": {
            "model": None if model is None else model.value,
            "hidden": None if hidden is None else _sizes(hidden),
            "visible": None if visible is None else visible.value,
            "epochs": epochs,
            "fine_tune_epochs": fine_tune_epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "method": None if method is None else method.value,
            "gibbs_steps": gibbs_steps,
            "centred": centred,
            "generative": generative,
            "unlabelled": unlabelled,
        },
        "run": {"seed": seed, "repeats": repeats, "device": None if device is None else device.value},
    }
    recipe, dataset, division = settle(draft.override(flags))
    folder = RunFolder.create(out, dataset.name)

    def make() -> Job:
        job = begin(recipe, dataset, folder)
        learning, monitored = division.learning, division.monitored
        parts = [
            f"{len(learning):,} rows of {_columns(division)} to learn from",
            f"{learning.n_labelled:,} of them labelled",
            f"{len(monitored) if monitored is not None else 0:,} only watched",
            f"{len(division.test):,} for the test",
        ]
        tell(console(), f"{dataset.name}: {', '.join(parts)}")
        say(f"run folder: {folder.path}")
        return job

    carry_out(make)


def _columns(division: Division) -> str:
    code = division.code
    if code is None:
        return f"{division.learning.n_columns:,} columns"
    return f"{code.n_columns:,} columns, {code.n_units:,} units,"


def _source(data: str) -> str:
    """A path made absolute, so that the run can be resumed from anywhere; what is no path yet as it was written."""
    from layerwise.runs.draft import located

    # An empty text would be the current folder.
    return located(data, Path.cwd()) if data.strip() and Path(data).expanduser().exists() else data


def _count(labels: str | None) -> int | str | None:
    if labels is None or labels == "all":
        return labels
    try:
        return int(labels)
    except ValueError:
        rule = "must be a whole number, at least 1, or 'all'"
        raise OptionError("--labels", labels, rule, "give a number such as 100") from None


def _sizes(text: str) -> list[int]:
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        rule = "must be whole numbers with commas between them"
        raise OptionError("--hidden", text, rule, "give sizes such as 500,500,2000") from None
