"""The restricted Boltzmann machine of any kinds of units: a density, a code, a sampler and an imputer of tables."""

from __future__ import annotations

from contextlib import AbstractContextManager

from layerwise import energy
from layerwise.estimators.code_estimator import Floats
from layerwise.estimators.coding import drawn_grey, fit_coding
from layerwise.estimators.contrastive_fit import Learned, Lesson, first_machine, learn
from layerwise.estimators.contrastive_options import ContrastiveOptions, contrastive_options
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.density import DensityEstimator
from layerwise.estimators.options import Choice, Flag, Number, Seed, Visible, Whole, choice, whole_number
from layerwise.estimators.unit_rows import checked_weights
from layerwise.randomness import RandomStream
from layerwise.training.averaging import averaged
from layerwise.training.contrastive import ContrastiveLearning, ContrastiveState
from layerwise.training.keeping import divided, whole
from layerwise.training.memory import enough_memory
from layerwise.training.pretraining import check_finite
from layerwise.units import kind_named

__all__ = ["RBM"]

_KEPT_FOR = ("method", "chains", "temperatures", "momentum", "optimiser", "centred", "averaging", "sparsity_target")
"""Parameters that say what a State holds."""


class RBM(DensityEstimator):
    r"""Restricted Boltzmann machine of any kinds of units, for matrices and for tables with gaps.

    .. math:: p(v, h) = \frac{1}{Z} \exp\big(-U_v(v) - U_h(h) + v^\top W h\big)

    Its likelihood is learned by contrastive learning: the gradient is the data's statistics less those of rows that the
    machine dreams [1]_ [2]_. Missing cells of the training rows are drawn from the machine given the others before
    every step, so that no row is left out and no cell is made up beforehand.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.
    visible : str or dict, default="auto"
        Kinds of the columns: ``"bernoulli"``, ``"spin"``, ``"gaussian"``, ``"rectified"`` or ``"categorical"`` for all,
        or a dict from some columns to theirs. ``"auto"``: a matrix of numbers is Bernoulli where all lie in [0, 1] and
        Gaussian otherwise; the columns of a table are what their values suggest, booleans Bernoulli, numbers Gaussian,
        texts and categories categorical. The levels of a categorical column are the values that were seen in it.
    draw_grey : bool, default=False
        Whether numbers between 0 and 1 are drawn as bits anew in each iteration. What is learned then is how probable
        such bits are; grey levels as they are show a machine their means only. For columns that are all Bernoulli.
    hidden : {"bernoulli", "spin", "gaussian", "rectified", "noisy_rectified"}, default="bernoulli"
        Kind of the hidden units.
    method : {"pcd", "cd", "pt"}, default="pcd"
        Where dreams start: at chains kept from the last step, at the data, or at chains kept at several temperatures.
    gibbs_steps : int, default=1
        Gibbs steps of a dream.
    n_chains : int, default=100
        Number of chains that are kept.
    temperatures : int, default=10
        Of every chain, with ``"pt"``.
    centred : bool, default=True
        Whether the gradient is that of units less their means [3]_.
    learning_rate : "auto" or float, default="auto"
        Of the first step. ``"auto"`` is 0.1, or a half over the number of real (Gaussian or rectified) columns where
        that is less: beyond it the couplings of many columns that vary together explode.
    schedule : {"linear", "constant", "cosine"}, default="linear"
        How the learning rate changes: the falling ones reach zero with the last iteration.
    momentum : float, default=0.5
        Share of the last step that goes on. An ``optimiser`` has its own.
    optimiser : str, optional
        One of torch's by name, ``"adam"`` for example, in the place of momentum.
    weight_decay, l1 : float, default=0.0
        Quadratic and absolute penalty on the couplings.
    max_norm, clip_norm : float, optional
        Largest norm of a hidden unit's couplings, and of a whole gradient.
    sparsity_target, sparsity_cost : float, default=None, 0.1
        Mean that every hidden unit should have over the data, and the weight of that wish.
    averaging : float, default=0.0
        Memory of the running mean of the parameters, 0.999 for example; the fitted machine is that mean.
    batch_size : int, default=10
        Rows of a minibatch.
    n_iter : int, default=30
        Passes over the rows, at most.
    early_stopping : bool, "likelihood", "pseudo-likelihood" or "gap", default=False
        What is measured on held-out rows after every iteration: their exact likelihood (one side must have at most 2¹⁶
        states), their pseudo-likelihood (visible units of countable states), or the free-energy gap between them and
        the training rows. ``True`` takes the first of these that the machine has. The best machine is kept; with
        ``"gap"`` the last one with a gap of at most ``max_gap``.
    validation_fraction, n_iter_no_change, max_gap : float, int, float, default=0.1, 5, 5.0
        Share of the rows held out, iterations without progress after which training stops, and nats.
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
    machine_ : layerwise.energy.RBM
        The machine, in prepared units.
    preparation_ : Preparation or TablePreparation
        How columns become units.
    components_ : ndarray of shape (n_components, n_units)
        The couplings; a view of the machine's. A column has one unit, or one for each level of a categorical one.
    intercept_hidden_ : ndarray of shape (n_components,)
    intercept_visible_ : ndarray of shape (n_units,)
    log_partition_, log_partition_error_ : float
        Log Z and its standard error in nats, computed when first asked for.
    swap_rates_ : ndarray of shape (temperatures - 1,)
        Share of swaps accepted between neighbouring temperatures, from the hottest; with ``method="pt"``.
    n_iter_ : int
        Iterations done.
    learning_curve_ : list of LayerInfo
        What was measured after each iteration, on up to 1,000 rows without missing cells.
    n_features_in_ : int
        Number of columns seen by :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all of them are texts.

    See Also
    --------
    GaussianRBM : The same for real columns.
    BernoulliRBM : scikit-learn's own contract.
    ClassRBM : One that classifies.

    References
    ----------
    .. [1] G. E. Hinton (2002). Training products of experts by minimizing contrastive divergence. Neural
       Computation 14.
    .. [2] T. Tieleman (2008). Training restricted Boltzmann machines using approximations to the likelihood gradient.
       ICML.
    .. [3] J. Melchior, A. Fischer, L. Wiskott (2016). How to center deep Boltzmann machines. JMLR 17.

    Examples
    --------
    A table with gaps: two of three columns tell the third.

    >>> import numpy as np
    >>> from layerwise import RBM
    >>> rain = np.random.default_rng(0).random(200) < 0.4
    >>> table = {"sky": np.where(rain, "grey", "blue"), "wet": rain, "degrees": np.where(rain, 9.0, 21.0)}
    >>> machine = RBM(4, random_state=0).fit(table)
    >>> machine.impute({"sky": ["grey", None], "wet": [None, False], "degrees": [None, 20.0]})["sky"]
    array(['grey', 'blue'], dtype=object)
    >>> blue = machine.sample(200, given={"sky": "blue"}, steps=20, random_state=0)
    >>> bool(blue["wet"].mean() < 0.1)
    True
    """

    def __init__(
        self,
        n_components: Whole = 256,
        *,
        visible: Visible = "auto",
        draw_grey: Flag = False,
        hidden: Choice = "bernoulli",
        method: Choice = "pcd",
        gibbs_steps: Whole = 1,
        n_chains: Whole = 100,
        temperatures: Whole = 10,
        centred: Flag = True,
        learning_rate: Number | Choice = "auto",
        schedule: Choice = "linear",
        momentum: Number = 0.5,
        optimiser: Choice | None = None,
        weight_decay: Number = 0.0,
        l1: Number = 0.0,
        max_norm: Number | None = None,
        clip_norm: Number | None = None,
        sparsity_target: Number | None = None,
        sparsity_cost: Number = 0.1,
        averaging: Number = 0.0,
        batch_size: Whole = 10,
        n_iter: Whole = 30,
        early_stopping: Flag | Choice = False,
        validation_fraction: Number = 0.1,
        n_iter_no_change: Whole = 5,
        max_gap: Number = 5.0,
        device: Choice = "auto",
        strategy: Choice | None = None,
        random_state: Seed = None,
        verbose: Whole = 0,
    ) -> None:
        self.n_components = n_components
        self.visible = visible
        self.draw_grey = draw_grey
        self.hidden = hidden
        self.method = method
        self.gibbs_steps = gibbs_steps
        self.n_chains = n_chains
        self.temperatures = temperatures
        self.centred = centred
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.momentum = momentum
        self.optimiser = optimiser
        self.weight_decay = weight_decay
        self.l1 = l1
        self.max_norm = max_norm
        self.clip_norm = clip_norm
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.averaging = averaging
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_gap = max_gap
        self.device = device
        self.strategy = strategy
        self.random_state = random_state
        self.verbose = verbose

    @property
    def swap_rates_(self) -> Floats:
        """Share of swaps accepted since the ladder was last adapted; NaN where none was tried."""
        state = self._state
        tempering = state.tempering if isinstance(state, ContrastiveState) else None
        if tempering is None:
            raise AttributeError("swap_rates_ is there after training with method='pt' only")
        return tempering.chains.rates.numpy()

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> RBM:
        """Learn the rows.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            A matrix of numbers; or a pandas, polars or pyarrow table, or a dict of arrays, of any columns. NaN and
            ``None`` are missing cells.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts beside the others; zero leaves it out.

        Returns
        -------
        RBM
            Itself.

        Raises
        ------
        OptionError
            A parameter breaks its rule, or asks for more memory than there is.
        DataError, ValueError
            Naming the column and the cell that its kind does not accept.
        DivergenceError
            Training left the finite numbers; the last good machine is kept in the estimator.
        """
        options, lesson = self._options(), self._lesson(X, sample_weight, fresh=True)
        options = options.suited(self._coding.real_columns)
        random = stream_from(self.random_state)
        with self._enough_memory():
            machine, self._seed = self._first_machine(random.child("weights")), random.seed
            return self._keep(learn(machine, lesson, options, random, type(self).__name__, self._keep))

    def partial_fit(self, X: object, y: object = None, sample_weight: object = None) -> RBM:
        """Do one step of learning, at the first learning rate, with all rows of ``X`` as its minibatch.

        The first call decides on columns, scales and first biases; after :meth:`fit` it goes on from there.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        RBM
            Itself.
        """
        options, fresh = self._options(), not hasattr(self, "machine_")
        lesson = self._lesson(X, sample_weight, fresh=fresh)
        trainer = options.suited(self._coding.real_columns).trainer
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
        return self._keep(Learned(averaged(state) if state.average else state.rbm, state, trainer, n_iter, curve))

    def _enough_memory(self) -> AbstractContextManager[None]:
        sizes: dict[str, object] = {name: getattr(self, name) for name in ("n_components", "batch_size", "n_chains")}
        return enough_memory(sizes, "give smaller ones")

    def _options(self) -> ContrastiveOptions:
        whole_number("n_components", self.n_components, least=1, remedy="give a number of hidden units such as 256")
        choice("hidden", self.hidden, "bernoulli", "spin", "gaussian", "rectified", "noisy_rectified")
        return contrastive_options(self)

    def _lesson(self, X: object, sample_weight: object, *, fresh: bool) -> Lesson:
        if fresh:
            coding, rows = fit_coding(self, X, self.visible)
            self.preparation_, self._precision = coding.preparation, rows.precision
        else:
            coding, rows = self._coding, self._read(X)
        drawn = drawn_grey(self.draw_grey, coding)
        lesson = Lesson.weighted(rows, checked_weights(sample_weight, len(rows)), drawn=drawn)
        if fresh:
            self._moments = lesson.rows.moments(lesson.weights)
            self._mean = self._moments[0]
        return lesson

    def _first_machine(self, random: RandomStream) -> energy.RBM:
        hidden = kind_named(str(self.hidden), int(self.n_components))
        return first_machine(self._coding.layer(), hidden, self._moments, random)

    def _going_on(self, trainer: ContrastiveLearning) -> ContrastiveState:
        """Where the last step ended; what other parameters need is begun anew."""
        state = self._state
        assert isinstance(state, ContrastiveState)
        if all(getattr(self._trainer, name) == getattr(trainer, name) for name in _KEPT_FOR):
            return divided(trainer, state)
        return trainer.init(state.rbm, state.random)

    def _keep(self, learned: Learned) -> RBM:
        self.machine_, self._state, self._trainer = learned.machine, learned.state, learned.trainer
        self.n_iter_, self.learning_curve_ = learned.n_iter, learned.curve
        self._log_z = None
        return self
