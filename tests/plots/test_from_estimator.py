"""Displays made from fitted estimators: what each shows of whom, and what it says to the others."""

from __future__ import annotations

import inspect
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from layerwise import Autoencoder, MLPClassifier, StackedAutoencoder, estimators
from layerwise.errors import DataError, LayerwiseError, OptionError
from layerwise.estimators.curves import curves_of
from layerwise.plots import (
    CodesDisplay,
    FiltersDisplay,
    GradientFlowDisplay,
    LearningCurvesDisplay,
    PredictionsDisplay,
    ReconstructionsDisplay,
    SamplesDisplay,
)
from layerwise.plots.picture_rows import in_grey, matrix_of, picture_shape

X = np.random.default_rng(0).random((24, 16))
Y = np.arange(24) % 3
SMALL = {
    "hidden": (4, 3),
    "hidden_layer_sizes": (5, 4),
    "n_components": 4,
    "epochs": 2,
    "fine_tune_epochs": 2,
    "n_iter": 2,
    "max_iter": 2,
    "tol": None,
    "batch_size": 8,
    "random_state": 0,
    "watch_gradients": True,
}
KINDS = [name for name in estimators.__all__ if isinstance(getattr(estimators, name), type)]
DISPLAYS: dict[Any, tuple[dict[str, Any], set[str]]] = {
    FiltersDisplay: ({}, set(KINDS)),
    SamplesDisplay: ({"steps": 2}, {"RBM", "GaussianRBM", "ClassRBM", "DBN", "DBNClassifier", "DBNRegressor"}),
    ReconstructionsDisplay: (
        {"X": X[:3]},
        {kind for kind in KINDS if "RBM" in kind or "DBN" in kind or "oder" in kind},
    ),
    CodesDisplay: ({"X": X, "y": Y}, {kind for kind in KINDS if "RBM" in kind or "DBN" in kind or "oder" in kind}),
    PredictionsDisplay: ({"X": X, "y": Y}, {"MLPRegressor", "DBNRegressor"}),
    LearningCurvesDisplay: ({}, {kind for kind in KINDS if kind != "BernoulliRBM"}),
    GradientFlowDisplay: ({}, {kind for kind in KINDS if kind.startswith("MLP") or "oder" in kind}),
}
DISPLAYS[ReconstructionsDisplay][1].discard("StackedAutoencoderClassifier")
DISPLAYS[GradientFlowDisplay][1].update({"DBNClassifier", "DBNRegressor"})


@cache
def fitted(name: str) -> Any:
    kind = getattr(estimators, name)
    taken = inspect.signature(kind).parameters
    sizes = {key: SMALL[key] for key in SMALL if key in taken and not isinstance(taken[key].default, str)}
    if name.startswith("MLP"):
        sizes |= {"tol": 0.0, "batch_size": 8}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(**sizes).fit(X, Y)


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: display.__name__)
@pytest.mark.parametrize("name", KINDS)
def test_every_estimator_is_drawn_or_refused_in_one_line(name: str, display: Any) -> None:
    arguments, able = DISPLAYS[display]
    if name in able:
        drawn = display.from_estimator(fitted(name), **arguments)
        assert drawn.ax_.figure is drawn.figure_
        assert drawn.ax_.has_data()
        given = drawn.figure_.add_subplot()
        assert display.from_estimator(fitted(name), **arguments, ax=given).ax_ is given
    else:
        with pytest.raises(OptionError, match=r"^estimator = [^\n]*$"):
            display.from_estimator(fitted(name), **arguments)
    if hasattr(fitted(name), "transform") or name in able:
        with pytest.raises((NotFittedError, OptionError)):
            display.from_estimator(getattr(estimators, name)(), **arguments)


def test_filters_are_the_first_layers_weights() -> None:
    assert np.array_equal(FiltersDisplay.from_estimator(fitted("RBM")).weights, fitted("RBM").components_)
    assert np.array_equal(
        FiltersDisplay.from_estimator(fitted("ClassRBM")).weights, fitted("ClassRBM").components_[:, :16]
    )
    of_network = FiltersDisplay.from_estimator(fitted("MLPClassifier"), (2, 8), most=3)
    assert np.array_equal(of_network.weights, fitted("MLPClassifier").coefs_[0].T[:3])
    assert of_network.picture == (2, 8)


