"""The deep belief network: a code, a sampler and a density of any kinds of columns, with or without labels."""

from __future__ import annotations

import torch
from sklearn.utils import Tags

from layerwise.energy import BeliefNet
from layerwise.energy.directed_stack import DirectedStack
from layerwise.errors import OptionError
from layerwise.estimators.coding import fit_coding
from layerwise.estimators.contrastive_fit import Lesson
from layerwise.estimators.contrastive_options import ContrastiveOptions, contrastive_options
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.dbn_fit import Layer, learn_layers, learn_together, without_gaps
from layerwise.estimators.deep_density import DeepDensityEstimator
from layerwise.estimators.labels import encode_classes
from layerwise.estimators.options import (
    Choice,
    Flag,
    Number,
    Seed,
    Sizes,
    Visible,
    Whole,
    flag,
    layer_sizes,
    number,
    whole_number,
)
from layerwise.estimators.rbm import RBM
from layerwise.estimators.unit_rows import checked_weights
from layerwise.training.memory import enough_memory
from layerwise.training.pretraining import LayerInfo

__all__ = ["DBN"]

_AS_AN_RBM = (
    "method",
    "gibbs_steps",
    "n_chains",
    "temperatures",
    "centred",
    "learning_rate",
    "schedule",
    "momentum",
    "weight_decay",
    "batch_size",
    "device",
    "verbose",
)
"""Parameters that every layer is trained with as an RBM."""


