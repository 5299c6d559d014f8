"""layerwise: PCD-1 and CD-1 by its own training loop."""

from __future__ import annotations

import numpy as np
import torch
from serve import Setting, serve

from layerwise.data.drawn import DrawnBits
from layerwise.data.minibatches import Minibatches
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.energy import bernoulli_rbm
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.loop import Place, run
from layerwise.training.schedules import Linear


class WithLayerwise:
    """layerwise.training.loop.run over shuffled Minibatches with ContrastiveLearning, one Gibbs step.

    No momentum, since the others have none here, as many chains as a batch has rows and a plain gradient, unless others
    are asked for. Shuffling, gathering and
    counting the non-zero entries of each batch are part of the loop and of the time.
    """

    def __init__(self, values: np.ndarray, method: str, setting: Setting) -> None:
        torch.set_num_threads(setting["threads"])
        random = RandomStream(setting["seed"])
        rows = Rows.from_arrays(values)
        preparation = Preparation.fit(rows, "bernoulli")
        batches = Minibatches(rows, preparation, setting["batch_size"], random.child("batches"))
        self.batches = DrawnBits(batches, random.child("bits")) if setting.get("bits") else batches
        self.model = bernoulli_rbm(values.shape[1], setting["hidden"])
        self.model.scatter_weights(random.child("weights"))
        mean = torch.from_numpy(values.mean(0))
        self.model.visible.start_from(mean, mean * (1 - mean))
        self.trainer = ContrastiveLearning(
            method=method,
            steps=1,
            chains=setting.get("chains", setting["batch_size"]),
            learning_rate=setting["learning_rate"],
            momentum=0.0,
            centred=setting.get("centred", False),
            schedule=Linear(setting["fall"] * self.batches.n_batches) if "fall" in setting else None,
        )
        self.state = self.trainer.init(self.model, random.child("chains"))
        self.epochs = 0

    def epoch(self) -> None:
        start = Place(self.epochs)
        self.epochs += 1
        self.state = run(self.trainer, self.state, self.batches, self.epochs, start=start).state

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        model = self.model
        return model.weights.numpy(), model.visible.bias.detach().numpy(), model.hidden.bias.detach().numpy()


if __name__ == "__main__":
    serve(WithLayerwise, "torch", "numba", "numpy")
