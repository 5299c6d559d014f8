"""The deep autoencoder 784-1000-500-250-30 on MNIST, started in three ways.

    python benchmarks/deep_autoencoder.py --validate     tune: the last 10,000 training pictures in the test set's place
    python benchmarks/deep_autoencoder.py                the test set, once
    python benchmarks/deep_autoencoder.py --rows 2000 --epochs 1 --seeds 1 --print-only     a short look

The error is the mean over pictures of the summed squared difference, grey levels from 0 to 1. That of PCA with 30
components on the test set must be 13.866 first, or rows or error are not the usual ones. Then: layers learned as RBMs
and unrolled, layers learned as denoising autoencoders, and modern initialisation alone; all are trained as a whole
for as many epochs by the same optimiser. The unrolled network's code is of sigmoid units, as the belief network's is;
the others' is linear.

G. E. Hinton, R. R. Salakhutdinov (2006). Reducing the dimensionality of data with neural networks. Science 313: 3.00.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import environment
import numpy as np
import torch
from sklearn.decomposition import PCA

from layerwise import DBN, Autoencoder, StackedAutoencoder
from layerwise.data import load

PRECISION = "medium"
"""Factors of dense products in bfloat16 where the machine has units for that, sums in float32."""
HIDDEN, PCA_30, TARGET = (1000, 500, 250, 30), 13.866, 3.00
WHOLE: dict[str, Any] = {"learning_rate": 0.001, "schedule": "cosine", "batch_size": 128}
Model = Autoencoder | StackedAutoencoder


def error(rows: np.ndarray, back: np.ndarray) -> float:
    """Mean over rows of the summed squared difference."""
    return float(np.square(rows - back, dtype=np.float64).sum(1).mean())


def from_rbms(rows: np.ndarray, seed: int, layer_epochs: int, epochs: int) -> Model:
    """Layers as RBMs, unrolled."""
    belief = DBN(HIDDEN, method="cd", epochs=layer_epochs, batch_size=100, visible="bernoulli", random_state=seed)
    network = belief.fit(rows).to_autoencoder()
    return Autoencoder(network=network, visible="bernoulli", epochs=epochs, random_state=seed, **WHOLE).fit(rows)


def from_denoising(rows: np.ndarray, seed: int, layer_epochs: int, epochs: int) -> Model:
    """Layers as denoising autoencoders."""
    model = StackedAutoencoder(
        HIDDEN,
        visible="bernoulli",
        activation="sigmoid",
        code_activation="identity",
        epochs=layer_epochs,
        fine_tune_epochs=epochs,
        fine_tune_learning_rate=0.001,
        random_state=seed,
        **WHOLE,
    )
    return model.fit(rows)


def from_nothing(rows: np.ndarray, seed: int, layer_epochs: int, epochs: int) -> Model:
    """ReLU and He's initialisation."""
    return Autoencoder(HIDDEN, visible="bernoulli", epochs=epochs, random_state=seed, **WHOLE).fit(rows)


WAYS: dict[str, Callable[[np.ndarray, int, int, int], Model]] = {
    "RBM pretraining, unrolled": from_rbms,
    "stacked denoising": from_denoising,
    "modern initialisation alone": from_nothing,
}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Errors and seconds by way and seed."""
    data = load("mnist")
    train, test = (np.asarray(rows.values, dtype=np.float32) / 255 for rows in (data.train, data.test))
    pca = PCA(30, svd_solver="covariance_eigh").fit(train.astype(np.float64))
    of_pca = error(test, pca.inverse_transform(pca.transform(test.astype(np.float64))))
    if abs(of_pca - PCA_30) > 0.001:
        raise ValueError(f"the error of PCA with 30 components is {of_pca:.3f} and not {PCA_30}")
    if options.validate:
        train, test = train[:-10_000], train[-10_000:]
    train = train[: options.rows]
    runs: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        for way in options.way or WAYS:
            begin = time.perf_counter()
            model = WAYS[way](train, seed, options.layer_epochs, options.epochs)
            seconds = time.perf_counter() - begin
            errors = {name: error(rows, model.reconstruct(rows)) for name, rows in (("train", train), ("test", test))}
            runs.append({"way": way, "seed": seed, "seconds": seconds, **errors})
            print(runs[-1], flush=True)
    return {"pca": of_pca, "runs": runs}


def table(result: dict[str, Any]) -> str:
    """The Markdown table of a result."""
    lines = ["| start | error, test | error, training | seconds |", "| --- | ---: | ---: | ---: |"]
    lines.append(f"| PCA, 30 components | {result['pca']:.3f} | | |")
    for way in dict.fromkeys(run["way"] for run in result["runs"]):
        own = [run for run in result["runs"] if run["way"] == way]
        cells = [f"{np.mean([r[n] for r in own]):.3f} ± {np.std([r[n] for r in own]):.3f}" for n in ("test", "train")]
        lines.append(f"| {way} | {' | '.join(cells)} | {np.mean([run['seconds'] for run in own]):.0f} |")
    rows = "the last 10,000 training pictures" if result["validate"] else "the test set"
    note = f"Mean ± standard deviation over {result['seeds']} seeds, on {rows}; published: {TARGET:.2f}."
    return "\n".join([*lines, "", f"{note} {environment.signature(result['machine'])}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--validate", action="store_true", help="leave the test set alone")
    parser.add_argument("--way", choices=[*WAYS], action="append", help="only this one; may be given again")
    parser.add_argument("--epochs", type=int, default=100, help="of the whole network")
    parser.add_argument("--layer-epochs", type=int, default=10, help="of each layer before that")
    parser.add_argument("--rows", type=int, help="training pictures")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--print-only", action="store_true", help="save nothing")
    options = parser.parse_args()
    torch.set_float32_matmul_precision(PRECISION)
    result = {**vars(options), **measure(options), "machine": environment.machine()}
    print(table(result))
    if not options.print_only:
        print(environment.save("deep_autoencoder_validated" if options.validate else "deep_autoencoder", result))


if __name__ == "__main__":
    main()
