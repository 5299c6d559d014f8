"""BernoulliRBM: scikit-learn's contract to the letter, and the theorems that its learning must obey."""

from __future__ import annotations

import inspect
import itertools
import pickle
import re
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
import sklearn.neural_network
from scipy import sparse
from scipy.special import expit, log_expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.estimators import BernoulliRBM, conversion
from layerwise.training.contrastive import ContrastiveLearning

Floats = npt.NDArray[np.floating[Any]]
LEARNED = ("components_", "intercept_hidden_", "intercept_visible_", "h_samples_")


def bits(rows: int, columns: int, seed: int = 0) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).integers(0, 2, (rows, columns)).astype(np.float64)


def pairs(rows: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """Two hidden causes, each shown by three columns of which one in twenty is wrong."""
    generator = np.random.default_rng(seed)
    causes = generator.integers(0, 2, (rows, 2)).repeat(3, axis=1)
    return np.abs(causes - (generator.random((rows, 6)) < 0.05)).astype(np.float64)


def states(columns: int) -> npt.NDArray[np.float64]:
    return np.array(list(itertools.product((0.0, 1.0), repeat=columns)))


def free_energy(machine: Any, v: Floats) -> Floats:
    field = v @ machine.components_.T + machine.intercept_hidden_
    return -(v @ machine.intercept_visible_) - np.logaddexp(0, field).sum(axis=1)


def log_likelihood(machine: Any, v: Floats) -> float:
    """Mean over the rows, in nats, with every state of the visible units enumerated."""
    log_z = np.logaddexp.reduce(-free_energy(machine, states(v.shape[1])))
    return float(-free_energy(machine, v).mean() - log_z)


def same(first: BernoulliRBM, second: BernoulliRBM) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in LEARNED)


# The contract of sklearn.neural_network.BernoulliRBM


def test_the_parameters_are_scikit_learns_and_the_strategy() -> None:
    ours, theirs = (
        [(p.name, p.kind, p.default) for p in inspect.signature(estimator).parameters.values()]
        for estimator in (BernoulliRBM, sklearn.neural_network.BernoulliRBM)
    )
    assert ours == [*theirs, ("strategy", inspect.Parameter.KEYWORD_ONLY, None)]


def test_attributes_and_methods_are_scikit_learns() -> None:
    X = bits(20, 5)
    ours = BernoulliRBM(4, random_state=0).fit(X)
    theirs = sklearn.neural_network.BernoulliRBM(4, random_state=0).fit(X)
    assert {name for name in dir(theirs) if not name.startswith("_")} <= set(dir(ours))
    for name in LEARNED:
        learned, expected = getattr(ours, name), getattr(theirs, name)
        assert (learned.shape, learned.dtype) == (expected.shape, expected.dtype)
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())
    assert ours.gibbs(X).dtype == theirs.gibbs(X).dtype


def test_the_same_parameters_say_the_same() -> None:
    X = bits(30, 7)
    ours = BernoulliRBM(5, learning_rate=0.5, random_state=0).fit(X)
    theirs = sklearn.neural_network.BernoulliRBM(5, random_state=0).fit(X)
    for name in LEARNED:
        setattr(theirs, name, getattr(ours, name))
    # The kernels' sigmoid is a float32's.
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-6)


def test_a_score_is_that_of_one_flipped_bit() -> None:
    machine = BernoulliRBM(5, learning_rate=0.5, random_state=0).fit(bits(30, 4))
    row = np.array([[1.0, 0.0, 1.0, 1.0]])
    flipped = np.abs(row - np.eye(4))
    possible = 4 * log_expit(free_energy(machine, flipped) - free_energy(machine, row))
    n = 4000
    scores = machine.score_samples(row.repeat(n, axis=0))
    which = np.abs(scores[:, None] - possible).argmin(axis=1)
    np.testing.assert_allclose(scores, possible[which], rtol=1e-9)
    # Each bit is flipped in a quarter of the rows, but for five standard deviations of a binomial.
    counts = np.bincount(which, minlength=4)
    assert np.all(np.abs(counts - n / 4) < 5 * np.sqrt(n * 3 / 16))


def test_scores_are_repeated_by_an_integer_and_moved_on_by_a_random_state() -> None:
    X = bits(50, 6)
    machine = BernoulliRBM(3, random_state=0).fit(X)
    assert np.array_equal(machine.score_samples(X), machine.score_samples(X))
    machine.set_params(random_state=np.random.RandomState(0))
    assert not np.array_equal(machine.score_samples(X), machine.score_samples(X))


