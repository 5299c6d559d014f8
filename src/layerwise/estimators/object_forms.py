"""The types that an estimator's state may be made of, and how objects of each are taken apart and made again.

Three ways are enough for most. A record (dataclass, named tuple, random stream) is what its constructor is given. A
module of a network, layerwise's or one of ``torch.nn``, is its attributes, parameters, buffers and modules. An
optimiser is what torch itself keeps of one. A few other types have an answer each. A type counts if it is exactly one
of these: what derives from one may compute something else. A new type that an estimator keeps is listed here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, cast

import numpy as np
import torch
from scipy import sparse
from torch import nn
from torch.optim import Optimizer

from layerwise import networks
from layerwise.data.codes import ColumnCode
from layerwise.data.columns import TablePreparation
from layerwise.data.preparation import Preparation
from layerwise.energy import RBM, BeliefNet, LogLikelihood, Path, TemperedChains
from layerwise.energy.annealing import Annealing
from layerwise.energy.wake_sleep_net import WakeSleepNet
from layerwise.errors import DataError
from layerwise.estimators.mlp_fit import Going
from layerwise.kernels.perceptron import Memory
from layerwise.networks.exponential import Exponential
from layerwise.networks.flow import GradientFlowInfo
from layerwise.randomness import RandomStream
from layerwise.training.centring import Offsets
from layerwise.training.classification_rbm import ClassificationLearning
from layerwise.training.classification_state import ClassificationState
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.contrastive_state import ContrastiveState, Tempering
from layerwise.training.course_observer import TuningInfo
from layerwise.training.descent_optimisers import PaperAdam, RatedMomentum
from layerwise.training.divergence import LastGood
from layerwise.training.gradient_descent import DescentState, GradientDescent
from layerwise.training.movement import TorchMovement
from layerwise.training.network_epochs import EpochInfo
from layerwise.training.pace import Pace
from layerwise.training.perceptron_rule import PerceptronLearning
from layerwise.training.perceptron_state import PerceptronState
from layerwise.training.pretraining import LayerInfo
from layerwise.training.ranks import Ranks
from layerwise.training.schedules import Cosine, InverseTime, Linear
from layerwise.training.single_machine import ClassInfo
from layerwise.units import Activation, UnitKind
from layerwise.units.activation_modules import ActivationModule
from layerwise.units.activations import ACTIVATIONS

__all__ = ["make", "take_apart"]

Parts = dict[str, Any]

_RECORDS: tuple[type, ...] = (
    *(Annealing, ClassInfo, ClassificationLearning, ClassificationState, ColumnCode, ContrastiveLearning),
    *(ContrastiveState, Cosine, DescentState, EpochInfo, Going, GradientDescent, GradientFlowInfo, InverseTime),
    *(LastGood, LayerInfo, Linear, LogLikelihood, Memory, Offsets, Pace, Path, PerceptronLearning, PerceptronState),
    *(Preparation, RandomStream, Ranks, TablePreparation, TemperedChains, Tempering, TorchMovement, TuningInfo),
    *(networks.Absolute, networks.BinaryCrossEntropy, networks.CrossEntropy, networks.Hinge, networks.Huber),
    *(networks.Poisson, networks.Squared),
)
_MODULES: tuple[type[nn.Module], ...] = (
    *(ActivationModule, BeliefNet, Exponential, RBM, WakeSleepNet),
    *(networks.Autoencoder, networks.Dense, networks.Network, networks.TiedLinear),
)
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def take_apart(value: Any, what: str) -> tuple[str, Parts]:
    """The name of an object's form, and the object's parts by name.

    Raises
    ------
    DataError
        It has no form; ``what`` names the object.
    """
    kind = _type_of(value)
    name = _names().get(kind)
    parts = None if name is None else _forms()[name].apart(value)
    if name is not None and parts is not None:
        return name, parts
    if isinstance(value, nn.Module):
        rule = "is no plain building block of torch.nn or of layerwise, and code is not saved"
        remedy = "build the network of torch.nn's own modules, or keep network_.state_dict() beside your code"
    else:
        rule, remedy = "cannot be saved", "take numbers, texts or lists of them, by set_params if it is a parameter"
    raise DataError(what, cast(object, value), rule, remedy)


def _type_of(value: object) -> object:
    if isinstance(value, np.dtype):
        return cast(object, np.dtype)  # each has a class of its own
    return type if isinstance(value, type) else type(value)


def make(name: str, parts: Parts) -> Any:
    """An object of its parts; LookupError, TypeError, ValueError and the like where they are not those of the form."""
    return _forms()[name].made(parts)


@dataclass(frozen=True)
class _Form:
    kind: Any
    apart: Callable[[Any], Parts | None]
    """None for an object that the form cannot say."""
    made: Callable[[Parts], Any]


@cache
def _forms() -> dict[str, _Form]:
    kinds = [kind for kind in UnitKind.kinds.values() if kind.__module__.startswith("layerwise.")]
    modules = {kind.__name__: kind for kind in (*_MODULES, *kinds)} | _public(nn, nn.Module)
    optimisers = {kind.__name__: kind for kind in (PaperAdam, RatedMomentum)} | _public(torch.optim, Optimizer)
    return {
        **{kind.__name__: _record(kind) for kind in _RECORDS},
        **{name: _module(kind) for name, kind in modules.items()},
        **{name: _optimiser(kind) for name, kind in optimisers.items()},
        "activation": _activation(),
        "csr_matrix": _sparse(),
        "dtype": _Form(np.dtype, lambda dtype: {"name": dtype.str}, lambda parts: np.dtype(parts["name"])),
        "label_binarizer": _label_binarizer(),
        "optimiser": _named_optimiser(optimisers),
        "random_state": _random_state(),
    }


@cache
def _names() -> dict[Any, str]:
    return {form.kind: name for name, form in _forms().items()}


def _public(room: ModuleType, base: type) -> dict[str, Any]:
    """What derives from a class of torch's, by the name it has there."""
    found = {f"{room.__name__}.{name}": kind for name, kind in vars(room).items() if isinstance(kind, type)}
    return {name: kind for name, kind in found.items() if issubclass(kind, base) and kind is not base}


