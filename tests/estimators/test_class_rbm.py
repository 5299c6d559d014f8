"""ClassRBM: what it says of rows and classes is what enumeration says, and a row of any form is learned from."""

from __future__ import annotations

import itertools
import math
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.estimators import RBM
from layerwise.estimators.class_rbm import ClassRBM

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[Any]
NAMES = np.array(["both", "none", "one"])
QUICK: dict[str, Any] = {"n_components": 3, "n_iter": 10, "generative": 0.5, "random_state": 0}


def counted(rows: int, seed: int = 0) -> tuple[Floats, Labels]:
    """Two causes, each shown by two columns of which one in ten is wrong; the class says how many of them are on."""
    generator = np.random.default_rng(seed)
    causes = generator.integers(0, 2, (rows, 2))
    wrong = generator.random((rows, 4)) < 0.1
    X = np.abs(causes.repeat(2, axis=1) - wrong).astype(np.float64)
    return X, np.array(["none", "one", "both"])[causes.sum(1)]


def weather(rows: int, seed: int = 0) -> tuple[pd.DataFrame, Labels]:
    generator = np.random.default_rng(seed)
    rain = generator.random(rows) < 0.4
    sky = np.where(rain, "grey", np.where(generator.random(rows) < 0.5, "blue", "white"))
    table = pd.DataFrame({"sky": sky, "wet": rain, "degrees": np.where(rain, 9.0, 21.0) + generator.normal(0, 3, rows)})
    return table, np.where(rain ^ (generator.random(rows) < 0.1), "in", "out")


def states(columns: int) -> Floats:
    return np.array(list(itertools.product((0.0, 1.0), repeat=columns)))


@pytest.fixture(scope="module")
def bits() -> ClassRBM:
    return ClassRBM(**QUICK).fit(*counted(200))


@pytest.fixture(scope="module")
def mixed() -> ClassRBM:
    return ClassRBM(**QUICK).fit(*weather(200))


def joint(machine: ClassRBM) -> Floats:
    """p(x, k) of every row of bits and every class, summed over the hidden units by hand."""
    n = len(machine.classes_)
    x, h = states(machine.n_features_in_), states(machine.n_components)
    v = np.concatenate([np.repeat(x, n, axis=0), np.tile(np.eye(n), (len(x), 1))], axis=1)
    minus_energy = v @ machine.intercept_visible_ + (h @ machine.intercept_hidden_)[:, None]
    weights = np.exp((minus_energy + h @ machine.components_ @ v.T).astype(np.float64)).sum(0)
    return (weights / weights.sum()).reshape(len(x), n)


# What it says of rows


def test_the_probability_of_a_class_is_its_share_of_the_joint_distribution(bits: ClassRBM) -> None:
    p = joint(bits) / joint(bits).sum(1, keepdims=True)
    np.testing.assert_allclose(bits.predict_proba(states(4)), p, rtol=1e-5)
    np.testing.assert_allclose(bits.predict_log_proba(states(4)), np.log(p), atol=1e-5)
    np.testing.assert_array_equal(bits.predict(states(4)), NAMES[p.argmax(1)])
    np.testing.assert_array_equal(bits.classes_, NAMES)


def test_scores_are_the_log_of_probabilities_that_sum_to_one(bits: ClassRBM) -> None:
    p = np.exp(bits.score_samples(states(4)))
    assert p.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(p, joint(bits).sum(1), rtol=1e-5)
    np.testing.assert_allclose(-bits.free_energy(states(4)) - bits.log_partition_, np.log(p), atol=1e-6)
    assert bits.log_partition_error_ == 0


