"""The deep belief network as a scikit-learn classifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy.typing as npt
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils import validation
from torch import nn

from layerwise.data.rows import Rows
from layerwise.errors import DataError
from layerwise.estimators.conversion import checked_rows, stream_from
from layerwise.estimators.fine_tuned_dbn import FineTunedDBN
from layerwise.estimators.labels import accuracy, encode_classes
from layerwise.estimators.options import Choice, Number, Seed, Sizes, Whole, number
from layerwise.estimators.plain_networks import with_output
from layerwise.estimators.unit_rows import checked_weights
from layerwise.training.plan import Plan

__all__ = ["DBNClassifier"]


class DBNClassifier(ClassifierMixin, FineTunedDBN):
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
    input_dropout : float, default=0.0
        Share of the columns, likewise.
    label_smoothing : float, default=0.0
        This share of each row's label is spread over all classes in fine-tuning.
    device : str, default="auto"
        Where to train: ``"cpu"``, ``"cuda"``, or the GPU where there is one. The fitted model is kept on the CPU.
    strategy : {"ddp"}, optional
        ``"ddp"``: the processes that torchrun started learn together, each on its part of every minibatch. All of them
        call ``fit`` with the same rows and the same whole number as ``random_state``, and end with the same estimator.
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
        How learning reached each layer of the network in the last minibatch of each epoch of fine-tuning.
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    See Also
    --------
    BernoulliRBM : One layer.
    DBNRegressor : For numbers.

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
        input_dropout: Number = 0.0,
        label_smoothing: Number = 0.0,
        device: Choice = "auto",
        strategy: Choice | None = None,
        random_state: Seed = None,
        verbose: Whole = 0,
    ) -> None:
        super().__init__(
            hidden,
            visible=visible,
            method=method,
            gibbs_steps=gibbs_steps,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            fine_tune_epochs=fine_tune_epochs,
            fine_tune_learning_rate=fine_tune_learning_rate,
            fine_tune_weight_decay=fine_tune_weight_decay,
            dropout=dropout,
            input_dropout=input_dropout,
            device=device,
            strategy=strategy,
            random_state=random_state,
            verbose=verbose,
        )
        self.label_smoothing = label_smoothing

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> DBNClassifier:
        """Learn the layers from all rows, then the classes from those that have a label.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Finite numbers. A sparse matrix is never made dense as a whole.
        y : array-like of shape (n_samples,)
            Labels: numbers, texts or booleans. A row without label holds -1, as in ``sklearn.semi_supervised``; among
            texts -1 may also be ``"-1"`` or the empty text, and among Python objects and in a data frame's column
            ``None``, NaN or NA.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts beside the others; zero leaves it out.

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
        plan = self._plan()  # refused before anything is read
        values = checked_rows(self, X, reset=True)
        classes, codes = encode_classes(y, int(values.shape[0]))
        weights = checked_weights(sample_weight, len(codes))
        if weights is not None and not weights[codes >= 0].any():
            rule = "leaves no row to learn from: none with a label counts"
            raise DataError("sample_weight", "zero for each row with a label", rule)
        rows = Rows(values, codes, tuple(str(name) for name in classes.tolist()))
        with self._enough_memory():
            lesson = self._begun(plan, rows, weights, stream_from(self.random_state))
            course = lesson.course
            try:
                course.advance(lesson.curves)
            finally:
                network = course.network or course.last_good()
                if network is not None:
                    self.classes_ = classes
                    self._keep(lesson, network)
                    tuned = self.learning_curves_["fine-tuning"]
                    self.gradient_flow_ = [epoch.flow for epoch in tuned]
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
        return accuracy(self.predict(X), y, sample_weight)

    def _plan(self) -> Plan:
        smoothing = number("label_smoothing", self.label_smoothing, least=0.0, below=1.0, remedy="0.1 is a usual one")
        return replace(super()._plan(), label_smoothing=smoothing)

    def to_torch(self) -> nn.Sequential:
        """From rows of units, ``preparation_.prepare(X)``, to what :meth:`predict_proba` gives."""
        validation.check_is_fitted(self)
        return with_output(self.network_, "softmax", nn.Softmax(dim=1))