def test_gibbs_draws_from_the_machine() -> None:
    machine = BernoulliRBM(3, learning_rate=0.5, n_iter=30, random_state=0).fit(pairs(100))
    v = np.array([[1.0, 1, 1, 0, 0, 0]])
    on = expit(v @ machine.components_.T + machine.intercept_hidden_)
    h = states(3)
    weights = np.prod(np.where(h == 1, on, 1 - on), axis=1)
    expected = weights @ expit(h @ machine.components_ + machine.intercept_visible_)
    n = 20000
    drawn = machine.gibbs(v.repeat(n, axis=0)).mean(axis=0)
    assert np.all(np.abs(drawn - expected) < 5 * np.sqrt(expected * (1 - expected) / n))


def test_gibbs_moves_on_and_is_repeated_by_a_new_fit() -> None:
    X = bits(40, 6)
    machine = BernoulliRBM(3, random_state=0).fit(X)
    first, second = machine.gibbs(X), machine.gibbs(X)
    assert first.dtype == np.bool_
    assert not np.array_equal(first, second)
    machine.fit(X)
    assert np.array_equal(machine.gibbs(X), first)


def test_verbose_prints_what_scikit_learn_prints_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    X = bits(30, 5)
    silent = BernoulliRBM(4, n_iter=3, random_state=0).fit(X)
    assert capsys.readouterr().out == ""
    told = BernoulliRBM(4, n_iter=3, random_state=0, verbose=True).fit(X)
    ours = capsys.readouterr().out
    sklearn.neural_network.BernoulliRBM(4, n_iter=3, random_state=0, verbose=1).fit(X)
    theirs = capsys.readouterr().out
    assert re.sub(r"-?\d+\.\d+", "#", ours) == re.sub(r"-?\d+\.\d+", "#", theirs)
    assert same(silent, told)


