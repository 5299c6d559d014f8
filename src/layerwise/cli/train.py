"""``layerwise train``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layerwise.cli import train_options as options
from layerwise.cli.carrying_out import carry_out
from layerwise.cli.terminal import console, say, tell
from layerwise.errors import OptionError

if TYPE_CHECKING:
    from layerwise.runs.division import Division

__all__ = ["train"]


def train(
    data: options.Data = "digits",
    labels: options.Labels = None,
    target: options.Target = None,
    stream: options.Stream = None,
    model: options.Model = None,
    hidden: options.Hidden = None,
    visible: options.Visible = None,
    predicts: options.Predicts = None,
    activation: options.Activation = None,
    tied: options.Tied = None,
    epochs: options.Epochs = None,
    fine_tune_epochs: options.FineTuneEpochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    dropout: options.Dropout = None,
    corruption: options.Corruption = None,
    corruption_amount: options.CorruptionAmount = None,
    rule: options.Rule = None,
    method: options.Method = None,
    gibbs_steps: options.GibbsSteps = None,
    centred: options.Centred = None,
    generative: options.Generative = None,
    unlabelled: options.Unlabelled = None,
    seed: options.Seed = None,
    repeats: options.Repeats = None,
    device: options.Device = None,
    precision: options.Precision = None,
    out: options.Out = None,
) -> None:
    """Learn a belief network, another network or one energy model, and say what it is worth on rows apart.

    dbn: each layer is a restricted Boltzmann machine that learns from the layer below without labels. The stack is
    then fine-tuned by backpropagation on the rows that have a label, and compared on test rows with the same network
    without pretraining and with logistic regression.

    perceptron: threshold neurons that learn from their mistakes, beside the most that there can be; and whether the
    classes can be separated at all. mlp: hidden layers under class scores. Both are compared with logistic regression.
    Where a table's target is a column of numbers, mlp predicts them, and is compared with linear regression.

    autoencoder: all rows are given back through a code, and test rows come back better or worse than from principal
    components. stacked-autoencoder: the same, layer by layer first, beside the network without that pretraining.

    rbm: one machine learns all rows as a density, without labels. Test rows give its log-likelihood: exact where a side
    can be counted, else annealed from both sides. It samples, scores and fills in missing values.

    class-rbm: one machine learns rows and their labels together, and is compared with logistic regression.

    Data without a test part of their own lend a fifth of their rows to it. Up to 1,000 training rows, a tenth at
    most, are only watched: they give the free-energy gap and the curves of rows held out, and nothing is learned from
    them.

    A recipe is a TOML file that says all of this; every run writes its own. Options given here go before the recipe's.

    Ctrl-C stops after the current minibatch with a checkpoint, from which `layerwise resume` goes on.

    Started by torchrun, several processes share each minibatch and come to what one comes to.

    For example:

    - layerwise train mnist --labels 1000 --hidden 500,500,2000 --repeats 5
    - layerwise train iris.csv --target species --model mlp
    - layerwise train houses.csv --target price --model mlp --predicts numbers
    - layerwise train digits --model autoencoder --hidden 128,8
    - layerwise train patients.csv --model rbm --hidden 100
    - layerwise train digits --model class-rbm --labels 100 --unlabelled 0.01
    - layerwise train runs/mnist-1/recipe.toml --seed 7
    - torchrun --nproc-per-node 2 -m layerwise train mnist
    """
    from layerwise.runs.draft import Draft
    from layerwise.runs.folder import RunFolder
    from layerwise.runs.job import Job, begin
    from layerwise.runs.settling import settle
    from layerwise.training.distributed import joined

    is_recipe = Path(data).suffix.lower() == ".toml"
    draft = Draft.from_file(Path(data)) if is_recipe else Draft()
    flags: dict[str, dict[str, Any]] = {
        "data": {
            "source": None if is_recipe else _source(data),
            "labels": _count(labels),
            "target": target,
            "stream": stream,
        },
        "training": {
            "model": _name(model),
            "hidden": None if hidden is None else _sizes(hidden),
            "visible": _name(visible),
            "predicts": _name(predicts),
            "activation": _name(activation),
            "tied": tied,
            "epochs": epochs,
            "fine_tune_epochs": fine_tune_epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "dropout": dropout,
            "corruption": _name(corruption),
            "corruption_amount": corruption_amount,
            "rule": _name(rule),
            "method": _name(method),
            "gibbs_steps": gibbs_steps,
            "centred": centred,
            "generative": generative,
            "unlabelled": unlabelled,
        },
        "run": {"seed": seed, "repeats": repeats, "device": _name(device), "precision": _name(precision)},
    }
    with joined() as ranks:
        with ranks.together():
            recipe, dataset, division = settle(draft.override(flags), ranks)
        ranks.agree("recipe or other data", recipe.to_toml())
        with ranks.together():
            folder = RunFolder.create(out, dataset.name) if ranks.first else RunFolder(out or Path())

        def make() -> Job:
            job = begin(recipe, dataset, folder, ranks)
            learning, monitored = division.learning, division.monitored
            parts = [
                f"{len(learning):,} rows of {_columns(division)} to learn from",
                f"{learning.n_labelled:,} of them {'labelled' if learning.targets is None else 'with a target'}",
                f"{len(monitored) if monitored is not None else 0:,} only watched",
                f"{len(division.test):,} for the test",
            ]
            tell(console(), f"{dataset.name}: {', '.join(parts)}")
            say(f"run folder: {folder.path}")
            return job

        carry_out(folder, make, ranks)


def _name(choice: StrEnum | None) -> str | None:
    return None if choice is None else choice.value


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