class DBN(DeepDensityEstimator):
    r"""Deep belief network: layers that generate one another under a restricted Boltzmann machine.

    .. math:: p(v, h^1, \dots, h^L) = p(h^{L-1}, h^L) \prod_{l=0}^{L-2} p(h^l \mid h^{l+1}), \qquad h^0 = v

    The layers are learned one after the other from the data upwards, each as an RBM of what the layers below it make
    of the rows [1]_; then, if asked for, all together by up-down, a contrastive form of wake-sleep. The network codes
    rows, draws them, and bounds their log-likelihood from below [2]_. With label units beside the layer below the top
    it also draws rows of a class, and classifies.

    Missing cells are drawn while the lowest layer learns, from the machine as it is; the layers above learn from rows
    whose gaps that layer has drawn in the end.

    Parameters
    ----------
    hidden : sequence of int, default=(256, 256)
        Size of each layer of binary hidden units, from the data upwards.
    visible : str or dict, default="auto"
        Kinds of the columns, as :class:`RBM` has them.
    labels : bool, default=False
        Whether the top has label units, which learn from the ``y`` given to :meth:`fit` and need at least two layers.
        Otherwise ``y`` is ignored, as transformers do.
    method : {"pcd", "cd", "pt"}, default="pcd"
        Where dreams start: at chains kept from the last step, at the data, or at chains kept at several temperatures.
    gibbs_steps : int, default=1
        Gibbs steps of a dream.
    n_chains : int, default=100
        Number of chains that are kept.
    temperatures : int, default=10
        Of every chain, with ``"pt"``.
    centred : bool, default=True
        Whether the gradient is that of units less their means.
    learning_rate : "auto" or float, default="auto"
        Of each layer's first step. ``"auto"`` is 0.1, less for a lowest layer of many real columns, as in :class:`RBM`.
    schedule : {"linear", "constant", "cosine"}, default="linear"
        How the learning rate changes: the falling ones reach zero with a layer's last epoch.
    momentum : float, default=0.5
        Share of the last step that goes on.
    weight_decay : float, default=0.0
        Quadratic penalty on the couplings.
    batch_size : int, default=10
        Rows of a minibatch.
    epochs : int, default=30
        Passes over the rows, for each layer.
    up_down_epochs : int, default=0
        Passes over the rows of up-down. It unties the two directions: ``net_`` is then a ``WakeSleepNet``.
    up_down_learning_rate : float, default=0.01
        Of its first step; it falls linearly to zero.
    device : str, default="auto"
        Where to train: ``"cpu"``, ``"cuda"``, or the GPU where there is one. The fitted network is kept on the CPU.
    strategy : {"ddp"}, optional
        ``"ddp"``: the processes that torchrun started learn together, each on its part of every minibatch. All of them
        call ``fit`` with the same rows and the same whole number as ``random_state``, and end with the same estimator.
    random_state : int, RandomState or None, default=None
        Decides first weights, order of the rows and every draw.
    verbose : int, default=0
        Above 0, what was measured is printed after each epoch.

    Attributes
    ----------
    net_ : BeliefNet or WakeSleepNet
        The network, in prepared units.
    layers_ : list of layerwise.energy.RBM
        The machines as they were learned one after the other, from the data upwards.
    preparation_ : Preparation or TablePreparation
        How columns become units.
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted; with ``labels=True``.
    log_partition_, log_partition_error_ : float
        Log Z of the top machine and its standard error in nats, computed when first asked for.
    learning_curves_ : dict of str to list of LayerInfo
        What was measured after each epoch, for ``"layer 1"``, ``"layer 2"``, …, ``"up-down"``, on up to 1,000 training
        rows.
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    See Also
    --------
    RBM : One layer, whose log-likelihood needs no bound.
    DBNClassifier : Layers learned from all rows, fine-tuned by backpropagation on the labelled ones.

    References
    ----------
    .. [1] G. E. Hinton, S. Osindero, Y.-W. Teh (2006). A fast learning algorithm for deep belief nets.
       Neural Computation 18.
    .. [2] R. Salakhutdinov, I. Murray (2008). On the quantitative analysis of deep belief networks. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from layerwise import DBN
    >>> side = np.arange(200) % 2
    >>> X = np.repeat(np.stack([side, 1 - side], axis=1), 3, axis=1)  # the left half is on, or the right one
    >>> net = DBN((8, 4), labels=True, epochs=20, random_state=0).fit(X, np.where(side, "left", "right"))
    >>> net.predict([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0]])
    array(['left', 'right'], dtype='<U5')
    >>> left = net.sample(100, "left", steps=50, random_state=0)
    >>> bool(left[:, :3].mean() > 0.9)
    True
    >>> bool(-6 * np.log(2) < net.score(X) < -np.log(2))  # better than coins; there are but two rows
    True
    """

    def __init__(
        self,
        hidden: Sizes = (256, 256),
        *,
        visible: Visible = "auto",
        labels: Flag = False,
        method: Choice = "pcd",
        gibbs_steps: Whole = 1,
        n_chains: Whole = 100,
        temperatures: Whole = 10,
        centred: Flag = True,
        learning_rate: Number | Choice = "auto",
        schedule: Choice = "linear",
        momentum: Number = 0.5,
        weight_decay: Number = 0.0,
        batch_size: Whole = 10,
        epochs: Whole = 30,
        up_down_epochs: Whole = 0,
        up_down_learning_rate: Number = 0.01,
        device: Choice = "auto",
        strategy: Choice | None = None,
        random_state: Seed = None,
        verbose: Whole = 0,
    ) -> None:
        self.hidden = hidden
        self.visible = visible
        self.labels = labels
        self.method = method
        self.gibbs_steps = gibbs_steps
        self.n_chains = n_chains
        self.temperatures = temperatures
        self.centred = centred
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.epochs = epochs
        self.up_down_epochs = up_down_epochs
        self.up_down_learning_rate = up_down_learning_rate
        self.device = device
        self.strategy = strategy
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> DBN:
        """Learn the layers, one after the other, and then together if asked to.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            A matrix of numbers; or a pandas, polars or pyarrow table, or a dict of arrays, of any columns. NaN and
            ``None`` are missing cells.
        y : array-like of shape (n_samples,), optional
            Labels as for :class:`DBNClassifier`, -1 where a row has none; ignored unless ``labels=True``.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts beside the others; zero leaves it out.

        Returns
        -------
        DBN
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule, or asks for more memory than there is.
        DataError, ValueError
            Naming the column and the cell that its kind does not accept, or the label.
        DivergenceError
            Training left the finite numbers; the last good network is kept in the estimator.
        """
        options, sizes = self._options(), self._sizes()
        together = whole_number("up_down_epochs", self.up_down_epochs, least=0, remedy="start with 10")
        rate = number("up_down_learning_rate", self.up_down_learning_rate, above=0.0, remedy="start with 0.01")
        coding, rows = fit_coding(self, X, self.visible)
        self.preparation_, self._precision = coding.preparation, rows.precision
        codes, classes = None, 0
        if self.labels:
            self.classes_, found = encode_classes(y, len(rows))
            codes, classes = torch.from_numpy(found), len(self.classes_)
        lesson = Lesson.weighted(rows, checked_weights(sample_weight, len(rows)), codes, classes)
        random, name = stream_from(self.random_state), type(self).__name__
        self._seed = random.seed
        asked = {"hidden": self.hidden, "batch_size": self.batch_size, "n_chains": self.n_chains}
        with enough_memory(asked, "give smaller ones"):
            of_layers = [options.suited(coding.real_columns), *[options.suited(0)] * (len(sizes) - 1)]
            layers = learn_layers(coding.layer(), sizes, lesson, of_layers, random, name, self._keep)
            net = self._keep(layers)
            if together:
                lesson, random = without_gaps(lesson, layers[0].machine, random), random.child("up-down")
                untied, curve = learn_together(net, lesson, together, rate, options, random, f"{name}, up-down")
                self.net_, self.learning_curves_["up-down"] = untied, curve
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = bool(self.labels)
        return tags

    def _sizes(self) -> tuple[int, ...]:
        sizes = layer_sizes("hidden", self.hidden)
        if flag("labels", self.labels) and len(sizes) < 2:
            rule = "label units stand beside the layer below the top, so that there must be two layers"
            raise OptionError("hidden", self.hidden, rule, "give two sizes, or take ClassRBM")
        return sizes

    def _options(self) -> ContrastiveOptions:
        epochs = whole_number("epochs", self.epochs, least=0, remedy="start with 30")
        return contrastive_options(RBM(n_iter=epochs, **{name: getattr(self, name) for name in _AS_AN_RBM}), self)

    def _keep(self, layers: list[Layer]) -> BeliefNet:
        net = BeliefNet(layer.machine for layer in layers)
        self.layers_ = net.layers
        self.net_: DirectedStack = net
        self.learning_curves_: dict[str, list[LayerInfo]] = {
            f"layer {number}": layer.learned.curve for number, layer in enumerate(layers, 1)
        }
        self._state, self._mean, self._log_z = layers[-1].learned.state, layers[-1].mean, None
        return net