def test_the_likelihood_is_of_row_and_label_where_there_is_one(bits: ClassRBM) -> None:
    p, n = joint(bits), 16
    labels = np.resize([*NAMES, ""], n)
    codes = np.array([list(NAMES).index(label) if label else -1 for label in labels])
    expected = np.log(np.where(codes < 0, p.sum(1), p[np.arange(n), codes]))
    found = bits.log_likelihood(states(4), labels)
    np.testing.assert_allclose(found.per_row, expected, atol=1e-5)
    assert found.mean == pytest.approx(expected.mean(), abs=1e-5)
    assert found.standard_error == pytest.approx(expected.std(ddof=1) / math.sqrt(n), abs=1e-5)
    without = bits.log_likelihood(states(4))
    np.testing.assert_allclose(without.per_row, bits.score_samples(states(4)), atol=1e-5)
    annealed = bits.log_likelihood(states(4), labels, method="ais", chains=200, temperatures=200)
    assert abs(annealed.log_partition - bits.log_partition_) < 5 * annealed.log_partition_error + 1e-9
    assert annealed.upper - annealed.mean == pytest.approx(0)
    assert annealed.lower - annealed.mean == pytest.approx(
        annealed.forward.log_partition - annealed.backward.log_partition  # type: ignore[union-attr]
    )


def test_scores_of_real_columns_are_densities_in_their_own_units() -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 150)
    X = 300 + 40 * (y + generator.normal(0, 0.5, 150))[:, None]
    machine = ClassRBM(2, n_iter=5, random_state=0).fit(X, y)
    grid = np.linspace(-200, 900, 4000)
    density = np.exp(machine.score_samples(grid[:, None]))
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-4)
    both = [np.exp(machine.log_likelihood(grid[:, None], np.full(4000, k)).per_row.numpy()) for k in (0, 1)]
    np.testing.assert_allclose(sum(both), density, rtol=1e-4)


def test_codes_are_means_over_the_labels_that_a_row_leaves_open(bits: ClassRBM) -> None:
    x = states(4)
    fields = (x @ bits.components_[:, :4].T + bits.intercept_hidden_)[:, None, :] + bits.components_[:, 4:].T
    p = joint(bits) / joint(bits).sum(1, keepdims=True)
    expected = (p[:, :, None] / (1 + np.exp(-fields))).sum(1)
    np.testing.assert_allclose(bits.transform(x), expected, atol=1e-6)
    back = bits.inverse_transform(expected)
    up = expected @ bits.components_[:, :4] + bits.intercept_visible_[:4]
    np.testing.assert_allclose(back, 1 / (1 + np.exp(-up)), atol=1e-6)
    assert list(bits.get_feature_names_out()) == ["classrbm0", "classrbm1", "classrbm2"]


# Samples and gaps


def counts_fit(drawn: Labels, p: Floats) -> None:
    """Chi-square against an enumerated distribution: exceeded by chance once in 10⁵ runs, and the seed is fixed."""
    expected = p / p.sum() * len(drawn)
    statistic = ((np.bincount(drawn, minlength=len(p)) - expected) ** 2 / expected).sum()
    assert statistic < stats.chi2(len(p) - 1).ppf(1 - 1e-5)


def numbers(bits_of_rows: Floats) -> Labels:
    return (bits_of_rows @ (2 ** np.arange(bits_of_rows.shape[1])[::-1])).astype(int)


@pytest.mark.parametrize("how", [{}, {"tempered": True}, {"start": "chains"}, {"start": states(4)}])
def test_free_samples_have_the_joint_distribution(bits: ClassRBM, how: dict[str, Any]) -> None:
    X, y = bits.sample(4000, steps=50, random_state=0, **how)
    counts_fit(3 * numbers(X) + np.searchsorted(NAMES, y), joint(bits).ravel())


@pytest.mark.parametrize("name", NAMES)
def test_samples_of_a_class_have_its_distribution(bits: ClassRBM, name: str) -> None:
    X, y = bits.sample(4000, name, steps=100, random_state=0)
    assert set(y) == {name}
    counts_fit(numbers(X), joint(bits)[:, list(NAMES).index(name)])


