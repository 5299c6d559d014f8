"""A whole data set's loss brought down by L-BFGS: for few rows, where minibatches are not worth their noise.

References
----------
.. [1] R. H. Byrd, P. Lu, J. Nocedal, C. Zhu (1995). A limited memory algorithm for bound constrained optimization.
   SIAM Journal on Scientific Computing 16.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from layerwise.errors import DivergenceError, OptionError
from layerwise.networks.dense_sweep import DenseSweep
from layerwise.networks.loss import Loss

__all__ = ["Minimum", "Part", "minimise"]

Part = tuple[Tensor, Tensor, Tensor | None]
"""Some of the rows, what the loss takes for them, and what each counts."""


@dataclass(frozen=True)
class Minimum:
    """Where the search ended."""

    loss: float
    """Mean over the rows."""
    penalty: float
    """The ridge, over the number of rows."""
    iterations: int
    converged: bool
    message: str


def minimise(
    network: nn.Sequential,
    parts: Callable[[], Iterator[Part]],
    loss: Loss,
    ridge: float,
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    tell: Callable[[int, float], bool] | None = None,
) -> Minimum:
    """Move a network's parameters to a minimum of the loss, in double precision.

    Parameters
    ----------
    network : torch.nn.Sequential
        Of dense layers; moved in place, and its parameters are double afterwards.
    parts : callable
        Gives all rows, so many at a time as are to be in memory; asked for every evaluation.
    loss : Loss
    ridge : float
        As for :class:`~layerwise.training.GradientDescent`, over all rows.
    max_iter, max_fun : int
        The most iterations, and evaluations of loss and gradient.
    tol : float
        It ends where no derivative is greater, or where an iteration gains nothing to speak of.
    tell : callable, optional
        Shown the number of each iteration, from 1, and its loss; says whether it is enough.

    Returns
    -------
    Minimum

    Raises
    ------
    DivergenceError
        The loss was finite nowhere; the network is what it was.
    OptionError
        The network is no stack of dense layers.
    """
    from scipy import optimize  # heavy

    network.double()
    sweep = DenseSweep.of(network, loss)
    if sweep is None:
        raise OptionError("network", network, "must be a stack of dense layers", "take minibatches")
    parameters = list(network.parameters())
    place = parameters[0].device

    def put(flat: npt.NDArray[np.float64]) -> None:
        nn.utils.vector_to_parameters(torch.from_numpy(flat).to(place), parameters)

    def value_and_gradient(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        put(flat)
        total, count = 0.0, 0.0
        gradient = torch.zeros(len(flat), dtype=torch.float64, device=place)
        for x, targets, weights in parts():
            of_part = len(x) if weights is None else float(weights.sum())
            if not of_part:
                continue
            mean, _ = sweep(x, targets, weights)
            total, count = total + of_part * mean.item(), count + of_part
            gradient.add_(nn.utils.parameters_to_vector(_gradients(parameters)), alpha=of_part)
        penalties.append(ridge / 2 * sum(float(p.detach().square().sum()) for p in parameters if p.dim() > 1) / count)
        decay = nn.utils.parameters_to_vector([p.detach() if p.dim() > 1 else torch.zeros_like(p) for p in parameters])
        gradient.add_(decay, alpha=ridge).div_(count)
        return total / count + penalties[-1], gradient.cpu().numpy()

    def after_iteration(intermediate_result: Any) -> None:
        done.append(float(intermediate_result.fun))
        if tell is not None:
            stopped.append(bool(tell(len(done), done[-1])))
            if stopped[-1]:
                raise StopIteration  # which scipy takes for an end

    done: list[float] = []
    stopped = [False]
    penalties: list[float] = []
    start = nn.utils.parameters_to_vector(parameters).detach().cpu().numpy().copy()
    options = {"maxiter": max_iter, "maxfun": max_fun, "gtol": tol}
    found: Any = cast(Any, optimize).minimize(
        value_and_gradient, start, method="L-BFGS-B", jac=True, options=options, callback=after_iteration
    )
    if not (math.isfinite(found.fun) and np.isfinite(found.x).all()):
        put(start)
        raise DivergenceError(f"iteration {found.nit}: the loss is {found.fun}; scale the columns and targets first")
    whole, _ = value_and_gradient(found.x)
    return Minimum(
        whole - penalties[-1], penalties[-1], int(found.nit), found.status == 0 or stopped[-1], str(found.message)
    )


def _gradients(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]
