"""What the classifier and the regressor of multilayer perceptrons share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils import Tags, metaestimators, validation
from torch import Tensor, nn

from layerwise.data.values import Values
from layerwise.errors import DivergenceError, OptionError
from layerwise.estimators.conversion import stream_from, training_device
from layerwise.estimators.estimator import Estimator
from layerwise.estimators.mlp_fit import Going, by_all_rows, by_minibatches, carried, warn_unfinished
from layerwise.estimators.mlp_options import ACTIVATIONS, check_options, hidden_sizes, pace_from
from layerwise.estimators.mlp_rows import Lesson, hold_out, read_rows
from layerwise.estimators.own_network import own_stack
from layerwise.estimators.plain_networks import linear_map, plain_copy, with_output
from layerwise.networks import Dense, GradientFlowInfo, Network, backpropagate, gradient_flow, layers_of
from layerwise.networks.exponential import Exponential
from layerwise.randomness import RandomStream
from layerwise.training.memory import check_parameters, enough_memory
from layerwise.training.pace import Pace

__all__ = ["Floats", "MultilayerPerceptron", "by_minibatches_only"]

Floats = npt.NDArray[np.floating[Any]]

LINKS = {"softmax": "softmax", "logistic": "sigmoid"}
"""scikit-learn's names of output activations that the loss has in itself, and what they are called here."""

LOGISTIC_GAIN = math.sqrt(1 / 3)
"""scikit-learn draws weights for the logistic function from a smaller range."""


def _by_minibatches(estimator: Any) -> bool:
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True


by_minibatches_only: Any = cast(Any, metaestimators).available_if(_by_minibatches)
"""Decorates a method that there is only where the solver goes by minibatches."""