def test_samples_given_cells_and_some_labels(bits: ClassRBM) -> None:
    X, y = bits.sample(4000, ["both", ""], given={0: 1.0}, steps=100, random_state=0)
    assert set(y[::2]) == {"both"}
    assert (X[:, 0] == 1).all()
    held = joint(bits)[states(4)[:, 0] == 1]
    counts_fit(numbers(X[::2, 1:]), held[:, 0])
    counts_fit(3 * numbers(X[1::2, 1:]) + np.searchsorted(NAMES, y[1::2]), held.ravel())
    counts_fit(numbers(bits.gibbs(X, 40, random_state=1)), joint(bits).sum(1))


def test_the_class_of_a_row_with_gaps_is_averaged_over_what_they_may_be(bits: ClassRBM) -> None:
    gaps = states(4) == 1
    torn = np.where(gaps, np.nan, np.random.default_rng(0).integers(0, 2, (16, 4)))
    p, x = joint(bits), states(4)
    expected = np.array(
        [p[(x[:, ~unknown] == row[~unknown]).all(1)].sum(0) for row, unknown in zip(torn, gaps, strict=True)]
    )
    expected /= expected.sum(1, keepdims=True)
    found = bits.predict_proba(torn)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)  # nothing is missing in the first
    # 200 draws a row with, at worst, an autocorrelation time of some four steps.
    assert np.abs(found - expected).max() < 5 * 0.5 / math.sqrt(200 / 4)
    np.testing.assert_array_equal(found, bits.predict_proba(torn))
    np.testing.assert_allclose(found.sum(1), 1)


def test_a_gap_is_filled_by_its_mean_given_the_other_cells(bits: ClassRBM) -> None:
    X, _ = counted(12, seed=3)
    gaps = np.random.default_rng(0).random(X.shape) < 0.4
    p, x = joint(bits).sum(1), states(4)
    expected = X.copy()
    for row, unknown in enumerate(gaps):
        fits = (x[:, ~unknown] == X[row, ~unknown]).all(axis=1)
        expected[row, unknown] = (p[fits] @ x[fits] / p[fits].sum())[unknown]
    filled = bits.impute(np.where(gaps, np.nan, X), chains=20, steps=200)
    np.testing.assert_array_equal(filled[~gaps], X[~gaps])
    assert np.abs(filled - expected).max() < 5 * 0.5 / math.sqrt(4000 / 10)
    assert np.isfinite(bits.transform(np.where(gaps, np.nan, X))).all()


def test_tables_stay_tables(mixed: ClassRBM) -> None:
    table, _ = weather(6, seed=1)
    torn = table.copy()
    torn.loc[0, "sky"], torn.loc[1, "degrees"] = None, np.nan
    filled = mixed.impute(torn)
    assert isinstance(filled, pd.DataFrame)
    assert list(filled.columns) == list(table.columns)
    pd.testing.assert_frame_equal(filled.loc[2:], table.loc[2:])
    X, y = mixed.sample(30, "out", given={"sky": "blue"}, steps=20, random_state=0)
    assert isinstance(X, pd.DataFrame)
    assert set(X["sky"]) == {"blue"}
    assert set(y) == {"out"}
    assert mixed.predict(torn).shape == (6,)
    np.testing.assert_array_equal(mixed.predict(pl.DataFrame(table)), mixed.predict(table))


# Learning


def test_it_learns_iris() -> None:
    X, y = load_iris(return_X_y=True)
    linear = cross_val_score(make_pipeline(StandardScaler(), LogisticRegression()), X, y, cv=3).mean()
    assert cross_val_score(ClassRBM(32, random_state=0), X, y, cv=3).mean() > linear - 0.05


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_the_generative_machine_raises_the_joint_likelihood_of_new_rows(missing: float) -> None:
    (X, y), (new, of_new) = counted(300), counted(400, seed=1)
    X = np.where(np.random.default_rng(0).random(X.shape) < missing, np.nan, X)
    options: dict[str, Any] = {"optimiser": "sgd", "learning_rate": 1.0, "momentum": 0.5, "random_state": 0}
    machine = ClassRBM(6, discriminative=0.0, generative=1.0, n_chains=20, **options)
    source = _source_likelihood(new, of_new)
    apart = machine.set_params(n_iter=0).fit(X, y).log_likelihood(new, of_new).mean
    learned = machine.set_params(n_iter=30).fit(X, y).log_likelihood(new, of_new).mean
    assert learned > apart + 0.5 * (source - apart)


