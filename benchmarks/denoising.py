"""Stacked autoencoders on MNIST: what corrupted rows teach, by kind and amount of corruption.

    LAYERWISE_DATA=FOLDER python benchmarks/denoising.py                three seeds, ten minutes on one core
    LAYERWISE_DATA=FOLDER python benchmarks/denoising.py --validate     the last 10,000 training pictures are asked

Two layers are learned one after the other from 20,000 pictures without labels, each from corrupted copies of its input,
and are not trained together. Of the code a logistic regression learns 1,000 labels; under a layer of class scores the
whole learns the same ones. Untouched and corrupted test pictures are carried through both layers and back. Filters and
reconstructions of the first seed are drawn into docs/images/denoising.png.

References
----------
.. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol (2010). Stacked denoising autoencoders. JMLR 11.
"""

from __future__ import annotations

import argparse
import copy
from typing import Any

import environment
import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from layerwise import StackedAutoencoder
from layerwise.data import Minibatches, Preparation, Rows, load
from layerwise.networks import Network
from layerwise.plots.filters import FiltersDisplay
from layerwise.plots.mosaic import arrange
from layerwise.randomness import RandomStream
from layerwise.training.corruption import corruption_named
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.loop import run
from layerwise.training.schedules import Linear
from layerwise.training.stacking import under_classes

ROWS, LABELS, CLASSES, SEEDS = 20_000, 1000, 10, 3
NOISES = [(None, 0.0), ("masking", 0.1), ("masking", 0.25), ("masking", 0.4), ("gaussian", 0.25), ("gaussian", 0.5)]
ASKED = {"as they are": None, "a quarter masked": ("masking", 0.25), "noise of 0.25": ("gaussian", 0.25)}
STACK: dict[str, Any] = {"hidden": (500, 500), "activation": "relu", "epochs": 6, "fine_tune_epochs": 0}
TUNING = {"batch": 50, "epochs": 60}
COMMON: dict[str, Any] = {"visible": "bernoulli", "schedule": "cosine", "batch_size": 64}
PICTURE = (28, 28)
Pictures = tuple[np.ndarray, np.ndarray]
Kept = dict[str, nn.Sequential]


def noises(train: Pictures, test: Pictures, seed: int, keep: Kept) -> list[dict[str, Any]]:
    """Of each corruption what its codes and its reconstructions are worth."""
    every = np.arange(len(train[0]))
    some = np.sort(train_test_split(every, train_size=LABELS, stratify=train[1], random_state=seed)[0])
    few = train[0][some], train[1][some]
    fresh = Network.of_sizes(
        (784, *STACK["hidden"]), STACK["activation"], STACK["activation"], random=RandomStream(seed)
    )
    told = {"corruption": "no pretraining", "amount": 0.0, "seed": seed, "linear": linear_error(few, test)}
    lines = [{**told, "tuned": tuned_error(fresh, few, test, seed)}]
    for kind, amount in NOISES:
        model = StackedAutoencoder(corruption=kind, corruption_amount=amount, random_state=seed, **STACK, **COMMON)
        network = model.fit(train[0]).network_
        keep.setdefault(f"{kind} {amount:g}" if kind else "none", copy.deepcopy(network))
        codes = [(model.transform(rows), labels) for rows, labels in (few, test)]
        told = {"corruption": kind or "none", "amount": amount, "seed": seed, "linear": linear_error(*codes)}
        told |= {"back": {name: back_error(network, test[0], how) for name, how in ASKED.items()}}
        lines.append({**told, "tuned": tuned_error(network.encoder, few, test, seed)})
        print(lines[-1], flush=True)
    return lines


def linear_error(few: Pictures, test: Pictures) -> float:
    """Share of test pictures taken for another class by a logistic regression, in per cent."""
    # Strength of the penalty by five-fold cross-validation within the labelled pictures.
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [1e-3, 1e-2, 1e-1]})
    model = make_pipeline(StandardScaler(), search).fit(*few)
    return 100 * float((model.predict(test[0]) != test[1]).mean())


def tuned_error(encoder: nn.Sequential, few: Pictures, test: Pictures, seed: int) -> float:
    """The same, of the encoder under class scores after fine-tuning, which moves it."""
    random, table = RandomStream(seed).child("fine-tuning"), Rows.from_arrays(*few)
    stream = Minibatches(table, Preparation.unchanged(784), TUNING["batch"], random.child("order"))
    trainer = GradientDescent(learning_rate=0.001, schedule=Linear(TUNING["epochs"] * stream.n_batches), dropout=0.2)
    network = under_classes([encoder], STACK["hidden"][-1], CLASSES)
    state = run(trainer, trainer.init(network, random), stream, TUNING["epochs"]).state
    with torch.no_grad():
        found = state.network.eval()(torch.from_numpy(test[0])).argmax(1).numpy()
    return 100 * float((found != test[1]).mean())


