"""RBM and GaussianRBM: what they say of rows is what enumeration and quadrature say."""

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
from scipy import integrate, sparse, stats
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from layerwise import energy
from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.estimators import DBN, RBM, ClassRBM, GaussianRBM
from layerwise.estimators.contrastive_fit import best_measure

Floats = npt.NDArray[np.float64]
QUICK: dict[str, Any] = {"n_components": 3, "n_iter": 20, "random_state": 0}


def pairs(rows: int, seed: int = 0) -> Floats:
    """Two hidden causes, each shown by two columns of which one in ten is wrong."""
    generator = np.random.default_rng(seed)
    causes = generator.integers(0, 2, (rows, 2)).repeat(2, axis=1)
    return np.abs(causes - (generator.random((rows, 4)) < 0.1)).astype(np.float64)


def states(columns: int) -> Floats:
    return np.array(list(itertools.product((0.0, 1.0), repeat=columns)))


def weather(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rain or none; what is seen of it."""
    generator = np.random.default_rng(seed)
    rain = generator.random(rows) < 0.4
    wrong = generator.random(rows) < 0.1
    sky = np.where(rain ^ wrong, "grey", np.where(generator.random(rows) < 0.5, "blue", "white"))
    degrees = np.where(rain, 9.0, 21.0) + generator.normal(0, 3, rows)
    return pd.DataFrame({"sky": sky, "wet": rain, "degrees": degrees, "hours": rain * generator.exponential(2.0, rows)})


@pytest.fixture(scope="module")
def bits() -> RBM:
    return RBM(**QUICK).fit(pairs(200))


@pytest.fixture(scope="module")
def mixed() -> RBM:
    return RBM(**QUICK, visible={"hours": "rectified"}).fit(weather(200))


def probabilities(machine: RBM) -> Floats:
    return np.exp(machine.score_samples(states(4)))


# What it says of rows


def test_scores_are_the_log_of_probabilities_that_sum_to_one(bits: RBM) -> None:
    p = probabilities(bits)
    assert p.sum() == pytest.approx(1, abs=1e-6)
    # The joint distribution, summed over both sides by hand.
    v, h = states(4), states(3)
    energy = v @ bits.intercept_visible_ + (h @ bits.intercept_hidden_)[:, None] + h @ bits.components_ @ v.T
    joint = np.exp(energy.astype(np.float64))
    np.testing.assert_allclose(p, joint.sum(0) / joint.sum(), rtol=1e-5)
    assert bits.log_partition_ == pytest.approx(math.log(joint.sum()), abs=1e-5)
    assert bits.log_partition_error_ == 0
    assert bits.score(pairs(30)) == pytest.approx(bits.score_samples(pairs(30)).mean())


def test_scores_of_real_columns_are_the_density_in_their_own_units() -> None:
    X = np.random.default_rng(0).normal([300.0, -0.02], [40.0, 0.001], (150, 2))
    machine = GaussianRBM(2, n_iter=10, random_state=0).fit(X)
    x, y = np.linspace(0, 600, 400), np.linspace(-0.03, -0.01, 400)
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    density = np.exp(machine.score_samples(grid)).reshape(400, 400)
    assert np.trapezoid(np.trapezoid(density, y, axis=1), x) == pytest.approx(1, abs=1e-3)
    # One normal distribution is what such data are.
    truth = stats.norm(300, 40).logpdf(X[:, 0]) + stats.norm(-0.02, 0.001).logpdf(X[:, 1])
    assert machine.score(X) == pytest.approx(truth.mean(), abs=0.1)


def test_scores_of_a_mixed_table_integrate_to_one(mixed: RBM) -> None:
    """Simpson's rule, whose error is far below the tolerance; the density of hours has a step at zero, an end."""
    degrees, hours = np.linspace(-40, 70, 61), np.linspace(0, 60, 401)
    d, t = (axis.ravel() for axis in np.meshgrid(degrees, hours, indexing="ij"))
    parts = [
        mixed.score_samples(pd.DataFrame({"sky": sky, "wet": wet, "degrees": d, "hours": t}))
        for sky, wet in itertools.product(("blue", "grey", "white"), (False, True))
    ]
    density = np.exp(parts).sum(0).reshape(61, 401)
    assert integrate.simpson(integrate.simpson(density, hours, axis=1), degrees) == pytest.approx(1, abs=1e-3)


def test_the_likelihood_has_a_bracket_and_annealing_agrees_with_the_sum(bits: RBM) -> None:
    X = pairs(100, seed=1)
    exact = bits.log_likelihood(X)
    assert exact.mean == pytest.approx(bits.score(X), abs=1e-6)
    annealed = bits.log_likelihood(X, method="ais", chains=200, temperatures=200)
    assert abs(annealed.log_partition - exact.log_partition) < 5 * annealed.log_partition_error + 1e-9
    machine = GaussianRBM(2, n_iter=2, random_state=0).fit(X := np.random.default_rng(0).normal(5, 3, (50, 2)))
    assert machine.log_likelihood(X).mean == pytest.approx(machine.score(X), abs=1e-6)


def test_log_z_of_a_machine_too_large_to_be_summed_is_annealed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = __import__("layerwise.estimators.density", fromlist=["x"]).log_likelihood

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return original(*args, **kwargs | {"method": "ais"})

    monkeypatch.setattr("layerwise.estimators.density.log_likelihood", counted)
    monkeypatch.setattr("layerwise.estimators.density.AIS_TEMPERATURES", 100)
    machine = RBM(**QUICK).fit(pairs(200))
    p = probabilities(machine)
    machine.score(pairs(10))
    assert len(calls) == 1
    assert machine.log_partition_error_ > 0
    assert abs(math.log(p.sum())) < 5 * machine.log_partition_error_
    machine.partial_fit(pairs(10))
    machine.score(pairs(10))
    assert len(calls) == 2


def test_codes_and_their_images_are_conditional_means(bits: RBM) -> None:
    X = pairs(20)
    code = bits.transform(X)
    field = X @ bits.components_.T + bits.intercept_hidden_
    np.testing.assert_allclose(code, 1 / (1 + np.exp(-field)), atol=1e-6)
    back = bits.inverse_transform(code)
    np.testing.assert_allclose(back, 1 / (1 + np.exp(-(code @ bits.components_ + bits.intercept_visible_))), atol=1e-6)
    np.testing.assert_allclose(bits.free_energy(X) + bits.log_partition_, -bits.score_samples(X), atol=1e-9)


# Samples and gaps


def counts_fit(drawn: Floats, p: Floats) -> None:
    """Chi-square against the enumerated distribution: exceeded by chance once in 10⁵ runs, and the seed is fixed."""
    numbers = (drawn @ (2 ** np.arange(drawn.shape[1])[::-1])).astype(int)
    expected = p * len(drawn)
    statistic = ((np.bincount(numbers, minlength=len(p)) - expected) ** 2 / expected).sum()
    assert statistic < stats.chi2(len(p) - 1).ppf(1 - 1e-5)


@pytest.mark.parametrize("how", [{}, {"tempered": True}, {"start": "chains"}, {"start": pairs(50)}])
def test_samples_have_the_distribution_of_the_machine(bits: RBM, how: dict[str, Any]) -> None:
    counts_fit(bits.sample(4000, steps=50, random_state=0, **how), probabilities(bits))


@pytest.mark.parametrize("known", [{0: 1.0, 3: 0.0}, {2: 1.0}])
def test_samples_given_some_cells_have_the_conditional_distribution(bits: RBM, known: dict[int, float]) -> None:
    rows = np.full((1, 4), np.nan)
    rows[0, list(known)] = list(known.values())
    held = np.all([states(4)[:, column] == value for column, value in known.items()], axis=0)
    p = probabilities(bits)[held] / probabilities(bits)[held].sum()
    free = [column for column in range(4) if column not in known]
    for given in (known, rows):
        drawn = bits.sample(4000, given=given, steps=100, random_state=0)
        assert all((drawn[:, column] == value).all() for column, value in known.items())
        counts_fit(drawn[:, free], p)


def test_gibbs_keeps_the_distribution(bits: RBM) -> None:
    p = probabilities(bits)
    exact = states(4)[np.random.default_rng(0).choice(16, 4000, p=p / p.sum())]
    counts_fit(bits.gibbs(exact, 3, random_state=0), p)


def test_a_gap_is_filled_by_its_conditional_mean(bits: RBM) -> None:
    X = pairs(12, seed=3)
    gaps = np.random.default_rng(0).random(X.shape) < 0.4
    torn = np.where(gaps, np.nan, X)
    p, v = probabilities(bits), states(4)
    expected = X.copy()
    for row, unknown in enumerate(gaps):
        fits = (v[:, ~unknown] == X[row, ~unknown]).all(axis=1)
        expected[row, unknown] = (p[fits] @ v[fits] / p[fits].sum())[unknown]
    filled = bits.impute(torn, chains=20, steps=200)
    np.testing.assert_array_equal(filled[~gaps], X[~gaps])
    # 4,000 draws with, at worst, an autocorrelation time of some ten steps.
    assert np.abs(filled - expected).max() < 5 * 0.5 / math.sqrt(4000 / 10)
    codes = bits.transform(torn)
    assert np.isfinite(codes).all()
    np.testing.assert_array_equal(codes[~gaps.any(1)], bits.transform(X[~gaps.any(1)]))


def test_tables_are_filled_in_their_own_library_and_types(mixed: RBM) -> None:
    table = weather(6, seed=1)
    torn = table.copy()
    torn.loc[0, "sky"], torn.loc[1, "degrees"] = None, np.nan
    filled = mixed.impute(torn)
    assert isinstance(filled, pd.DataFrame)
    assert list(filled.columns) == list(table.columns)
    assert filled.notna().all(axis=None)
    assert filled.loc[0, "sky"] in {"blue", "grey", "white"}
    pd.testing.assert_frame_equal(filled.loc[2:], table.loc[2:])
    assert isinstance(mixed.impute(pl.DataFrame(torn)), pl.DataFrame)
    assert isinstance(mixed.sample(3, steps=5, random_state=0), pd.DataFrame)
    back = mixed.inverse_transform(mixed.transform(table))
    assert list(back.columns) == list(table.columns)
    named = mixed.sample(4, given={"sky": "grey", "wet": [True, False, True, False]}, steps=5, random_state=0)
    assert set(named["sky"]) == {"grey"}
    assert named["wet"].tolist() == [True, False, True, False]


# Learning


# Two columns of one cause agree with probability 0.82; without couplings a machine has every row alike.
SOURCE = 2 * (0.82 * math.log(0.41) + 0.18 * math.log(0.09))
UNCOUPLED = -4 * math.log(2)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_learning_raises_the_likelihood_of_new_rows_towards_that_of_the_source(missing: float) -> None:
    X, new = pairs(300), pairs(400, seed=1)
    X = np.where(np.random.default_rng(0).random(X.shape) < missing, np.nan, X)
    machine = RBM(4, learning_rate=0.5, n_chains=20, n_iter=40, random_state=0)
    assert machine.fit(X).score(new) > UNCOUPLED + 0.75 * (SOURCE - UNCOUPLED)
    assert machine.set_params(n_iter=0).fit(X).score(new) < UNCOUPLED + 0.05


@pytest.mark.parametrize("kind", ["bernoulli", "spin"])
def test_a_row_of_weight_two_is_a_row_twice(kind: str) -> None:
    """With all rows in one minibatch and chains of its own the gradient is the same sum."""
    X, twice = pairs(30), np.arange(30) % 3 == 0
    machine = RBM(3, visible=kind, n_chains=20, batch_size=1000, n_iter=10, random_state=0)
    weighted = clone(machine).fit(X, sample_weight=1.0 + twice)
    repeated = clone(machine).fit(np.concatenate([X, X[twice]]))
    np.testing.assert_allclose(weighted.components_, repeated.components_, atol=1e-5)
    np.testing.assert_allclose(weighted.intercept_visible_, repeated.intercept_visible_, atol=1e-5)
    without = clone(machine).fit(X, sample_weight=(~twice).astype(float))
    np.testing.assert_allclose(without.components_, clone(machine).fit(X[~twice]).components_, atol=1e-5)


@pytest.mark.parametrize(
    "options", [{}, {"method": "pt", "temperatures": 3}, {"optimiser": "adam"}, {"averaging": 0.9}]
)
def test_a_partial_fit_is_one_step_of_a_fit(options: dict[str, Any]) -> None:
    X = pairs(30)
    machine = RBM(3, batch_size=30, n_iter=1, random_state=0, **options)
    fitted, stepped = clone(machine).fit(X), clone(machine).partial_fit(X)
    np.testing.assert_allclose(stepped.components_, fitted.components_, atol=1e-6)
    # And the second step of a fit at a constant rate is the next.
    machine.set_params(schedule="constant", n_iter=2)
    np.testing.assert_allclose(stepped.partial_fit(X).components_, machine.fit(X).components_, atol=1e-4)


def test_partial_fit_goes_on_from_a_fit_with_other_parameters() -> None:
    machine = RBM(**QUICK).fit(pairs(100))
    before = machine.components_.copy()
    machine.set_params(momentum=0.0, averaging=0.5, centred=False).partial_fit(pairs(10))
    assert np.abs(machine.components_ - before).max() > 0


@pytest.mark.parametrize("what", ["likelihood", "pseudo-likelihood", "gap"])
def test_early_stopping_keeps_the_best_machine(what: str) -> None:
    """Twelve rows and many units are learned by heart; held-out rows notice."""
    machine = RBM(12, learning_rate=0.5, early_stopping=what, validation_fraction=0.4, max_gap=0.5, n_iter=200)
    machine.set_params(schedule="constant", random_state=0, n_iter_no_change=3).fit(pairs(20))
    assert machine.n_iter_ < 200
    assert len(machine.learning_curve_) == machine.n_iter_
    late = clone(machine).set_params(early_stopping=False).fit(pairs(20))
    assert machine.score(pairs(200, seed=1)) > late.score(pairs(200, seed=1))


def test_early_stopping_without_a_word_takes_the_best_measure_there_is() -> None:
    machine = RBM(4, early_stopping=True, validation_fraction=0.4, n_iter=8, random_state=0)
    told = clone(machine).set_params(early_stopping="likelihood").fit(pairs(20))
    np.testing.assert_array_equal(machine.fit(pairs(20)).components_, told.components_)
    assert best_measure(energy.bernoulli_rbm(30, 16)) == "likelihood"
    assert best_measure(energy.bernoulli_rbm(30, 17)) == "pseudo-likelihood"
    assert best_measure(energy.gaussian_rbm(2, 16)) == "likelihood"
    assert best_measure(energy.gaussian_rbm(2, 17)) == "gap"


def test_what_was_good_is_kept_when_training_diverges() -> None:
    X = np.random.default_rng(0).normal(size=(100, 1)) @ np.ones((1, 30))
    machine = GaussianRBM(4, learning_rate=0.05, schedule="constant", n_iter=300, random_state=0)
    with pytest.raises(DivergenceError, match="lower the learning rate"):
        machine.set_params(learning_rate=0.3).fit(X)
    with pytest.raises(DivergenceError, match="is kept"):
        machine.set_params(learning_rate=0.012, momentum=0.99).fit(X)
    assert np.isfinite(machine.transform(X)).all()


@pytest.mark.parametrize("hidden", ["bernoulli", "spin", "gaussian", "rectified", "noisy_rectified"])
def test_every_kind_of_hidden_unit_learns(hidden: str) -> None:
    machine = RBM(3, hidden=hidden, n_iter=3, random_state=0, sparsity_target=0.2).fit(pairs(60))
    assert machine.transform(pairs(5)).shape == (5, 3)
    assert np.isfinite(machine.free_energy(pairs(5))).all()


@pytest.mark.parametrize(
    "options",
    [
        {"method": "cd", "gibbs_steps": 2},
        {"weight_decay": 0.01, "l1": 0.001, "max_norm": 1.0, "clip_norm": 1.0},
        {"schedule": "cosine", "momentum": 0.0, "centred": False, "n_chains": 7},
    ],
)
def test_every_option_changes_what_is_learned(options: dict[str, Any]) -> None:
    X = pairs(60)
    usual, other = RBM(**QUICK).fit(X), RBM(**QUICK, **options).fit(X)
    assert not np.allclose(usual.components_, other.components_)
    assert np.isfinite(other.components_).all()


def test_bits_drawn_from_grey_levels_are_learned_as_bits() -> None:
    # Two pictures of six pixels, of which each pixel is on in nine of ten draws or in one.
    prototypes = np.array([[0.9] * 3 + [0.1] * 3, [0.1] * 3 + [0.9] * 3])
    grey = np.tile(prototypes, (100, 1))
    common = {"n_iter": 30, "random_state": 0, "learning_rate": 0.05}
    as_they_are, drawn = (RBM(4, **common, draw_grey=asked).fit(grey) for asked in (False, True))
    bits = np.random.default_rng(0).random((4000, 6)) < np.tile(prototypes, (2000, 1))
    gain = drawn.score_samples(bits) - as_they_are.score_samples(bits)
    assert gain.mean() > 5 * gain.std() / np.sqrt(len(gain))


def test_bits_are_drawn_as_they_are() -> None:
    X = pairs(30)
    machines = [RBM(3, n_iter=2, random_state=0, draw_grey=asked).fit(X) for asked in (False, True)]
    assert np.array_equal(machines[0].components_, machines[1].components_)
    for machine in machines:
        machine.partial_fit(X)
    assert np.array_equal(machines[0].components_, machines[1].components_)
    with pytest.raises(OptionError, match="draw_grey = True: draws Bernoulli columns as bits, and these are gaussian"):
        RBM(3, draw_grey=True).fit(10 * X - 3)


def test_cd_keeps_no_chains_to_start_from() -> None:
    machine = RBM(**QUICK, method="cd").fit(pairs(30))
    with pytest.raises(OptionError, match="persistent chains"):
        machine.sample(2, start="chains")
    with pytest.raises(OptionError, match="tempered=False"):
        machine.sample(2, given={0: 1.0}, tempered=True)


def test_verbose_tells_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent = RBM(**QUICK).fit(pairs(30))
    assert capsys.readouterr().out == ""
    told = RBM(**QUICK, verbose=True).fit(pairs(30))
    assert "[RBM] Iteration 20, reconstruction error = " in capsys.readouterr().out
    np.testing.assert_array_equal(silent.components_, told.components_)


# Forms of rows


def test_every_form_of_the_rows_gives_the_same() -> None:
    X = pairs(20).astype(np.float32)
    wide = np.zeros((40, 8), np.float32)
    wide[::2, ::2] = X
    read_only = X.copy()
    read_only.flags.writeable = False
    expected = RBM(3, n_iter=2, random_state=0).fit(X)
    for rows in (read_only, np.asfortranarray(X), wide[::2, ::2], sparse.csr_array(X), X.astype(np.uint8), X > 0.5):
        machine = RBM(3, n_iter=2, random_state=0).fit(rows)
        np.testing.assert_allclose(machine.components_, expected.components_, atol=1e-6)
        assert machine.transform(rows).dtype == np.float32
        np.testing.assert_allclose(machine.transform(rows), expected.transform(X), atol=1e-6)
    assert expected.sample(2, steps=1, random_state=0).dtype == np.float32
    assert expected.transform(X.astype(np.float64)).dtype == np.float64


@pytest.mark.parametrize("X", [np.ones((1, 3)), np.ones((5, 1)), np.array([[0.0], [2.5], [-1]]), np.zeros((4, 2))])
def test_few_rows_and_columns_are_enough(X: Floats) -> None:
    machine = RBM(2, n_iter=2, random_state=0).fit(X)
    assert np.isfinite(machine.score(X))
    assert machine.sample(2, steps=2, random_state=0).shape == (2, X.shape[1])


def test_a_fitted_table_may_come_back_as_a_matrix(mixed: RBM) -> None:
    table = weather(5, seed=2)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        codes = mixed.transform(table.to_numpy(dtype=object))
    np.testing.assert_array_equal(codes, mixed.transform(table))


def test_a_dict_of_columns_is_a_table() -> None:
    table = weather(60)
    machine = RBM(3, n_iter=2, random_state=0).fit({name: table[name].to_numpy() for name in table})
    assert list(machine.feature_names_in_) == list(table.columns)
    assert set(machine.sample(2, steps=2, random_state=0)) == set(table.columns)
    assert machine.score({name: table[name].to_numpy() for name in table}) < 0


def test_codes_of_a_matrix_are_choices_where_asked_for() -> None:
    X = np.random.default_rng(0).integers(0, 3, (60, 2))
    machine = RBM(3, visible="categorical", n_iter=2, random_state=0).fit(X)
    assert machine.components_.shape == (3, 6)
    every = np.array(list(itertools.product(range(3), repeat=2)))
    assert np.exp(machine.score_samples(every)).sum() == pytest.approx(1, abs=1e-6)
    assert set(np.unique(machine.impute(np.array([[np.nan, 1.0]])))) <= {0.0, 1.0, 2.0}
    for same in (X.tolist(), X.astype(np.float32), sparse.csr_array(X)):
        np.testing.assert_array_equal(clone(machine).fit(same).components_, machine.components_)
    assert machine.impute([[np.nan, 1.0]]).shape == (1, 2)


@pytest.mark.parametrize("estimator", [RBM(2, n_iter=1), ClassRBM(2, n_iter=1), DBN((2, 2), epochs=1)], ids=str)
def test_a_code_that_was_never_seen_in_its_column_is_refused(estimator: Any) -> None:
    X = np.array([[0, 7], [1, 0], [0, 4], [1, 7]])
    fitted = estimator.set_params(visible="categorical", random_state=0).fit(X, [0, 1, 0, 1])
    # 4 is known of the other column, and 5 lies between two codes.
    for row, words in (([4, 7], "row 0, column 0 = 4"), ([0, 5], "row 0, column 1 = 5"), ([0, -1], "column 1 = -1")):
        for read in (fitted.transform, fitted.score_samples, fitted.impute):
            with pytest.raises(DataError, match=f"{words}: is no level of this column; known are 0, "):
                read(np.array([row]))
    if hasattr(fitted, "predict"):
        with pytest.raises(DataError, match="is no level of this column"):
            fitted.predict(np.array([[4, 7]]))
    assert np.isfinite(fitted.score_samples(np.array([[1, 4]]))).all()


def test_it_stands_in_pipelines_searches_and_column_transformers() -> None:
    table = weather(60)
    search = GridSearchCV(RBM(n_iter=2, random_state=0), {"n_components": [1, 2]}, cv=2).fit(pairs(40))
    assert search.best_score_ < 0
    code = make_pipeline(StandardScaler(), GaussianRBM(2, n_iter=2, random_state=0)).fit_transform(table[["degrees"]])
    assert code.shape == (60, 2)
    both = make_column_transformer(
        (RBM(2, n_iter=2, random_state=0), ["sky", "wet"]),
        ("passthrough", ["degrees"]),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    assert list(both.fit_transform(table).columns) == ["rbm0", "rbm1", "degrees"]
    polars = RBM(2, n_iter=2, random_state=0).set_output(transform="polars").fit_transform(pl.DataFrame(table))
    assert isinstance(polars, pl.DataFrame)


def test_pickle_joblib_and_clone(tmp_path: Path, mixed: RBM) -> None:
    table = weather(10)
    joblib.dump(mixed, tmp_path / "machine")
    for copy in (pickle.loads(pickle.dumps(mixed)), joblib.load(tmp_path / "machine", mmap_mode="r")):
        np.testing.assert_array_equal(copy.transform(table), mixed.transform(table))
        steps = [pickle.loads(pickle.dumps(m)).partial_fit(table).components_ for m in (copy, mixed)]
        np.testing.assert_array_equal(*steps)
    assert clone(mixed).get_params() == mixed.get_params()
    assert not hasattr(clone(mixed), "machine_")


# Mistakes


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"n_components": 0}, "n_components = 0"),
        ({"visible": "potts"}, "visible = 'potts': must be 'auto'"),
        ({"hidden": "categorical"}, "hidden = 'categorical'"),
        ({"method": "pcd-1"}, "method = 'pcd-1'"),
        ({"learning_rate": -1.0}, "learning_rate = -1.0"),
        ({"schedule": "step"}, "schedule = 'step'"),
        ({"optimiser": "adamm"}, "optimiser = 'adamm'"),
        ({"centred": "yes"}, "centred = 'yes'"),
        ({"early_stopping": "loss"}, "early_stopping = 'loss': must be 'likelihood'"),
        ({"early_stopping": 1}, "early_stopping = 1: must be True or False"),
        ({"validation_fraction": 1.0, "early_stopping": "gap"}, "validation_fraction = 1.0"),
        ({"device": "tpu"}, "device = 'tpu'"),
        ({"sparsity_target": 2.0}, "'kl' needs hidden units that are 0 or 1"),
    ],
)
def test_a_parameter_that_breaks_its_rule_is_named(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        RBM(**parameters).fit(pairs(10))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.array([[0.0, 3.0]]), ["X, row 0, column 1 = 3.0", "bernoulli", "visible='rectified' or 'gaussian'"]),
        (sparse.csr_array([[0.0, -2.0]]), ["X, row 0, column 1 = -2.0", "visible='gaussian'"]),
    ],
)
def test_a_value_outside_its_kind_is_named_with_the_kinds_that_take_it(X: Any, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        RBM(2, visible="bernoulli").fit(X)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_what_rows_cannot_be_is_said(mixed: RBM, bits: RBM) -> None:
    new = weather(3)
    new.loc[1, "sky"] = "green"
    with pytest.raises(DataError, match=r"row 1, column 'sky' = 'green'.*no level.*blue"):
        mixed.transform(new)
    torn = weather(3)
    torn.loc[2, "degrees"] = np.nan
    with pytest.raises(DataError, match=r"row 2, column 'degrees'.*missing.*impute"):
        mixed.score(torn)
    with pytest.raises(ValueError, match="NaN"):
        bits.score(np.full((1, 4), np.nan))
    with pytest.raises(ValueError, match="infinity"):
        RBM(2).fit(np.array([[np.inf, 0.0]]))
    with pytest.raises(DataError, match="every entry missing"):
        RBM(2).fit(np.array([[np.nan, 0.0], [np.nan, 1.0]]))
    with pytest.raises(OptionError, match="given = 'moon': must name a column"):
        mixed.sample(1, given={"moon": 1})
    with pytest.raises(DataError, match="must have 3 columns"):
        bits.inverse_transform(np.zeros((1, 2)))
    with pytest.raises(NotFittedError):
        RBM().sample()


@pytest.mark.parametrize("weights", [[1.0, 2.0], np.full(10, -1.0), np.zeros(10), np.full(10, np.nan), ["a"] * 10])
def test_weights_that_are_none_are_refused(weights: Any) -> None:
    with pytest.raises(DataError, match="sample_weight"):
        RBM(2).fit(pairs(10), sample_weight=weights)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_learns_the_same() -> None:
    X = pairs(200)
    gpu, cpu = (RBM(4, n_iter=5, device=device, random_state=0).fit(X) for device in ("cuda", "cpu"))
    assert gpu.machine_.weights.device.type == "cpu"
    assert gpu.score(X) == pytest.approx(cpu.score(X), abs=0.05)
    gpu.partial_fit(X)


def test_swap_rates_are_told_where_there_are_temperatures() -> None:
    X = np.random.default_rng(0).random((60, 6)) < 0.5
    rates = RBM(4, method="pt", temperatures=4, n_iter=5, random_state=0).fit(X).swap_rates_
    assert rates.shape == (3,)
    assert (rates > 0.5).all()  # independent columns: the machine hardly differs from its hottest replica
    assert (rates <= 1).all()
    assert not hasattr(RBM(4, n_iter=1, random_state=0).fit(X), "swap_rates_")
    assert not hasattr(RBM(4), "swap_rates_")
