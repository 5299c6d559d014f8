"""Depth on MNIST: 1 to 8 hidden layers of sigmoid or ReLU units, with and without pretraining, and few or many labels.

    LAYERWISE_DATA=FOLDER python benchmarks/depth.py                           an hour on one core
    LAYERWISE_DATA=FOLDER python benchmarks/depth.py --seeds 0 --print-only    a third of that, nothing is written

Every network has 256 units a layer. Sigmoid layers are learned one after the other as restricted Boltzmann machines,
ReLU layers as denoising autoencoders, from all training pictures without labels; the deepest stack is learned once a
seed and the shallower ones are its lower layers. Without pretraining weights are Glorot's (sigmoid) and He's (ReLU).
The layer of class scores begins with the same weights in both, and all networks are trained by the same optimiser for
as many steps; nothing was tuned. Beside the test error stands the length of the gradient of the first layer's weights
before the first step, on 1,000 labelled pictures. Writes docs/images/depth.png as well.

References
----------
.. [1] Y. Bengio, P. Lamblin, D. Popovici, H. Larochelle (2007). Greedy layer-wise training of deep networks. NIPS 19.
.. [2] X. Glorot, Y. Bengio (2010). Understanding the difficulty of training deep feedforward neural networks. AISTATS.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

import environment
import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn

from layerwise import DBN, StackedAutoencoder
from layerwise.data import Minibatches, Preparation, Rows, load
from layerwise.networks import CrossEntropy, Dense, Network, backpropagate, gradient_flow
from layerwise.randomness import RandomStream
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.loop import run as train
from layerwise.training.schedules import Linear

WIDTH, CLASSES, DEPTHS, SEEDS = 256, 10, (1, 2, 4, 6, 8), (0, 1, 2)
ACTIVATIONS = {"sigmoid": "glorot_uniform", "relu": "he_uniform"}
STARTS = ("random", "pretrained")
LABELS = {100: {"batch": 10, "epochs": 100}, 1000: {"batch": 50, "epochs": 60}, 60_000: {"batch": 100, "epochs": 10}}
LAYER_EPOCHS = 10


def learned_layers(activation: str, grey: np.ndarray, seed: int) -> list[nn.Module]:
    """The deepest stack, a linear map and an activation for each layer."""
    sizes = (WIDTH,) * max(DEPTHS)
    if activation == "sigmoid":
        learning: dict[str, Any] = {"method": "cd", "centred": False, "batch_size": 100, "epochs": LAYER_EPOCHS}
        belief = DBN(sizes, visible="bernoulli", random_state=seed, **learning)
        modules = list(belief.fit(grey).to_torch())
        return [nn.Sequential(*modules[place : place + 2]) for place in range(0, len(modules), 2)]
    stack = StackedAutoencoder(
        sizes,
        visible="bernoulli",
        activation=activation,
        code_activation=activation,
        batch_size=100,
        epochs=LAYER_EPOCHS,
        fine_tune_epochs=0,
        random_state=seed,
    )
    return list(stack.fit(grey).network_.encoder)


def first_network(activation: str, depth: int, learned: Sequence[nn.Module] | None, seed: int) -> nn.Sequential:
    """What fine-tuning begins with."""
    random = RandomStream(seed).child(f"weights {depth}")
    sizes, initialisation = (784, *[WIDTH] * depth, CLASSES), ACTIVATIONS[activation]
    network = Network.of_sizes(sizes, activation, "identity", initialisation=initialisation, random=random)
    if learned is None:
        return network
    output = list(network)[-1]
    assert isinstance(output, Dense)
    return nn.Sequential(*[part for layer in copy.deepcopy(learned[:depth]) for part in _parts(layer)], output)


def _parts(layer: nn.Module) -> list[nn.Module]:
    return list(layer) if isinstance(layer, nn.Sequential) else [layer]


def trained(network: nn.Sequential, grey: np.ndarray, labels: np.ndarray, seed: int, count: int) -> nn.Sequential:
    """The network after fine-tuning."""
    batch, epochs = LABELS[count]["batch"], LABELS[count]["epochs"]
    random, table = RandomStream(seed).child(f"{count} labels"), Rows.from_arrays(grey, labels)
    stream = Minibatches(table, Preparation.fit(table, "bernoulli"), batch, random.child("order"))
    trainer = GradientDescent(learning_rate=0.001, schedule=Linear(epochs * stream.n_batches))
    return train(trainer, trainer.init(network, random), stream, epochs).state.network.eval()


def gradient_lengths(network: nn.Sequential, grey: np.ndarray, labels: np.ndarray) -> tuple[float, ...]:
    """Of each layer's weights, on some rows."""
    loss = CrossEntropy()
    return gradient_flow(
        network, backpropagate(network, torch.from_numpy(grey), loss, torch.from_numpy(labels))
    ).gradient_norm


