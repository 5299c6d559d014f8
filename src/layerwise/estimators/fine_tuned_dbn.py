"""What the classifier and the regressor of deep belief networks share: parameters, layers, codes and drawn rows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, validation
from torch import Tensor, nn

from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.data.suitable import suitable_units
from layerwise.data.values import Values
from layerwise.energy import BeliefNet
from layerwise.estimators.audience import audience_of
from layerwise.estimators.conversion import (
    checked_rows,
    float_type,
    parts,
    result_type,
    stream_from,
    training_device,
)
from layerwise.estimators.estimator import Estimator
from layerwise.estimators.learning_curves import LearningCurves
from layerwise.estimators.lessons import lessons_from
from layerwise.estimators.options import (
    Choice,
    Number,
    Seed,
    Sizes,
    Whole,
    choice,
    layer_sizes,
    number,
    whole_number,
)
from layerwise.estimators.strategy import loudness, ranks_of
from layerwise.randomness import RandomStream
from layerwise.training.course import Course
from layerwise.training.memory import enough_memory
from layerwise.training.plan import Plan

__all__ = ["FineTunedDBN", "LayersLesson"]


@dataclass(frozen=True)
class LayersLesson:
    """The course of a network's layers, and what it was made from."""

    course: Course
    plan: Plan
    preparation: Preparation
    curves: LearningCurves
    random: RandomStream
    device: torch.device