def test_filters_of_a_convolution_are_its_kernels() -> None:
    network = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 4, 4)),
        torch.nn.Conv2d(1, 3, 2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(27, 3),
    )
    model = MLPClassifier(network=network, max_iter=2, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X.astype(np.float32), Y)
    display = FiltersDisplay.from_estimator(model)
    assert display.picture == (2, 2)
    assert display.weights.shape == (3, 4)


def test_the_deepest_reconstruction_is_down_from_the_code() -> None:
    for name, depth in (("DBN", 2), ("RBM", 1), ("StackedAutoencoder", 2)):
        model = fitted(name)
        display = ReconstructionsDisplay.from_estimator(model, X[:3])
        back = model.inverse_transform(model.transform(X[:3]))
        assert max(display.reconstructions) == depth
        assert display.reconstructions[depth] == pytest.approx(back, abs=1e-6)
        assert np.array_equal(display.inputs, X[:3])


def test_a_bernoulli_rbm_gives_back_its_conditional_means() -> None:
    model = fitted("BernoulliRBM")
    field = model.transform(X[:3]) @ model.components_ + model.intercept_visible_
    (back,) = ReconstructionsDisplay.from_estimator(model, X[:3]).reconstructions.values()
    assert back == pytest.approx(1 / (1 + np.exp(-field)))


def test_a_code_of_two_units_is_drawn_as_it_is_and_a_wider_one_in_its_plane() -> None:
    narrow = Autoencoder((2,), epochs=1, random_state=0).fit(X)
    display = CodesDisplay.from_estimator(narrow, X)
    assert display.points == pytest.approx(narrow.transform(X))
    assert (display.labels, display.ax_.get_xlabel()) == (None, "unit 1")
    assert "% of the variance" in CodesDisplay.from_estimator(fitted("DBN"), X).ax_.get_xlabel()


@pytest.mark.parametrize(
    ("y", "codes", "classes"),
    [
        ([5, -1, 3], [1, -1, 0], ["3", "5"]),
        ([np.nan, 2.0, 2.0], [-1, 0, 0], ["2.0"]),
        (np.array(["b", None, "a"], dtype=object), [1, -1, 0], ["a", "b"]),
    ],
)
def test_rows_without_label_have_no_class(y: Any, codes: list[int], classes: list[str]) -> None:
    display = CodesDisplay.from_estimator(fitted("RBM"), X[:3], y)
    assert display.labels is not None
    assert (display.labels.tolist(), list(display.classes)) == (codes, classes)


def test_there_is_a_label_for_each_row() -> None:
    with pytest.raises(DataError, match=r"y\.shape = \(2,\): must be \(3,\)"):
        CodesDisplay.from_estimator(fitted("RBM"), X[:3], [0, 1])


def test_samples_are_the_estimators_own() -> None:
    model = fitted("RBM")
    display = SamplesDisplay.from_estimator(model, n_samples=4, steps=3, random_state=1)
    assert np.array_equal(display.samples, model.sample(4, steps=3, random_state=1))
    grey = SamplesDisplay.from_estimator(fitted("GaussianRBM"), n_samples=4, steps=3, random_state=1).samples
    assert (grey.min(), grey.max()) == (0, 1)


def test_curves_are_the_records_of_the_epochs() -> None:
    model = fitted("DBNClassifier")
    assert LearningCurvesDisplay.from_estimator(model).lines.keys() == {"fine-tuning"}
    display = LearningCurvesDisplay.from_estimator(model, measure="reconstruction_error")
    epochs, values = display.lines["layer 2"]
    assert list(epochs) == [1, 2]
    assert values == [info.reconstruction_error for info in model.learning_curves_["layer 2"]]
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["layer 1", "layer 2"]
    with pytest.raises(OptionError, match="must be one of loss, reconstruction_error, accuracy, hidden_activity"):
        LearningCurvesDisplay.from_estimator(model, measure="gap")


def test_a_loss_in_nats_is_called_so() -> None:
    titles = {
        name: LearningCurvesDisplay.from_estimator(fitted(name)).measure
        for name in ("MLPClassifier", "MLPRegressor", "Perceptron")
    }
    assert titles == {"MLPClassifier": "loss, nats", "MLPRegressor": "loss", "Perceptron": "mistakes, rows"}
    squared = Autoencoder((2,), loss="squared", epochs=1, random_state=0).fit(X)
    assert LearningCurvesDisplay.from_estimator(squared).measure == "loss"


def test_mistakes_have_a_line_for_each_class() -> None:
    lines = LearningCurvesDisplay.from_estimator(fitted("Perceptron")).lines
    assert [values for _, values in lines.values()] == fitted("Perceptron").mistakes_.T.tolist()
    assert list(lines) == ["class 0", "class 1", "class 2"]