@torch.no_grad()
def error(network: nn.Sequential, grey: np.ndarray, labels: np.ndarray) -> float:
    """Share of pictures taken for another class, in per cent."""
    return 100 * float((network(torch.from_numpy(grey)).argmax(1).numpy() != labels).mean())


def measure(seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """One line a network."""
    data = load("mnist")
    assert data.test is not None
    (grey, labels), (asked, true) = (_arrays(part) for part in (data.train, data.test))
    for seed in seeds:
        few = {count: _some(labels, count, seed) for count in LABELS}
        seen = few[1000]
        for activation in ACTIVATIONS:
            begin = time.process_time()
            learned = learned_layers(activation, grey, seed)
            print(seed, activation, f"layers: {time.process_time() - begin:.0f} s", flush=True)
            for start in STARTS:
                for depth in DEPTHS:
                    first = first_network(activation, depth, learned if start == "pretrained" else None, seed)
                    lengths = gradient_lengths(first, grey[seen], labels[seen])
                    errors = {
                        str(count): error(
                            trained(copy.deepcopy(first), grey[some], labels[some], seed, count), asked, true
                        )
                        for count, some in few.items()
                    }
                    told = {"seed": seed, "activation": activation, "start": start, "depth": depth}
                    yield {**told, "errors": errors, "gradient_lengths": lengths}


def _arrays(rows: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(rows.values, dtype=np.float32) / 255, np.asarray(rows.labels)


def _some(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """So many rows, each class in proportion."""
    every = np.arange(len(labels))
    if count >= len(labels):
        return every
    return np.sort(train_test_split(every, train_size=count, stratify=labels, random_state=seed)[0])


def _of(result: dict[str, Any], activation: str, start: str, depth: int) -> list[dict[str, Any]]:
    wanted = (activation, start, depth)
    return [line for line in result["runs"] if (line["activation"], line["start"], line["depth"]) == wanted]


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    heads = [f"{int(count):,} labels" for count in LABELS]
    lines = [
        f"| hidden layers of {WIDTH} | start | {' | '.join(heads)} | first layer's gradient at the start |",
        "| --- | --- |" + " ---: |" * (len(heads) + 1),
    ]
    for activation in ACTIVATIONS:
        for depth in DEPTHS:
            for start in STARTS:
                own = _of(result, activation, start, depth)
                cells = [_spread([line["errors"][str(count)] for line in own]) + " %" for count in LABELS]
                length = statistics.median(line["gradient_lengths"][0] for line in own)
                name = {"sigmoid": "sigmoid", "relu": "ReLU"}[activation]
                lines.append(f"| {depth} × {name} | {start} | {' | '.join(cells)} | {length:.1e} |")
    seeds = len({run["seed"] for run in result["runs"]})
    of_seeds = f"mean ± standard deviation of {seeds} seeds, each with other labels" if seeds > 1 else "one seed"
    note = f"Test error, {of_seeds}. {environment.signature(result['machine'])}."
    return "\n".join([*lines, "", note])


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def draw(result: dict[str, Any]) -> None:
    """docs/images/depth.png: errors, and the gradient of the first layer."""
    import matplotlib.pyplot as plt

    colours = {"sigmoid": "#0072b2", "relu": "#d55e00"}
    figure, axes = plt.subplots(1, len(LABELS) + 1, figsize=(12, 3.3), layout="constrained")
    for place, count in enumerate(LABELS):
        axes[place].set(title=f"{count:,} labels", xlabel="hidden layers", yscale="log")
        axes[place].set_ylabel("test error, %" if place == 0 else "")
    axes[-1].set(
        title="gradient of the first layer", xlabel="hidden layers", ylabel="length at the start", yscale="log"
    )
    for activation, colour in colours.items():
        for start in STARTS:
            style = {"color": colour, "linestyle": "-" if start == "pretrained" else ":", "marker": "o", "ms": 4}
            style["label"] = f"{'ReLU' if activation == 'relu' else activation}, {start}"
            found = [_of(result, activation, start, depth) for depth in DEPTHS]
            for axis, count in zip(axes, LABELS, strict=False):
                each = [[line["errors"][str(count)] for line in own] for own in found]
                axis.plot(DEPTHS, [statistics.mean(errors) for errors in each], **style)
            lengths = [statistics.median(line["gradient_lengths"][0] for line in own) for own in found]
            axes[-1].plot(DEPTHS, lengths, **style)
    for axis in axes:
        axis.set_xticks(DEPTHS)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[:-1]:
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:g}")
        axis.tick_params(axis="y", which="minor", labelsize=7)
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(environment.FOLDER.parent / "docs" / "images" / "depth.png", dpi=150)


def main() -> None:
    """Measure, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--print-only", action="store_true", help="save nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    about, result = {"machine": environment.machine()}, None
    for run in measure(options.seeds):
        print(run, flush=True)
        if not options.print_only:
            result = environment.keep("depth", run, ("seed", "activation", "start", "depth"), about)
    if result is not None:
        print(table(result))
        draw(result)


if __name__ == "__main__":
    main()