def _source_likelihood(X: Floats, y: Labels) -> float:
    """Mean log p(x, y) of where the rows came from."""
    total = np.zeros(len(X))
    for causes in itertools.product((0, 1), repeat=2):
        shown = np.repeat(causes, 2)
        of_class = y == np.array(["none", "one", "both"])[sum(causes)]
        total += 0.25 * of_class * np.where(shown == X, 0.9, 0.1).prod(1)
    return float(np.log(total).mean())


def test_rows_without_label_help_where_they_count() -> None:
    """Each class is a cloud of bits; two labels in all, and many rows that show the clouds."""
    generator = np.random.default_rng(0)
    kinds = generator.random((2, 20)) < 0.5
    y = np.arange(300) % 2
    X = (kinds[y] ^ (generator.random((300, 20)) < 0.25)).astype(float)
    few = np.where(np.arange(300) < 4, y, -1)
    options: dict[str, Any] = {"generative": 0.1, "n_iter": 20, "n_chains": 20, "random_state": 0}
    alone = ClassRBM(8, unlabelled=0.0, **options).fit(X, few).score(X[4:], y[4:])
    helped = ClassRBM(8, unlabelled=1.0, **options).fit(X, few).score(X[4:], y[4:])
    assert helped > alone
    names = np.where(few < 0, None, np.array(["a", "b"], dtype=object)[y])
    machine = ClassRBM(8, unlabelled=0.0, **options).fit(X, names)
    assert list(machine.classes_) == ["a", "b"]
    assert machine.score(X[4:], np.array(["a", "b"])[y[4:]]) == alone


def test_rows_that_count_nothing_are_left_out() -> None:
    X, y = counted(60)
    some = np.arange(60) % 3 > 0
    machine = ClassRBM(**QUICK)
    alone = clone(machine).fit(X[some], y[some])
    weighted = clone(machine).fit(X, y, sample_weight=some.astype(float))
    np.testing.assert_array_equal(weighted.components_, clone(machine).fit(X[some], y[some], np.ones(40)).components_)
    unlabelled = clone(machine).set_params(unlabelled=0.0).fit(X, np.where(some, y, ""))
    np.testing.assert_array_equal(unlabelled.components_, alone.set_params(unlabelled=0.0).components_)


def test_a_row_of_weight_two_is_a_row_twice() -> None:
    """With all rows in one minibatch and chains of its own the gradient is the same sum."""
    X, y = counted(30)
    twice = np.arange(30) % 3 == 0
    machine = ClassRBM(3, optimiser="sgd", learning_rate=0.1, n_chains=20, batch_size=1000, n_iter=10, random_state=0)
    weighted = clone(machine).fit(X, y, sample_weight=1.0 + twice)
    repeated = clone(machine).fit(np.concatenate([X, X[twice]]), np.concatenate([y, y[twice]]))
    np.testing.assert_allclose(weighted.components_, repeated.components_, atol=1e-5)
    np.testing.assert_allclose(weighted.intercept_visible_, repeated.intercept_visible_, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"method": "cd"}, {"optimiser": "sgd"}, {"generative": 0.0}])
def test_a_partial_fit_is_one_step_of_a_fit(options: dict[str, Any]) -> None:
    X, y = counted(30)
    machine = ClassRBM(3, batch_size=30, n_iter=1, random_state=0, **options)
    fitted, stepped = clone(machine).fit(X, y), clone(machine).partial_fit(X, y, classes=NAMES)
    np.testing.assert_allclose(stepped.components_, fitted.components_, atol=1e-6)
    before = stepped.components_.copy()
    stepped.set_params(momentum=0.5).partial_fit(X, np.full(30, ""))
    assert np.abs(stepped.components_ - before).max() > 0


