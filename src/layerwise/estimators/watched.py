"""An estimator whose fit can be looked at: callbacks are set beside its parameters, and told what happens."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sklearn.base import BaseEstimator

from layerwise.callbacks import Callback
from layerwise.errors import LayerwiseError, OptionError
from layerwise.estimators.audience import Audience
from layerwise.estimators.strategy import ranks_of

__all__ = ["Watched"]

Own = TypeVar("Own", bound="Watched")

if TYPE_CHECKING:
    Given = Callback
else:
    Given = object  # what is wrong is refused in our own words


class Watched(BaseEstimator):
    """Has callbacks, which are no parameters: they decide nothing about what is learned."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "fit" in vars(cls):
            cls.fit = _told(cast(Any, cls).fit)  # type: ignore[attr-defined]

    def set_callbacks(self: Own, *callbacks: Given) -> Own:
        """Say who is told of every :meth:`fit` from now on, in the place of those before; nobody where none is given.

        Whatever a callback raises, and an interruption, leaves the estimator with the attributes that it had before.
        ``clone`` hands them on, the same ones, so that they see the fits of a search too; ``save`` leaves them out.

        Parameters
        ----------
        *callbacks : Callback
            See :class:`layerwise.callbacks.Callback`.

        Returns
        -------
        Estimator
            Itself.

        Raises
        ------
        OptionError
            One of them is no callback.
        """
        for callback in callbacks:
            if not isinstance(cast(object, callback), Callback):
                rule = "must be instances of layerwise.callbacks.Callback"
                raise OptionError("callbacks", callback, rule, "derive its class from it, and give it in brackets")
        vars(self).pop("_callbacks", None)
        if callbacks:
            self._callbacks = callbacks
        return self

    def __sklearn_clone__(self: Own) -> Own:
        new: Own = cast(Any, super()).__sklearn_clone__()
        return new.set_callbacks(*vars(self).get("_callbacks", ()))


def _told(fit: Callable[..., Any]) -> Callable[..., Any]:
    """The method with callbacks told when it starts and ends."""

    @functools.wraps(fit)
    def told(self: Watched, *args: Any, **named: Any) -> Any:
        callbacks: tuple[Callback, ...] = vars(self).get("_callbacks", ()) if ranks_of(self).first else ()
        if not callbacks or "_audience" in vars(self):
            return fit(self, *args, **named)
        name, problem, started = type(self).__name__, None, list[Callback]()
        before = dict(vars(self))
        vars(self)["_audience"] = Audience(name, callbacks)
        try:
            for callback in callbacks:
                started.append(callback)
                callback.fit_started(name, cast(Any, self.get_params(deep=False)))
            return fit(self, *args, **named)
        except BaseException as ended_by:
            problem = ended_by
            if not isinstance(problem, LayerwiseError):  # which says what is kept
                vars(self).clear()
                vars(self).update(before)
            raise
        finally:
            vars(self).pop("_audience", None)
            _end(started, problem)

    return told


def _end(callbacks: list[Callback], problem: BaseException | None) -> None:
    """Tell all of them, even if one raises."""
    if not callbacks:
        return
    try:
        callbacks[-1].fit_ended(problem)
    finally:
        _end(callbacks[:-1], problem)
