"""The deep belief network as a scikit-learn regressor."""

from __future__ import annotations

from typing import cast

from sklearn.base import RegressorMixin
from sklearn.utils import Tags, validation
from torch import nn

from layerwise.data.rows import Rows
from layerwise.errors import DataError
from layerwise.estimators.code_estimator import Floats
from layerwise.estimators.conversion import checked_rows, stream_from
from layerwise.estimators.fine_tuned_dbn import FineTunedDBN, LayersLesson
from layerwise.estimators.plain_networks import plain_copy
from layerwise.estimators.regression_fit import fine_tune
from layerwise.estimators.targets import checked_targets, r2_of_known
from layerwise.estimators.unit_rows import checked_weights
from layerwise.training.network_epochs import EpochInfo

__all__ = ["DBNRegressor"]


class DBNRegressor(RegressorMixin, FineTunedDBN):
    r"""Deep belief network: layers learned from all rows without targets, then a regressor learned from the others.

    Each layer is a restricted Boltzmann machine that learns the code of the layer below [1]_. The stack becomes a
    network of sigmoid layers with a linear layer on top,

    .. math:: h^l = \sigma(h^{l-1} W^l + b^l), \quad h^0 = v, \qquad \hat y = h^L U + d,

    which backpropagation fine-tunes on the rows that have a target [2]_. It minimises half the squared error of targets
    brought to mean 0 and standard deviation 1, so that their scale does not matter.

    Parameters
    ----------
    hidden : sequence of int, default=(256, 256)
        Size of each hidden layer, from the data upwards.
    visible : {"auto", "bernoulli", "gaussian"}, default="auto"
        Kind of the units that meet the data, and with it the scale of the columns, as :class:`DBNClassifier` has it.
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
        Passes over the rows with a target, at least 1.
    fine_tune_learning_rate, fine_tune_weight_decay : float, default=0.01, 0.0
        Of fine-tuning (AdamW, the rate falling linearly to 0).
    dropout : float, default=0.2
        Share of each hidden layer's units that is silenced in a step of fine-tuning.
    input_dropout : float, default=0.0
        Share of the columns, likewise.
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
    net_ : BeliefNet
        The layers as they were learned, without targets.
    network_ : torch.nn.Sequential
        The fine-tuned network, from prepared rows to predictions.
    preparation_ : Preparation
        Shift and scale of the columns.
    learning_curves_ : dict of str to list of LayerInfo or EpochInfo
        What was measured after each epoch, on training rows, for ``"layer 1"``, ``"layer 2"``, …, ``"fine-tuning"``:
        of the latter the mean loss, and R² on up to 1,000 of the rows.
    n_outputs_ : int
        Number of targets of a row.
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    See Also
    --------
    DBNClassifier : For classes.
    MLPRegressor : Without the layers' pretraining.

    References
    ----------
    .. [1] G. E. Hinton, S. Osindero, Y.-W. Teh (2006). A fast learning algorithm for deep belief nets.
       Neural Computation 18.
    .. [2] R. Salakhutdinov, G. E. Hinton (2008). Using deep belief nets to learn covariance kernels for Gaussian
       processes. NIPS 20.

    Examples
    --------
    The number that a handwritten digit stands for, told of 200 in 1,347:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from layerwise import DBNRegressor
    >>> X, y = load_digits(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
    >>> y = np.where(np.arange(len(y)) < 200, y, np.nan)
    >>> net = DBNRegressor((64,), epochs=10, batch_size=20, fine_tune_epochs=60, random_state=0).fit(X, y)
    >>> bool(net.score(X_test, y_test) > 0.7)
    True
    """

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> DBNRegressor:
        """Learn the layers from all rows, then the targets from those that have one.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Finite numbers. A sparse matrix is never made dense as a whole.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Finite numbers; a row without target holds NaN in all outputs.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts beside the others; zero leaves it out.

        Returns
        -------
        DBNRegressor
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule, or asks for more memory than there is.
        DataError, ValueError
            Rows that are not finite or are empty, targets that do not fit them, none at all, an infinite one.
        DivergenceError
            The parameters left the finite numbers. If it was in fine-tuning, the layers and the last good network are
            kept in the estimator.
        """
        plan = self._plan()  # refused before anything is read
        values = checked_rows(self, X, reset=True)
        targets, present = checked_targets(y, int(values.shape[0]))
        weights = checked_weights(sample_weight, len(targets))
        counts = present if weights is None else present & (weights > 0)
        if not counts.any():
            rule = "leaves no row to learn from: none with a target counts"
            raise DataError("sample_weight", "zero for each row with a target", rule)
        rows, random = Rows(values), stream_from(self.random_state)
        with self._enough_memory():
            lesson = self._begun(plan, rows, weights, random)
            lesson.course.advance(lesson.curves)
            self.n_outputs_ = int(targets.shape[1])
            of_rows = None if weights is None else weights[counts]
            fine_tune(lesson, rows.select(counts), targets[counts], of_rows, type(self).__name__, self._keep_tuned)
        return self

    def predict(self, X: object) -> Floats:
        """What the network predicts.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            float64 where ``X`` is float64, float32 otherwise.
        """
        validation.check_is_fitted(self)
        values = checked_rows(self, X, reset=False)
        found = self._carried(values, self.n_outputs_, self.network_, lambda net, v: net(v))
        return found.ravel() if self.n_outputs_ == 1 else found

    def score(self, X: object, y: object, sample_weight: object = None) -> float:
        """R² of the rows that have a target, the mean over outputs; rows without target are left out.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets as for :meth:`fit`, NaN where a row has none.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
            1 at best; 0 is the mean of the targets.

        Raises
        ------
        DataError, ValueError
            No row has a target, or rows and targets do not fit.
        """
        return r2_of_known(self.predict(X), y, sample_weight)

    def __sklearn_tags__(self) -> Tags:
        tags = cast(Tags, super().__sklearn_tags__())
        tags.target_tags.multi_output = True
        return tags

    def to_torch(self) -> nn.Sequential:
        """From rows of units, ``preparation_.prepare(X)``, to predictions of shape (rows, outputs)."""
        validation.check_is_fitted(self)
        return plain_copy(self.network_)

    def _keep_tuned(self, lesson: LayersLesson, network: nn.Sequential, curve: list[EpochInfo]) -> None:
        self._keep(lesson, network)
        self.learning_curves_["fine-tuning"] = curve