def test_partial_fit_wants_its_classes_first_and_the_same_again() -> None:
    X, y = counted(30)
    with pytest.raises(DataError, match="classes = None: must be given in the first call"):
        ClassRBM().partial_fit(X, y)
    machine = ClassRBM(3, random_state=0).partial_fit(X, y, classes=[*NAMES, "three"])
    assert machine.predict_proba(X).shape == (30, 4)
    with pytest.raises(DataError, match=r"classes = .*must be those of the first call"):
        machine.partial_fit(X, y, classes=NAMES)
    with pytest.raises(DataError, match="y, row 0 = 'four': is none of the classes both, none, one, three"):
        machine.partial_fit(X[:1], ["four"])
    machine.set_params(unlabelled=0.0)
    with pytest.raises(DataError, match="unlabelled > 0"):
        machine.partial_fit(X, np.full(30, ""))


def test_early_stopping_keeps_the_best_machine_and_one_row_of_each_class() -> None:
    """Labels of chance are learned by heart; held-out ones notice."""
    X, y = counted(40)
    y = np.random.default_rng(0).choice(NAMES, 40)
    y[0] = "rare"
    machine = ClassRBM(30, early_stopping=True, validation_fraction=0.3, n_iter=200, learning_rate=0.05)
    machine.set_params(n_iter_no_change=3, random_state=0).fit(X, y)
    assert machine.n_iter_ < 200
    assert machine.validation_scores_ is not None
    assert len(machine.validation_scores_) == len(machine.learning_curve_) == machine.n_iter_
    assert machine.n_iter_ == np.argmax(machine.validation_scores_) + 1 + 3
    late = clone(machine).set_params(early_stopping=False).fit(X, y)
    assert late.validation_scores_ is None
    new, of_new = counted(200, seed=1)[0], np.random.default_rng(1).choice(NAMES, 200)
    sure = [
        m.predict_log_proba(new)[np.arange(200), np.searchsorted(m.classes_, of_new)].mean() for m in (machine, late)
    ]
    assert sure[0] > sure[1]
    with pytest.raises(DataError, match="one a class is learned from"):
        machine.fit(X[:2], ["one", "none"])


def test_what_was_good_is_kept_when_training_diverges() -> None:
    X = np.random.default_rng(0).normal(size=(100, 1)) @ np.ones((1, 30))
    y = (X[:, 0] > 0).astype(int)
    machine = ClassRBM(4, optimiser="sgd", generative=1.0, momentum=0.99, n_iter=300, random_state=0)
    with pytest.raises(DivergenceError, match="lower the learning rate"):
        machine.set_params(learning_rate=5.0).fit(X, y)
    with pytest.raises(DivergenceError, match="is kept"):
        machine.set_params(learning_rate=0.02).fit(X, y)
    assert np.isfinite(machine.predict_proba(X)).all()


@pytest.mark.parametrize("hidden", ["bernoulli", "spin", "gaussian", "rectified", "noisy_rectified"])
def test_every_kind_of_hidden_unit_learns(hidden: str) -> None:
    X, y = counted(60)
    machine = ClassRBM(3, hidden=hidden, n_iter=3, random_state=0).fit(X, y)
    assert machine.transform(X).shape == (60, 3)
    np.testing.assert_allclose(machine.predict_proba(X).sum(1), 1)
    assert machine.learning_curve_[-1].loss < machine.learning_curve_[0].loss


@pytest.mark.parametrize(
    "options",
    [
        {"discriminative": 0.0},
        {"generative": 0.0},
        {"method": "cd"},
        {"gibbs_steps": 3},
        {"n_chains": 7},
        {"optimiser": "sgd"},
        {"weight_decay": 0.1},
        {"momentum": 0.0},
        {"batch_size": 7},
    ],
)
def test_every_option_changes_what_is_learned(options: dict[str, Any], bits: ClassRBM) -> None:
    other = clone(bits).set_params(**options).fit(*counted(200))
    assert not np.allclose(bits.components_, other.components_)
    assert np.isfinite(other.components_).all()


