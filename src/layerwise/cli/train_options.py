"""The options of ``layerwise train``, each with the words that its help has for it, in the panels of that help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Activation",
    "ActivationName",
    "BatchSize",
    "Centred",
    "Corruption",
    "CorruptionAmount",
    "CorruptionName",
    "Data",
    "Device",
    "DeviceName",
    "Dropout",
    "Epochs",
    "FineTuneEpochs",
    "Generative",
    "GibbsSteps",
    "Hidden",
    "Labels",
    "LearningRate",
    "Method",
    "MethodName",
    "Model",
    "ModelName",
    "Out",
    "Precision",
    "PrecisionName",
    "Predicts",
    "PredictsName",
    "Repeats",
    "Rule",
    "RuleName",
    "Seed",
    "Stream",
    "Target",
    "Tied",
    "Unlabelled",
    "Visible",
    "VisibleName",
]

_DATA = "Data"
_NETWORK = "Network"
_LEARNING = "Learning"
_RUN = "Run"
_CHOSEN = "chosen for the data"


class ModelName(StrEnum):
    """What is learned."""

    dbn = "dbn"
    perceptron = "perceptron"
    mlp = "mlp"
    autoencoder = "autoencoder"
    stacked_autoencoder = "stacked-autoencoder"
    rbm = "rbm"
    class_rbm = "class-rbm"


class VisibleName(StrEnum):
    """Kinds of visible units."""

    auto = "auto"
    bernoulli = "bernoulli"
    gaussian = "gaussian"
    spin = "spin"
    rectified = "rectified"
    categorical = "categorical"
    mixed = "mixed"


class MethodName(StrEnum):
    """Where the model's rows come from in contrastive learning."""

    cd = "cd"
    pcd = "pcd"
    pt = "pt"


class RuleName(StrEnum):
    """How a perceptron learns."""

    rosenblatt = "rosenblatt"
    pocket = "pocket"
    averaged = "averaged"
    delta = "delta"


class PredictsName(StrEnum):
    """What a multilayer perceptron answers with."""

    classes = "classes"
    numbers = "numbers"


class ActivationName(StrEnum):
    """What the hidden units of a network make of their input; a recipe knows more of them."""

    relu = "relu"
    sigmoid = "sigmoid"
    tanh = "tanh"
    leaky_relu = "leaky_relu"
    elu = "elu"
    selu = "selu"
    gelu = "gelu"
    silu = "silu"
    softplus = "softplus"
    identity = "identity"


class CorruptionName(StrEnum):
    """What is done to rows before an autoencoder is shown them."""

    none = "none"
    gaussian = "gaussian"
    masking = "masking"
    salt_and_pepper = "salt_and_pepper"


