"""The restricted Boltzmann machine of real columns."""

from __future__ import annotations

from layerwise.estimators.options import Choice, Flag, Number, Seed, Whole
from layerwise.estimators.rbm import RBM

__all__ = ["GaussianRBM"]


class GaussianRBM(RBM):
    r"""Restricted Boltzmann machine of Gaussian visible units with learned means and variances.

    .. math::
        p(v, h) = \frac{1}{Z} \exp\big(a^\top v + b^\top h + v^\top W h - \tfrac12 \textstyle\sum_i \gamma_i v_i^2\big)

    Without the hidden units it is one normal distribution; each state of them moves its mean, so that the rows are a
    mixture of as many normal distributions as there are states [1]_. Columns are given mean 0 and standard deviation 1
    first; :meth:`score_samples` is the density in the columns' own units.

    Parameters, attributes and methods are those of :class:`RBM` with ``visible="gaussian"``. Real units learn
    slower, so that there are more iterations by default.

    See Also
    --------
    RBM : Any kinds of columns.

    References
    ----------
    .. [1] K. Cho, A. Ilin, T. Raiko (2011). Improved learning of Gaussian-Bernoulli restricted Boltzmann machines.
       ICANN.

    Examples
    --------
    >>> import numpy as np
    >>> from layerwise import GaussianRBM
    >>> generator = np.random.default_rng(0)
    >>> X = generator.choice([-1.0, 1.0], size=(200, 1)) + generator.normal(0, 0.5, (200, 2))  # two clouds
    >>> machine = GaussianRBM(4, n_iter=40, random_state=0).fit(X)
    >>> normal = -0.5 * np.linalg.slogdet(2 * np.pi * np.e * np.cov(X.T))[1]  # the best single normal distribution
    >>> bool(machine.score(X) > normal)
    True
    """

    visible = "gaussian"

    def __init__(
        self,
        n_components: Whole = 256,
        *,
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
        n_iter: Whole = 100,
        early_stopping: Flag | Choice = False,
        validation_fraction: Number = 0.1,
        n_iter_no_change: Whole = 5,
        max_gap: Number = 5.0,
        device: Choice = "auto",
        strategy: Choice | None = None,
        random_state: Seed = None,
        verbose: Whole = 0,
    ) -> None:
        super().__init__(
            n_components,
            hidden=hidden,
            method=method,
            gibbs_steps=gibbs_steps,
            n_chains=n_chains,
            temperatures=temperatures,
            centred=centred,
            learning_rate=learning_rate,
            schedule=schedule,
            momentum=momentum,
            optimiser=optimiser,
            weight_decay=weight_decay,
            l1=l1,
            max_norm=max_norm,
            clip_norm=clip_norm,
            sparsity_target=sparsity_target,
            sparsity_cost=sparsity_cost,
            averaging=averaging,
            batch_size=batch_size,
            n_iter=n_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            max_gap=max_gap,
            device=device,
            strategy=strategy,
            random_state=random_state,
            verbose=verbose,
        )
        self.visible = "gaussian"