def test_grey_levels_may_be_drawn_as_bits(bits: ClassRBM) -> None:
    X, y = counted(200)
    drawn, as_they_are = (clone(bits).set_params(draw_grey=asked) for asked in (True, False))
    assert np.array_equal(drawn.fit(X, y).components_, bits.components_)  # bits are drawn as they are
    grey = 0.1 + 0.8 * X
    assert not np.allclose(drawn.fit(grey, y).components_, as_they_are.fit(grey, y).components_)
    drawn.partial_fit(grey, y)
    with pytest.raises(OptionError, match="draw_grey = True: draws Bernoulli columns as bits, and these are spin"):
        ClassRBM(3, visible="spin", draw_grey=True).fit(2 * X - 1, y)


def test_the_seed_decides_and_verbose_only_tells(bits: ClassRBM, capsys: pytest.CaptureFixture[str]) -> None:
    told = clone(bits).set_params(verbose=True).fit(*counted(200))
    assert "[ClassRBM] Iteration 10, loss = " in capsys.readouterr().out
    np.testing.assert_array_equal(bits.components_, told.components_)
    other = clone(bits).set_params(random_state=1).fit(*counted(200))
    assert not np.array_equal(bits.components_, other.components_)


# Forms of rows


def test_every_form_of_the_rows_gives_the_same() -> None:
    X, y = counted(20)
    X = X.astype(np.float32)
    read_only = X.copy()
    read_only.flags.writeable = False
    expected = ClassRBM(3, n_iter=2, random_state=0).fit(X, y)
    for rows in (read_only, np.asfortranarray(X), sparse.csr_array(X), X.astype(np.uint8), X > 0.5):
        machine = ClassRBM(3, n_iter=2, random_state=0).fit(rows, list(y))
        np.testing.assert_allclose(machine.components_, expected.components_, atol=1e-6)
        assert machine.predict_proba(rows).dtype == np.float32
        np.testing.assert_allclose(machine.predict_proba(rows), expected.predict_proba(X), atol=1e-6)
    assert expected.predict_proba(X.astype(np.float64)).dtype == np.float64
    assert expected.sample(2, steps=1, random_state=0)[0].dtype == np.float32


@pytest.mark.parametrize(
    "y", [[0, 1, 1], [True, False, True], ["a", "b", "b"], [1.0, 2.0, 2.0], np.array(["a", None, "b"], dtype=object)]
)
@pytest.mark.parametrize("X", [np.ones((3, 2)), np.array([[0.0], [2.5], [-1]]), np.full((3, 1), 1e30)])
def test_few_rows_constant_columns_and_huge_values(X: Floats, y: Any) -> None:
    machine = ClassRBM(2, n_iter=2, random_state=0).fit(X, y)
    assert machine.predict(X).dtype == machine.classes_.dtype
    assert np.isfinite(machine.predict_proba(X)).all()
    assert machine.sample(2, steps=2, random_state=0)[0].shape == (2, X.shape[1])


def test_pickle_joblib_and_clone(tmp_path: Path, mixed: ClassRBM) -> None:
    table, y = weather(10)
    joblib.dump(mixed, tmp_path / "machine")
    for copy in (pickle.loads(pickle.dumps(mixed)), joblib.load(tmp_path / "machine", mmap_mode="r")):
        np.testing.assert_array_equal(copy.predict_proba(table), mixed.predict_proba(table))
        steps = [pickle.loads(pickle.dumps(m)).partial_fit(table, y).components_ for m in (copy, mixed)]
        np.testing.assert_array_equal(*steps)
    assert clone(mixed).get_params() == mixed.get_params()


def test_it_stands_in_scikit_learns_meta_estimators() -> None:
    X, y = counted(60)
    few = np.where(np.arange(60) % 2, np.searchsorted(NAMES, y), -1)
    taught = SelfTrainingClassifier(ClassRBM(2, n_iter=2, random_state=0)).fit(X, few)
    assert taught.predict(X).shape == (60,)
    code = ClassRBM(2, n_iter=2, random_state=0).set_output(transform="pandas").fit(X, y).transform(X)
    assert list(code.columns) == ["classrbm0", "classrbm1"]


