"""What torch and ONNX Runtime compute of an estimator's network is what the estimator says itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

from layerwise import estimators
from layerwise.errors import OptionError
from layerwise.networks import Network, convolutional_autoencoder
from layerwise.randomness import RandomStream

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

random = np.random.default_rng(0)
BITS = (random.random((60, 12)) < 0.5).astype(np.float32)
TWO = np.where(BITS[:, 0] > 0, "on", "off")
THREE = BITS[:, 0] + BITS[:, 1]
COUNTS = random.poisson(3.0, 60).astype(np.float64)
TABLE = {"sky": np.where(BITS[:, 1] > 0, "grey", "blue"), "wet": BITS[:, 2] > 0, "degrees": random.normal(size=60)}

Case = tuple[Callable[[], Any], str]


def of(name: str, X: Any = BITS, y: Any = TWO, **parameters: Any) -> Callable[[], Any]:
    return lambda: getattr(estimators, name)(**{"random_state": 0} | parameters).fit(X, y)


SMALL = {"n_components": 5, "n_iter": 3}
STACK = {"hidden": (6, 4), "epochs": 2}
NETWORK = {"hidden_layer_sizes": (6,), "max_iter": 5}
TUNED = STACK | {"fine_tune_epochs": 3}

CASES: dict[str, Case] = {
    "Perceptron": (of("Perceptron"), "decision_function"),
    "Perceptron of three classes": (of("Perceptron", y=THREE), "decision_function"),
    "Perceptron of sparse weights": (lambda: of("Perceptron", y=THREE)().sparsify(), "decision_function"),
    "MLPClassifier": (of("MLPClassifier", **NETWORK), "predict_proba"),
    "MLPClassifier of three classes": (of("MLPClassifier", BITS * 1.0, THREE, **NETWORK), "predict_proba"),
    "MLPClassifier of many labels": (of("MLPClassifier", y=BITS[:, :3].astype(int), **NETWORK), "predict_proba"),
    "MLPClassifier in double precision": (
        of("MLPClassifier", BITS.astype(np.float64), **NETWORK, activation="tanh"),
        "predict_proba",
    ),
    "MLPRegressor": (of("MLPRegressor", y=COUNTS, **NETWORK), "predict"),
    "MLPRegressor of two targets": (of("MLPRegressor", y=BITS[:, :2], **NETWORK), "predict"),
    "MLPRegressor of counts": (of("MLPRegressor", y=COUNTS, loss="poisson", **NETWORK), "predict"),
    "BernoulliRBM": (of("BernoulliRBM", **SMALL), "transform"),
    "RBM": (of("RBM", **SMALL), "transform"),
    "RBM of a table": (of("RBM", TABLE, **SMALL), "transform"),
    "RBM of spins": (of("RBM", hidden="spin", **SMALL), "transform"),
    "RBM of real hidden units": (of("RBM", hidden="gaussian", **SMALL), "transform"),
    "GaussianRBM": (of("GaussianRBM", random.normal(size=(60, 4)), **SMALL), "transform"),
    "ClassRBM": (of("ClassRBM", y=THREE, **SMALL), "predict_proba"),
    "ClassRBM of a table": (of("ClassRBM", TABLE, **SMALL), "predict_proba"),
    "DBN": (of("DBN", **STACK), "transform"),
    "DBNClassifier": (of("DBNClassifier", y=THREE, **TUNED), "predict_proba"),
    "DBNRegressor": (of("DBNRegressor", y=COUNTS, **TUNED), "predict"),
    "Autoencoder": (of("Autoencoder", **STACK), "transform"),
    "Autoencoder of pictures": (
        of("Autoencoder", network=convolutional_autoencoder((4, 3), (3, 2), 2, random=RandomStream(0)), epochs=2),
        "transform",
    ),
    "Autoencoder with norms": (
        of(
            "Autoencoder",
            epochs=2,
            network=(
                Network(
                    nn.BatchNorm1d(12),
                    nn.Linear(12, 6),
                    nn.BatchNorm1d(6, affine=False),
                    nn.ELU(0.5),
                    nn.Dropout(0.2),
                    nn.Linear(6, 3),
                    nn.LayerNorm(3),
                ),
                nn.Sequential(nn.Linear(3, 12)),
            ),
        ),
        "transform",
    ),
    "StackedAutoencoder": (of("StackedAutoencoder", TABLE, **TUNED, tied=True), "transform"),
    "StackedAutoencoderClassifier": (of("StackedAutoencoderClassifier", y=THREE, **TUNED), "predict_proba"),
}


@pytest.mark.parametrize("name", CASES)
def test_torch_and_onnx_compute_what_the_estimator_says(name: str, tmp_path: Path) -> None:
    make, method = CASES[name]
    estimator = make()
    X = TABLE if "feature_names_in_" in vars(estimator) else BITS[:, : estimator.n_features_in_]
    network = estimator.to_torch()
    assert isinstance(network, nn.Sequential)
    dtype = next(network.parameters()).dtype
    v = estimator.preparation_.prepare(X) if hasattr(estimator, "preparation_") else torch.from_numpy(X)
    said = np.asarray(getattr(estimator, method)(X))
    said = said[:, None] if said.ndim == 1 else said
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if said.dtype == np.float64 and dtype == torch.float64 else {"atol": 2e-6}
    seen = network(v.to(dtype)).detach().numpy()
    np.testing.assert_allclose(seen, said, **tolerance)
    session = onnxruntime.InferenceSession(estimator.to_onnx(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    for rows in (v[:1], v):
        (found,) = session.run(["h"], {"v": rows.to(dtype).numpy()})
        np.testing.assert_allclose(found, said[: len(rows)], **tolerance)
        assert session.get_outputs()[0].shape == ["batch", found.shape[1]]


def test_every_estimator_has_a_case() -> None:
    kinds = {name for name in estimators.__all__ if isinstance(getattr(estimators, name), type)}
    assert kinds <= set(CASES)


@pytest.mark.parametrize("name", ["Perceptron", "MLPClassifier", "ClassRBM", "Autoencoder", "DBNClassifier", "RBM"])
def test_there_is_no_network_before_anything_was_learned(name: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(estimators, name)().to_torch()


def test_a_network_is_nobody_elses(tmp_path: Path) -> None:
    for name in ("RBM", "ClassRBM", "MLPClassifier", "Autoencoder", "Perceptron", "DBNClassifier"):
        make, method = CASES[name]
        estimator = make()
        before = getattr(estimator, method)(BITS).copy()
        for parameter in estimator.to_torch().parameters():
            parameter.data.zero_()
        np.testing.assert_array_equal(getattr(estimator, method)(BITS), before)


def test_classes_cannot_be_told_by_torchs_modules_from_hidden_units_of_other_kinds() -> None:
    machine = of("ClassRBM", hidden="spin", **SMALL)()
    with pytest.raises(
        OptionError, match=r"hidden = 'spin': cannot be summed away by modules of torch; take 'bernoulli'"
    ):
        machine.to_torch()


def test_no_chance_is_drawn_for_a_network() -> None:
    made = [CASES[name][0]() for name in ("ClassRBM", "MLPClassifier", "Perceptron", "Autoencoder")]
    state = torch.get_rng_state()
    for estimator in made:
        estimator.to_torch()
    assert torch.equal(state, torch.get_rng_state())
