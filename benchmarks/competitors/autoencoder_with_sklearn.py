"""scikit-learn's MLPRegressor, used as an autoencoder: it has none of its own."""

from __future__ import annotations

import warnings

import numpy as np
from serve import Setting, serve
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor


class AutoencoderWithSklearn:
    """MLPRegressor.fit(X, X) from fresh weights, so many epochs a turn: checks of all rows are in the time."""

    def __init__(self, values: np.ndarray, method: str, setting: Setting) -> None:
        warnings.simplefilter("ignore", ConvergenceWarning)  # so few epochs are what is asked for
        self.rows = np.ascontiguousarray(values[:, :-1])
        self.model = MLPRegressor(
            hidden_layer_sizes=tuple(setting["hidden"]),
            batch_size=setting["batch_size"],
            learning_rate_init=setting["learning_rate"],
            max_iter=setting["epochs"],
            random_state=setting["seed"],
        )

    def epoch(self) -> None:
        self.model.fit(self.rows, self.rows)

    def parameters(self) -> None:
        return None


if __name__ == "__main__":
    serve(AutoencoderWithSklearn, "scikit-learn", "numpy", "scipy")