@pytest.mark.parametrize("method", ["transform", "score_samples", "gibbs"])
def test_nothing_works_before_fit(method: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(BernoulliRBM(), method)(bits(2, 2))


# Learning


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_learning_raises_the_exact_likelihood(dtype: Any) -> None:
    X = pairs(400).astype(dtype)
    untrained = BernoulliRBM(4, n_iter=0, random_state=0).fit(X)
    trained = BernoulliRBM(4, learning_rate=0.2, batch_size=40, n_iter=200, random_state=0).fit(X)
    # No machine without couplings does better than the columns' own frequencies.
    p = X.mean(axis=0)
    independent = float((p * np.log(p) + (1 - p) * np.log(1 - p)).sum())
    # And none at all does better than the distribution that the rows were drawn from.
    source = -2 * np.log(2) - 6 * (0.05 * -np.log(0.05) + 0.95 * -np.log(0.95))
    before, after = log_likelihood(untrained, X), log_likelihood(trained, X)
    assert before < independent + 0.01
    assert after > independent + 0.75 * (source - independent)


def test_the_step_is_the_gradient_of_the_likelihood() -> None:
    """Chains that start at the distribution of the machine give the exact gradient, on average."""
    X = pairs(20)
    machine = BernoulliRBM(2, batch_size=20000, learning_rate=1e-3, n_iter=0, random_state=0).fit(X)
    generator = np.random.default_rng(0)
    machine.components_ = generator.normal(0, 1, (2, 6))
    machine.intercept_hidden_, machine.intercept_visible_ = generator.normal(0, 1, 2), generator.normal(0, 1, 6)

    def exact(v: Floats, h: Floats) -> Floats:
        return np.exp(v @ machine.intercept_visible_ + h @ machine.intercept_hidden_ + v @ machine.components_.T @ h)

    hidden = states(2)
    joint = np.array([exact(states(6), h) for h in hidden])
    marginal = joint.sum(axis=1) / joint.sum()
    machine.h_samples_ = hidden[generator.choice(4, machine.h_samples_.shape[0], p=marginal)]
    before = [machine.components_.copy(), machine.intercept_hidden_.copy(), machine.intercept_visible_.copy()]

    v, p = states(6), joint.sum(axis=0) / joint.sum()
    on_model, on_data = (expit(rows @ before[0].T + before[1]) for rows in (v, X))
    gradient = [
        on_data.T @ X / len(X) - (on_model * p[:, None]).T @ v,
        on_data.mean(axis=0) - p @ on_model,
        X.mean(axis=0) - p @ v,
    ]
    machine.partial_fit(X)
    for name, old, expected in zip(LEARNED, before, gradient, strict=False):
        step = (getattr(machine, name) - old) / 1e-3
        # Every statistic lies in [0, 1]: its standard deviation is at most one half.
        assert np.all(np.abs(step - expected) < 5 * 0.5 / np.sqrt(20000))


def test_a_ragged_last_batch_is_not_biased() -> None:
    """Eleven rows in batches of ten: the eleventh weighs as much as ten, and no chain weighs more than that."""
    X = np.ones((11, 3))
    steps = np.array(
        [
            BernoulliRBM(1, learning_rate=1e-6, n_iter=1, random_state=seed).fit(X).intercept_visible_ / 1e-6
            for seed in range(100)
        ]
    )
    # Two steps, each the data's mean (1) less that of ten chains of fair coins: 0.5 expected. Dividing the sum over
    # ten chains by the one row of the last batch would give 1 - 5 in its place.
    deviation = np.sqrt(2 * 0.25 / 10 / len(steps))
    assert np.all(np.abs(steps.mean(axis=0) - 2 * 0.5) < 5 * deviation)


def test_partial_fit_goes_on_where_it_was() -> None:
    X = pairs(200).astype(np.float32)
    machine = BernoulliRBM(4, learning_rate=0.2, batch_size=20, random_state=0)
    likelihoods = []
    for _ in range(100):
        for first in range(0, 200, 20):
            assert machine.partial_fit(X[first : first + 20]) is machine
        likelihoods.append(log_likelihood(machine, X))
    assert likelihoods[-1] > likelihoods[0] + 0.5
    fitted = BernoulliRBM(4, random_state=0).fit(X)
    before = fitted.components_.copy()
    assert not np.array_equal(fitted.partial_fit(X[:10]).components_, before)


def test_partial_fit_has_the_precision_of_its_first_rows() -> None:
    X = bits(10, 4)
    machine = BernoulliRBM(3, random_state=0).partial_fit(X.astype(np.float32)).partial_fit(X)
    assert machine.components_.dtype == np.float32
    assert machine.transform(X).dtype == np.float64


def test_changed_arrays_are_taken_up() -> None:
    X = bits(10, 4)
    machine = BernoulliRBM(3, random_state=0).fit(X)
    machine.components_ = np.zeros((3, 4))
    machine.intercept_hidden_ = np.array([0.0, 100.0, -100.0])
    np.testing.assert_allclose(machine.transform(X), np.tile([0.5, 1, 0], (10, 1)), atol=1e-30)


# Determinism


def test_a_seed_decides_everything() -> None:
    X = bits(40, 6)
    first, second, other = (BernoulliRBM(5, random_state=seed).fit(X) for seed in (0, 0, 1))
    assert same(first, second)
    assert not same(first, other)
    np.random.seed(0)  # noqa: NPY002  # this is what random_state=None draws from
    third = BernoulliRBM(5).fit(X)
    assert same(third, BernoulliRBM(5, random_state=np.random.RandomState(0)).fit(X))
    state = np.random.RandomState(0)
    assert not same(BernoulliRBM(5, random_state=state).fit(X), BernoulliRBM(5, random_state=state).fit(X))


def forms(X: npt.NDArray[Any]) -> dict[str, Any]:
    read_only = X.copy()
    read_only.flags.writeable = False
    wide = np.zeros((X.shape[0] * 2, X.shape[1] * 2), X.dtype)
    wide[::2, ::2] = X
    return {
        "read-only": read_only,
        "Fortran": np.asfortranarray(X),
        "not contiguous": wide[::2, ::2],
        "list": X.tolist(),
        "csr_array": sparse.csr_array(X),
        "csr_matrix": sparse.csr_matrix(X),
        "csc": sparse.csc_array(X),
        "coo": sparse.coo_array(X),
        "pandas": pd.DataFrame(X, columns=list("abcdef")),
        "polars": pl.DataFrame(X, schema=list("abcdef")),
    }


@pytest.mark.parametrize("form", list(forms(bits(1, 6))))
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.bool_, np.uint8, np.int64])
def test_every_form_of_the_rows_gives_the_same(form: str, dtype: Any) -> None:
    X = bits(25, 6).astype(dtype)
    rows = forms(X)[form]
    if form == "list" and dtype == np.float32:
        X = X.astype(np.float64)  # a list of floats is one of doubles
    machine, expected = (BernoulliRBM(5, n_iter=3, random_state=0).fit(given) for given in (rows, X))
    precision = np.float64 if X.dtype == np.float64 else np.float32
    assert machine.components_.dtype == precision
    assert same(machine, expected)
    for method in ("transform", "score_samples"):
        result = getattr(machine, method)(rows)
        assert result.dtype == precision
        np.testing.assert_array_equal(result, getattr(expected, method)(X))
    assert np.array_equal(machine.gibbs(rows), expected.gibbs(X))
    assert np.array_equal(X, bits(25, 6))  # nothing wrote to the caller's rows


