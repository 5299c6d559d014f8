"""Stacked autoencoders as a scikit-learn classifier: layers from all rows, classes from those that have a label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy.typing as npt
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils import validation
from torch import Tensor, nn

from layerwise import networks
from layerwise.estimators.autoencoder_options import stack_from
from layerwise.estimators.class_fit import divided_by_class
from layerwise.estimators.code_estimator import FeatureEstimator, Floats
from layerwise.estimators.coding import as_precision, fit_coding
from layerwise.estimators.contrastive_fit import Lesson
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.descent_fit import LearnedNetwork
from layerwise.estimators.descent_options import DescentOptions, descent_options, fine_tuning
from layerwise.estimators.labels import accuracy, encode_classes
from layerwise.estimators.options import Choice, Flag, Number, Seed, Sizes, Visible, Whole, choice
from layerwise.estimators.own_network import code_size
from layerwise.estimators.plain_networks import with_output
from layerwise.estimators.stack_fit import Curves, learn_layers, learn_layers_under_classes, learn_under_classes
from layerwise.estimators.unit_rows import checked_weights
from layerwise.randomness import RandomStream
from layerwise.training.memory import enough_memory
from layerwise.training.stacking import under_classes
from layerwise.units import Activation, UnitKind

__all__ = ["StackedAutoencoderClassifier"]


class StackedAutoencoderClassifier(ClassifierMixin, FeatureEstimator):
    r"""Layers learned as autoencoders from all rows, then a classifier fine-tuned on the labelled ones.

    .. math:: h^l = e_l(h^{l-1}), \quad h^0 = x, \qquad p(c \mid x) = \operatorname{softmax}_c(U h^L + d)

    Each layer learns to give back the code of the layer below from a corrupted copy of it [2]_; backpropagation then
    moves all of them, under a layer of class scores, on the rows that have a label.

    Parameters
    ----------
    hidden : sequence of int, default=(256, 256)
        Size of each hidden layer, from the data upwards.
    pretraining : {"autoencoder", "supervised", "none"}, default="autoencoder"
        How the layers are learned before fine-tuning: as autoencoders of all rows; each under a class layer of its
        own, from the labelled rows alone [1]_, what the former is compared with; or not at all.
    visible : str or dict, default="auto"
        Kinds of the columns, as :class:`RBM` has them.
    activation : str or Activation, default="relu"
        Of every layer.
    tied : bool, default=False
        Whether decoders use their encoders' weights the other way round.
    initialisation : str, default="he_uniform"
        How weights are drawn; see :func:`layerwise.networks.initialise`.
    network : sequence of pairs of torch.nn.Sequential, optional
        Layers of your own, with normalisation or any other module, from the data upwards: an encoder and a decoder
        each, as :class:`Autoencoder` takes them. A layer reads the code of the one below, and its decoder gives that
        back. Copies are trained from the weights they have; ``hidden``, ``activation``, ``tied`` and
        ``initialisation`` are not used.
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
    weight_decay : float, default=0.0
        Likewise.
    max_norm, clip_norm : float, optional
        Likewise.
    averaging : float, default=0.0
        Likewise.
    batch_size : int, default=32
        Rows of a minibatch.
    epochs : int, default=20
        Passes over the rows, at most, for each layer.
    fine_tune_epochs : int, default=50
        Passes over the labelled rows, at most.
    fine_tune_learning_rate : float, default=0.003
        Of fine-tuning's first step.
    dropout : float, default=0.2
        Share of each hidden layer's units that is silenced in a step of fine-tuning.
    input_dropout : float, default=0.0
        Share of the units of a row, likewise.
    label_smoothing : float, default=0.0
        This share of each row's label is spread over all classes, wherever labels are learned from.
    early_stopping : bool, default=False
        Whether labelled rows are held out, of every class the same share, and each part of training stops when it gets
        no better on them.
    validation_fraction, n_iter_no_change : float, int, default=0.1, 5
        Share of the labelled rows held out, and epochs without progress after which a part of training stops.
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
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    network_ : layerwise.networks.Network
        The fine-tuned network, a ``torch.nn.Sequential`` from rows of units, ``preparation_.prepare(X)``, to class
        scores.
    preparation_ : Preparation or TablePreparation
        How columns become units.
    learning_curves_ : dict of str to list of EpochInfo
        After each epoch, for ``"layer 1"``, ``"layer 2"``, …, ``"fine-tuning"``, the mean training loss, and the score
        of up to 1,000 rows seen and held out: of a layer as :class:`Autoencoder` has it, of a classifier the mean
        log-probability of the label, in nats.
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    See Also
    --------
    StackedAutoencoder : Without labels.
    DBNClassifier : Layers learned as RBMs.

    References
    ----------
    .. [1] Y. Bengio, P. Lamblin, D. Popovici, H. Larochelle (2007). Greedy layer-wise training of deep networks.
       NIPS 19.
    .. [2] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol (2010). Stacked denoising autoencoders.
       JMLR 11.

    Examples
    --------
    Handwritten digits, of which 200 have a label:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from layerwise import StackedAutoencoderClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
    >>> y[200:] = -1
    >>> model = StackedAutoencoderClassifier((128,), epochs=5, fine_tune_epochs=20, random_state=0).fit(X, y)
    >>> bool(model.score(X_test, y_test) > 0.85)
    True
    """

    network_: networks.Network

    def __init__(
        self,
        hidden: Sizes = (256, 256),
        *,
        pretraining: Choice = "autoencoder",
        visible: Visible = "auto",
        activation: Choice | Activation = "relu",
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
        max_norm: Number | None = None,
        clip_norm: Number | None = None,
        averaging: Number = 0.0,
        batch_size: Whole = 32,
        epochs: Whole = 20,
        fine_tune_epochs: Whole = 50,
        fine_tune_learning_rate: Number = 0.003,
        dropout: Number = 0.2,
        input_dropout: Number = 0.0,
        label_smoothing: Number = 0.0,
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
        self.pretraining = pretraining
        self.visible = visible
        self.activation = activation
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
        self.max_norm = max_norm
        self.clip_norm = clip_norm
        self.averaging = averaging
        self.batch_size = batch_size
        self.epochs = epochs
        self.fine_tune_epochs = fine_tune_epochs
        self.fine_tune_learning_rate = fine_tune_learning_rate
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.label_smoothing = label_smoothing
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.watch_gradients = watch_gradients
        self.device = device
        self.strategy = strategy
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: object, y: object, sample_weight: object = None) -> StackedAutoencoderClassifier:
        """Learn the layers from all rows, then the classes from those that have a label.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            A matrix of numbers; or a pandas, polars or pyarrow table, or a dict of arrays, of any columns. No cell may
            be missing: ``RBM().fit(X).impute(X)`` fills them.
        y : array-like of shape (n_samples,)
            Labels as for :class:`DBNClassifier`, -1 where a row has none.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts beside the others; zero leaves it out.

        Returns
        -------
        StackedAutoencoderClassifier
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule, or asks for more memory than there is.
        DataError, ValueError
            A cell that is missing or that its kind does not accept, labels that do not fit the rows, fewer than two
            classes.
        DivergenceError
            Training left the finite numbers; what was learned before is kept in the estimator where that can classify.
        """
        options, tuning = self._options()
        coding, rows = fit_coding(self, X, self.visible, missing=False)
        self.classes_, codes = encode_classes(y, len(rows))
        self.preparation_ = coding.preparation
        weights = checked_weights(sample_weight, len(rows))
        lesson = Lesson.weighted(rows, weights, torch.from_numpy(codes), len(self.classes_))
        random, name, unseen = stream_from(self.random_state), type(self).__name__, None
        self.learning_curves_: Curves = {}
        with enough_memory({"hidden": self.hidden, "batch_size": self.batch_size}, "give smaller ones"):
            if options.held_out:
                lesson, unseen = divided_by_class(lesson, options.held_out, random)
            encoders = self._layers(coding.layer(), lesson, unseen, options, random)
            size, own = code_size(nn.Sequential(*encoders), self.preparation_.n_units), random.child("fine-tuning")
            network = under_classes(encoders, size, len(self.classes_))
            keep = self._keep
            keep(learn_under_classes(network, lesson, unseen, tuning, own, f"{name}, fine-tuning", keep))
        return self

    def predict_proba(self, X: object) -> Floats:
        """Probability of each class.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        rows = self._read(X)
        network = as_precision(self.network_, rows.dtype)
        return self._carried(rows, len(self.classes_), lambda v: torch.softmax(network(v), dim=1))

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)

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
        X : array-like, sparse or table of shape (n_samples, n_features)
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

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a network, as there is not where a layer diverged."""
        return hasattr(self, "network_")

    def to_torch(self) -> nn.Sequential:
        """From rows of units, ``preparation_.prepare(X)``, to what :meth:`predict_proba` gives."""
        validation.check_is_fitted(self)
        return with_output(self.network_, "softmax", nn.Softmax(dim=1))

    @property
    def _n_features_out(self) -> int:
        return cast(networks.Dense, self.network_[-1]).in_features

    def _upwards(self, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        return as_precision(self.network_, dtype)[:-1]

    def _options(self) -> tuple[DescentOptions, DescentOptions]:
        stack_from(self)
        choice("pretraining", self.pretraining, "autoencoder", "supervised", "none")
        options = descent_options(self)
        # Layers as autoencoders have corrupted rows instead.
        layerwise = replace(options, trainer=replace(options.trainer, dropout=0.0, input_dropout=0.0))
        # Without fine-tuning there would be no classifier.
        return layerwise, fine_tuning(self, options, least=1)

    def _layers(
        self, visible: UnitKind, lesson: Lesson, unseen: Lesson | None, options: DescentOptions, random: RandomStream
    ) -> list[nn.Sequential]:
        """The hidden layers before fine-tuning."""
        if self.pretraining == "autoencoder":
            rows, apart = (None if of is None else replace(of, labels=None, classes=0) for of in (lesson, unseen))
            assert rows is not None
            curves = self.learning_curves_
            layers = learn_layers(self, visible, rows, apart, options, random, curves, lambda good: None)
        else:
            epochs = 0 if self.pretraining == "none" else options.epochs
            asked = self, visible, lesson, unseen, replace(options, epochs=epochs), random, self.learning_curves_
            layers = learn_layers_under_classes(*asked)
        return [layer.encoder for layer in layers]

    def _keep(self, learned: LearnedNetwork) -> None:
        assert isinstance(learned.network, networks.Network)
        self.network_, self.learning_curves_["fine-tuning"] = learned.network, learned.curve