# Mistakes


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"n_components": 0}, "n_components = 0"),
        ({"visible": "potts"}, "visible = 'potts'"),
        ({"hidden": "categorical"}, "hidden = 'categorical'"),
        ({"discriminative": -1.0}, "discriminative = -1.0"),
        ({"generative": np.nan}, "generative = nan"),
        ({"discriminative": 0.0, "generative": 0.0, "unlabelled": 0.0}, "something must be learned"),
        ({"method": "pt"}, "method = 'pt'"),
        ({"optimiser": "adamm"}, "optimiser = 'adamm'"),
        ({"early_stopping": "yes"}, "early_stopping = 'yes': must be True or False"),
        ({"validation_fraction": 1.0}, "validation_fraction = 1.0"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"n_iter": 1.5}, "n_iter = 1.5"),
        ({"device": "tpu"}, "device = 'tpu'"),
    ],
)
def test_a_parameter_that_breaks_its_rule_is_named(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        ClassRBM(**parameters).fit(*counted(10))
    assert words in str(caught.value)


def test_what_rows_and_labels_cannot_be_is_said(bits: ClassRBM, mixed: ClassRBM) -> None:
    X, y = counted(10)
    for labels, words in (
        (["one"] * 10, "one class"),
        (y[:9], "must be 10"),
        (None, "requires y"),
        ([-1] * 10, "some rows must have a label"),
        (np.full(10, 0.5) + np.arange(10), "Unknown label type"),
        (np.array([*y[:9], 3], dtype=object), "all texts or all numbers"),
    ):
        with pytest.raises(ValueError, match=words):
            ClassRBM().fit(X, labels)
    with pytest.raises(ValueError, match="infinity"):
        ClassRBM().fit(np.array([[np.inf, 0.0], [0.0, 1.0]]), [0, 1])
    with pytest.raises(ValueError, match="4 features"):
        bits.predict(X[:, :3])
    with pytest.raises(DataError, match=r"X, row 0, column 1 = 3.0"):
        bits.predict([[0.0, 3.0, 0.0, 0.0]])
    table, _ = weather(3)
    with pytest.raises(DataError, match=r"column 'sky' = 'green'.*no level"):
        mixed.predict(table.assign(sky="green"))
    with pytest.raises(ValueError, match="NaN"):
        bits.score_samples(np.full((1, 4), np.nan))
    with pytest.raises(DataError, match="y, row 0 = 'two': is none of the classes"):
        bits.sample(2, "two")
    with pytest.raises(DataError, match="y"):
        bits.sample(2, [])
    with pytest.raises(OptionError, match="tempered"):
        bits.sample(2, "one", tempered=True)
    with pytest.raises(DataError, match="sample_weight, row 0"):
        ClassRBM().fit(X, y, sample_weight=-np.ones(10))
    with pytest.raises(NotFittedError):
        ClassRBM().sample()


def test_a_machine_without_labels_is_untouched_by_those_that_have_some() -> None:
    """A table whose last column is categorical looks like a machine with label units, and is none."""
    table, _ = weather(40)
    machine = RBM(3, n_iter=2, random_state=0).fit(table[["wet", "degrees", "sky"]])
    assert list(machine.sample(2, steps=2, random_state=0).columns) == ["wet", "degrees", "sky"]
    torn = table[["wet", "degrees", "sky"]].assign(sky=None)
    assert set(machine.impute(torn)["sky"]) <= {"blue", "grey", "white"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_learns_the_same() -> None:
    X, y = counted(200)
    gpu, cpu = (ClassRBM(4, n_iter=5, device=device, random_state=0).fit(X, y) for device in ("cuda", "cpu"))
    assert gpu.machine_.weights.device.type == "cpu"
    assert np.abs(gpu.predict_proba(X) - cpu.predict_proba(X)).max() < 0.1
    gpu.partial_fit(X, y)
