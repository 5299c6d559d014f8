"""scikit-learn's BernoulliRBM: persistent contrastive divergence with one step, its only method."""

from __future__ import annotations

import numpy as np
from serve import Setting, rate_of_epoch, serve
from sklearn.neural_network import BernoulliRBM
from sklearn.utils import gen_even_slices


class WithSklearn:
    """The loop over batches inside BernoulliRBM.fit, on float32 rows, which it keeps as float32.

    ``fit`` would begin each time with a check of all rows and new weights, and ``partial_fit`` would check every batch
    and turn it into float64: calling the inner ``_fit`` of each batch is what favours scikit-learn most. It does not
    shuffle.
    """

    def __init__(self, values: np.ndarray, method: str, setting: Setting) -> None:
        if method != "pcd":
            raise ValueError(f"BernoulliRBM knows pcd, not {method!r}")
        if setting.get("centred") or setting.get("chains", setting["batch_size"]) != setting["batch_size"]:
            raise ValueError("BernoulliRBM knows neither a centred gradient nor a number of chains")
        self.setting, self.epochs = setting, 0
        size = setting["batch_size"]
        self.rows = values
        self.model = BernoulliRBM(
            setting["hidden"],
            learning_rate=setting["learning_rate"],
            batch_size=size,
            n_iter=1,
            random_state=setting["seed"],
        )
        self.model.fit(values[: 2 * size])  # makes the weights and the chains
        self.random = np.random.RandomState(setting["seed"])  # what scikit-learn draws from
        batches = -(-len(values) // size)
        self.batches = list(gen_even_slices(batches * size, batches, n_samples=len(values)))

    def epoch(self) -> None:
        self.model.learning_rate = rate_of_epoch(self.setting, self.epochs)
        self.epochs += 1
        for batch in self.batches:
            self.model._fit(self.rows[batch], self.random)

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.model.components_.T, self.model.intercept_visible_, self.model.intercept_hidden_


if __name__ == "__main__":
    serve(WithSklearn, "scikit-learn", "numpy", "scipy")
