"""The multilayer perceptron as a scikit-learn regressor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from torch import nn

from layerwise.errors import DataError
from layerwise.estimators.mlp import Floats, MultilayerPerceptron, by_minibatches_only
from layerwise.estimators.mlp_rows import Lesson, read_rows_and_targets
from layerwise.estimators.options import Choice, Flag, Number, Seed, Whole, choice
from layerwise.estimators.unit_rows import checked_weights
from layerwise.networks import Poisson, Squared
from layerwise.training.vigilance import TrainingWarning
from layerwise.warning import warn

__all__ = ["MLPRegressor"]

NAMED = 10
"""So many outputs are named in a warning."""


class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    r"""Multilayer perceptron that predicts numbers: layers of units between columns and targets.

    Takes the place of :class:`sklearn.neural_network.MLPRegressor`: from the same weights and with ``shuffle=False``
    the loss curves are the same to rounding. With :math:`h^0 = x`,

    .. math:: h^l = f(W^l h^{l-1} + b^l), \qquad \hat y = W^{L+1} h^L + b^{L+1},

    and of counts :math:`\hat y = \exp(W^{L+1} h^L + b^{L+1})`. Minimised is the mean over the rows of the loss plus
    :math:`\alpha / 2n` times the squared weights, over minibatches of n rows.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default="squared_error"
        Half the squared error, or half the Poisson deviance of targets that are at least 0.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Size of each hidden layer, from the data upwards. An empty one is a linear model.
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
        Whether a share of the rows is held out; R² on it decides when to stop, and the weights that were best on it
        are kept.
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
    averaging : float, default=0.0
        Memory of a running mean of the weights, which is what is kept; 0 keeps the last ones.
    network : torch.nn.Sequential, optional
        One of your own, with normalisation or any other module, in the place of dense layers: from columns to scores,
        one a target. A copy of it is trained from the weights that it has; ``hidden_layer_sizes``
        and ``activation`` are not used. ``"lbfgs"`` needs dense layers.
    watch_gradients : bool, default=False
        Whether ``gradient_flow_`` is kept; what is learned is the same.
    device : str, default="auto"
        Where to train: ``"cpu"``, ``"cuda"``, or the GPU where there is one. The fitted network is kept on the CPU.
    strategy : {"ddp"}, optional
        ``"ddp"``: the processes that torchrun started learn together, each on its part of every minibatch. All of them
        call ``fit`` with the same rows and the same whole number as ``random_state``, and end with the same estimator.

    Attributes
    ----------
    network_ : torch.nn.Sequential
        From rows to predictions; with ``loss="poisson"`` to their logarithms.
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
        R² on held-out rows after each epoch.
    best_validation_score_ : float or None
    t_ : int
        Rows seen.
    n_iter_ : int
        Epochs, or iterations of ``"lbfgs"``.
    n_layers_, n_outputs_ : int
        Layers, rows and outputs counted; outputs.
    out_activation_ : {"identity", "exp"}
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    See Also
    --------
    MLPClassifier : For classes.

    Notes
    -----
    Where it differs from scikit-learn on purpose: weights and order of the rows come from another random stream;
    negative sample weights, and negative counts, are refused; a loss that leaves the finite numbers is a
    ``DivergenceError``, after which the network is that of the last good epoch; ``"lbfgs"`` searches in double
    precision, and for several targets minimises the loss whose gradient it follows. As there, the loss of several
    targets is reported for one of them, while the steps descend their sum.

    References
    ----------
    .. [1] R. H. Byrd, P. Lu, J. Nocedal, C. Zhu (1995). A limited memory algorithm for bound constrained optimization.
       SIAM Journal on Scientific Computing 16.
    .. [2] D. P. Kingma, J. Ba (2015). Adam: a method for stochastic optimization. ICLR.
    .. [3] N. Srivastava et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. JMLR 15.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from layerwise import MLPRegressor
    >>> X, y = make_regression(200, 20, random_state=1)
    >>> net = MLPRegressor(solver="lbfgs", max_iter=1000, random_state=0).fit(X[:150], y[:150])
    >>> net.score(X[150:], y[150:]) > 0.8
    True
    """

    def __init__(
        self,
        loss: Choice = "squared_error",
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
        averaging: Number = 0.0,
        network: Any = None,
        watch_gradients: Flag = False,
        device: Choice = "auto",
        strategy: Choice | None = None,
    ) -> None:
        self.loss = loss
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
        self.averaging = averaging
        self.network = network
        self.watch_gradients = watch_gradients
        self.device = device
        self.strategy = strategy

    def fit(self, X: object, y: object, sample_weight: object = None) -> MLPRegressor:
        """Learn until nothing gets better.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Finite numbers. float32 is learned from in float32, anything else in float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Finite numbers.
        sample_weight : array-like of shape (n_samples,), optional
            What each row counts beside the others.

        Returns
        -------
        MLPRegressor
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule, or asks for more memory than there is.
        DataError, ValueError
            Rows or targets that are not finite or do not fit, negative counts.
        DivergenceError
            The loss left the finite numbers. The network is that of the last good epoch.

        Warns
        -----
        ConvergenceWarning
            ``max_iter`` was reached before training stopped by itself.
        TrainingWarning
            All targets, or those of an output, are the same.
        """
        self._train(X, y, sample_weight, incremental=False)
        if what := _the_same_in_every_row(y):
            said = f"every row has {what}: there is nothing to learn of that from the columns; predict that number"
            warn(said, TrainingWarning)
        return self

    @by_minibatches_only
    def partial_fit(self, X: object, y: object, sample_weight: object = None) -> MLPRegressor:
        """Do one epoch over some rows, from the weights there are.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        MLPRegressor
            Itself.

        Raises
        ------
        OptionError, DataError, ValueError, DivergenceError
            As in :meth:`fit`; and ``early_stopping``.
        """
        self._train(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: object) -> Floats:
        """What the network predicts.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            float32 where ``X`` is and the rows learned from were.
        """
        return _flat(self._says(X))

    def __sklearn_tags__(self) -> Tags:
        tags = cast(Tags, super().__sklearn_tags__())
        tags.target_tags.multi_output = True
        return tags

    def _lesson(self, X: object, y: object, sample_weight: object, *, reset: bool, relearn: bool) -> Lesson:
        loss = choice("loss", self.loss, "squared_error", "poisson")
        values, given = read_rows_and_targets(self, X, y, reset=reset, numeric=True)
        targets = np.array(given, dtype=np.float64, order="C").reshape(len(given), -1)
        if loss == "poisson" and targets.min() < 0:
            rule = "Negative values in data passed to y: counts are at least 0"
            raise DataError("y", float(targets.min()), rule, "take loss='squared_error'")
        if not reset and targets.shape[1] != self.n_outputs_:
            raise DataError("y.shape", given.shape, f"must have the {self.n_outputs_} outputs that there were before")
        self.n_outputs_ = int(targets.shape[1])
        self.out_activation_ = "exp" if loss == "poisson" else "identity"
        weights = checked_weights(sample_weight, int(values.shape[0]))
        return Lesson(values, torch.from_numpy(targets), weights, Poisson() if loss == "poisson" else Squared())

    def _judge(self, lesson: Lesson) -> Callable[[nn.Sequential], float]:
        from sklearn import metrics  # heavy

        targets = _flat(lesson.targets.numpy())

        def r2(network: nn.Sequential) -> float:
            found = _flat(self._outputs(network, lesson.values))
            if not np.isfinite(found).all():
                return math.nan
            if (targets == targets[0]).all():  # of a constant R² says nothing until it is met exactly
                return -float(cast(Any, metrics).mean_squared_error(targets, found, sample_weight=lesson.weights))
            return float(cast(Any, metrics).r2_score(targets, found, sample_weight=lesson.weights))

        return r2

    def _classes_of(self, lesson: Lesson) -> npt.NDArray[Any] | None:
        return None

    def _loss_shares(self) -> int:
        return 1 if self.loss == "poisson" else self.n_outputs_


def _the_same_in_every_row(y: Any) -> str:
    """The targets that are one number, as a person would write them; nothing of a single row."""
    targets = np.asarray(y)
    if len(targets) < 2:
        return ""
    targets = targets.reshape(len(targets), -1)
    same = np.flatnonzero((targets == targets[:1]).all(axis=0)).tolist()
    names = ["y"] if targets.shape[1] == 1 else [f"y[:, {output}]" for output in range(targets.shape[1])]
    shown = [f"{names[output]} = {targets[0, output]}" for output in same[:NAMED]]
    return ", ".join(shown) + (", …" if len(same) > NAMED else "")


def _flat(found: Floats) -> Floats:
    return found.ravel() if found.shape[1] == 1 else found
