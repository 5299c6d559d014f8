"""An autoencoder with convolution and pooling on MNIST, beside a dense one of as many parameters.

    LAYERWISE_DATA=FOLDER python benchmarks/convolution.py                three seeds, five minutes on one core
    LAYERWISE_DATA=FOLDER python benchmarks/convolution.py --validate     the last 10,000 training pictures are asked

Both have a code of 30 and see 20,000 pictures for the same number of epochs; the dense one is also trained for as many
as take the same time. Seconds are those of the processor, on one core. The learning rates are the better ones of .0015,
.003 and .006 on the last 10,000 training pictures, in four epochs and one seed.

References
----------
.. [1] J. Masci, U. Meier, D. Cireşan, J. Schmidhuber (2011). Stacked convolutional auto-encoders for hierarchical
   feature extraction. ICANN.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import environment
import numpy as np
import torch

from layerwise import Autoencoder
from layerwise.data import load
from layerwise.networks import convolutional_autoencoder
from layerwise.randomness import RandomStream

ROWS, SEEDS, EPOCHS = 20_000, 3, 5
PICTURE, CHANNELS, CODE, DENSE = (28, 28), (16, 32), 30, (64, 30)
"""The dense one has 64 units on either side of the code: 105,134 parameters against 105,247."""
COMMON: dict[str, Any] = {"visible": "bernoulli", "schedule": "cosine", "batch_size": 64, "learning_rate": 0.003}


def shapes(train: np.ndarray, test: np.ndarray, seed: int) -> list[dict[str, Any]]:
    """Error and seconds by shape."""
    lines: list[dict[str, Any]] = []

    def learn(name: str, epochs: int, **shape: Any) -> float:
        begin = time.process_time()
        model = Autoencoder(epochs=epochs, random_state=seed, **shape, **COMMON).fit(train)
        seconds = time.process_time() - begin
        parameters = sum(p.numel() for p in model.network_.parameters())
        error = float(np.square(test - model.reconstruct(test), dtype=np.float64).sum(1).mean())
        told = {"shape": name, "seed": seed, "parameters": parameters, "epochs": epochs}
        lines.append({**told, "seconds": seconds, "error": error})
        print(lines[-1], flush=True)
        return seconds

    network = convolutional_autoencoder(PICTURE, CHANNELS, CODE, random=RandomStream(seed), output="sigmoid")
    long, short = learn("convolution and pooling", EPOCHS, network=network), learn("dense", EPOCHS, hidden=DENSE)
    learn("dense, for as long", round(EPOCHS * long / short), hidden=DENSE)
    return lines


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """One line a shape and seed."""
    data = load("mnist")
    assert data.test is not None
    train, test = (np.asarray(part.values, dtype=np.float32) / 255 for part in (data.train, data.test))
    if options.validate:
        test = train[-10_000:]
    return [line for seed in range(options.seeds) for line in shapes(train[:ROWS], test, seed)]


def table(result: dict[str, Any]) -> str:
    """The Markdown table of a result."""
    lines = ["| autoencoder, code of 30 | parameters | epochs | seconds | squared error, test |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for name in dict.fromkeys(line["shape"] for line in result["lines"]):
        own = [line for line in result["lines"] if line["shape"] == name]
        seconds, errors = ([line[of] for line in own] for of in ("seconds", "error"))
        epochs = "–".join(dict.fromkeys(str(of(line["epochs"] for line in own)) for of in (min, max)))
        error = f"{np.mean(errors):.2f} ± {np.std(errors):.2f}"
        lines.append(f"| {name} | {own[0]['parameters']:,} | {epochs} | {np.mean(seconds):.0f} | {error} |")
    note = (
        f"Mean ± standard deviation over {result['seeds']} seeds; {ROWS:,} pictures of MNIST, the error summed over "
        f"pixels. {environment.signature(result['machine'])}."
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
        print(environment.save("convolution", result))


if __name__ == "__main__":
    main()
