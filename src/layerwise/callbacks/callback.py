"""What a callback is told, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from layerwise.callbacks.figures import figures_of

__all__ = ["Callback", "Epoch"]


@dataclass(frozen=True, eq=False)
class Epoch:
    """An epoch that is done.

    Parameters
    ----------
    stage : str
        Which part of the fit it belongs to, such as ``"layer 1"`` or ``"fine-tuning"``; ``"training"`` where there is
        one part only.
    number : int
        Counted from 1 in every stage.
    most : int
        Epochs that the stage will have if nothing stops it.
    info : object
        What was measured: what the estimator's learning curve holds for this epoch.
    copies : callable
        Gives copies of the parameters by name.
    """

    stage: str
    number: int
    most: int
    info: object
    copies: Callable[[], dict[str, Tensor]]

    @property
    def figures(self) -> dict[str, float]:
        """The numbers of ``info`` by name, those that are not finite left out.

        What there is one of for each layer has the layer's name after a slash: ``"gradient_norm/hidden1"``.
        """
        return figures_of(self.info)

    def parameters(self) -> dict[str, Tensor]:
        """Copies of all parameters and running means, by the names that ``load_state_dict`` of the module knows."""
        return self.copies()


class Callback:
    """Is told of a fit. Each method does nothing until it is overridden.

    Given to an estimator by ``set_callbacks``. What is told are copies, and numbers that were measured anyway: the same
    parameters are learned with and without it, to the bit. Whatever a method raises ends the fit and reaches the
    caller; :meth:`fit_ended` is called first.

    Examples
    --------
    >>> from layerwise import MLPClassifier
    >>> from layerwise.callbacks import Callback
    >>> class Losses(Callback):
    ...     def __init__(self):
    ...         self.told = []
    ...
    ...     def epoch_done(self, epoch):
    ...         self.told.append(epoch.figures["loss"])
    >>> losses = Losses()
    >>> network = MLPClassifier(tol=0.1, random_state=0).set_callbacks(losses)
    >>> network = network.fit([[0.0], [1.0]] * 10, [0, 1] * 10)
    >>> losses.told == network.loss_curve_
    True
    """

    def fit_started(self, estimator: str, parameters: Mapping[str, object]) -> None:
        """Called before anything else is done, with the name of the estimator's class and its parameters."""

    def epoch_done(self, epoch: Epoch) -> None:
        """Called after each epoch, when it was measured."""

    def wants_to_stop(self) -> bool:
        """Asked after each epoch: whether the stage at hand is to end here. Later stages are still done."""
        return False

    def fit_ended(self, problem: BaseException | None) -> None:
        """Called last, whatever happened: with None, or with what ended the fit, an interruption included."""