class FineTunedDBN(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """An estimator whose fit leaves ``net_``, layers learned from all rows, and ``network_``, fine-tuned on some."""

    preparation_: Preparation
    net_: BeliefNet
    network_: nn.Sequential
    learning_curves_: dict[str, list[Any]]

    def __init__(
        self,
        hidden: Sizes = (256, 256),
        *,
        visible: Choice = "auto",
        method: Choice = "cd",
        gibbs_steps: Whole = 1,
        epochs: Whole = 20,
        batch_size: Whole = 10,
        learning_rate: Number = 0.1,
        momentum: Number = 0.5,
        weight_decay: Number = 0.0002,
        fine_tune_epochs: Whole = 100,
        fine_tune_learning_rate: Number = 0.01,
        fine_tune_weight_decay: Number = 0.0,
        dropout: Number = 0.2,
        input_dropout: Number = 0.0,
        device: Choice = "auto",
        strategy: Choice | None = None,
        random_state: Seed = None,
        verbose: Whole = 0,
    ) -> None:
        self.hidden = hidden
        self.visible = visible
        self.method = method
        self.gibbs_steps = gibbs_steps
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.fine_tune_epochs = fine_tune_epochs
        self.fine_tune_learning_rate = fine_tune_learning_rate
        self.fine_tune_weight_decay = fine_tune_weight_decay
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.device = device
        self.strategy = strategy
        self.random_state = random_state
        self.verbose = verbose

    def _enough_memory(self) -> AbstractContextManager[None]:
        return enough_memory({"hidden": self.hidden, "batch_size": self.batch_size}, "give smaller ones")

    def _begun(
        self, plan: Plan, rows: Rows, weights: npt.NDArray[np.float64] | None, random: RandomStream
    ) -> LayersLesson:
        """A course of layers, and where rows have labels of fine-tuning; rows that count nothing are left out."""
        device = training_device(self.device)
        verbose = loudness(self) > 0
        if weights is not None and not weights.all():
            rows, weights = rows.select(weights > 0), weights[weights > 0]
        if self.visible == "auto":
            plan = replace(plan, visible=suitable_units(rows))
        preparation = Preparation.fit(rows, plan.visible)
        lessons = lessons_from(rows, preparation, plan.batch_size, random, device, weights, ranks_of(self))
        course = Course(plan, lessons, random.child("course"))
        curves = LearningCurves(type(self).__name__, verbose, audience_of(self), course)
        return LayersLesson(course, plan, preparation, curves, random, device)

    def _keep(self, lesson: LayersLesson, network: nn.Sequential) -> None:
        self.preparation_ = lesson.preparation
        self.net_ = lesson.course.net.cpu()
        self.network_ = network.cpu().eval()
        self.network_.zero_grad(set_to_none=True)
        self.learning_curves_ = dict(lesson.curves.measured)

    def transform(self, X: object) -> npt.NDArray[Any]:
        """Top layer's code as it was learned without labels: the belief network's means, layer by layer.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, size of the top layer)
            From 0 to 1; float64 where ``X`` is float64, float32 otherwise.
        """
        validation.check_is_fitted(self)
        values = checked_rows(self, X, reset=False)
        return self._carried(values, self._n_features_out, self.net_, lambda net, v: net.up(v))

    def sample(
        self, n_samples: Whole = 1, *, steps: Whole = 1000, random_state: Seed = None
    ) -> npt.NDArray[np.float64]:
        """Draw rows from the belief network: Gibbs steps in its top machine, then one pass down.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        steps : int, default=1000
            Gibbs steps, from noise.
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (n_samples, n_features), float64
            In the units of the rows given to :meth:`fit`: of binary units the mean given the layer above, of Gaussian
            units a draw.
        """
        validation.check_is_fitted(self)
        count = whole_number("n_samples", n_samples, least=1)
        random, steps = stream_from(random_state), whole_number("steps", steps, least=1)
        with torch.no_grad(), enough_memory({"n_samples": count}, "draw fewer rows at a time"):
            return self.preparation_.restore(self.net_.sample(count, random, steps))

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a network, as there is not where a layer diverged."""
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Tags:
        tags = cast(Tags, super().__sklearn_tags__())
        tags.input_tags.sparse = True
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.net_.sizes[-1]

    def _plan(self) -> Plan:
        visible = choice("visible", self.visible, "auto", "bernoulli", "gaussian")
        return Plan(
            hidden=layer_sizes("hidden", self.hidden),
            visible=cast(Any, "bernoulli" if visible == "auto" else visible),
            method=cast(Any, choice("method", self.method, "cd", "pcd")),
            gibbs_steps=whole_number("gibbs_steps", self.gibbs_steps, least=1, remedy=_start_with(1)),
            epochs=whole_number("epochs", self.epochs, least=0, remedy=_start_with(20)),
            batch_size=whole_number("batch_size", self.batch_size, least=1, remedy=_start_with(10)),
            learning_rate=number("learning_rate", self.learning_rate, above=0.0, remedy=_start_with(0.1)),
            momentum=number("momentum", self.momentum, least=0.0, below=1.0, remedy=_start_with(0.5)),
            weight_decay=number("weight_decay", self.weight_decay, least=0.0, remedy=_start_with(0.0002)),
            # Without fine-tuning there would be no classifier.
            fine_tune_epochs=whole_number("fine_tune_epochs", self.fine_tune_epochs, least=1, remedy=_start_with(100)),
            fine_tune_learning_rate=number(
                "fine_tune_learning_rate", self.fine_tune_learning_rate, above=0.0, remedy=_start_with(0.01)
            ),
            fine_tune_weight_decay=number(
                "fine_tune_weight_decay", self.fine_tune_weight_decay, least=0.0, remedy=_start_with(0)
            ),
            dropout=number("dropout", self.dropout, least=0.0, below=1.0, remedy=_start_with(0)),
            input_dropout=number("input_dropout", self.input_dropout, least=0.0, below=1.0, remedy=_start_with(0)),
        )

    def _carried(
        self, values: Values, width: int, module: nn.Module, carry: Callable[[Any, Tensor], Tensor]
    ) -> npt.NDArray[Any]:
        """Prepared rows carried through a module, part by part and in the precision that answers to the rows."""
        result = np.empty((int(values.shape[0]), width), result_type(values))
        dtype = float_type(values)
        if dtype == torch.float64:
            # In float32 a row's result would depend, in its last digits, on the rows that it comes with.
            module = copy.deepcopy(module).to(dtype)
        with torch.no_grad():
            for part in parts(values):
                result[part] = carry(module, self.preparation_.prepare(values[part]).to(dtype)).numpy()
        return result


def _start_with(value: int | float) -> str:
    return f"start with {value:g}"
