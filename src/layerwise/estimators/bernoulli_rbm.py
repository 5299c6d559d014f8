"""The restricted Boltzmann machine as a scikit-learn transformer."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, validation
from torch import nn

from layerwise import kernels
from layerwise.data.minibatches import Batch
from layerwise.data.values import Values
from layerwise.energy import RBM, BeliefNet, bernoulli_rbm, gibbs
from layerwise.estimators.audience import audience_of
from layerwise.estimators.conversion import (
    OwnPrecision,
    as_tensor,
    check_probabilities,
    checked_rows,
    column_names,
    float_type,
    parts,
    result_type,
    stream_from,
)
from layerwise.estimators.estimator import Estimator
from layerwise.estimators.options import Choice, Number, Seed, Whole, number, whole_number
from layerwise.estimators.pseudo_likelihood import ScoreWatch, pseudo_likelihood
from layerwise.estimators.strategy import loudness, ranks_of
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning, ContrastiveState
from layerwise.training.loop import run
from layerwise.training.memory import enough_memory
from layerwise.training.pretraining import check_finite
from layerwise.training.unrolling import upward_pass

__all__ = ["BernoulliRBM"]


class BernoulliRBM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    r"""Restricted Boltzmann machine of binary units, learned by persistent contrastive divergence.

    .. math::
        p(v, h) = \frac{1}{Z} \exp(a^\top v + b^\top h + h^\top W v), \qquad
        p(h_j = 1 \mid v) = \sigma(b_j + \textstyle\sum_i W_{ji} v_i)

    Parameters, attributes and methods are those of :class:`sklearn.neural_network.BernoulliRBM`. Four things differ, on
    purpose:

    * Each phase of the gradient is averaged over its own rows: the data over the minibatch, the model over its
      ``batch_size`` chains. A last minibatch that is not full does not push the machine towards its dreams.
    * Rows come in a new random order in each iteration, so that data sorted by class do no harm.
    * Values outside [0, 1] are refused instead of being learned as if they were probabilities.
    * ``partial_fit`` returns the estimator.

    Minibatches with few ones, sparse matrices among them, are multiplied without their zeros where that is faster.
    A float64 matrix is learned in float64, everything else in float32, which is faster.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.
    learning_rate : float, default=0.1
        Step size of the gradient ascent; values from 0.001 to 1 are worth a try.
    batch_size : int, default=10
        Rows of a minibatch, and number of Markov chains.
    n_iter : int, default=10
        Passes over the rows.
    verbose : int, default=0
        Above 0, the mean pseudo-likelihood of all rows and the time are printed after each iteration.
    random_state : int, RandomState or None, default=None
        Decides first weights, order of the rows, chains, and the bits that :meth:`score_samples` flips.
    strategy : {"ddp"}, optional
        ``"ddp"``: the processes that torchrun started learn together, each on its part of every minibatch. All of them
        call ``fit`` with the same rows and the same whole number as ``random_state``, and end with the same estimator.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The couplings :math:`W`.
    intercept_hidden_ : ndarray of shape (n_components,)
        The hidden biases :math:`b`.
    intercept_visible_ : ndarray of shape (n_features,)
        The visible biases :math:`a`.
    h_samples_ : ndarray of shape (batch_size, n_components)
        State of the Markov chains: zeros and ones.
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    See Also
    --------
    DBNClassifier : A stack of such machines that learns to classify.

    References
    ----------
    .. [1] P. Smolensky (1986). Information processing in dynamical systems: foundations of harmony theory.
    .. [2] T. Tieleman (2008). Training restricted Boltzmann machines using approximations to the likelihood gradient.
       ICML.

    Examples
    --------
    Black and white digits. A pixel told by the other pixels costs 0.25 nats; by its own frequency 0.38, by chance 0.69:

    >>> from sklearn.datasets import load_digits
    >>> from layerwise import BernoulliRBM
    >>> X = load_digits().data > 8
    >>> machine = BernoulliRBM(64, learning_rate=0.5, batch_size=100, n_iter=20, random_state=0).fit(X)
    >>> bool(machine.score_samples(X).mean() / 64 > -0.3)
    True
    >>> machine.transform(X).shape
    (1797, 64)
    """

    def __init__(
        self,
        n_components: Whole = 256,
        *,
        learning_rate: Number = 0.1,
        batch_size: Whole = 10,
        n_iter: Whole = 10,
        verbose: Whole = 0,
        random_state: Seed = None,
        strategy: Choice | None = None,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.strategy = strategy

    def fit(self, X: object, y: object = None) -> BernoulliRBM:
        """Learn the rows.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Values from 0 to 1: the bits, or their probabilities.
        y : Ignored

        Returns
        -------
        BernoulliRBM
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule, or asks for more memory than there is.
        DataError, ValueError
            Rows that are not finite, are empty or have a value outside [0, 1].
        DivergenceError
            The parameters left the finite numbers.
        """
        trainer, n_iter = self._trainer(), whole_number("n_iter", self.n_iter, least=0)
        verbose = loudness(self)
        values = self._rows(X, reset=True)
        random = stream_from(self.random_state)
        with self._enough_memory():
            state = trainer.init(self._first_machine(values, random), random)
        audience, watch = audience_of(self), None
        if verbose or audience.callbacks:
            stage = audience.stage(type(self).__name__, n_iter)
            watch = ScoreWatch(state.rbm, values, random, verbose > 0, stage)
        ranks, size = trainer.ranks, trainer.chains
        rows = OwnPrecision(values, size, random.child("rows"), rank=ranks.rank, world_size=ranks.size)
        with self._enough_memory():
            outcome = run(trainer, state, rows, n_iter, observer=watch, after_epoch=_finite, ranks=ranks)
        return self._keep(trainer, outcome.state)

    def partial_fit(self, X: object, y: object = None) -> BernoulliRBM:
        """Do one step of learning, with all rows of ``X`` as its minibatch.

        The first call decides on columns and precision; after :meth:`fit` it goes on from there.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Values from 0 to 1.
        y : Ignored

        Returns
        -------
        BernoulliRBM
            Itself.
        """
        trainer, first = self._trainer(), not hasattr(self, "components_")
        values = self._rows(X, reset=first)
        if first:
            random = stream_from(self.random_state)
            with self._enough_memory():
                state = trainer.init(self._first_machine(values, random), random)
        else:
            machine, trainer = self._machine(), replace(trainer, chains=len(self.h_samples_))
            state = trainer.init(machine, self._random)
            mine = slice(*trainer.ranks.part(trainer.chains))
            state = replace(state, chains=as_tensor(self.h_samples_[mine], machine.weights.dtype))
        rows = as_tensor(values, state.rbm.weights.dtype)
        with self._enough_memory():
            state, _ = trainer.step(state, trainer.ranks.of(Batch(rows, None, 0, len(rows))))
        return self._keep(trainer, _finite(state, 0))

    def transform(self, X: object) -> npt.NDArray[Any]:
        """Probability of each hidden unit being on, ``P(h = 1 | v)``.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Values from 0 to 1.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            float64 where ``X`` is float64, float32 otherwise.
        """
        validation.check_is_fitted(self)
        values, machine = self._rows(X, reset=False), self._machine()
        hidden = np.empty((values.shape[0], self._n_features_out), dtype=result_type(values))
        with torch.no_grad():
            for part in parts(values):
                v = kernels.compress(as_tensor(values[part], machine.weights.dtype))
                hidden[part] = machine.hidden.mean(machine.field_of_hidden(v)).numpy()
        return hidden

    def gibbs(self, v: object) -> npt.NDArray[np.bool_]:
        """Draw hidden units given the visible ones, then visible ones given those: one step of Gibbs sampling.

        Parameters
        ----------
        v : array-like or sparse of shape (n_samples, n_features)
            Values from 0 to 1.

        Returns
        -------
        ndarray of shape (n_samples, n_features), bool
            New draws with each call.
        """
        validation.check_is_fitted(self)
        values, machine = self._rows(v, reset=False), self._machine()
        drawn = np.empty(values.shape, dtype=np.bool_)
        random = self._random
        position = random.position
        with torch.no_grad():
            for part in parts(values):
                # Every part draws at the same positions, at rows of its own: the parts' size changes nothing.
                random.position = position
                rows = as_tensor(values[part], machine.weights.dtype)
                drawn[part] = gibbs(machine, rows, 1, random, part.start)[0].numpy()
        return drawn

    def score_samples(self, X: object) -> npt.NDArray[Any]:
        r"""Pseudo-likelihood of each row, estimated at one random bit.

        With :math:`\tilde v` the row with that bit flipped, :math:`F` the free energy and :math:`n` columns,

        .. math:: n \log p(v_i \mid v_{-i}) = n \log \sigma(F(\tilde v) - F(v)).

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Zeros and ones; grey levels are taken as they are.

        Returns
        -------
        ndarray of shape (n_samples,)
            In nats. The bits depend on ``random_state`` and on the row's place, not on its content.
        """
        validation.check_is_fitted(self)
        values = self._rows(X, reset=False)
        return pseudo_likelihood(self._machine(), values, stream_from(self.random_state))

    def to_torch(self) -> nn.Sequential:
        """From rows to what :meth:`transform` gives.

        Returns
        -------
        torch.nn.Sequential
            A linear map and a sigmoid.
        """
        validation.check_is_fitted(self)
        return upward_pass(BeliefNet([self._machine()]))

    def __sklearn_tags__(self) -> Tags:
        tags = cast(Tags, super().__sklearn_tags__())
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def _trainer(self) -> ContrastiveLearning:
        whole_number("n_components", self.n_components, least=1, remedy="give a number of hidden units such as 256")
        ranks = ranks_of(self)
        batch_size = whole_number("batch_size", self.batch_size, least=ranks.size, remedy="give a size such as 10")
        rate = number("learning_rate", self.learning_rate, above=0.0, remedy="start with 0.1")
        return ContrastiveLearning("pcd", chains=batch_size, learning_rate=rate, momentum=0.0, ranks=ranks)

    def _enough_memory(self) -> AbstractContextManager[None]:
        sizes: dict[str, object] = {"n_components": self.n_components, "batch_size": self.batch_size}
        return enough_memory(sizes, "give smaller ones")

    def _rows(self, X: object, *, reset: bool) -> Values:
        values = checked_rows(self, X, reset=reset)
        check_probabilities(values, column_names(self))
        return values

    def _first_machine(self, values: Values, random: RandomStream) -> RBM:
        machine = bernoulli_rbm(int(values.shape[1]), int(self.n_components)).to(float_type(values))
        with torch.no_grad():
            machine.scatter_weights(random.child("weights"))
        return machine

    def _machine(self) -> RBM:
        dtype = torch.float64 if self.components_.dtype == np.float64 else torch.float32
        machine = bernoulli_rbm(self.components_.shape[1], self.components_.shape[0]).to(dtype)
        with torch.no_grad():
            machine.weights.copy_(as_tensor(self.components_.T, dtype))
            machine.hidden.bias.copy_(as_tensor(self.intercept_hidden_, dtype))
            machine.visible.bias.copy_(as_tensor(self.intercept_visible_, dtype))
        return machine

    def _keep(self, trainer: ContrastiveLearning, state: ContrastiveState) -> BernoulliRBM:
        """Arrays are all that is kept: they can be read, changed and pickled, whatever the machine is made of."""
        assert state.chains is not None
        machine = state.rbm
        self.components_ = machine.weights.detach().numpy().copy().T
        self.intercept_hidden_ = machine.hidden.bias.detach().numpy().copy()
        self.intercept_visible_ = machine.visible.bias.detach().numpy().copy()
        self.h_samples_ = trainer.ranks.rows(state.chains, trainer.chains).numpy().copy()
        self._random = state.random
        return self


def _finite(state: ContrastiveState, epoch: int) -> ContrastiveState:
    check_finite(state.rbm, "BernoulliRBM")
    return state