@torch.no_grad()
def back_error(network: nn.Sequential, rows: np.ndarray, how: tuple[str, float] | None) -> float:
    """Mean over pictures of the summed squared difference between what comes back and what there was before."""
    clean = torch.from_numpy(rows)
    shown: Tensor = clean if how is None else corruption_named(*how)(clean, RandomStream(12345), 0)
    return float((network(shown) - clean).square().sum(1).double().mean())


@torch.no_grad()
def draw(networks: Kept, rows: np.ndarray) -> None:
    """Filters of the first layer, and masked pictures as they come back, of the networks of one seed."""
    shown = corruption_named("masking", 0.25)(torch.from_numpy(rows[:8]), RandomStream(12345), 0)
    drawn = {"none": "rows as they are", "masking 0.25": "a quarter masked", "masking 0.4": "0.4 masked"}
    figure = Figure(figsize=(10, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1.5)).tolist()
    grid = left.get_subplotspec().subgridspec(1, 2)
    left.remove()
    for place, name in enumerate(("none", "masking 0.4")):
        ax = figure.add_subplot(grid[0, place])
        weights = next(iter(networks[name].encoder.parameters())).numpy()
        FiltersDisplay(weights[:60], PICTURE).plot(ax).ax_.set_title(f"filters, learned from {drawn[name]}", fontsize=9)
    lines = {"shown": shown, **{f"learned from\n{title}": networks[name](shown) for name, title in drawn.items()}}
    tiles = arrange(torch.cat(list(lines.values())).reshape(-1, *PICTURE).numpy(), across=8)
    right.imshow(np.nan_to_num(tiles), cmap="gray_r", vmin=0, vmax=1, interpolation="none")
    right.set_yticks([14 + 29 * place for place in range(len(lines))], list(lines), fontsize=8)
    right.set_xticks([])
    right.spines[:].set_visible(False)
    right.tick_params(length=0)
    figure.savefig(environment.FOLDER.parent / "docs" / "images" / "denoising.png", dpi=120, bbox_inches="tight")


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """One line a corruption and seed."""
    data = load("mnist")
    assert data.test is not None
    train, test = (_arrays(part) for part in (data.train, data.test))
    if options.validate:
        test = train[0][-10_000:], train[1][-10_000:]
    train = train[0][:ROWS], train[1][:ROWS]
    keep: Kept = {}
    lines = [line for seed in range(options.seeds) for line in noises(train, test, seed, keep)]
    if not options.validate:
        draw(keep, test[0])
    return lines


def _arrays(rows: Any) -> Pictures:
    return np.asarray(rows.values, dtype=np.float32) / 255, np.asarray(rows.labels)


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else f"{values[0]:.1f}"


def table(result: dict[str, Any]) -> str:
    """The Markdown table of a result."""
    lines = [
        "| layers learned from | codes, logistic regression: wrong, % | fine-tuned: wrong, % | "
        f"{' | '.join(f'squared error, {name}' for name in ASKED)} |",
        f"| --- | ---: | ---: |{' ---: |' * len(ASKED)}",
    ]
    for kind, amount in dict.fromkeys((line["corruption"], line["amount"]) for line in result["lines"]):
        own = [line for line in result["lines"] if (line["corruption"], line["amount"]) == (kind, amount)]
        errors = [_spread([line[name] for line in own]) for name in ("linear", "tuned")]
        backs = [_spread([line["back"][name] for line in own]) if "back" in own[0] else "" for name in ASKED]
        called = {"no pretraining": "nothing: pixels, random layers", "none": "rows as they are"}
        lines.append(f"| {called.get(kind, f'{kind}, {amount:g}')} | {' | '.join([*errors, *backs])} |")
    note = (
        f"Mean ± standard deviation over {result['seeds']} seeds; {ROWS:,} training pictures, {LABELS:,} of them with "
        f"labels; errors on test pictures. {environment.signature(result['machine'])}."
    )
    return "\n".join([*lines, "", note])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--validate", action="store_true", help="for tuning: test pictures are not read, nothing is saved"
    )
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    machine = environment.machine()
    result = {**vars(options), "lines": measure(options), "machine": machine}
    print(table(result))
    if not options.validate:
        print(environment.save("denoising", result))


if __name__ == "__main__":
    main()