class MultilayerPerceptron(Estimator):
    """An estimator whose fit leaves ``network_``: parameters, training and what the network says of rows."""

    network_: nn.Sequential
    out_activation_: str
    n_outputs_: int
    _pace: Pace
    _going: Going | None

    @property
    def coefs_(self) -> list[Floats]:
        """The weights of each dense layer, (units below, units above): the network's own memory, not a copy."""
        return [dense.weight.detach().numpy().T for dense in self._dense()]

    @coefs_.setter
    def coefs_(self, given: list[Any]) -> None:
        _overwrite([dense.weight.T for dense in self._dense()], given, "coefs_")

    @property
    def intercepts_(self) -> list[Floats]:
        """The bias of each dense layer that has one: the network's own memory, not a copy."""
        return [bias.detach().numpy() for bias in self._biases()]

    @intercepts_.setter
    def intercepts_(self, given: list[Any]) -> None:
        _overwrite(self._biases(), given, "intercepts_")

    def gradient_flow(self, X: object, y: object, sample_weight: object = None) -> GradientFlowInfo:
        """How learning reaches each layer: gradients, residuals and saturation at some rows.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        GradientFlowInfo
            The penalty on the weights has no part in it.
        """
        validation.check_is_fitted(self)
        lesson = self._lesson(X, y, sample_weight, reset=False, relearn=False)
        dtype = next(self.network_.parameters()).dtype
        batch = next(lesson.stream(len(lesson), RandomStream(0), dtype, False, torch.device("cpu")).epoch(0))
        told = batch.labels if batch.targets is None else batch.targets
        assert told is not None
        return gradient_flow(
            self.network_, backpropagate(self.network_, batch.values, lesson.loss, told, batch.weights)
        )

    def to_torch(self) -> nn.Sequential:
        """From rows to what :meth:`predict_proba` gives, or :meth:`predict` of a regressor.

        Returns
        -------
        torch.nn.Sequential
            In the precision of the rows that were learned from.
        """
        validation.check_is_fitted(self)
        if self.out_activation_ == "softmax":
            return with_output(self.network_, "softmax", nn.Softmax(dim=1))
        if self.out_activation_ == "identity":
            return plain_copy(self.network_)
        if self.out_activation_ != "logistic":
            return with_output(self.network_, "", Exponential())
        found = with_output(self.network_, "sigmoid", nn.Sigmoid())
        if self.n_outputs_ > 1:
            return found
        dtype = np.float64 if next(found.parameters()).dtype == torch.float64 else np.float32
        both = linear_map(np.array([[-1, 1]], dtype), np.array([1, 0], dtype))  # 1 - p and p
        return nn.Sequential(found, both)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @abstractmethod
    def _lesson(self, X: object, y: object, sample_weight: object, *, reset: bool, relearn: bool) -> Lesson:
        """What there is to learn; columns are new if ``reset``, classes if ``relearn``."""

    @abstractmethod
    def _judge(self, lesson: Lesson) -> Callable[[nn.Sequential], float]:
        """How good a network is on rows that nothing is learned from."""

    @abstractmethod
    def _classes_of(self, lesson: Lesson) -> npt.NDArray[Any] | None:
        """By what held-out rows are drawn in the same shares."""

    def _train(self, X: object, y: object, sample_weight: object, *, incremental: bool) -> None:
        check_options(self)
        options: Any = self
        goes_on = incremental or bool(options.warm_start)
        known = goes_on and hasattr(self, "network_")
        if incremental and options.early_stopping:
            rule = "partial_fit does not support early_stopping=True"
            raise OptionError("early_stopping", True, rule, "hold rows out yourself")
        device = training_device(options.device)
        lesson = self._lesson(X, y, sample_weight, reset=not known, relearn=not goes_on)
        random = stream_from(options.random_state)
        sizes = (int(lesson.values.shape[1]), *hidden_sizes(options.hidden_layer_sizes), self.n_outputs_)
        asked = {"hidden_layer_sizes": options.hidden_layer_sizes, "batch_size": options.batch_size}
        with enough_memory(asked, "give smaller ones"):
            if not known:
                self._start(sizes, lesson, random)
            else:
                self._check_that_it_is_the_same(sizes)
            found = None
            if options.solver == "lbfgs":
                found = by_all_rows(self, lesson, self.network_, device)
                self.loss_, self.n_iter_ = found.loss / self._loss_shares() + found.penalty, found.iterations
            else:
                self._descend(lesson, random, device, incremental)
        self.network_.eval().zero_grad(set_to_none=True)
        if not (found.converged if found else incremental or self._pace.stopped):
            warn_unfinished(self, found)

    def _start(self, sizes: tuple[int, ...], lesson: Lesson, random: RandomStream) -> None:
        options: Any = self
        dtype = torch.float64 if lesson.values.dtype == np.float64 else torch.float32
        if options.network is None:
            check_parameters("hidden_layer_sizes", sizes[1:], sizes[0])
            gain = LOGISTIC_GAIN if options.activation == "logistic" else 1.0
            network = Network.of_sizes(
                sizes,
                ACTIVATIONS[options.activation],
                initialisation="sklearn",
                gain=gain,
                random=random.child("weights"),
            )
            self.network_ = network.to_sequential().to(dtype)
        else:
            self.network_ = own_stack(options.network, sizes[0], sizes[-1], dtype)
        self.n_layers_, self.t_, self.n_iter_ = len(self._dense()) + 1, 0, 0
        self._pace, self._going = Pace(float(options.learning_rate_init)), None

    def _check_that_it_is_the_same(self, sizes: tuple[int, ...]) -> None:
        """Whether the network that is gone on with is the one that the parameters ask for."""
        options: Any = self
        if options.network is not None:
            asked, there = ([tuple(p.shape) for p in of.parameters()] for of in (options.network, self.network_))
            if asked != there:
                rule = f"the network that is gone on with has parameters of the shapes {there}"
                raise OptionError("network", asked, rule, "call fit without warm_start")
            return
        dense = self._dense()
        before = (*(layer.in_features for layer in dense[:1]), *(layer.out_features for layer in dense))
        if sizes != before:
            rule = f"the network that is gone on with has layers of {before[1:-1]}"
            raise OptionError("hidden_layer_sizes", options.hidden_layer_sizes, rule, "call fit without warm_start")
        below = [layer.activation.name for layer in layers_of(self.network_) if layer.dense is not None][:-1]
        if any(name != ACTIVATIONS[options.activation] for name in below):
            theirs = {own: name for name, own in ACTIVATIONS.items()}
            rule = f"the network that is gone on with has hidden units of {[theirs.get(name, name) for name in below]}"
            raise OptionError("activation", options.activation, rule, "call fit without warm_start")

    def _descend(self, lesson: Lesson, random: RandomStream, device: torch.device, incremental: bool) -> None:
        options: Any = self
        pace = pace_from(self, self._pace)
        pace.outputs, pace.judge = self._loss_shares(), None
        if options.early_stopping:
            of_class = self._classes_of(lesson)
            learned, held = hold_out(lesson, options.validation_fraction, options.random_state, of_class)
            lesson, pace.judge = lesson.select(learned), self._judge(lesson.select(held))
        going = self._going if incremental and self._going is not None and self._going.fits(self) else None
        try:
            self.network_, self._going = by_minibatches(
                self,
                lesson,
                self.network_ if going is None else going.state.network,
                pace,
                random,
                device,
                going,
                epochs=1 if incremental else int(options.max_iter),
            )
        except DivergenceError:
            self._going = None  # its velocity is what led there
            raise
        finally:
            self._keep(pace)

    def _keep(self, pace: Pace) -> None:
        options: Any = self
        pace.rest()
        self.n_iter_, self.t_, self.loss_curve_ = pace.epochs, pace.rows_seen, pace.losses
        self.gradient_flow_ = pace.flows
        self.loss_ = pace.losses[-1] if pace.losses else math.nan
        stopping = bool(options.early_stopping)
        self.best_loss_ = None if stopping else pace.best_loss
        self.validation_scores_ = pace.scores if stopping else None
        self.best_validation_score_ = pace.best_score if stopping else None

    def _loss_shares(self) -> int:
        """The loss is reported for one of so many outputs."""
        return 1

    def _says(self, X: object) -> Floats:
        """The network's outputs."""
        validation.check_is_fitted(self)
        return self._outputs(self.network_, read_rows(self, X))

    def _outputs(self, network: nn.Sequential, values: Values) -> Floats:
        scores = torch.from_numpy(carried(network, values, LINKS.get(self.out_activation_, "")))
        if self.out_activation_ == "softmax":
            return torch.softmax(scores, 1).numpy()
        if self.out_activation_ == "identity":
            return scores.numpy()
        return (scores.sigmoid() if self.out_activation_ == "logistic" else scores.exp()).numpy()

    def _dense(self) -> list[nn.Linear | Dense]:
        if "network_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet: it has no weights")
        return [layer.dense for layer in layers_of(self.network_) if layer.dense is not None]

    def _biases(self) -> list[Tensor]:
        biases: list[Tensor | None] = [dense.bias for dense in self._dense()]
        return [bias for bias in biases if bias is not None]


@torch.no_grad()
def _overwrite(parameters: list[Any], given: list[Any], name: str) -> None:
    shapes, offered = [tuple(p.shape) for p in parameters], [np.shape(array) for array in given]
    if shapes != offered:
        raise OptionError(name, offered, f"must be arrays of the shapes {shapes}")
    for parameter, array in zip(parameters, given, strict=True):
        parameter.copy_(torch.as_tensor(np.array(array)))
