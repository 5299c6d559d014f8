"""The perceptron as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, extmath, multiclass, validation
from torch import Tensor, nn

from layerwise.errors import DataError, OptionError
from layerwise.estimators.audience import audience_of
from layerwise.estimators.class_weights import refuse_balanced
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.estimator import Estimator
from layerwise.estimators.labels import refuse_mixed
from layerwise.estimators.options import Choice, Flag, Number, Seed, Whole, flag, number, verbosity, whole_number
from layerwise.estimators.perceptron_options import learning_from, patience_from, print_epoch
from layerwise.estimators.perceptron_rows import first_weights, hold_out, told_classes, weighted_sides
from layerwise.estimators.plain_networks import linear_map
from layerwise.training.perceptron_epochs import Patience, Trained, learn
from layerwise.training.perceptron_rule import PerceptronLearning
from layerwise.training.perceptron_state import PerceptronInfo, PerceptronState
from layerwise.training.separation import Separability, separability
from layerwise.warning import warn

__all__ = ["Perceptron"]

Floats = npt.NDArray[np.floating[Any]]

SPARSE_INTERCEPT_RATE = 0.01
"""scikit-learn's: a sparse row moves few weights, but the intercept with every mistake."""


See = Callable[[int, PerceptronInfo, PerceptronState], bool]
"""Shown each epoch; says whether it is enough."""