def test_few_ones_are_skipped_and_nothing_else_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sparse products sum in another order: the first steps agree to rounding."""
    X = (np.random.default_rng(0).random((400, 600)) < 0.05).astype(np.float32)
    machine = BernoulliRBM(40, batch_size=200, n_iter=1, random_state=0)
    skipped = clone(machine).fit(sparse.csr_array(X))
    assert same(clone(machine).fit(X), skipped)
    monkeypatch.setattr("layerwise.kernels.SPARSE_BELOW", 0.0)
    dense = clone(machine).fit(X)
    np.testing.assert_allclose(skipped.components_, dense.components_, atol=1e-5)
    np.testing.assert_allclose(skipped.transform(X), dense.transform(X), atol=1e-5)


def test_a_sparse_matrix_is_never_made_dense_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    original = sparse.csr_array.toarray

    def toarray(self: sparse.csr_array, *args: Any, **kwargs: Any) -> Any:
        made.append(self.shape[0])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(sparse.csr_array, "toarray", toarray)
    monkeypatch.setattr(conversion, "PART", 6 * 7)
    X = sparse.csr_array(bits(60, 6))
    machine = BernoulliRBM(3, n_iter=1, random_state=0).fit(X)
    machine.transform(X)
    machine.score_samples(X)
    machine.gibbs(X)
    assert max(made) == 10


def test_the_size_of_the_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    X = bits(50, 6)
    machine = BernoulliRBM(3, random_state=0).fit(X)
    whole = machine.transform(X), machine.score_samples(X), machine.gibbs(X)
    machine.fit(X)
    monkeypatch.setattr(conversion, "PART", 6 * 7)
    parts = machine.transform(X), machine.score_samples(X), machine.gibbs(X)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


# Storing


def test_pickle_joblib_and_clone(tmp_path: Path) -> None:
    X = bits(30, 5)
    machine = BernoulliRBM(4, random_state=0).fit(X)
    joblib.dump(machine, tmp_path / "machine")
    for copy in (
        pickle.loads(pickle.dumps(machine)),
        joblib.load(tmp_path / "machine"),
        joblib.load(tmp_path / "machine", mmap_mode="r"),
    ):
        assert same(copy, machine)
        assert np.array_equal(copy.transform(X), machine.transform(X))
        # And it goes on as the original would.
        assert same(copy.partial_fit(X), pickle.loads(pickle.dumps(machine)).partial_fit(X))
    assert not hasattr(clone(machine), "components_")
    assert clone(machine).get_params() == machine.get_params()


def test_data_frames_keep_their_names() -> None:
    frame = pd.DataFrame(bits(10, 3), columns=["a", "b", "c"])
    machine = BernoulliRBM(2, random_state=0).set_output(transform="pandas").fit(frame)
    assert list(machine.feature_names_in_) == ["a", "b", "c"]
    code = machine.transform(frame)
    assert list(code.columns) == ["bernoullirbm0", "bernoullirbm1"]
    assert isinstance(machine.set_output(transform="polars").transform(frame), pl.DataFrame)
    with pytest.raises(ValueError, match="feature names should match"):
        machine.transform(frame.rename(columns={"a": "z"}))


def test_it_stands_in_a_pipeline() -> None:
    X = np.random.default_rng(0).normal(size=(40, 4))
    code = make_pipeline(StandardScaler(), MinMaxScaler(), BernoulliRBM(3, random_state=0)).fit_transform(X)
    assert code.shape == (40, 3)


# Rows at the edge


@pytest.mark.parametrize("shape", [(1, 4), (10, 1), (1, 1)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_one_row_one_column_and_constant_columns(shape: tuple[int, int], value: float) -> None:
    X = np.full(shape, value)
    machine = BernoulliRBM(2, random_state=0).fit(X)
    assert machine.transform(X).shape == (shape[0], 2)
    assert np.isfinite(machine.score_samples(X)).all()
    assert machine.gibbs(X).shape == shape


def test_no_iteration_is_the_first_machine() -> None:
    machine = BernoulliRBM(200, n_iter=0, random_state=0).fit(bits(10, 50))
    assert not machine.intercept_hidden_.any()
    assert not machine.intercept_visible_.any()
    assert set(np.unique(machine.h_samples_)) == {0.0, 1.0}
    # Ten thousand couplings of standard deviation 0.01: their own has a standard error of 0.01 / √20000.
    assert abs(machine.components_.std() - 0.01) < 5 * 0.01 / np.sqrt(20000)


def test_roundings_of_a_scaler_are_no_error() -> None:
    X = bits(10, 3)
    X[0] = 1 + 1e-9, -1e-9, 0.5
    assert BernoulliRBM(2, random_state=0).fit(X).transform(X).shape == (10, 2)


# Bad input


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_components": 0}, "n_components = 0: must be a whole number of at least 1; give .* such as 256"),
        ({"n_components": 2.5}, "n_components = 2.5: must be a whole number"),
        ({"n_components": None}, "n_components = None: must be a whole number"),
        ({"n_components": True}, "n_components = True: must be a whole number"),
        ({"batch_size": -3}, "batch_size = -3: must be a whole number of at least 1; give a size such as 10"),
        ({"n_iter": -1}, "n_iter = -1: must be a whole number of at least 0"),
        ({"n_iter": "ten"}, "n_iter = 'ten': must be a whole number"),
        ({"learning_rate": 0}, "learning_rate = 0: must be a number greater than 0 and .*; start with 0.1"),
        ({"learning_rate": float("nan")}, "learning_rate = nan: must be a number greater than 0"),
        ({"learning_rate": float("inf")}, "learning_rate = inf: must be a number greater than 0"),
        ({"learning_rate": 1e300}, r"learning_rate = 1e\+300: must be a number .* less than 1e\+38"),
        ({"learning_rate": "0.1"}, "learning_rate = '0.1': must be a number"),
        ({"verbose": -1}, "verbose = -1: must be a whole number of at least 0; 0 prints nothing"),
        ({"random_state": "seed"}, "random_state = 'seed': must be None, a whole number .*; give 0"),
        ({"random_state": -1}, "random_state = -1: must be None"),
    ],
)
def test_bad_parameters_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        BernoulliRBM(**options).fit(bits(5, 3))


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "score_samples", "gibbs"])
def test_values_outside_the_interval_are_refused(method: str) -> None:
    machine = BernoulliRBM(2, random_state=0).fit(bits(5, 3))
    X = bits(5, 3)
    X[3, 1] = 1.5
    for rows in (X, sparse.csr_array(X), X.astype(np.float32)):
        with pytest.raises(DataError, match=r"X, row 3, column 1 = 1.5: must be from 0 to 1.*MinMaxScaler"):
            getattr(machine, method)(rows)
    X[3, 1] = -0.5
    with pytest.raises(DataError, match=r"X, row 3, column 1 = -0.5: Negative values in data"):
        getattr(machine, method)(X)


def test_a_named_column_is_named() -> None:
    frame = pd.DataFrame(bits(3, 2) * 255, columns=["left", "right"])
    frame.loc[0] = [0, 7]
    with pytest.raises(DataError, match="X, row 0, column 'right' = 7"):
        BernoulliRBM(2).fit(frame)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[0.0, np.nan]], "Input X contains NaN"),
        ([[0.0, np.inf]], "Input X contains infinity"),
        ([[0.0, 1e300]], "X, row 0, column 1 = 1e\\+300: must be"),
        (np.zeros((0, 3)), "0 sample"),
        (np.zeros((3, 0)), "0 feature"),
        ([0.0, 1.0], "Expected 2D array, got 1D array"),
        ([["a", "b"]], "'numeric' is not compatible|could not convert string"),
        ([[1j, 0]], "Complex data not supported"),
        (np.zeros((2, 2, 2)), "Found array with dim 3"),
    ],
)
def test_bad_rows_are_named(rows: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        BernoulliRBM(2).fit(rows)


def test_other_columns_are_refused() -> None:
    machine = BernoulliRBM(2, random_state=0).fit(bits(5, 3))
    for method in ("partial_fit", "transform", "score_samples", "gibbs"):
        with pytest.raises(ValueError, match="X has 4 features, but BernoulliRBM is expecting 3 features"):
            getattr(machine, method)(bits(5, 4))


def test_divergence_is_an_error_and_no_result() -> None:
    X = bits(10, 3)
    machine = BernoulliRBM(2, random_state=0).fit(X)
    machine.components_[0, 0] = np.inf
    before = machine.intercept_visible_
    with pytest.raises(DivergenceError, match=r"BernoulliRBM: .* left the finite numbers; .*lower the learning rate"):
        machine.partial_fit(X)
    assert machine.intercept_visible_ is before


def test_an_interruption_goes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: Any, state: Any, batch: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(ContrastiveLearning, "step", step)
    with pytest.raises(KeyboardInterrupt):
        BernoulliRBM(2).fit(bits(5, 3))
