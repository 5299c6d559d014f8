"""The deep belief network as a scikit-learn classifier."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn import metrics
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, validation
from torch import Tensor, nn

from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.data.suitable import suitable_units
from layerwise.data.values import Values
from layerwise.estimators.conversion import checked_rows, float_type, parts, result_type, stream_from, training_device
from layerwise.estimators.estimator import Estimator
from layerwise.estimators.labels import encode_classes, known_labels
from layerwise.estimators.learning_curves import LearningCurves
from layerwise.estimators.lessons import lessons_from
from layerwise.estimators.options import (
    Choice,
    Number,
    Seed,
    Sizes,
    Whole,
    choice,
    layer_sizes,
    number,
    verbosity,
    whole_number,
)
from layerwise.estimators.plain_networks import with_output
from layerwise.training.course import Course
from layerwise.training.memory import enough_memory
from layerwise.training.plan import Plan

__all__ = ["DBNClassifier"]


class DBNClassifier(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassifierMixin, Estimator):
    r"""Deep belief network: layers learned from all rows without labels, then a classifier learned from the labelled.

    Each layer is a restricted Boltzmann machine that learns the code of the layer below [1]_. The stack becomes a
    network of sigmoid layers with a layer of class scores on top,

    .. math:: h^l = \sigma(h^{l-1} W^l + b^l), \quad h^0 = v, \qquad
              p(c \mid v) = \operatorname{softmax}_c(h^L U + d),

    which backpropagation fine-tunes on the rows that have a label [2]_.

    Parameters
    ----------
    hidden : sequence of int, default=(256, 256)
        Size of each hidden layer, from the data upwards.
    visible : {"auto", "bernoulli", "gaussian"}, default="auto"
        Kind of the units that meet the data, and with it the scale of the columns. ``"bernoulli"`` wants numbers in
        [0, 1]: a column inside it stays as it is, any other is stretched from its least to its greatest value.
        ``"gaussian"`` gives every column mean 0 and standard deviation 1. ``"auto"`` is ``"bernoulli"`` where all
        values lie in [0, 1] and ``"gaussian"`` otherwise, as on the command line; the columns' scale does not matter.
        Pictures that shall be bits or grey levels are divided by their white first.
    method : {"cd", "pcd"}, default="cd"
        Contrastive divergence, from the data or with persistent chains.
    gibbs_steps : int, default=1
        Gibbs steps of a chain between two steps of learning.
    epochs : int, default=20
        Passes over all rows, for each layer. 0 leaves the layers at small random weights.
    batch_size : int, default=10
        Rows of a minibatch, in both parts. 10 suits some hundred or thousand rows; 100 is faster on tens of thousands.
    learning_rate, momentum, weight_decay : float, default=0.1, 0.5, 0.0002
        Of contrastive learning. A first layer of Gaussian units has a twentieth of it.
    fine_tune_epochs : int, default=100
        Passes over the labelled rows, at least 1.
    fine_tune_learning_rate, fine_tune_weight_decay : float, default=0.01, 0.0
        Of fine-tuning (AdamW, the rate falling linearly to 0).
    dropout : float, default=0.2
        Share of each hidden layer's units that is silenced in a step of fine-tuning.
    device : str, default="auto"
        Where to train: ``"cpu"``, ``"cuda"``, or the GPU where there is one. The fitted model is kept on the CPU.
    random_state : int, RandomState or None, default=None
        Decides weights, order of the rows and every draw.
    verbose : int, default=0
        Above 0, what was measured is printed after each epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    net_ : BeliefNet
        The layers as they were learned, without labels.
    network_ : torch.nn.Sequential
        The fine-tuned network, from prepared rows to class scores.
    preparation_ : Preparation
        Shift and scale of the columns.
    learning_curves_ : dict of str to list of LayerInfo or TuningInfo
        What was measured after each epoch, on training rows, for ``"layer 1"``, ``"layer 2"``, …, ``"fine-tuning"``.
        No row is held out, so that free-energy gaps are NaN.
    gradient_flow_ : list of GradientFlowInfo
        How learning reached each layer of the network in the first minibatch of each epoch of fine-tuning.
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all of them are texts.

    See Also
    --------
    BernoulliRBM : One layer.

    References
    ----------
    .. [1] G. E. Hinton, S. Osindero, Y.-W. Teh (2006). A fast learning algorithm for deep belief nets.
       Neural Computation 18.
    .. [2] G. E. Hinton, R. R. Salakhutdinov (2006). Reducing the dimensionality of data with neural networks.
       Science 313.

    Examples
    --------
    Handwritten digits, of which 200 have a label:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from layerwise import DBNClassifier
    >>> X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    >>> y[200:] = -1
    >>> net = DBNClassifier((128,), epochs=10, batch_size=20, fine_tune_epochs=40, random_state=0).fit(X, y)
    >>> net.score(X_test, y_test)
    0.9
    >>> net.sample(5, steps=10, random_state=0).shape
    (5, 64)
    """

    def __init__(
        self,
        hidden: Sizes = (256, 256),
        *,
        visible: Choice = "auto",
        method: Choice = "cd",
        gibbs_steps: Whole = 1,
        epochs: Whole = 20,
        batch_size: Whole = 10,
        learning_rate: Number = 0.1,
        momentum: Number = 0.5,
        weight_decay: Number = 0.0002,
        fine_tune_epochs: Whole = 100,
        fine_tune_learning_rate: Number = 0.01,
        fine_tune_weight_decay: Number = 0.0,
        dropout: Number = 0.2,
        device: Choice = "auto",
        random_state: Seed = None,
        verbose: Whole = 0,
    ) -> None:
        self.hidden = hidden
        self.visible = visible
        self.method = method
        self.gibbs_steps = gibbs_steps
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.fine_tune_epochs = fine_tune_epochs
        self.fine_tune_learning_rate = fine_tune_learning_rate
        self.fine_tune_weight_decay = fine_tune_weight_decay
        self.dropout = dropout
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: object, y: object = None) -> DBNClassifier:
        """Learn the layers from all rows, then the classes from those that have a label.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Finite numbers. A sparse matrix is never made dense as a whole.
        y : array-like of shape (n_samples,)
            Labels: numbers, texts or booleans. A row without label holds -1, as in ``sklearn.semi_supervised``; among
            texts -1 may also be ``"-1"`` or the empty text, and among Python objects and in a data frame's column
            ``None``, NaN or NA.

        Returns
        -------
        DBNClassifier
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule, or asks for more memory than there is.
        DataError, ValueError
            Rows that are not finite or are empty, labels that do not fit them, fewer than two classes.
        DivergenceError
            The parameters left the finite numbers. If it was in fine-tuning, the layers and the last good network are
            kept in the estimator.
        """
        plan, device, verbose = self._plan(), training_device(self.device), verbosity("verbose", self.verbose)
        values = checked_rows(self, X, reset=True)
        classes, codes = encode_classes(y, int(values.shape[0]))
        rows = Rows(values, codes, tuple(str(name) for name in classes.tolist()))
        if self.visible == "auto":
            plan = replace(plan, visible=suitable_units(rows))
        random = stream_from(self.random_state)
        preparation = Preparation.fit(rows, plan.visible)
        curves = LearningCurves(verbose > 0)
        with enough_memory({"hidden": self.hidden, "batch_size": self.batch_size}, "give smaller ones"):
            lessons = lessons_from(rows, preparation, plan.batch_size, random, device)
            course = Course(plan, lessons, random.child("course"))
            try:
                course.advance(curves)
            finally:
                network = course.network or course.last_good()
                if network is not None:
                    self.classes_, self.preparation_ = classes, preparation
                    self.net_, self.network_ = course.net.cpu(), network.cpu().eval()
                    self.network_.zero_grad(set_to_none=True)
                    self.learning_curves_, self.gradient_flow_ = curves.measured, curves.flows
        return self

    def predict_proba(self, X: object) -> npt.NDArray[Any]:
        """Probability of each class.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; float64 where ``X`` is float64, float32 otherwise.
        """
        validation.check_is_fitted(self)
        values = checked_rows(self, X, reset=False)
        return self._carried(values, len(self.classes_), self.network_, lambda net, v: torch.softmax(net(v), dim=1))

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Of the type of ``classes_``.
        """
        most_probable = self.predict_proba(X).argmax(axis=1)
        return self.classes_[most_probable]

    def score(self, X: object, y: object, sample_weight: object = None) -> float:
        """Share of the labelled rows whose class is predicted; rows without label are left out.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels as for :meth:`fit`, -1 where a row has none.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
            From 0 to 1.

        Raises
        ------
        DataError, ValueError
            No row has a label, or rows and labels do not fit.
        """
        predicted = self.predict(X)
        present, known = known_labels(y, len(predicted))
        weights = None if sample_weight is None else np.asarray(sample_weight)[present]
        return float(cast(Any, metrics).accuracy_score(known, predicted[present], sample_weight=weights))

    def transform(self, X: object) -> npt.NDArray[Any]:
        """Top layer's code as it was learned without labels: the belief network's means, layer by layer.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, size of the top layer)
            From 0 to 1; float64 where ``X`` is float64, float32 otherwise.
        """
        validation.check_is_fitted(self)
        values = checked_rows(self, X, reset=False)
        return self._carried(values, self._n_features_out, self.net_, lambda net, v: net.up(v))

    def sample(
        self, n_samples: Whole = 1, *, steps: Whole = 1000, random_state: Seed = None
    ) -> npt.NDArray[np.float64]:
        """Draw rows from the belief network: Gibbs steps in its top machine, then one pass down.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        steps : int, default=1000
            Gibbs steps, from noise.
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (n_samples, n_features), float64
            In the units of the rows given to :meth:`fit`: of binary units the mean given the layer above, of Gaussian
            units a draw.
        """
        validation.check_is_fitted(self)
        count = whole_number("n_samples", n_samples, least=1)
        random, steps = stream_from(random_state), whole_number("steps", steps, least=1)
        with torch.no_grad(), enough_memory({"n_samples": count}, "draw fewer rows at a time"):
            return self.preparation_.restore(self.net_.sample(count, random, steps))

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a network, as there is not where a layer diverged."""
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Tags:
        tags = cast(Tags, super().__sklearn_tags__())
        tags.input_tags.sparse = True
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def to_torch(self) -> nn.Sequential:
        """From rows of units, ``preparation_.prepare(X)``, to what :meth:`predict_proba` gives."""
        validation.check_is_fitted(self)
        return with_output(self.network_, "softmax", nn.Softmax(dim=1))

    @property
    def _n_features_out(self) -> int:
        return self.net_.sizes[-1]

    def _plan(self) -> Plan:
        visible = choice("visible", self.visible, "auto", "bernoulli", "gaussian")
        return Plan(
            hidden=layer_sizes("hidden", self.hidden),
            visible=cast(Any, "bernoulli" if visible == "auto" else visible),
            method=cast(Any, choice("method", self.method, "cd", "pcd")),
            gibbs_steps=whole_number("gibbs_steps", self.gibbs_steps, least=1, remedy=_start_with(1)),
            epochs=whole_number("epochs", self.epochs, least=0, remedy=_start_with(20)),
            batch_size=whole_number("batch_size", self.batch_size, least=1, remedy=_start_with(10)),
            learning_rate=number("learning_rate", self.learning_rate, above=0.0, remedy=_start_with(0.1)),
            momentum=number("momentum", self.momentum, least=0.0, below=1.0, remedy=_start_with(0.5)),
            weight_decay=number("weight_decay", self.weight_decay, least=0.0, remedy=_start_with(0.0002)),
            # Without fine-tuning there would be no classifier.
            fine_tune_epochs=whole_number("fine_tune_epochs", self.fine_tune_epochs, least=1, remedy=_start_with(100)),
            fine_tune_learning_rate=number(
                "fine_tune_learning_rate", self.fine_tune_learning_rate, above=0.0, remedy=_start_with(0.01)
            ),
            fine_tune_weight_decay=number(
                "fine_tune_weight_decay", self.fine_tune_weight_decay, least=0.0, remedy=_start_with(0)
            ),
            dropout=number("dropout", self.dropout, least=0.0, below=1.0, remedy=_start_with(0)),
        )

    def _carried(
        self, values: Values, width: int, module: nn.Module, carry: Callable[[Any, Tensor], Tensor]
    ) -> npt.NDArray[Any]:
        """Prepared rows carried through a module, part by part and in the precision that answers to the rows."""
        result = np.empty((int(values.shape[0]), width), result_type(values))
        dtype = float_type(values)
        if dtype == torch.float64:
            # In float32 a row's result would depend, in its last digits, on the rows that it comes with.
            module = copy.deepcopy(module).to(dtype)
        with torch.no_grad():
            for part in parts(values):
                result[part] = carry(module, self.preparation_.prepare(values[part]).to(dtype)).numpy()
        return result


def _start_with(value: int | float) -> str:
    return f"start with {value:g}"