def test_layers_are_no_curves() -> None:
    assert set(curves_of(fitted("StackedAutoencoder"))) == {"layer 1", "layer 2", "fine-tuning"}
    assert set(curves_of(fitted("DBN"))) == {"layer 1", "layer 2"}


@pytest.mark.parametrize("measure", ["gradient_norm", "residual_norm", "saturated", "update_ratio"])
def test_the_flow_is_what_was_watched(measure: str) -> None:
    model = fitted("MLPClassifier")
    display = GradientFlowDisplay.from_estimator(model, measure=measure)
    expected = np.array([getattr(flow, measure) for flow in model.gradient_flow_]).T
    assert list(display.lines()) == ["hidden1", "hidden2", "output"]
    assert np.array(list(display.lines().values())) == pytest.approx(expected)
    assert np.array([line.get_ydata() for line in display.ax_.lines]) == pytest.approx(expected)
    assert display.ax_.get_yscale() == ("linear" if measure == "saturated" else "log")
    low, high = display.ax_.get_ylim()
    assert low <= expected.min()
    assert high >= expected.max()


def test_predictions_are_the_estimators_beside_the_true_numbers() -> None:
    display = PredictionsDisplay.from_estimator(fitted("MLPRegressor"), X, Y, name="price")
    assert np.array_equal(display.predicted, fitted("MLPRegressor").predict(X))
    points = np.asarray(display.ax_.collections[0].get_offsets())
    assert points == pytest.approx(np.stack([display.true, display.predicted], 1))
    with pytest.raises(DataError, match="must be one number for each row"):
        PredictionsDisplay.from_estimator(fitted("MLPRegressor"), X, Y[:3])


def test_the_flow_of_a_stage_is_that_stages() -> None:
    model: StackedAutoencoder = fitted("StackedAutoencoder")
    last = GradientFlowDisplay.from_estimator(model)
    assert last.flows == [info.flow for info in model.learning_curves_["fine-tuning"]]
    first = GradientFlowDisplay.from_estimator(model, stage="layer 1")
    assert first.flows == [info.flow for info in model.learning_curves_["layer 1"]]
    with pytest.raises(OptionError, match="stage = 'layer 9': must be one of layer 1, layer 2, fine-tuning"):
        GradientFlowDisplay.from_estimator(model, stage="layer 9")
    with pytest.raises(OptionError, match="measure = 'loss': must be one of gradient_norm"):
        GradientFlowDisplay.from_estimator(model, measure="loss")


def test_rows_of_any_container_are_seen_alike() -> None:
    model = fitted("RBM")
    expected = ReconstructionsDisplay.from_estimator(model, X[:3])
    for given in (X[:3].tolist(), sparse.csr_array(X[:3]), torch.from_numpy(X[:3])):
        display = ReconstructionsDisplay.from_estimator(model, given)
        assert np.array_equal(display.inputs, expected.inputs)
        assert display.reconstructions[1] == pytest.approx(expected.reconstructions[1], abs=1e-6)


def test_what_is_no_picture_is_refused() -> None:
    assert picture_shape(None, 9) == (3, 3)
    assert picture_shape((2, 4), 8) == (2, 4)
    for given, pixels in ((None, 8), ((2, 3), 8)):
        with pytest.raises(OptionError, match=r"picture = .*must be \(height, width\) of a picture of 8 pixels"):
            picture_shape(given, pixels)
    for rows in ({"a": ["x"]}, [["x"]], [1.0]):
        with pytest.raises(DataError, match="must be a matrix of numbers"):
            matrix_of(rows, "X")
    gaps = X[:3].copy()
    gaps[0, 0] = np.nan
    with pytest.raises(LayerwiseError, match="must have no missing cells"):
        ReconstructionsDisplay.from_estimator(fitted("RBM"), gaps)


def test_grey_keeps_shares_and_stretches_what_lies_beyond_them() -> None:
    shares, beyond = np.array([[0.2, 0.7]]), np.array([[-4.0, 0.0, 12.0]])
    assert np.array_equal(in_grey(shares, shares), shares)
    assert in_grey(beyond, beyond) == pytest.approx(np.array([[0.0, 0.25, 1.0]]))
    assert np.array_equal(in_grey(np.full((1, 3), 20.0), beyond), np.ones((1, 3)))
    assert np.array_equal(in_grey(np.full((1, 2), 3.0), np.full((1, 2), 3.0)), np.zeros((1, 2)))
