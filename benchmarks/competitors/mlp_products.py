"""The floor of every dense implementation of a multilayer perceptron: its products forwards and backwards."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from serve import Setting, serve


class MLPProducts:
    """hW forwards, δWᵀ and hᵀδ backwards (no δ for the rows) by torch.mm in float32, into arrays made before.

    No shuffling, no activation, no update.
    """

    def __init__(self, values: np.ndarray, method: str, setting: Setting) -> None:
        torch.set_num_threads(setting["threads"])
        generator = torch.Generator().manual_seed(setting["seed"])
        rows = torch.from_numpy(np.ascontiguousarray(values[:, :-1]))
        self.batches, self.epochs = rows.split(setting["batch_size"]), setting["epochs"]
        outputs = rows.shape[1] if method == "rows" else int(values[:, -1].max()) + 1
        sizes = [rows.shape[1], *setting["hidden"], outputs]
        self.weights = [0.05 * torch.randn(below, above, generator=generator) for below, above in pairwise(sizes)]
        self.gradients = [torch.empty_like(weight) for weight in self.weights]
        self.values = [torch.rand(setting["batch_size"], size, generator=generator) for size in sizes]
        self.residuals = [torch.rand(setting["batch_size"], size, generator=generator) for size in sizes]

    def epoch(self) -> None:
        for _ in range(self.epochs):
            for batch in self.batches:
                self._step(batch)

    def _step(self, batch: torch.Tensor) -> None:
        count = len(batch)
        below = [batch, *(value[:count] for value in self.values[1:])]
        residuals = [residual[:count] for residual in self.residuals]
        for number, weight in enumerate(self.weights):
            torch.mm(below[number], weight, out=below[number + 1])
        for number in range(len(self.weights) - 1, -1, -1):
            torch.mm(below[number].t(), residuals[number + 1], out=self.gradients[number])
            if number:
                torch.mm(residuals[number + 1], self.weights[number].t(), out=residuals[number])

    def parameters(self) -> None:
        return None


if __name__ == "__main__":
    serve(MLPProducts, "torch", "numpy")
