"""learnergy's Bernoulli RBM: CD-1, its only method."""

from __future__ import annotations

import numpy as np
import torch
from learnergy.core.dataset import Dataset
from learnergy.models.bernoulli import RBM
from serve import Setting, serve


class WithLearnergy:
    """RBM.fit for one epoch, its only public way to train, on a Dataset of float32 tensors.

    It shuffles by a DataLoader that gathers row by row, takes the gradient by autograd through two free energies, and
    measures reconstruction error and pseudo-likelihood of every batch: that is part of fit and of the time.
    """

    def __init__(self, values: np.ndarray, method: str, setting: Setting) -> None:
        if method != "cd":
            raise ValueError(f"learnergy's RBM knows cd, not {method!r}")
        torch.manual_seed(setting["seed"])
        torch.set_num_threads(setting["threads"])
        self.rows = Dataset(torch.from_numpy(values), torch.zeros(len(values), dtype=torch.int64), show_log=False)
        self.size = setting["batch_size"]
        self.model = RBM(values.shape[1], setting["hidden"], steps=1, learning_rate=setting["learning_rate"])

    def epoch(self) -> None:
        self.model.fit(self.rows, batch_size=self.size, epochs=1)

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        weights, visible, hidden = self.model.W, self.model.a, self.model.b
        return weights.detach().numpy(), visible.detach().numpy(), hidden.detach().numpy()


if __name__ == "__main__":
    serve(WithLearnergy, "learnergy", "torch", "numpy")
