"""Autoencoders stacked: each layer learns the code of the layer below, then all of them learn together."""

from __future__ import annotations

import copy
from typing import Any

from layerwise import networks
from layerwise.estimators.autoencoder_fit import learn_autoencoder
from layerwise.estimators.autoencoder_options import stack_from
from layerwise.estimators.coding import fit_coding
from layerwise.estimators.contrastive_fit import Lesson
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.descent_fit import LearnedNetwork, divided
from layerwise.estimators.descent_options import DescentOptions, descent_options, fine_tuning
from layerwise.estimators.options import Choice, Flag, Number, Seed, Sizes, Visible, Whole
from layerwise.estimators.own_network import code_size
from layerwise.estimators.reconstructing import ReconstructingEstimator
from layerwise.estimators.stack_fit import Curves, learn_layers
from layerwise.estimators.unit_rows import checked_weights
from layerwise.training.memory import enough_memory
from layerwise.training.stacking import stacked
from layerwise.units import Activation

__all__ = ["StackedAutoencoder"]


class StackedAutoencoder(ReconstructingEstimator):
    r"""A deep autoencoder learned layer by layer: each learns to give back the code of the layer below.

    .. math:: h^l = e_l(h^{l-1}), \qquad \min_{e_l, d_l} \langle \ell(d_l(e_l(\tilde h^{l-1})), h^{l-1}) \rangle,
              \qquad h^0 = x

    with :math:`\tilde h` the corrupted input [2]_. Once the layers are learned [1]_, they are one autoencoder,
    :math:`e_L \circ \dots \circ e_1` and :math:`d_1 \circ \dots \circ d_L`, which is trained as a whole for
    ``fine_tune_epochs``.

    Parameters
    ----------
    hidden : sequence of int, default=(256, 64)
        Size of each layer, from the data upwards; the last is the code.
    visible : str or dict, default="auto"
        Kinds of the columns, as :class:`RBM` has them.
    activation : str or Activation, default="relu"
        Of every layer.
    code_activation : str or Activation, optional
        Of the last layer, in the place of that.
    tied : bool, default=False
        Whether decoders use their encoders' weights the other way round.
    initialisation : str, default="he_uniform"
        How weights are drawn; see :func:`layerwise.networks.initialise`.
    network : sequence of pairs of torch.nn.Sequential, optional
        Layers of your own, with normalisation or any other module, from the data upwards: an encoder and a decoder
        each, as :class:`Autoencoder` takes them. A layer reads the code of the one below, and its decoder gives that
        back. Copies are trained from the weights they have; ``hidden``, ``activation``, ``code_activation``, ``tied``
        and ``initialisation`` are not used.
    loss : {"likelihood", "squared"}, default="likelihood"
        As :class:`Autoencoder` has it. Codes of sigmoid units are Bernoulli columns to the layer above, of tanh units
        spin columns, others Gaussian ones.
    corruption : {"gaussian", "masking", "salt_and_pepper"} or None, default="masking"
        What is done to the input of each layer before the layer is shown it, as :class:`Autoencoder` has it; none where
        all layers are fine-tuned together.
    corruption_amount : float, default=0.25
        Standard deviation of the noise, or the share.
    sparsity_target, sparsity_cost, contraction : float, default=None, 0.1, 0.0
        What is asked of each layer's code, as :class:`Autoencoder` has it.
    optimiser, learning_rate, schedule : default="adamw", 0.001, "linear"
        How each layer is trained, as :class:`Autoencoder` has it.
    weight_decay, dropout : float, default=0.0
        Likewise.
    max_norm, clip_norm : float, optional
        Likewise.
    averaging : float, default=0.0
        Likewise.
    batch_size : int, default=32
        Rows of a minibatch.
    epochs : int, default=20
        Passes over the rows, at most, for each layer.
    fine_tune_epochs : int, default=20
        Passes over the rows, at most, with all layers together; 0 leaves them as they were learned.
    fine_tune_learning_rate : float, default=0.001
        Of the first step with all layers.
    early_stopping : bool, default=False
        Whether rows are held out and each part of training stops when they come back no better.
    validation_fraction, n_iter_no_change : float, int, default=0.1, 5
        Share of the rows held out, and epochs without progress after which a part of training stops.
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
        The deep autoencoder, as :class:`Autoencoder` has it. ``Autoencoder(network=model.network_)`` goes on from it.
    layers_ : list of layerwise.networks.Autoencoder
        The layers as they were learned one after the other, from the data upwards.
    preparation_ : Preparation or TablePreparation
        How columns become units.
    learning_curves_ : dict of str to list of EpochInfo
        What was measured after each epoch, as :class:`Autoencoder` has it, for ``"layer 1"``, ``"layer 2"``, …,
        ``"fine-tuning"``.
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    See Also
    --------
    Autoencoder : All layers from the start.
    StackedAutoencoderClassifier : Fine-tuned on labels.
    DBN : A stack of RBMs, which also draws rows.

    References
    ----------
    .. [1] Y. Bengio, P. Lamblin, D. Popovici, H. Larochelle (2007). Greedy layer-wise training of deep networks.
       NIPS 19.
    .. [2] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol (2010). Stacked denoising autoencoders.
       JMLR 11.

    Examples
    --------
    Three numbers for a handwritten digit:

    >>> from sklearn.datasets import load_digits
    >>> from layerwise import StackedAutoencoder
    >>> X = load_digits().data[:500] / 16
    >>> model = StackedAutoencoder((64, 3), code_activation="identity", epochs=10, random_state=0).fit(X)
    >>> model.transform(X).shape
    (500, 3)
    >>> bool(((X - model.reconstruct(X)) ** 2).sum(1).mean() < ((X - X.mean(0)) ** 2).sum(1).mean())
    True
    """

    def __init__(
        self,
        hidden: Sizes = (256, 64),
        *,
        visible: Visible = "auto",
        activation: Choice | Activation = "relu",
        code_activation: Choice | Activation | None = None,
        tied: Flag = False,
        initialisation: Choice = "he_uniform",
        network: Any = None,
        loss: Choice = "likelihood",
        corruption: Choice | None = "masking",
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
        epochs: Whole = 20,
        fine_tune_epochs: Whole = 20,
        fine_tune_learning_rate: Number = 0.001,
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
        self.fine_tune_epochs = fine_tune_epochs
        self.fine_tune_learning_rate = fine_tune_learning_rate
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.watch_gradients = watch_gradients
        self.device = device
        self.strategy = strategy
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> StackedAutoencoder:
        """Learn the layers, one after the other, and then together.

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
        StackedAutoencoder
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule, or asks for more memory than there is.
        DataError, ValueError
            Naming the column and the cell that is missing or that its kind does not accept.
        DivergenceError
            Training left the finite numbers; what was learned before, which may lack the upper layers, is kept in the
            estimator.
        """
        options, tuning = self._options()
        coding, rows = fit_coding(self, X, self.visible, missing=False)
        self.preparation_ = coding.preparation
        lesson = Lesson.weighted(rows, checked_weights(sample_weight, len(rows)))
        random, back = stream_from(self.random_state), self._reconstruction()
        with enough_memory({"hidden": self.hidden, "batch_size": self.batch_size}, "give smaller ones"):
            lesson, unseen = divided(lesson, options, random)
            self.learning_curves_: Curves = {}
            curves = self.learning_curves_
            self._keep(learn_layers(self, back.kind, lesson, unseen, options, random, curves, self._keep))
            if tuning.epochs:
                name, own = f"{type(self).__name__}, fine-tuning", random.child("fine-tuning")
                network = copy.deepcopy(self.network_)
                keep = self._keep_tuned
                keep(learn_autoencoder(network, back, lesson, unseen, tuning, None, own, name, keep))
        return self

    def _options(self) -> tuple[DescentOptions, DescentOptions]:
        stack_from(self)
        options = descent_options(self)
        return options, fine_tuning(self, options, least=0)

    def _keep(self, layers: list[networks.Autoencoder]) -> None:
        self.layers_, self.network_ = layers, copy.deepcopy(stacked(layers))
        self._code_size = code_size(self.network_.encoder, self.preparation_.n_units)

    def _keep_tuned(self, learned: LearnedNetwork) -> None:
        assert isinstance(learned.network, networks.Autoencoder)
        self.network_, self.learning_curves_["fine-tuning"] = learned.network, learned.curve
