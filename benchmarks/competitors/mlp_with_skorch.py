"""skorch's NeuralNetClassifier."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from serve import Setting, serve
from skorch import NeuralNetClassifier


class MLPWithSkorch:
    """NeuralNetClassifier.partial_fit with torch's default loader and Adam, without a validation split or printing."""

    def __init__(self, values: np.ndarray, method: str, setting: Setting) -> None:
        torch.manual_seed(setting["seed"])
        torch.set_num_threads(setting["threads"])
        self.rows, self.labels = np.ascontiguousarray(values[:, :-1]), values[:, -1].astype(np.int64)
        sizes, modules = [self.rows.shape[1], *setting["hidden"]], []
        for below, above in pairwise(sizes):
            modules += [torch.nn.Linear(below, above), torch.nn.ReLU()]
        network = torch.nn.Sequential(*modules, torch.nn.Linear(sizes[-1], int(self.labels.max()) + 1))
        self.model = NeuralNetClassifier(
            network,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=setting["learning_rate"],
            max_epochs=setting["epochs"],
            batch_size=setting["batch_size"],
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )

    def epoch(self) -> None:
        self.model.partial_fit(self.rows, self.labels)

    def parameters(self) -> None:
        return None


if __name__ == "__main__":
    serve(MLPWithSkorch, "skorch", "torch", "numpy")