def _record(kind: Any) -> _Form:
    if hasattr(kind, "__dataclass_fields__"):
        names = [name for name, field in kind.__dataclass_fields__.items() if field.init]
    else:
        names = list(kind._fields if hasattr(kind, "_fields") else kind.__slots__)
    return _Form(kind, lambda value: {name: getattr(value, name) for name in names}, lambda parts: kind(**parts))


def _module(kind: Any) -> _Form:
    def apart(module: nn.Module) -> Parts | None:
        kept = vars(module)
        if any(kept[name] for name in kept if name.endswith("_hooks")):
            return None  # somebody's code runs with it
        return {
            "own": {name: value for name, value in kept.items() if name not in _OF_EVERY_MODULE},
            "parameters": dict(kept["_parameters"]),
            "buffers": dict(kept["_buffers"]),
            "not_persistent": sorted(kept["_non_persistent_buffers_set"]),
            "modules": dict(kept["_modules"]),
            "training": module.training,
        }

    def made(parts: Parts) -> nn.Module:
        for name in parts["own"]:
            if name in _OF_EVERY_MODULE or callable(getattr(kind, name, None)):
                raise ValueError(f"{kind.__name__} has no attribute {name!r} of its own")
        for of_kind, group in ((nn.Parameter, "parameters"), (torch.Tensor, "buffers"), (nn.Module, "modules")):
            if not all(value is None or isinstance(value, of_kind) for value in parts[group].values()):
                raise TypeError(f"{group} of {kind.__name__} that are none")
        module = kind.__new__(kind)
        nn.Module.__init__(module)
        # As torch itself takes up a module that an older torch has written.
        module.__setstate__(
            {
                **vars(module),
                **parts["own"],
                "_parameters": parts["parameters"],
                "_buffers": parts["buffers"],
                "_non_persistent_buffers_set": set(parts["not_persistent"]),
                "_modules": parts["modules"],
                "training": bool(parts["training"]),
            }
        )
        return module

    return _Form(kind, apart, made)


def _optimiser(kind: Any) -> _Form:
    kept = ("defaults", "state", "param_groups")

    def apart(optimiser: Any) -> Parts:
        parts: Parts = {name: vars(optimiser)[name] for name in kept}
        return {**parts, "state": dict(parts["state"])}

    def made(parts: Parts) -> Any:
        optimiser = kind.__new__(kind)
        # As torch itself takes up an optimiser that an older torch has written.
        optimiser.__setstate__({**parts, "state": defaultdict(dict, parts["state"])})
        return optimiser

    return _Form(kind, apart, made)


def _named_optimiser(optimisers: dict[str, Any]) -> _Form:
    """A class of optimisers, such as a parameter may be."""
    names: dict[Any, str] = {kind: name for name, kind in optimisers.items()}
    return _Form(
        type, lambda kind: {"name": names[kind]} if kind in names else None, lambda parts: optimisers[parts["name"]]
    )


def _activation() -> _Form:
    def apart(activation: Activation) -> Parts | None:
        ours = ACTIVATIONS.get(activation.name) == activation.make
        return {"name": activation.name, "options": activation.options} if ours else None

    return _Form(Activation, apart, lambda parts: ACTIVATIONS[parts["name"]](*parts["options"]))


def _sparse() -> _Form:
    kind: Any = sparse.csr_matrix
    names = ("data", "indices", "indptr")

    def made(parts: Parts) -> Any:
        matrix = kind(tuple(parts[name] for name in names), shape=tuple(parts["shape"]))
        matrix.check_format()  # places outside the matrix would be read
        return matrix

    return _Form(kind, lambda matrix: {**{name: getattr(matrix, name) for name in names}, "shape": matrix.shape}, made)


def _label_binarizer() -> _Form:
    from sklearn.preprocessing import LabelBinarizer  # heavy

    options = ("neg_label", "pos_label", "sparse_output")

    def made(parts: Parts) -> Any:
        binarizer = LabelBinarizer(**{name: parts[name] for name in options})
        vars(binarizer).update({name: value for name, value in parts.items() if name.endswith("_")})
        return binarizer

    return _Form(LabelBinarizer, lambda binarizer: {**vars(binarizer)}, made)


def _random_state() -> _Form:
    def apart(state: np.random.RandomState) -> Parts | None:
        kept: Any = state.get_state(legacy=False)
        return {"position": kept} if kept["bit_generator"] == "MT19937" else None

    def made(parts: Parts) -> np.random.RandomState:
        state = np.random.RandomState()
        state.set_state(parts["position"])
        return state

    return _Form(np.random.RandomState, apart, made)
