"""Every estimator on every container that rows come in: the same numbers, in the answer's own kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.utils import get_tags

Array = npt.NDArray[Any]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

METHODS = ("transform", "predict", "predict_proba", "decision_function", "reconstruct")
AS_SCIKIT_LEARN = {"MLPClassifier", "MLPRegressor", "Perceptron"}
"""Whose twins there make float64 of everything but float32; the others here make float32 of everything but float64."""


def rows() -> tuple[Array, Array]:
    X = np.random.default_rng(0).random((12, 3))
    X[X < 0.2] = 0
    return X, np.arange(12) % 2


def columns(X: Array) -> dict[str, Array]:
    return {name: X[:, i].copy() for i, name in enumerate("abc")}


def mapped(X: Array, folder: Path) -> Array:
    np.save(folder / "rows.npy", X)
    return np.load(folder / "rows.npy", mmap_mode="r")


def read_only(X: Array) -> Array:
    X = X.copy()
    X.flags.writeable = False
    return X


MATRICES: dict[str, Callable[[Array, Path], Any]] = {
    "csr": lambda X, _: sparse.csr_array(X),
    "csc": lambda X, _: sparse.csc_matrix(X),
    "Fortran order": lambda X, _: np.asfortranarray(X),
    "backwards": lambda X, _: X[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda X, _: read_only(X),
    "memory map": mapped,
    "list": lambda X, _: X.tolist(),
    "tensor": lambda X, _: torch.tensor(X),
    "tensor with gradient": lambda X, _: torch.tensor(X, requires_grad=True),
    "sparse tensor": lambda X, _: torch.tensor(X).to_sparse(),
}
TABLES: dict[str, Callable[[Array], Any]] = {
    "polars": lambda X: pl.DataFrame(columns(X)),
    "pyarrow": lambda X: pa.table(columns(X)),
}


def answers(estimator: Any, X: Any, y: Any) -> dict[str, Any]:
    estimator.fit(X, y)
    said = {name: getattr(estimator, name)(X) for name in METHODS if hasattr(estimator, name)}
    assert said
    if hasattr(estimator, "inverse_transform"):
        said["inverse_transform"] = estimator.inverse_transform(said["transform"])
    return said


def test_matrices(any_estimator: Callable[..., Any], tmp_path: Path) -> None:
    X, y = rows()
    options = {}
    if "fit_intercept" in any_estimator().get_params():
        options["fit_intercept"] = False  # its steps are a hundredth of sparse rows, as in scikit-learn
    expected = answers(any_estimator(**options), X, y)
    for form, make in MATRICES.items():
        given = make(X, tmp_path)
        is_tensor = isinstance(given, torch.Tensor)
        said = answers(any_estimator(**options), given, torch.tensor(y) if is_tensor else y)
        assert set(said) == set(expected)
        for name, answer in said.items():
            assert isinstance(answer, torch.Tensor if is_tensor else np.ndarray), (form, name)
            if is_tensor:
                assert answer.device == given.device
                assert not answer.requires_grad
            found = np.asarray(answer)
            assert found.dtype == expected[name].dtype, (form, name)
            np.testing.assert_allclose(found, expected[name], rtol=1e-9, atol=1e-12, err_msg=f"{form}, {name}")


def test_tables(any_estimator: Callable[..., Any]) -> None:
    X, y = rows()
    expected = answers(any_estimator(), pd.DataFrame(columns(X)), y)
    for form, make in TABLES.items():
        said = answers(any_estimator(), make(X), y)
        assert set(said) == set(expected)
        for name, answer in said.items():
            found, right = _matrix(answer), _matrix(expected[name])
            np.testing.assert_allclose(found, right, rtol=1e-6, atol=1e-9, err_msg=f"{form}, {name}")


def _matrix(answer: Any) -> Array:
    return np.column_stack([answer[name] for name in "abc"]) if hasattr(answer, "columns") else np.asarray(answer)


def test_precisions(any_estimator: Callable[..., Any]) -> None:
    bits, y = rows()
    for dtype in (np.float64, np.float32, np.float16, np.int64, np.int8, np.bool_):
        X = (bits > 0.5).astype(dtype)
        narrow = dtype == np.float32 if type(any_estimator()).__name__ in AS_SCIKIT_LEARN else dtype != np.float64
        for name, answer in answers(any_estimator(), X if dtype != np.int8 else torch.tensor(X), y).items():
            found = np.asarray(answer)
            assert np.isfinite(found).all()
            if name == "predict" and is_classifier(any_estimator()):
                assert found.dtype == y.dtype
            else:
                assert found.dtype == (np.float32 if narrow else np.float64), (dtype, name)


def test_a_bfloat16_tensor_is_one_of_float32(any_estimator: Callable[..., Any]) -> None:
    X, y = rows()
    coarse = torch.tensor(X).bfloat16()
    expected = answers(any_estimator(), coarse.float(), y)
    for name, answer in answers(any_estimator(), coarse, y).items():
        assert answer.dtype == expected[name].dtype
        assert torch.equal(answer, expected[name])


def test_scores_and_text_labels_of_tensors(any_estimator: Callable[..., Any]) -> None:
    X, y = rows()
    estimator = any_estimator().fit(torch.tensor(X), torch.tensor(y))
    if hasattr(estimator, "score"):
        assert isinstance(estimator.score(torch.tensor(X), torch.tensor(y)), float)
    if is_classifier(estimator):
        named = any_estimator().fit(torch.tensor(X), np.array(["no", "yes"])[y])
        assert set(named.predict(torch.tensor(X))) <= {"no", "yes"}
    if hasattr(estimator, "transform"):
        made = any_estimator().fit_transform(X=torch.tensor(X), y=torch.tensor(y))
        assert torch.equal(made, estimator.transform(torch.tensor(X)))


def test_missing_values_are_learned_from_or_refused(any_estimator: Callable[..., Any]) -> None:
    X, y = rows()
    X[3, 1] = np.nan
    if get_tags(any_estimator()).input_tags.allow_nan:
        assert np.isfinite(any_estimator().fit(X, y).transform(X[4:])).all()
        return
    for given in (X, pd.DataFrame(columns(X)), torch.tensor(X)):
        with pytest.raises(ValueError, match=r"contains NaN|row 3, column (1|'b') = 'missing'"):
            any_estimator().fit(given, y)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_refused(any_estimator: Callable[..., Any], value: float) -> None:
    X, y = rows()
    X[3, 1] = value
    for given in (X, sparse.csr_array(X), pd.DataFrame(columns(X)), torch.tensor(X)):
        with pytest.raises(ValueError, match=r"infinity|row 3"):
            any_estimator().fit(given, y)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_an_answer_comes_back_to_the_gpu(any_estimator: Callable[..., Any]) -> None:
    X, y = rows()
    on_the_gpu = torch.tensor(X, device="cuda")
    for answer in answers(any_estimator(), on_the_gpu, torch.tensor(y, device="cuda")).values():
        assert answer.device == on_the_gpu.device
