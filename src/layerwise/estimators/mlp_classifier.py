"""The multilayer perceptron as a scikit-learn classifier."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags, multiclass
from torch import nn

from layerwise.errors import DataError
from layerwise.estimators.class_weights import refuse_balanced, weights_by_class
from layerwise.estimators.labels import refuse_mixed
from layerwise.estimators.mlp import Floats, MultilayerPerceptron, by_minibatches_only
from layerwise.estimators.mlp_rows import Lesson, read_rows_and_targets
from layerwise.estimators.options import Choice, Flag, Number, Seed, Whole, number
from layerwise.estimators.perceptron_rows import told_classes
from layerwise.estimators.unit_rows import checked_weights
from layerwise.networks import BinaryCrossEntropy, CrossEntropy

__all__ = ["MLPClassifier"]


class MLPClassifier(ClassifierMixin, MultilayerPerceptron):
    r"""Multilayer perceptron: layers of units between the columns and the classes, learned by backpropagation.

    Takes the place of :class:`sklearn.neural_network.MLPClassifier`: from the same weights and with ``shuffle=False``
    the loss curves are the same to rounding. With :math:`h^0 = x`,

    .. math:: h^l = f(W^l h^{l-1} + b^l), \qquad p(c \mid x) = \operatorname{softmax}_c(W^{L+1} h^L + b^{L+1}),

    and of two classes, or for several labels a row, a logistic unit each. Minimised is the mean of
    :math:`-\log p(y \mid x)` plus :math:`\alpha / 2n` times the squared weights, over minibatches of n rows.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Size of each hidden layer, from the data upwards. An empty one is logistic regression.
    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
        Of the hidden units.
    solver : {"lbfgs", "sgd", "adam"}, default="adam"
        ``"lbfgs"`` takes all rows at once [1]_ and suits some hundred of them; ``"sgd"`` goes by minibatches with
        momentum, ``"adam"`` with a rate for each weight [2]_.
    alpha : float, default=0.0001
        Strength of the penalty on the squared weights.
    batch_size : int or "auto", default="auto"
        Rows of a minibatch; ``"auto"`` is 200, or all where there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        Of ``"sgd"``: constant; ``learning_rate_init / (t_ + 1) ** power_t`` after each epoch; or a fifth whenever
        ``n_iter_no_change`` epochs brought nothing, down to 1e-6.
    learning_rate_init : float, default=0.001
    power_t : float, default=0.5
    max_iter : int, default=200
        The most epochs; of ``"lbfgs"`` iterations.
    shuffle : bool, default=True
        Whether the rows have a new order in every epoch. The order is that of layerwise's random stream.
    random_state : int, RandomState or None, default=None
        Decides weights, order of the rows, which are held out and which units are dropped.
    tol : float, default=1e-4
        Training stops after more than ``n_iter_no_change`` epochs whose loss, or score on held-out rows, was not
        better than the best by so much. Of ``"lbfgs"`` the greatest derivative at the end.
    verbose : bool, default=False
        Whether loss and score are printed after each epoch.
    warm_start : bool, default=False
        Whether :meth:`fit` starts at the weights of the last fit.
    momentum : float, default=0.9
        Of ``"sgd"``, from 0 to 1.
    nesterovs_momentum : bool, default=True
        Whether it looks ahead.
    early_stopping : bool, default=False
        Whether a share of the rows, of each class the same, is held out; its accuracy decides when to stop, and the
        weights that were best on it are kept.
    validation_fraction : float, default=0.1
        That share.
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        Of ``"adam"``: memory of the two moments, and what is added to the root of the second.
    n_iter_no_change : int or infinity, default=10
    max_fun : int, default=15000
        Of ``"lbfgs"``: the most evaluations of the loss.
    dropout, input_dropout : float, default=0.0
        Share of each hidden layer's units, and of the columns, that is silenced in a step [3]_.
    max_norm : float or None, default=None
        Largest norm of the weights into one unit.
    label_smoothing : float, default=0.0
        This share of each row's label is spread over all classes.
    class_weight : dict, "balanced" or None, default=None
        What the rows of each class count, at least 0, times their own weight; 1 of a class left out.
        ``"balanced"``: ``n_samples / (n_classes * np.bincount(y))``. For several labels a row a list of dicts.
    averaging : float, default=0.0
        Memory of a running mean of the weights, which is what is kept; 0 keeps the last ones.
    network : torch.nn.Sequential, optional
        One of your own, with normalisation or any other module, in the place of dense layers: from columns to scores,
        one a class, or one for two classes. A copy of it is trained from the weights that it has;
        ``hidden_layer_sizes`` and ``activation`` are not used. ``"lbfgs"`` needs dense layers.
    watch_gradients : bool, default=False
        Whether ``gradient_flow_`` is kept; what is learned is the same.
    device : str, default="auto"
        Where to train: ``"cpu"``, ``"cuda"``, or the GPU where there is one. The fitted network is kept on the CPU.
    strategy : {"ddp"}, optional
        ``"ddp"``: the processes that torchrun started learn together, each on its part of every minibatch. All of them
        call ``fit`` with the same rows and the same whole number as ``random_state``, and end with the same estimator.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted. -1 is a label like any other.
    network_ : torch.nn.Sequential
        From rows to scores; ``out_activation_`` makes probabilities of them.
    coefs_, intercepts_ : list of ndarray
        Weights (units below, units above) and biases of each layer: the network's own memory. They may be set.
    loss_ : float
        The last loss, penalty included.
    best_loss_ : float or None
        The lowest; None where rows are held out.
    loss_curve_ : list of float
        The loss of each epoch, over its minibatches as they came.
    gradient_flow_ : list of GradientFlowInfo
        With ``watch_gradients``, of the last minibatch of each epoch, if it weighs anything: gradients, residuals and
        saturation layer by layer, and the length of the step beside that of the weights.
    validation_scores_ : list of float or None
        Accuracy on held-out rows after each epoch.
    best_validation_score_ : float or None
    t_ : int
        Rows seen.
    n_iter_ : int
        Epochs, or iterations of ``"lbfgs"``.
    n_layers_, n_outputs_ : int
        Layers, rows and outputs counted; outputs: one a class, or one for two.
    out_activation_ : {"softmax", "logistic"}
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    See Also
    --------
    DBNClassifier : Layers learned without labels first.
    MLPRegressor : For numbers in place of classes.

    Notes
    -----
    Where it differs from scikit-learn on purpose: weights and order of the rows come from another random stream; the
    same share of each class is held out also where there are more than two, if each has rows enough; one class alone,
    and negative weights, are refused; a loss that leaves the finite numbers is a ``DivergenceError``, after which the
    network is that of the last good epoch; probabilities are not clipped in the loss; ``"lbfgs"`` searches in double
    precision.

    References
    ----------
    .. [1] R. H. Byrd, P. Lu, J. Nocedal, C. Zhu (1995). A limited memory algorithm for bound constrained optimization.
       SIAM Journal on Scientific Computing 16.
    .. [2] D. P. Kingma, J. Ba (2015). Adam: a method for stochastic optimization. ICLR.
    .. [3] N. Srivastava et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. JMLR 15.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from layerwise import MLPClassifier
    >>> X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    >>> net = MLPClassifier(early_stopping=True, random_state=0).fit(X / 16, y)
    >>> net.score(X_test / 16, y_test) > 0.9
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Choice = "relu",
        *,
        solver: Choice = "adam",
        alpha: Number = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Choice = "constant",
        learning_rate_init: Number = 0.001,
        power_t: Number = 0.5,
        max_iter: Whole = 200,
        shuffle: Flag = True,
        random_state: Seed = None,
        tol: Number = 1e-4,
        verbose: Any = False,
        warm_start: Flag = False,
        momentum: Number = 0.9,
        nesterovs_momentum: Flag = True,
        early_stopping: Flag = False,
        validation_fraction: Number = 0.1,
        beta_1: Number = 0.9,
        beta_2: Number = 0.999,
        epsilon: Number = 1e-8,
        n_iter_no_change: Number = 10,
        max_fun: Whole = 15000,
        dropout: Number = 0.0,
        input_dropout: Number = 0.0,
        max_norm: Number | None = None,
        label_smoothing: Number = 0.0,
        class_weight: Any = None,
        averaging: Number = 0.0,
        network: Any = None,
        watch_gradients: Flag = False,
        device: Choice = "auto",
        strategy: Choice | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.max_norm = max_norm
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.averaging = averaging
        self.network = network
        self.watch_gradients = watch_gradients
        self.device = device
        self.strategy = strategy

    def fit(self, X: object, y: object, sample_weight: object = None) -> MLPClassifier:
        """Learn until nothing gets better.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Finite numbers. float32 is learned from in float32, anything else in float64.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels: numbers, texts or booleans; or for each of several labels whether the row has it.
        sample_weight : array-like of shape (n_samples,), optional
            What each row counts beside the others.

        Returns
        -------
        MLPClassifier
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule, or asks for more memory than there is.
        DataError, ValueError
            Rows that are not finite or are empty, labels that do not fit them or are of several types, fewer than two
            classes.
        DivergenceError
            The loss left the finite numbers. The network is that of the last good epoch.

        Warns
        -----
        ConvergenceWarning
            ``max_iter`` was reached before training stopped by itself.
        """
        self._train(X, y, sample_weight, incremental=False)
        return self

    @by_minibatches_only
    def partial_fit(self, X: object, y: object, sample_weight: object = None, classes: object = None) -> MLPClassifier:
        """Do one epoch over some rows, from the weights there are.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), optional
        classes : array-like of shape (n_classes,), optional
            All labels that there will be; to be given in the first call.

        Returns
        -------
        MLPClassifier
            Itself.

        Raises
        ------
        OptionError, DataError, ValueError, DivergenceError
            As in :meth:`fit`; and a label that is none of the classes, ``early_stopping``, balanced classes.
        """
        refuse_balanced(self.class_weight)
        refuse_mixed(y)
        told = told_classes(classes, getattr(self, "classes_", None))
        if not hasattr(self, "classes_"):
            several = str(cast(Any, multiclass).type_of_target(y)).startswith("multilabel")
            self._learn_classes(np.asarray(y) if several else told)
        self._train(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Most probable class of each row, or for each label whether it is more probable than not.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Of the type of ``classes_``.
        """
        return self._named(self._says(X))

    def predict_proba(self, X: object) -> Floats:
        """Probability of each class, or of each label.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; float32 where ``X`` is and the rows learned from were.
        """
        found = self._says(X)
        return np.hstack([1 - found, found]) if found.shape[1] == 1 else found

    def predict_log_proba(self, X: object) -> Floats:
        """Logarithm of :meth:`predict_proba`, in nats.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Tags:
        tags = cast(Tags, super().__sklearn_tags__())
        assert tags.classifier_tags is not None
        tags.classifier_tags.multi_label = True
        return tags

    def _lesson(self, X: object, y: object, sample_weight: object, *, reset: bool, relearn: bool) -> Lesson:
        smoothing = number("label_smoothing", self.label_smoothing, least=0.0, below=1.0, remedy="0.1 is a usual one")
        refuse_mixed(y)
        values, labels = read_rows_and_targets(self, X, y, reset=reset, numeric=False)
        multiclass.check_classification_targets(labels)
        if relearn or not hasattr(self, "classes_"):
            self._learn_classes(labels)
        self._check_labels(labels)
        weights = checked_weights(sample_weight, int(values.shape[0]))
        if self.class_weight is not None:
            of_class = weights_by_class(self.class_weight, self.classes_, labels)
            weights = of_class if weights is None else weights * of_class
            if not weights.any():
                rule = "of some row both must be above zero"
                raise DataError("sample_weight times class_weight", "all zero", rule, "leave one of the two out")
        if self._binarizer.y_type_ == "multiclass":
            self.n_outputs_, self.out_activation_ = len(self.classes_), "softmax"
            return Lesson(values, torch.from_numpy(self._codes(labels)), weights, CrossEntropy(smoothing))
        bits = self._binarizer.transform(labels).astype(np.float64)
        self.n_outputs_, self.out_activation_ = int(bits.shape[1]), "logistic"
        targets = torch.from_numpy(bits * (1 - smoothing) + smoothing / 2)
        return Lesson(values, targets, weights, BinaryCrossEntropy())

    def _judge(self, lesson: Lesson) -> Callable[[nn.Sequential], float]:
        right = lesson.targets.numpy()

        def accuracy(network: nn.Sequential) -> float:
            found = self._outputs(network, lesson.values)
            if not np.isfinite(found).all():
                return math.nan
            several = right.ndim == 2
            agrees = ((found > 0.5) == (right > 0.5)).all(axis=1) if several else found.argmax(axis=1) == right
            return float(np.average(agrees, weights=lesson.weights))

        return accuracy

    def _classes_of(self, lesson: Lesson) -> npt.NDArray[Any] | None:
        targets = lesson.targets.numpy()
        if targets.ndim == 1:
            return targets
        return targets[:, 0] if self.n_outputs_ == 1 else None

    def _named(self, found: Floats) -> npt.NDArray[Any]:
        """Labels from probabilities."""
        return self._binarizer.inverse_transform(found.ravel() if self.n_outputs_ == 1 else found)

    def _learn_classes(self, labels: Any) -> None:
        from sklearn.preprocessing import LabelBinarizer  # heavy

        binarizer: Any = LabelBinarizer().fit(labels)
        if len(binarizer.classes_) < 2:
            rule = "one class leaves nothing to tell apart, there must be at least two"
            raise DataError("y", binarizer.classes_.tolist(), rule, "add rows of another class")
        self._binarizer, self.classes_ = binarizer, binarizer.classes_

    def _check_labels(self, labels: Any) -> None:
        present = np.asarray(cast(Any, multiclass).unique_labels(labels))
        if np.isin(present, self.classes_).all():
            return
        unknown = np.setdiff1d(present, self.classes_)
        rule = f"`y` has classes not in `self.classes_`, which are {self.classes_[:20].tolist()}"
        raise DataError("y", unknown.tolist(), rule, "fit without warm_start, or leave such rows out")

    def _codes(self, labels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        return np.searchsorted(self.classes_, labels).astype(np.int64)
