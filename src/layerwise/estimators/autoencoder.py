"""The autoencoder of any kinds of columns: a code, a way back, and how well a row survives both."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch

from layerwise import networks
from layerwise.data.batches import Batch
from layerwise.estimators.autoencoder_fit import learn_autoencoder
from layerwise.estimators.autoencoder_options import check_that_it_is_the_same, layers_from, trainer_from
from layerwise.estimators.coding import fit_coding
from layerwise.estimators.contrastive_fit import Lesson
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.descent_fit import LearnedNetwork, divided, on_the_cpu
from layerwise.estimators.descent_options import DescentOptions, descent_options
from layerwise.estimators.options import Choice, Flag, Number, Seed, Sizes, Visible, Whole
from layerwise.estimators.own_network import code_size, own_autoencoder
from layerwise.estimators.reconstructing import ReconstructingEstimator
from layerwise.estimators.unit_rows import checked_weights
from layerwise.networks.reconstruction import Reconstruction
from layerwise.randomness import RandomStream
from layerwise.training.gradient_descent import DescentState, GradientDescent
from layerwise.training.memory import enough_memory
from layerwise.training.pretraining import check_finite
from layerwise.training.ranks import ALONE
from layerwise.units import Activation

__all__ = ["Autoencoder"]

_KEPT_FOR = ("optimiser", "weight_decay", "averaging")
"""Parameters that say what a State holds."""


class Autoencoder(ReconstructingEstimator):
    r"""Autoencoder: an encoder that makes a code of each row and a decoder that makes the row of its code again.

    .. math:: h = e(x), \qquad \hat x = d(h), \qquad \min_{e, d} \langle \ell(\hat x, x) \rangle

    Both are stacks of dense layers, the decoder's sizes being the encoder's the other way round, or networks of your
    own. The loss is minus the log-probability of the row's units given its own code: the cross-entropy of Bernoulli
    columns, half the squared distance of Gaussian ones, the cross-entropy of a text's levels, and for a table of all
    of them their sum. A code smaller than the row [1]_, corrupted rows that are to come back whole [2]_, a sparse code
    [3]_ or one that moves little with its row [4]_ keep it from learning to copy.

    Parameters
    ----------
    hidden : sequence of int, default=(128, 32)
        Size of each layer of the encoder, from the data upwards; the last is the code.
    visible : str or dict, default="auto"
        Kinds of the columns, as :class:`RBM` has them.
    activation : str or Activation, default="relu"
        Of the hidden layers.
    code_activation : str, Activation or None, default="identity"
        Of the code; None for that of the hidden layers. With one layer alone ``"identity"`` makes the encoder linear.
    tied : bool, default=False
        Whether the decoder uses the encoder's weights the other way round.
    initialisation : str, default="he_uniform"
        How weights are drawn; see :func:`layerwise.networks.initialise`.
    network : torch.nn.Sequential of two, or pair of torch.nn.Sequential, optional
        An encoder and a decoder of your own, convolutional for example, in the place of dense layers. They read and
        give rows of units, the decoder's output being their means or, without a last sigmoid, their fields. A copy of
        them is trained from the weights they have; ``hidden``, ``activation``, ``code_activation``, ``tied`` and
        ``initialisation`` are not used.
    loss : {"likelihood", "squared"}, default="likelihood"
        Minus the log-probability of the units; or half the squared distance between the units and their means, where
        all columns are Bernoulli, spin or Gaussian.
    corruption : {"gaussian", "masking", "salt_and_pepper"}, optional
        What is done to rows before the network is shown them: noise added, a share of the units set to zero, or to the
        least and greatest value there is.
    corruption_amount : float, default=0.25
        Standard deviation of the noise, or the share.
    sparsity_target, sparsity_cost : float, default=None, 0.1
        Mean that every code unit should have over a minibatch, and the weight of that wish; needs a code of sigmoid
        units.
    contraction : float, default=0.0
        Weight of the squared length of the code's derivative by the row; needs dense layers.
    optimiser : str, default="adamw"
        One of torch's by name.
    learning_rate : float, default=0.001
        Of the first step.
    schedule : {"linear", "constant", "cosine"}, default="linear"
        How the learning rate changes: the falling ones reach zero with the last epoch.
    weight_decay : float, default=0.0
        As the optimiser understands it, on weights and not on biases.
    dropout : float, default=0.0
        Share of each hidden layer's units, the code's among them, that is silenced in a step.
    max_norm, clip_norm : float, optional
        Largest norm of the weights into one unit, and of the whole gradient.
    averaging : float, default=0.0
        Memory of the running mean of the parameters, 0.999 for example; the fitted network is that mean.
    batch_size : int, default=32
        Rows of a minibatch.
    epochs : int, default=50
        Passes over the rows, at most.
    early_stopping : bool, default=False
        Whether rows are held out and training stops when they come back no better; the best network is kept.
    validation_fraction, n_iter_no_change : float, int, default=0.1, 5
        Share of the rows held out, and epochs without progress after which training stops.
    watch_gradients : bool, default=False
        Whether the learning curve also tells how learning reached each layer; what is learned is the same.
    device : str, default="auto"
        Where to train: ``"cpu"``, ``"cuda"``, or the GPU where there is one. The fitted network is kept on the CPU.
    strategy : {"ddp"}, optional
        ``"ddp"``: the processes that torchrun started learn together, each on its part of every minibatch. All of them
        call ``fit`` with the same rows and the same whole number as ``random_state``, and end with the same estimator.
    random_state : int, RandomState or None, default=None
        Decides first weights, order of the rows, held-out rows and every draw.
    verbose : int, default=0
        Above 0, what was measured is printed after each epoch.

    Attributes
    ----------
    network_ : layerwise.networks.Autoencoder
        A ``torch.nn.Sequential`` of two, ``encoder`` and ``decoder``. It reads rows of units,
        ``preparation_.prepare(X)``, and gives the mean of each unit if all columns are Bernoulli, spin or Gaussian;
        of other columns it gives the field, the log-odds of a text's levels for example.
    preparation_ : Preparation or TablePreparation
        How columns become units.
    n_iter_ : int
        Epochs done.
    learning_curve_ : list of EpochInfo
        After each epoch the mean training loss, and the score of up to 1,000 rows seen and held out, as they are.
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    See Also
    --------
    StackedAutoencoder : Learned layer by layer.
    RBM : A model of the rows' probability, which an autoencoder is not; it fills missing cells.

    References
    ----------
    .. [1] G. E. Hinton, R. R. Salakhutdinov (2006). Reducing the dimensionality of data with neural networks.
       Science 313.
    .. [2] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol (2010). Stacked denoising autoencoders.
       JMLR 11.
    .. [3] A. Ng (2011). Sparse autoencoder. CS294A lecture notes, Stanford University.
    .. [4] S. Rifai, P. Vincent, X. Muller, X. Glorot, Y. Bengio (2011). Contractive auto-encoders: explicit invariance
       during feature extraction. ICML.

    Examples
    --------
    Points on a circle have a code of one number; one off the circle does not come back:

    >>> import numpy as np
    >>> from layerwise import Autoencoder
    >>> angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 500)
    >>> circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> model = Autoencoder((32, 1), activation="tanh", visible="gaussian", learning_rate=0.01, random_state=0)
    >>> model = model.fit(circle)
    >>> model.transform(circle).shape
    (500, 1)
    >>> on, off = model.score_samples([[0.0, 1.0], [0.0, 3.0]])
    >>> bool(on > off)
    True
    """

    def __init__(
        self,
        hidden: Sizes = (128, 32),
        *,
        visible: Visible = "auto",
        activation: Choice | Activation = "relu",
        code_activation: Choice | Activation | None = "identity",
        tied: Flag = False,
        initialisation: Choice = "he_uniform",
        network: Any = None,
        loss: Choice = "likelihood",
        corruption: Choice | None = None,
        corruption_amount: Number = 0.25,
        sparsity_target: Number | None = None,
        sparsity_cost: Number = 0.1,
        contraction: Number = 0.0,
        optimiser: Choice = "adamw",
        learning_rate: Number = 0.001,
        schedule: Choice = "linear",
        weight_decay: Number = 0.0,
        dropout: Number = 0.0,
        max_norm: Number | None = None,
        clip_norm: Number | None = None,
        averaging: Number = 0.0,
        batch_size: Whole = 32,
        epochs: Whole = 50,
        early_stopping: Flag = False,
        validation_fraction: Number = 0.1,
        n_iter_no_change: Whole = 5,
        watch_gradients: Flag = False,
        device: Choice = "auto",
        strategy: Choice | None = None,
        random_state: Seed = None,
        verbose: Whole = 0,
    ) -> None:
        self.hidden = hidden
        self.visible = visible
        self.activation = activation
        self.code_activation = code_activation
        self.tied = tied
        self.initialisation = initialisation
        self.network = network
        self.loss = loss
        self.corruption = corruption
        self.corruption_amount = corruption_amount
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.contraction = contraction
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.max_norm = max_norm
        self.clip_norm = clip_norm
        self.averaging = averaging
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.watch_gradients = watch_gradients
        self.device = device
        self.strategy = strategy
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> Autoencoder:
        """Learn to give the rows back.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            A matrix of numbers; or a pandas, polars or pyarrow table, or a dict of arrays, of any columns. No cell may
            be missing: ``RBM().fit(X).impute(X)`` fills them.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts beside the others; zero leaves it out.

        Returns
        -------
        Autoencoder
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule, or asks for more memory than there is.
        DataError, ValueError
            Naming the column and the cell that is missing or that its kind does not accept.
        DivergenceError
            Training left the finite numbers; the last good network is kept in the estimator.
        """
        options, lesson = self._begin(X, sample_weight)
        random, name = stream_from(self.random_state), type(self).__name__
        back, self._trainer = self._reconstruction(), replace(options.trainer, ranks=ALONE)
        with enough_memory({"hidden": self.hidden, "batch_size": self.batch_size}, "give smaller ones"):
            lesson, unseen = divided(lesson, options, random)
            network = self._first_network(back, lesson, random)
            learned = learn_autoencoder(network, back, lesson, unseen, options, self, random, name, self._keep)
        return self._keep(learned)

    def partial_fit(self, X: object, y: object = None, sample_weight: object = None) -> Autoencoder:
        """Do one step of learning, at the first learning rate, with all rows of ``X`` as its minibatch.

        The first call decides on columns, scales and first weights; after :meth:`fit` it goes on from there.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        Autoencoder
            Itself.

        Raises
        ------
        OptionError, DataError, ValueError, DivergenceError
            As in :meth:`fit`; and a parameter that asks for another network than there is.
        """
        fresh = not hasattr(self, "network_")
        if fresh:
            options, lesson = self._begin(X, sample_weight)
        else:
            options = self._options()
            check_that_it_is_the_same(self, self.network_)
            lesson = self._lesson(self._read(X), sample_weight)
        v, back = lesson.rows.units(), self._reconstruction()
        trainer = trainer_from(self, options.trainer, back, v)
        with enough_memory({"hidden": self.hidden, "rows": len(v)}, "give smaller ones"):
            if fresh:
                random = stream_from(self.random_state)
                state = trainer.init(self._first_network(back, lesson, random), random)
            else:
                state = self._going_on(trainer)
            state, _ = trainer.step(state, trainer.ranks.of(Batch(v, None, 0, len(v), lesson.weights)))
        check_finite(state.network, type(self).__name__)
        self._trainer = replace(options.trainer, ranks=ALONE)
        return self._keep(on_the_cpu(trainer, state, [] if fresh else self.learning_curve_))

    def _begin(self, X: object, sample_weight: object) -> tuple[DescentOptions, Lesson]:
        """Checked parameters and rows; what columns are is decided."""
        options = self._options()
        coding, rows = fit_coding(self, X, self.visible, missing=False)
        self.preparation_ = coding.preparation
        return options, self._lesson(rows, sample_weight)

    def _options(self) -> DescentOptions:
        layers_from(self)
        return descent_options(self)

    @staticmethod
    def _lesson(rows: Any, sample_weight: object) -> Lesson:
        return Lesson.weighted(rows, checked_weights(sample_weight, len(rows)))

    def _first_network(self, back: Reconstruction, lesson: Lesson, random: RandomStream) -> networks.Autoencoder:
        if self.network is not None:
            return own_autoencoder(self.network, back.kind.size)
        network = layers_from(self).whole(back.kind, random.child("weights"))
        back.start_from(network, lesson.moments(torch.device("cpu"))[0])
        return network

    def _going_on(self, trainer: GradientDescent) -> DescentState:
        """Where the last step ended; what other parameters need is begun anew."""
        network = copy.deepcopy(self.network_)
        if all(getattr(self._trainer, name) == getattr(trainer, name) for name in _KEPT_FOR):
            return trainer.from_tree(network, self._tree)
        network.load_state_dict(self._tree["network"])
        return trainer.init(network, RandomStream(*self._tree["random"]))

    def _keep(self, learned: LearnedNetwork) -> Autoencoder:
        assert isinstance(learned.network, networks.Autoencoder)
        self.network_, self._tree, self.learning_curve_ = learned.network, learned.tree, learned.curve
        self.n_iter_ = len(learned.curve)
        self._code_size = code_size(self.network_.encoder, self.preparation_.n_units)
        return self