class DeviceName(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class PrecisionName(StrEnum):
    """How exactly dense float32 products are computed in training."""

    highest = "highest"
    high = "high"
    medium = "medium"


Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="digits, mnist, fashion-mnist; a .npy, .npz, .csv, .parquet, .fasta(.gz) or idx(.gz) file; a folder "
        "of pictures with one folder a class, or of tables; or a recipe, RECIPE.toml.",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        show_default="all",
        rich_help_panel=_DATA,
        help="Keep N labels, each class in proportion, and treat the other rows as unlabelled; or all.",
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        rich_help_panel=_DATA,
        help="Column of a table that holds the labels, or the numbers to predict.",
    ),
]
Stream = Annotated[
    bool | None,
    typer.Option(
        "--stream/--no-stream",
        show_default="where the file is larger than half of the memory",
        rich_help_panel=_DATA,
        help="Leave the rows on disk and learn from a window of them at a time. Folders of .parquet, .arrow or .csv "
        "files, and addresses such as s3://…, are always read so.",
    ),
]
Model = Annotated[
    ModelName | None,
    typer.Option(
        show_default="dbn",
        rich_help_panel=_NETWORK,
        help="dbn: layers one after the other, then fine-tuning. perceptron, mlp: networks of rows with labels. "
        "autoencoder, stacked-autoencoder: networks that give all rows back through a code. rbm: one machine of all "
        "rows, as a density. class-rbm: one machine of rows and their labels.",
    ),
]
Hidden = Annotated[
    str | None,
    typer.Option(
        metavar="SIZES",
        show_default=_CHOSEN,
        rich_help_panel=_NETWORK,
        help="Size of each hidden layer from the data upwards, such as 500,500,2000; of an autoencoder the last is the "
        "code; of one machine one size, such as 500.",
    ),
]
Visible = Annotated[
    VisibleName | None,
    typer.Option(
        show_default="auto",
        rich_help_panel=_NETWORK,
        help="Units that meet the data: bernoulli for pictures and rows within 0 and 1, gaussian for others. All but "
        "dbn also take spin, rectified, categorical (codes, letters) and mixed: a table column by column, of numbers "
        "and texts, whose cells a machine alone may miss.",
    ),
]
Predicts = Annotated[
    PredictsName | None,
    typer.Option(
        show_default="what the target column holds",
        rich_help_panel=_NETWORK,
        help="Of mlp: whether rows are sorted into classes, or the numbers in a table's target column are predicted. "
        "Numbers that are whole, all of them, are taken for classes unless numbers are asked for.",
    ),
]
Activation = Annotated[
    ActivationName | None,
    typer.Option(
        show_default="relu, tanh of a stack",
        rich_help_panel=_NETWORK,
        help="Of mlp and autoencoders: of each hidden layer's units.",
    ),
]
Tied = Annotated[
    bool | None,
    typer.Option(
        "--tied/--no-tied",
        show_default="no-tied",
        rich_help_panel=_NETWORK,
        help="Of autoencoders: whether the decoder uses the encoder's weights the other way round.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        show_default=_CHOSEN,
        rich_help_panel=_LEARNING,
        help="Passes over all rows, for each layer; of a perceptron at most so many.",
    ),
]
FineTuneEpochs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        show_default=_CHOSEN,
        rich_help_panel=_LEARNING,
        help="Of dbn: passes over the labelled rows; of stacked-autoencoder: over all rows with all layers together. 0 "
        "learns layers alone.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(metavar="N", show_default=_CHOSEN, rich_help_panel=_LEARNING, help="Rows of a minibatch."),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        show_default=_CHOSEN,
        rich_help_panel=_LEARNING,
        help="Of contrastive learning, of a network's descent or of the delta rule; of one machine and of a network it "
        "falls linearly to zero.",
    ),
]
Dropout = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        show_default="0.2 of mlp, of dbn " + _CHOSEN,
        rich_help_panel=_LEARNING,
        help="Of dbn and mlp: share of each hidden layer's units that is silenced in a step with labels.",
    ),
]
Corruption = Annotated[
    CorruptionName | None,
    typer.Option(
        show_default="none",
        rich_help_panel=_LEARNING,
        help="Of autoencoders: what is done to rows that are to come back whole.",
    ),
]
CorruptionAmount = Annotated[
    float | None,
    typer.Option(
        metavar="AMOUNT",
        show_default="0.25",
        rich_help_panel=_LEARNING,
        help="Share of the values, or the noise's standard deviation.",
    ),
]
Rule = Annotated[
    RuleName | None,
    typer.Option(
        show_default="rosenblatt",
        rich_help_panel=_LEARNING,
        help="Of perceptron: Rosenblatt's rule; the best weights on the way (pocket) or their average, where no "
        "hyperplane separates the classes; or the delta rule, which descends squared errors.",
    ),
]
Method = Annotated[
    MethodName | None,
    typer.Option(
        show_default="cd of dbn, else pcd",
        rich_help_panel=_LEARNING,
        help="What the data are compared with: Gibbs steps from the data (cd), from chains that are kept (pcd), or "
        "from chains at several temperatures (pt, of rbm).",
    ),
]
GibbsSteps = Annotated[
    int | None,
    typer.Option(metavar="K", show_default="1", rich_help_panel=_LEARNING, help="Gibbs steps for each minibatch."),
]
Centred = Annotated[
    bool | None,
    typer.Option(
        "--centred/--no-centred",
        show_default="centred",
        rich_help_panel=_LEARNING,
        help="Of rbm: whether units are seen as differences from their means.",
    ),
]
Generative = Annotated[
    float | None,
    typer.Option(
        metavar="WEIGHT",
        show_default="0.01",
        rich_help_panel=_LEARNING,
        help="Of class-rbm: what log p(row, label) counts beside log p(label | row).",
    ),
]
Unlabelled = Annotated[
    float | None,
    typer.Option(
        metavar="WEIGHT",
        show_default="0",
        rich_help_panel=_LEARNING,
        help="Of class-rbm: what log p(row) of a row without label counts; at 0 those rows are left out.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        show_default="0",
        rich_help_panel=_RUN,
        help="Decides the test part, the labels kept, the weights and every draw.",
    ),
]
Repeats = Annotated[
    int | None,
    typer.Option(
        metavar="R",
        show_default="1",
        rich_help_panel=_RUN,
        help="Train R times with seeds SEED, SEED+1, … and report mean ± standard deviation; the first is kept.",
    ),
]
Device = Annotated[
    DeviceName | None,
    typer.Option(show_default="auto", rich_help_panel=_RUN, help="Where to compute; auto takes a GPU if there is one."),
]
Precision = Annotated[
    PrecisionName | None,
    typer.Option(
        show_default="highest",
        rich_help_panel=_RUN,
        help="Of dense products in training: highest is float32; high may use TF32 on a GPU, medium bfloat16 where the "
        "hardware has it. So is what is measured on the way; scores at the end are always of the highest.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        show_default="runs/DATA-1, -2, …",
        rich_help_panel=_RUN,
        help="New or empty folder for recipe, model, metrics, checkpoints and report.",
    ),
]