class Perceptron(ClassifierMixin, Estimator):
    r"""Threshold neurons that learn from their mistakes, one for each class against the rest; of two classes, one.

    Takes the place of :class:`sklearn.linear_model.Perceptron`: with the default rule and ``shuffle=False`` the
    weights are the same to the bit. At every row with :math:`y\,(w \cdot x + b) \le 0`, where :math:`y = \pm 1`,

    .. math:: w \leftarrow w + \eta_0\,y\,x, \qquad b \leftarrow b + \eta_0\,y.

    Rosenblatt's rule [1]_ ends where a hyperplane separates the classes, after at most :math:`(R / \gamma)^2` mistakes
    [2]_; :meth:`separability` decides whether there is one. Otherwise it goes on for ever, and the ``"pocket"`` keeps
    the best weights on the way.

    Parameters
    ----------
    penalty : {"l2", "l1", "elasticnet"} or None, default=None
        What pulls the weights towards zero.
    alpha : float, default=0.0001
        Strength of the penalty.
    l1_ratio : float, default=0.15
        Share of the absolute penalty in ``"elasticnet"``, from 0 to 1.
    fit_intercept : bool, default=True
        Whether the intercept is learned. Of sparse rows its steps are a hundredth, as in scikit-learn.
    max_iter : int, default=1000
        Most passes over the rows in :meth:`fit`.
    tol : float or None, default=1e-3
        Training stops after ``n_iter_no_change`` epochs in which the mean loss did not fall by ``tol`` below its best,
        each class for itself. None does all epochs.
    shuffle : bool, default=True
        Whether the rows have a new order in every epoch. The order is that of layerwise's random stream.
    verbose : int, default=0
        Above 0, mistakes and loss are printed after each epoch.
    eta0 : float, default=1
        Length of the steps. Of the delta rule the share of the error that a row corrects, at most 1.
    n_jobs : int or None, default=None
        Taken for scikit-learn's sake: all classes learn in one pass over the rows, so there is nothing to share out.
    random_state : int, RandomState or None, default=0
        Decides the order of the rows and which are held out.
    early_stopping : bool, default=False
        Whether a share of the rows is held out, and the accuracy there, which must rise by ``tol``, decides when to
        stop.
    validation_fraction : float, default=0.1
        Share of the rows held out, between 0 and 1.
    n_iter_no_change : int, default=5
        So many epochs in a row may be no better.
    class_weight : dict, "balanced" or None, default=None
        What the rows of each class count, at least 0, and 1 of a class left out; ``"balanced"``:
        ``n_samples / (n_classes * np.bincount(y))``.
    warm_start : bool, default=False
        Whether :meth:`fit` starts at the weights of the last fit.
    rule : {"rosenblatt", "delta", "pocket", "averaged"}, default="rosenblatt"
        Rosenblatt's rule; the delta rule of Widrow and Hoff [3]_, which descends the squared error of
        :math:`w \cdot x + b` against :math:`\pm 1`; Rosenblatt's with the best weights on the training rows kept in
        the pocket [4]_, each class for itself; Rosenblatt's with the average of the weights after every visit [5]_,
        which usually generalises best.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted. -1 is a label like any other.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights; one row if there are two classes. float32 where ``X`` is float32, float64 otherwise.
    intercept_ : ndarray of shape (1,) or (n_classes,)
    mistakes_ : ndarray of shape (n_epochs, 1) or (n_epochs, n_classes)
        Rows that were on the wrong side when they were visited, in each epoch; 0 after a class has stopped.
    n_iter_ : int
        Epochs of the class that took the most.
    t_ : float
        ``n_iter_ * n_samples + 1``.
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    Notes
    -----
    Where it differs from scikit-learn on purpose: shuffled rows have another order; with ``early_stopping`` and a
    quadratic penalty the weights are judged as they are, not before they were shrunk; ``coef_init`` is not overwritten;
    a negative ``sample_weight`` is refused.

    References
    ----------
    .. [1] F. Rosenblatt (1958). The perceptron: a probabilistic model for information storage and organization in the
       brain. Psychological Review 65.
    .. [2] A. B. J. Novikoff (1962). On convergence proofs on perceptrons. Symposium on the Mathematical Theory of
       Automata.
    .. [3] B. Widrow, M. E. Hoff (1960). Adaptive switching circuits. IRE WESCON Convention Record 4.
    .. [4] S. I. Gallant (1990). Perceptron-based learning algorithms. IEEE Transactions on Neural Networks 1.
    .. [5] Y. Freund, R. E. Schapire (1999). Large margin classification using the perceptron algorithm. Machine
       Learning 37.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from layerwise import Perceptron
    >>> X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    >>> Perceptron().fit(X, y).score(X_test, y_test)
    0.9
    >>> Perceptron(rule="averaged").fit(X, y).score(X_test, y_test)
    0.9

    Mistakes beside the most that there can be:

    >>> X, y = X[y < 2], y[y < 2]
    >>> neuron, (found,) = Perceptron().fit(X, y), Perceptron().separability(X, y)
    >>> found.separable, bool(neuron.mistakes_.sum() <= found.mistake_bound)
    (True, True)
    """

    def __init__(
        self,
        *,
        penalty: Choice | None = None,
        alpha: Number = 0.0001,
        l1_ratio: Number = 0.15,
        fit_intercept: Flag = True,
        max_iter: Whole = 1000,
        tol: Number | None = 1e-3,
        shuffle: Flag = True,
        verbose: Whole = 0,
        eta0: Number = 1.0,
        n_jobs: Whole | None = None,
        random_state: Seed = 0,
        early_stopping: Flag = False,
        validation_fraction: Number = 0.1,
        n_iter_no_change: Whole = 5,
        class_weight: Any = None,
        warm_start: Flag = False,
        rule: Choice = "rosenblatt",
    ) -> None:
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.eta0 = eta0
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.rule = rule

    def fit(
        self,
        X: object,
        y: object,
        coef_init: object = None,
        intercept_init: object = None,
        sample_weight: object = None,
    ) -> Perceptron:
        """Learn until nothing gets better.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels: numbers, texts or booleans.
        coef_init : array-like of shape (1, n_features) or (n_classes, n_features), optional
            Where to start; zeros, or with ``warm_start`` the last weights, if left out.
        intercept_init : array-like of shape (1,) or (n_classes,), optional
        sample_weight : array-like of shape (n_samples,), optional
            What each row counts, times its class's weight.

        Returns
        -------
        Perceptron
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule.
        DataError, ValueError
            Rows that are not finite, too large or empty, labels that do not fit them or are of several types, fewer
            than two classes.

        Warns
        -----
        ConvergenceWarning
            ``max_iter`` was reached before training stopped by itself.
        """
        learning, max_iter, patience, see = self._options()
        going_on = self.warm_start and hasattr(self, "coef_")
        values, labels = self._rows(X, y, reset=not going_on)
        multiclass.check_classification_targets(labels)
        classes = np.unique(labels)
        if len(classes) < 2:
            rule = f"The number of classes has to be greater than one; got {len(classes)} class"
            raise DataError("y", classes.tolist(), rule, "add rows of another class")
        learning = _for_rows(learning, values)
        rows = weighted_sides(values, labels, classes, self.class_weight, sample_weight)
        if going_on:
            if classes.tolist() != self.classes_.tolist():
                rule = f"warm_start goes on with the classes {self.classes_.tolist()}"
                raise DataError("y", classes.tolist(), rule, "give rows of these, or call fit without warm_start")
            coef_init = self.coef_ if coef_init is None else coef_init
            intercept_init = self.intercept_ if intercept_init is None else intercept_init
        state = learning.init(*first_weights(coef_init, intercept_init, rows), stream_from(self.random_state))
        if self.early_stopping:
            rows, judge = hold_out(self, rows, labels, learning)
            patience = replace(patience, judge=judge)
        trained = learn(learning, state, rows, max_iter, patience, see)
        self.classes_ = classes
        self._keep(learning, trained, values)
        self.mistakes_, self.t_ = trained.mistakes, 1.0 + self.n_iter_ * values.shape[0]
        if self.tol is not None and self.n_iter_ == max_iter:
            warn(
                "Maximum number of iteration reached before convergence. Consider increasing max_iter to improve the "
                "fit; rule='pocket' keeps the best weights where no hyperplane separates the classes.",
                ConvergenceWarning,
            )
        return self

    def partial_fit(self, X: object, y: object, classes: object = None, sample_weight: object = None) -> Perceptron:
        """Do one epoch over some rows, from the weights there are.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), optional
            All labels that there will be; to be given in the first call.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        Perceptron
            Itself.

        Raises
        ------
        OptionError, DataError, ValueError
            As in :meth:`fit`; and a label that is none of the classes, ``early_stopping``, balanced classes.
        """
        learning, _, patience, see = self._options()
        if self.early_stopping:
            raise OptionError("early_stopping", True, "should be False with partial_fit", "hold rows out yourself")
        refuse_balanced(self.class_weight)
        first = not hasattr(self, "classes_")
        values, labels = self._rows(X, y, reset=first)
        known = told_classes(classes, None if first else self.classes_)
        learning = _for_rows(learning, values)
        rows = weighted_sides(values, labels, known, self.class_weight, sample_weight)
        state = None if first else self._taken_up(learning)
        if state is None:
            start = (None, None) if first else (self.coef_, self.intercept_)
            state = learning.init(*first_weights(*start, rows), stream_from(self.random_state))
        trained = learn(learning, state, rows, 1, patience, see)
        self.classes_ = known
        self._keep(learning, trained, values)
        self.mistakes_ = trained.mistakes if first else np.concatenate([self.mistakes_, trained.mistakes])
        self.t_ = (1.0 if first else self.t_) + values.shape[0]
        return self

    def decision_function(self, X: object) -> Floats:
        """``w · x + b``: in proportion to the distance from each class's hyperplane.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Above 0 on the class's side; of two classes, the second's.
        """
        validation.check_is_fitted(self)
        rows = cast(Any, validation).validate_data(self, X, accept_sparse="csr", reset=False)
        scores: Floats = cast(Any, extmath).safe_sparse_dot(rows, self.coef_.T, dense_output=True) + self.intercept_
        return scores.ravel() if scores.shape[1] == 1 else scores

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Class of each row.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Of the type of ``classes_``.
        """
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(np.int64) if scores.ndim == 1 else scores.argmax(axis=1)]

    def separability(self, X: object, y: object) -> list[Separability]:
        """Whether hyperplanes separate the classes, with a proof either way; needs no :meth:`fit`.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        list of Separability
            One for each row of ``coef_``: the second of two classes against the first, or each class against the rest.

        Raises
        ------
        DataError, ValueError
            As in :meth:`fit`.
        """
        refuse_mixed(y)
        checked: Any = cast(Any, validation).check_X_y(X, y, accept_sparse="csr", dtype=np.float64)
        values, labels = checked
        multiclass.check_classification_targets(labels)
        classes = np.unique(labels)
        return [separability(values, labels == name) for name in classes[1 if len(classes) == 2 else 0 :]]

    def to_torch(self) -> nn.Sequential:
        """From rows to what :meth:`decision_function` gives, one column for two classes.

        Returns
        -------
        torch.nn.Sequential
            One linear map.
        """
        validation.check_is_fitted(self)
        weights = cast(Any, self.coef_).toarray() if sparse.issparse(self.coef_) else self.coef_
        return nn.Sequential(linear_map(weights.T, self.intercept_))

    def sparsify(self) -> Perceptron:
        """Keep the weights as a sparse matrix: smaller where an absolute penalty has left many zeros."""
        validation.check_is_fitted(self)
        self.coef_ = cast(Any, sparse.csr_matrix(self.coef_))
        return self

    def densify(self) -> Perceptron:
        """Keep the weights as an array again."""
        validation.check_is_fitted(self)
        self.coef_ = cast(Any, self.coef_).toarray() if sparse.issparse(self.coef_) else self.coef_
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = cast(Tags, super().__sklearn_tags__())
        tags.input_tags.sparse = True
        return tags

    def _options(self) -> tuple[PerceptronLearning, int, Patience, See]:
        """The rule, the most epochs, when to stop before, and who is shown each epoch."""
        if self.n_jobs is not None:
            whole_number("n_jobs", self.n_jobs, least=-(2**31))
        flag("warm_start", self.warm_start)
        flag("early_stopping", self.early_stopping)
        number("validation_fraction", self.validation_fraction, above=0.0, below=1.0, remedy="start with 0.1")
        verbose, max_iter = verbosity("verbose", self.verbose), whole_number("max_iter", self.max_iter, least=1)
        learning, stage = learning_from(self), audience_of(self).stage(type(self).__name__, max_iter)

        def see(epoch: int, info: PerceptronInfo, state: PerceptronState) -> bool:
            if verbose:
                print_epoch(epoch, info)
            stage.epoch_done(epoch, info, lambda: _learned(learning, state))
            return stage.enough

        return learning, max_iter, patience_from(self), see

    def _rows(self, X: object, y: object, *, reset: bool) -> tuple[Any, npt.NDArray[Any]]:
        refuse_mixed(y)
        types: Any = [np.float64, np.float32] if reset else self.coef_.dtype
        checked: Any = cast(Any, validation).validate_data(
            self, X, y, accept_sparse="csr", dtype=types, order="C", reset=reset
        )
        rows, labels = checked
        _check_lengths(rows)
        return _by_rows(rows), labels

    def _keep(self, learning: PerceptronLearning, trained: Trained, values: Any) -> None:
        weights, intercept = learning.learned(trained.state)
        self.coef_ = np.ascontiguousarray(weights.T)
        self.intercept_ = intercept.astype(values.dtype)
        self.n_iter_ = int(trained.epochs.max())
        # Of the other rules the weights are all that the next epoch needs, and the caller may change them.
        self._going = (learning, trained.state) if self.rule in ("pocket", "averaged") else None

    def _taken_up(self, learning: PerceptronLearning) -> PerceptronState | None:
        """The State of the last epoch, if the rule is still the same; moved in place, it can be taken only once."""
        before, self._going = self._going, None
        return before[1] if before is not None and before[0] == learning else None


def _check_lengths(rows: Any) -> None:
    """Refuse rows whose products with weights made of them would leave the finite numbers."""
    entries: Any = rows.data if hasattr(rows, "indptr") else rows
    largest = max(float(entries.max(initial=0)), -float(entries.min(initial=0)))
    if largest * largest * rows.shape[1] > float(np.finfo(entries.dtype).max):
        raise DataError("X", largest, "the squared length of a row must be finite", "scale the columns")


def _by_rows(rows: Any) -> Any:
    return cast(Any, sparse.csr_array)(rows) if sparse.issparse(rows) else rows


def _for_rows(learning: PerceptronLearning, values: Any) -> PerceptronLearning:
    return learning if isinstance(values, np.ndarray) else replace(learning, intercept_rate=SPARSE_INTERCEPT_RATE)


def _learned(learning: PerceptronLearning, state: PerceptronState) -> dict[str, Tensor]:
    weights, intercept = learning.learned(state)
    return {"weights": torch.from_numpy(np.array(weights)), "intercept": torch.from_numpy(np.array(intercept))}
