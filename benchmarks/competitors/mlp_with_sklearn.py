"""scikit-learn's MLPClassifier."""

from __future__ import annotations

import numpy as np
from serve import Setting, serve
from sklearn.neural_network import MLPClassifier


class MLPWithSklearn:
    """MLPClassifier.fit with warm_start on float32 rows, so many epochs a turn: checks of all rows are in the time."""

    def __init__(self, values: np.ndarray, method: str, setting: Setting) -> None:
        self.rows, self.labels = np.ascontiguousarray(values[:, :-1]), values[:, -1].astype(np.int64)
        self.model = MLPClassifier(
            tuple(setting["hidden"]),
            batch_size=setting["batch_size"],
            learning_rate_init=setting["learning_rate"],
            max_iter=setting["epochs"],
            n_iter_no_change=10**9,
            random_state=setting["seed"],
            warm_start=True,
        )

    def epoch(self) -> None:
        self.model.fit(self.rows, self.labels)

    def parameters(self) -> None:
        return None


if __name__ == "__main__":
    serve(MLPWithSklearn, "scikit-learn", "numpy", "scipy")
