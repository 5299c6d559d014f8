"""Up-down on MNIST: what contrastive wake-sleep does to a belief network that was learned layer by layer.

    LAYERWISE_DATA=FOLDER python benchmarks/up_down.py                three seeds, half an hour on two quiet cores
    LAYERWISE_DATA=FOLDER python benchmarks/up_down.py --validate     learn from 50,000, measured on the last 10,000

784-500-500 binary units and labels under a top of 1,000: the shape of Hinton, Osindero and Teh (2006), with half their
top. Before and after up-down the same two things are measured on test pictures drawn as bits: the lower bound on their
log-likelihood, log Z of the top annealed in both directions, and the share of labels that the top gets wrong.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from itertools import pairwise
from typing import Any

import environment
import numpy as np
import torch

from layerwise.data import DrawnBits, Minibatches, MinibatchStream, Preparation, Rows, bits_of, load
from layerwise.energy import (
    RBM,
    BeliefNet,
    LikelihoodWarning,
    WakeSleepNet,
    bernoulli_rbm,
    class_rbm,
    variational_bound,
)
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.label_units import JoinedLabels
from layerwise.training.loop import run
from layerwise.training.schedules import Linear
from layerwise.training.up_down import UpDown
from layerwise.units import BernoulliUnits

SIZES, TOP, CLASSES, BATCH, SEEDS = (784, 500, 500), 1000, 10, 100, (0, 1, 2)
EPOCHS, UP_DOWN_EPOCHS = 10, 15
LAYER: dict[str, Any] = {"method": "pcd", "chains": 100, "learning_rate": 0.2, "momentum": 0.0, "centred": True}
UP_DOWN: dict[str, Any] = {"gibbs_steps": 10, "learning_rate": 0.03, "momentum": 0.5}


def learn_layer(rbm: RBM, stream: MinibatchStream, random: RandomStream) -> RBM:
    """One machine on its stream."""
    rbm.scatter_weights(random.child("weights"))
    trainer = ContrastiveLearning(**LAYER, schedule=Linear(EPOCHS * stream.n_batches))
    run(trainer, trainer.init(rbm, random.child("chains")), stream, EPOCHS)
    return rbm


def greedy(grey: torch.Tensor, stream: MinibatchStream, random: RandomStream) -> BeliefNet:
    """Layer by layer, the labels at the top."""
    layers: list[RBM] = []
    for depth, (below, above) in enumerate(pairwise(SIZES)):
        rbm = bernoulli_rbm(below, above)
        if not layers:
            rbm.visible.start_from(grey.mean(0), grey.mean(0) * (1 - grey.mean(0)))
        carried = stream.map(_upwards(layers)) if layers else stream
        layers.append(learn_layer(rbm, carried, random.child(f"layer {depth}")))
    top = class_rbm(BernoulliUnits(SIZES[-1]), TOP, CLASSES)
    joined = JoinedLabels(stream.map(_upwards(layers)), CLASSES)
    return BeliefNet([*layers, learn_layer(top, joined, random.child("top"))])


def _upwards(layers: list[RBM]) -> Any:
    below = BeliefNet(layers[:])
    return lambda v: below.up(v)


def judged(net: Any, bits: torch.Tensor, grey: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """The bound in nats a picture, and the share of wrong labels in per cent."""
    mean = net.top_rows(bits, labels, RandomStream(0)).mean(0)  # where annealing starts: it decides the speed alone
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LikelihoodWarning)
        bound = variational_bound(net, bits, draws=5, temperatures=10_000, mean=mean)
    wrong = net.classify(grey) != labels
    return {
        "bound": bound.mean,
        "lower": bound.lower,
        "standard_error": bound.standard_error,
        "error": 100 * float(wrong.double().mean()),
    }


def measure(validate: bool, seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Before and after, for every seed."""
    data = load("mnist")
    assert data.test is not None
    (grey, labels), (asked, true) = (_tensors(part) for part in (data.train, data.test))
    if validate:
        grey, labels, asked, true = grey[:50_000], labels[:50_000], grey[50_000:], labels[50_000:]
    bits = bits_of(asked, RandomStream(0))
    results: list[dict[str, Any]] = []
    for seed in seeds:
        random = RandomStream(seed)
        table = Rows.from_arrays(grey.numpy(), labels.numpy())
        batches = Minibatches(table, Preparation.fit(table, "bernoulli"), BATCH, random.child("order"))
        stream = DrawnBits(batches, random.child("bits"))
        started = time.perf_counter()
        net = greedy(grey, stream, random)
        greedy_seconds = time.perf_counter() - started
        before = judged(net, bits, asked, true)
        print(seed, "greedy", f"{greedy_seconds:.0f} s", before, flush=True)
        untied = WakeSleepNet.untied(net)
        started = time.perf_counter()
        trainer = UpDown(UP_DOWN_EPOCHS * stream.n_batches, **UP_DOWN)
        run(trainer, trainer.init(untied, random.child("up-down")), stream, UP_DOWN_EPOCHS)
        seconds = time.perf_counter() - started
        after = judged(untied, bits, asked, true)
        print(seed, "up-down", f"{seconds:.0f} s", after, flush=True)
        results.append(
            {"seed": seed, "greedy": {**before, "seconds": greedy_seconds}, "up-down": {**after, "seconds": seconds}}
        )
    return results


def _tensors(rows: Any) -> tuple[torch.Tensor, torch.Tensor]:
    grey = torch.from_numpy(np.asarray(rows.values, dtype=np.float32) / 255)
    return grey, torch.from_numpy(np.asarray(rows.labels)).long()


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    lines = ["| 784-500-500-labels-1000 on MNIST | bound, nats | wrong labels |", "| --- | ---: | ---: |"]
    for name, told in (
        ("greedy", f"layer by layer, {EPOCHS} epochs each"),
        ("up-down", f"{UP_DOWN_EPOCHS} epochs more"),
    ):
        of_name = [one[name] for one in result["seeds"]]
        bound = _spread([min(one["bound"], one["lower"]) for one in of_name])
        error = _spread([one["error"] for one in of_name])
        lines.append(f"| {name}: {told} | {bound} | {error} % |")
    apart = max(
        abs(one[name]["bound"] - one[name]["lower"]) for one in result["seeds"] for name in ("greedy", "up-down")
    )
    note = (
        f"{len(result['seeds'])} seeds; log Z of the top annealed in both directions, at most {apart:.2f} nats apart, "
        f"and the lower bound taken. {environment.signature(result['machine'])}."
    )
    return "\n".join([*lines, "", note])


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--validate", action="store_true", help="for tuning: the test pictures are not read")
    arguments = parser.parse_args()
    machine = environment.machine()
    if arguments.validate:
        measure(True, SEEDS[:1])
        return
    result = {"name": "up_down", "machine": machine, "seeds": measure(False, SEEDS)}
    print(table(result))
    print(f"\nwrote {environment.save('up_down', result)}")


if __name__ == "__main__":
    main()
