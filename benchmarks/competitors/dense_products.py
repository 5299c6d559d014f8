"""The floor of every dense implementation: the five products of one contrastive step, and nothing else."""

from __future__ import annotations

import numpy as np
import torch
from serve import Setting, serve


class DenseProducts:
    """v₀W, h₀Wᵀ, v₁W, v₀ᵀh₀ and v₁ᵀh₁ by torch.mm in float32, into arrays made before, for batch after batch.

    No shuffling, no sampling, no update: the time that a step takes which does all of these densely, and the rest for
    nothing.
    """

    def __init__(self, values: np.ndarray, method: str, setting: Setting) -> None:
        torch.set_num_threads(setting["threads"])
        generator = torch.Generator().manual_seed(setting["seed"])
        columns, hidden, size = values.shape[1], setting["hidden"], setting["batch_size"]
        self.rows = torch.from_numpy(values)
        self.size = size
        self.weights = 0.01 * torch.randn(columns, hidden, generator=generator)
        self.h0 = torch.rand(size, hidden, generator=generator).round()
        self.v1 = torch.rand(size, columns, generator=generator).round()
        self.field_h, self.field_v = torch.empty(size, hidden), torch.empty(size, columns)
        self.positive, self.negative = torch.empty(columns, hidden), torch.empty(columns, hidden)

    def epoch(self) -> None:
        for start in range(0, len(self.rows), self.size):
            v0 = self.rows[start : start + self.size]
            count = len(v0)
            h0, v1 = self.h0[:count], self.v1[:count]
            torch.mm(v0, self.weights, out=self.field_h[:count])
            torch.mm(h0, self.weights.t(), out=self.field_v[:count])
            torch.mm(v1, self.weights, out=self.field_h[:count])
            torch.mm(v0.t(), h0, out=self.positive)
            torch.mm(v1.t(), h0, out=self.negative)

    def parameters(self) -> None:
        return None


if __name__ == "__main__":
    serve(DenseProducts, "torch", "numpy")
