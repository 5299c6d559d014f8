"""The classification RBM as a scikit-learn classifier that is a density, a sampler and an imputer as well."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils import validation
from torch import Tensor, nn

from layerwise import energy
from layerwise.energy import LogLikelihood, class_log_probabilities
from layerwise.energy.class_gaps import class_log_probabilities_of_known
from layerwise.energy.class_rbm import class_rbm, free_energy_of_features, mean_h_from_features
from layerwise.errors import DataError
from layerwise.estimators.class_fit import ClassLearned, learn_classes
from layerwise.estimators.class_options import ClassOptions, class_options
from layerwise.estimators.coding import as_precision, drawn_grey, fit_coding
from layerwise.estimators.contrastive_fit import Lesson, first_machine
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.density import AIS_CHAINS, DensityEstimator
from layerwise.estimators.dreams import repeated
from layerwise.estimators.labels import accuracy, checked_classes, codes_among, encode_classes
from layerwise.estimators.machine_estimator import Floats
from layerwise.estimators.options import Choice, Flag, Number, Seed, Visible, Whole, choice, whole_number
from layerwise.estimators.unit_rows import checked_weights
from layerwise.randomness import RandomStream
from layerwise.training.classification_rbm import ClassificationLearning
from layerwise.training.classification_state import ClassificationState
from layerwise.training.keeping import divided, whole
from layerwise.training.label_units import beside
from layerwise.training.memory import enough_memory
from layerwise.training.pretraining import check_finite
from layerwise.training.unrolling import unroll_class_rbm
from layerwise.units import kind_named

__all__ = ["ClassRBM"]

_KEPT_FOR = ("method", "chains", "needs_chains", "momentum", "optimiser", "weight_decay")
"""Parameters that say what a State holds."""


class ClassRBM(ClassifierMixin, DensityEstimator):
    r"""Restricted Boltzmann machine of rows and their labels: a classifier that can also draw, score and fill rows.

    The label is one more visible unit, of as many states as there are classes. With the hidden units summed away each
    class has a free energy, and the class of a row has an exact probability [1]_:

    .. math:: p(y = k \mid x) = \frac{e^{-F(x, k)}}{\sum_l e^{-F(x, l)}}, \qquad
              -F(x, k) = -U(x) + d_k + \Gamma(x^\top W + U_k + b).

    Learned is a mix of three likelihoods: ``discriminative`` · log p(y | x) + ``generative`` · log p(x, y) of rows with
    a label, and ``unlabelled`` · log p(x) of rows without [2]_. Missing cells of the training rows are drawn from the
    machine, given the others and the label, before every step.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.
    visible : str or dict, default="auto"
        Kinds of the columns, as of :class:`RBM`.
    draw_grey : bool, default=False
        Whether numbers between 0 and 1 are drawn as bits anew in each iteration. What is learned then is how probable
        such bits are; grey levels as they are show a machine their means only. For columns that are all Bernoulli.
    hidden : {"bernoulli", "spin", "gaussian", "rectified", "noisy_rectified"}, default="bernoulli"
        Kind of the hidden units.
    discriminative, generative : float, default=1.0, 0.01
        What log p(y | x) and log p(x, y) of a row with a label count: 1 and 0 is a discriminative, 0 and 1 a generative
        machine, both above zero a hybrid. What is drawn and scored is the better the more the generative part counts.
    unlabelled : float, default=0.01
        What log p(x) of a row without label counts; at 0 such rows are left out.
    method : {"pcd", "cd"}, default="pcd"
        Where dreams start: at chains kept from the last step, or at the data. Without a generative part there are none.
    gibbs_steps : int, default=1
        Gibbs steps of a dream.
    n_chains : int, default=100
        Number of chains that are kept.
    optimiser : {"adam", "sgd"}, default="adam"
        Adam with ``momentum`` as its first coefficient, or gradient ascent with momentum.
    learning_rate : float, default=0.03
        Of the first step; it falls linearly and reaches zero with the last iteration.
    momentum : float, default=0.9
    weight_decay : float, default=0.0
        Quadratic penalty on the couplings; with Adam decoupled from the gradient.
    batch_size : int, default=20
        Rows of a minibatch.
    n_iter : int, default=30
        Passes over the rows, at most.
    early_stopping : bool, default=False
        Whether a share of the labelled rows, the same of every class, is held out, training stops when their mean
        log p(y | x) gets no better, and the best machine is kept.
    validation_fraction, n_iter_no_change : float, int, default=0.1, 5
        That share, and the iterations without progress after which training stops.
    device : str, default="auto"
        Where to train: ``"cpu"``, ``"cuda"``, or the GPU where there is one. The fitted machine is kept on the CPU.
    strategy : {"ddp"}, optional
        ``"ddp"``: the processes that torchrun started learn together, each on its part of every minibatch. All of them
        call ``fit`` with the same rows and the same whole number as ``random_state``, and end with the same estimator.
    random_state : int, RandomState or None, default=None
        Decides first weights, order of the rows, held-out rows and every draw.
    verbose : int, default=0
        Above 0, what was measured is printed after each iteration.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    machine_ : layerwise.energy.RBM
        The machine, in prepared units; the last of its visible units are the classes.
    preparation_ : Preparation or TablePreparation
        How columns become units.
    components_ : ndarray of shape (n_components, n_units)
        The couplings; a view of the machine's. A column has one unit, or one for each level of a categorical one; after
        those of the columns comes one for each class.
    intercept_hidden_ : ndarray of shape (n_components,)
    intercept_visible_ : ndarray of shape (n_units,)
    log_partition_, log_partition_error_ : float
        Log Z and its standard error in nats, computed when first asked for.
    n_iter_ : int
        Iterations done.
    learning_curve_ : list of ClassInfo
        What was measured after each iteration, on up to 1,000 training rows, their missing cells drawn.
    validation_scores_ : list of float or None
        Mean log p(y | x) of the held-out rows after each iteration, in nats; None without early stopping.
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    See Also
    --------
    RBM : Without labels.
    DBNClassifier : Several layers, fine-tuned by backpropagation.

    References
    ----------
    .. [1] H. Larochelle, Y. Bengio (2008). Classification using discriminative restricted Boltzmann machines. ICML.
    .. [2] H. Larochelle, M. Mandel, R. Pascanu, Y. Bengio (2012). Learning algorithms for the classification restricted
       Boltzmann machine. JMLR 13.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from layerwise import ClassRBM
    >>> X, y = load_digits(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
    >>> machine = ClassRBM(64, n_iter=10, random_state=0).fit(X, y)
    >>> machine.score(X_test, y_test)
    0.97
    >>> threes, labels = machine.sample(5, y=3, steps=10, random_state=0)
    >>> threes.shape, labels
    ((5, 64), array([3, 3, 3, 3, 3]))
    """

    def __init__(
        self,
        n_components: Whole = 256,
        *,
        visible: Visible = "auto",
        draw_grey: Flag = False,
        hidden: Choice = "bernoulli",
        discriminative: Number = 1.0,
        generative: Number = 0.01,
        unlabelled: Number = 0.01,
        method: Choice = "pcd",
        gibbs_steps: Whole = 1,
        n_chains: Whole = 100,
        optimiser: Choice = "adam",
        learning_rate: Number = 0.03,
        momentum: Number = 0.9,
        weight_decay: Number = 0.0,
        batch_size: Whole = 20,
        n_iter: Whole = 30,
        early_stopping: Flag = False,
        validation_fraction: Number = 0.1,
        n_iter_no_change: Whole = 5,
        device: Choice = "auto",
        strategy: Choice | None = None,
        random_state: Seed = None,
        verbose: Whole = 0,
    ) -> None:
        self.n_components = n_components
        self.visible = visible
        self.draw_grey = draw_grey
        self.hidden = hidden
        self.discriminative = discriminative
        self.generative = generative
        self.unlabelled = unlabelled
        self.method = method
        self.gibbs_steps = gibbs_steps
        self.n_chains = n_chains
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.strategy = strategy
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> ClassRBM:
        """Learn the rows and their classes.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            A matrix of numbers; or a pandas, polars or pyarrow table, or a dict of arrays, of any columns. NaN and
            ``None`` are missing cells.
        y : array-like of shape (n_samples,)
            Labels: numbers, texts or booleans. A row without label holds -1, as in ``sklearn.semi_supervised``; among
            texts -1 may also be ``"-1"`` or the empty text, and among Python objects and in a data frame's column
            ``None``, NaN or NA.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts beside the others; zero leaves it out.

        Returns
        -------
        ClassRBM
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule, or asks for more memory than there is.
        DataError, ValueError
            Naming the column and the cell that its kind does not accept; labels that do not fit the rows, fewer than
            two classes.
        DivergenceError
            Training left the finite numbers; the last good machine is kept in the estimator.
        """
        options = self._options()
        lesson = self._lesson(X, y, sample_weight, fresh=True)
        random = stream_from(self.random_state)
        with self._enough_memory():
            machine, self._seed = self._first_machine(random.child("weights")), random.seed
            return self._keep(learn_classes(machine, lesson, options, random, type(self).__name__, self._keep))

    def partial_fit(
        self, X: object, y: object = None, classes: object = None, sample_weight: object = None
    ) -> ClassRBM:
        """Do one step of learning, at the first learning rate, with all rows of ``X`` as its minibatch.

        The first call decides on columns, scales, classes and first biases; after :meth:`fit` it goes on from there.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            As for :meth:`fit`; where ``unlabelled`` counts, no row needs to have a label.
        classes : array-like of shape (n_classes,)
            All labels that there will be: needed in the first call.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        ClassRBM
            Itself.
        """
        options, fresh = self._options(), not hasattr(self, "machine_")
        lesson = self._lesson(X, y, sample_weight, fresh=fresh, classes=self._told(classes, fresh=fresh))
        trainer = options.trainer
        with self._enough_memory():
            if fresh:
                random = stream_from(self.random_state)
                state, self._seed = trainer.init(self._first_machine(random.child("weights")), random), random.seed
            else:
                state = self._going_on(trainer)
            state, _ = trainer.step(state, trainer.ranks.of(lesson.batch(state.random)))
            state, trainer = whole(trainer, state)
        check_finite(state.rbm, type(self).__name__)
        n_iter, curve = (1, []) if fresh else (self.n_iter_, self.learning_curve_)
        return self._keep(ClassLearned(state.rbm, state, trainer, n_iter, curve, None))

    def predict_log_proba(self, X: object) -> Floats:
        """``log p(y | x)`` of every class, in nats: exact for rows without gaps.

        For a row with missing cells p(y | x) is averaged over what these may be: ten chains of clamped Gibbs steps draw
        them given the cells that are known, and each of their last 20 steps counts. The figures are the same every
        time.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        rows = self._read(X)
        machine, random = as_precision(self.machine_, torch.float64), RandomStream(self._seed).child("gaps of classes")
        log_p = [class_log_probabilities_of_known(machine, v.double(), random).numpy() for _, v in rows.parts()]
        return np.concatenate(log_p).astype(rows.precision)

    def predict_proba(self, X: object) -> Floats:
        """``p(y | x)`` of every class, as :meth:`predict_log_proba` has it.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return np.exp(self.predict_log_proba(X))

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
        most_probable = self.predict_log_proba(X).argmax(axis=1)
        return self.classes_[most_probable]

    def score(self, X: object, y: object = None, sample_weight: object = None) -> float:
        """Share of the labelled rows whose class is predicted; rows without label are left out.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels as for :meth:`fit`.
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

    def sample(
        self,
        n_samples: Whole = 1,
        y: object = None,
        *,
        given: object = None,
        steps: Whole = 1000,
        tempered: bool = False,
        start: object = None,
        random_state: Seed = None,
    ) -> tuple[Any, npt.NDArray[Any]]:
        """Draw rows with their classes, or rows of given classes.

        Parameters
        ----------
        n_samples : int, default=1
        y : label or array-like of labels, optional
            Classes that are held still, for all rows or for each; fewer than ``n_samples`` are used again and again.
            Drawn with the rows if left out.
        given, steps, tempered, start, random_state
            As of :meth:`RBM.sample`.

        Returns
        -------
        X : ndarray or table of shape (n_samples, n_features)
            A table of the library that was fitted; a matrix where a matrix was.
        y : ndarray of shape (n_samples,)
            Their classes.
        """
        validation.check_is_fitted(self)
        count, known = whole_number("n_samples", n_samples, least=1), None
        if y is not None or given is not None:
            asked: Any = [-1] if y is None else [y] if np.ndim(cast(Any, y)) == 0 else y
            if not len(asked):
                raise DataError("y", "no label", "must be one for all rows, or one for each", "leave it out to draw it")
            labels = torch.from_numpy(codes_among(self.classes_, asked, len(asked)))
            cells = self._coding.read_given(self, {} if given is None else given).units()
            known = beside(repeated(cells, count), repeated(labels, count), len(self.classes_))
        drawn = self._drawn(count, known, steps, tempered, start, random_state)
        found = drawn[:, -len(self.classes_) :].argmax(1).numpy()
        return self._coding.restore(drawn, precision=self._precision), self.classes_[found]

    def log_likelihood(
        self,
        X: object,
        y: object = None,
        *,
        method: Literal["auto", "exact", "ais"] = "auto",
        chains: Whole = AIS_CHAINS,
        temperatures: Whole = 10_000,
        random_state: Seed = 0,
    ) -> LogLikelihood:
        """Mean of ``log p(x, y)`` of labelled rows and ``log p(x)`` of others, with its error, log Z and a bracket.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            Without missing cells.
        y : array-like of shape (n_samples,), optional
            Labels as for :meth:`fit`; without them all rows are taken as rows without label.
        method, chains, temperatures, random_state
            As of :meth:`RBM.log_likelihood`.

        Returns
        -------
        LogLikelihood
            In nats a row, in the columns' own units as :meth:`score_samples`.

        Warns
        -----
        LikelihoodWarning
            The two directions lie more than one nat apart.
        """
        rows = self._read(X, missing=False)
        v = torch.cat([part for _, part in rows.parts()])
        log_p = class_log_probabilities(as_precision(self.machine_, torch.float64), v.double())
        codes = torch.from_numpy(codes_among(self.classes_, np.full(len(v), -1) if y is None else y, len(v)))
        # log p(x) = log p(x, k) - log p(k | x), whichever k.
        labels = torch.where(codes < 0, log_p.argmax(1), codes)
        beyond = torch.where(codes < 0, log_p.gather(1, labels[:, None])[:, 0], 0.0)
        both = beside(v, labels, len(self.classes_))
        found = self._likelihood(both, method, chains, temperatures, random_state)
        return found.moved(self._coding.log_volume() - beyond)

    def to_torch(self) -> nn.Sequential:
        """From rows of units, ``preparation_.prepare(X)``, to what :meth:`predict_proba` gives.

        Returns
        -------
        torch.nn.Sequential
            Each hidden unit's field given each class, softplus, sums by class, softmax.

        Raises
        ------
        OptionError
            The hidden units are not Bernoulli.
        """
        validation.check_is_fitted(self)
        return unroll_class_rbm(self.machine_)

    def _enough_memory(self) -> AbstractContextManager[None]:
        sizes: dict[str, object] = {name: getattr(self, name) for name in ("n_components", "batch_size", "n_chains")}
        return enough_memory(sizes, "give smaller ones")

    def _options(self) -> ClassOptions:
        whole_number("n_components", self.n_components, least=1, remedy="give a number of hidden units such as 256")
        choice("hidden", self.hidden, "bernoulli", "spin", "gaussian", "rectified", "noisy_rectified")
        return class_options(self)

    def _told(self, classes: object, *, fresh: bool) -> npt.NDArray[Any]:
        """The classes of a first step, or those of the steps before."""
        if fresh:
            return checked_classes(classes)
        if classes is not None and not np.array_equal(checked_classes(classes), self.classes_):
            rule = f"must be those of the first call, {self.classes_.tolist()}"
            raise DataError("classes", np.unique(np.asarray(classes)).tolist(), rule, "leave them out")
        return self.classes_

    def _lesson(
        self, X: object, y: object, sample_weight: object, *, fresh: bool, classes: npt.NDArray[Any] | None = None
    ) -> Lesson:
        coding, rows = fit_coding(self, X, self.visible) if fresh else (self._coding, self._read(X))
        if classes is None:
            classes, codes = encode_classes(y, len(rows))
        else:
            codes = codes_among(classes, y, len(rows))
        weights = checked_weights(sample_weight, len(rows))
        counting = codes >= 0 if self.unlabelled == 0 else np.ones(len(rows), np.bool_)
        if weights is not None:
            counting &= weights > 0
        if not counting.any():
            rule = "leaves no row to learn from: none with a weight has a label"
            raise DataError("y", f"{len(rows)} rows", rule, "or let rows without one count: unlabelled > 0")
        of_rows = None if weights is None else torch.from_numpy(weights)
        drawn = drawn_grey(self.draw_grey, coding)
        lesson = Lesson(rows, of_rows, None, torch.from_numpy(codes), len(classes), drawn)
        if not counting.all():
            lesson = lesson.select(torch.from_numpy(counting).nonzero()[:, 0])
        if fresh:
            self.preparation_, self._precision, self.classes_ = coding.preparation, rows.precision, classes
            self._moments = lesson.moments(torch.device("cpu"))
            self._mean = self._moments[0]
        return lesson

    def _first_machine(self, random: RandomStream) -> energy.RBM:
        hidden = kind_named(str(self.hidden), int(self.n_components))
        visible = class_rbm(self._coding.layer(), 1, len(self.classes_)).visible
        return first_machine(visible, hidden, self._moments, random)

    def _going_on(self, trainer: ClassificationLearning) -> ClassificationState:
        """Where the last step ended; what other parameters need is begun anew."""
        state = self._state
        assert isinstance(state, ClassificationState)
        if all(getattr(self._trainer, name) == getattr(trainer, name) for name in _KEPT_FOR):
            return divided(trainer, state)
        return trainer.init(state.rbm, state.random)

    def _keep(self, learned: ClassLearned) -> ClassRBM:
        self.machine_, self._state, self._trainer = learned.machine, learned.state, learned.trainer
        self.n_iter_, self.learning_curve_, self.validation_scores_ = learned.n_iter, learned.curve, learned.scores
        self._log_z = None
        return self

    def _upwards(self, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        machine = as_precision(self.machine_, dtype)
        return lambda v: mean_h_from_features(machine, v)

    def _free_energy(self, machine: energy.RBM, v: Tensor) -> Tensor:
        return free_energy_of_features(machine, v)
