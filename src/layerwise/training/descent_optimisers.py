r"""Adam and momentum as their authors wrote them, and scikit-learn after them, in torch's form.

torch's own differ in places that a loss curve shows. Its Adam adds ε to the root of the *corrected* second moment; the
efficient form of the paper [1]_, section 2, adds it to the root of the moment itself,

.. math:: \alpha_t = \alpha \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}, \qquad
          \theta \leftarrow \theta - \alpha_t\, m / (\sqrt{v} + \hat\varepsilon).

Its SGD multiplies the velocity with the learning rate of now; here a step enters the velocity at the rate that it was
made with [2]_,

.. math:: u \leftarrow \mu u - \eta g, \qquad
          \theta \leftarrow \theta + u \quad\text{or, after Nesterov,}\quad \theta \leftarrow \theta + \mu u - \eta g,

which is the same while the rate is constant.

References
----------
.. [1] D. P. Kingma, J. Ba (2015). Adam: a method for stochastic optimization. ICLR.
.. [2] I. Sutskever, J. Martens, G. Dahl, G. Hinton (2013). On the importance of initialization and momentum in deep
   learning. ICML.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.adam import adam

__all__ = ["PaperAdam", "RatedMomentum"]

_PRIVATE: Any = torch


class PaperAdam(Optimizer):
    """Adam with ε beside the root of the second moment.

    Parameters
    ----------
    params : iterable of Tensor or of groups
    lr : float
    betas : (float, float)
        Memory of the first and of the second moment, each at least 0 and below 1.
    eps : float
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move the parameters by their ``grad``; ``closure`` is not asked."""
        self.move()

    @torch.no_grad()
    def move(self) -> None:
        """:meth:`step` without what torch puts around it: its profiler, its schedules' count, hooks."""
        together: dict[tuple[Any, ...], list[Any]] = {}  # calls are what a small step costs
        for group in self.param_groups:
            own = group["lr"], tuple(group["betas"]), group["eps"]
            for parameter in group["params"]:
                if parameter.grad is not None:
                    state = self._state_of(parameter)
                    together.setdefault((*own, state["step"]), []).append((parameter, state))
                    state["step"] += 1
        for (rate, (beta_1, beta_2), eps, done), some in together.items():
            moved, states = zip(*some, strict=True)
            first, second = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq"))
            no_maxima: list[Tensor] = []
            lists = list(moved), [p.grad for p in moved], first, second, no_maxima
            given: dict[str, Any] = {
                "amsgrad": False,
                "beta1": beta_1,
                "beta2": beta_2,
                "lr": rate,
                "weight_decay": 0.0,
                # torch divides the root of the second moment by the same.
                "eps": eps / math.sqrt(1.0 - beta_2 ** (done + 1)),
                "maximize": False,
            }
            alike = len({(p.device, p.dtype, p.is_contiguous()) for p in moved}) == 1
            if alike and moved[0].is_contiguous():
                # What torch.optim.adam.adam does then, without its looking around, which takes longer in a small step.
                now = torch.tensor(done + 1.0, device=moved[0].device)
                _PRIVATE._fused_adam_(*lists, [now] * len(moved), **given)
            else:  # it counts on in each
                adam(*lists, [torch.tensor(float(done)) for _ in moved], fused=False, **given)

    def _state_of(self, parameter: Tensor) -> dict[str, Any]:
        state: dict[str, Any] = self.state[parameter]
        if not state:
            state["step"] = 0
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state


class RatedMomentum(Optimizer):
    """Momentum whose velocity holds each step at its own learning rate.

    Parameters
    ----------
    params : iterable of Tensor or of groups
    lr : float
    momentum : float
        At least 0.
    nesterov : bool
        Whether the step looks ahead along the velocity.
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.9, nesterov: bool = True) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "nesterov": nesterov})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move the parameters by their ``grad``; ``closure`` is not asked."""
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "velocity" not in state:
                    state["velocity"] = torch.zeros_like(parameter)
                velocity = state["velocity"].mul_(momentum).add_(parameter.grad, alpha=-rate)
                if group["nesterov"]:
                    parameter.add_(velocity, alpha=momentum).add_(parameter.grad, alpha=-rate)
                else:
                    parameter.add_(velocity)
