"""layerwise's Autoencoder."""

from __future__ import annotations

import numpy as np
import torch
from serve import Setting, serve

from layerwise import Autoencoder


class AutoencoderWithLayerwise:
    """Autoencoder.fit from fresh weights, so many epochs a turn: checks, scales and scores are in the time."""

    def __init__(self, values: np.ndarray, method: str, setting: Setting) -> None:
        torch.set_num_threads(setting["threads"])
        self.rows, hidden = np.ascontiguousarray(values[:, :-1]), setting["hidden"]
        self.model = Autoencoder(
            tuple(hidden[: len(hidden) // 2 + 1]),
            optimiser="adam",
            learning_rate=setting["learning_rate"],
            batch_size=setting["batch_size"],
            epochs=setting["epochs"],
            random_state=setting["seed"],
            device="cpu",
        )

    def epoch(self) -> None:
        self.model.fit(self.rows)

    def parameters(self) -> None:
        return None


if __name__ == "__main__":
    serve(AutoencoderWithLayerwise, "torch", "numpy", "scikit-learn")
