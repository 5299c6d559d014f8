"""Stopping by a rule of one's own."""

from __future__ import annotations

from collections.abc import Callable

from layerwise.callbacks.callback import Callback, Epoch

__all__ = ["StopWhen"]


class StopWhen(Callback):
    """Ends a stage after the first epoch that a rule is true of.

    What was learned until then is kept, as if so many epochs had been asked for.

    Parameters
    ----------
    rule : callable
        From an :class:`Epoch` to whether it is enough.

    Examples
    --------
    >>> from layerwise import MLPClassifier
    >>> from layerwise.callbacks import StopWhen
    >>> network = MLPClassifier(max_iter=1000, random_state=0)
    >>> network = network.set_callbacks(StopWhen(lambda epoch: epoch.figures["loss"] < 0.1))
    >>> network.fit([[0.0], [1.0]] * 10, [0, 1] * 10).loss_
    0.1
    """

    def __init__(self, rule: Callable[[Epoch], bool]) -> None:
        self.rule = rule
        self._enough = False

    def fit_started(self, estimator: str, parameters: object) -> None:
        """Forget the last fit."""
        self._enough = False

    def epoch_done(self, epoch: Epoch) -> None:
        """Ask the rule."""
        self._enough = bool(self.rule(epoch))

    def wants_to_stop(self) -> bool:
        """Whether the rule was true of the last epoch."""
        return self._enough
