"""A plain torch network as an ONNX model, which other languages and devices can run.

The graph is written node by node: a network whose modules follow one another needs no tracer.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from layerwise.errors import OptionError
from layerwise.networks.dense import Dense
from layerwise.networks.exponential import Exponential
from layerwise.units import module_of

__all__ = ["onnx_model"]

OPSET, FORMAT = 17, 8
"""Of 2022, and read by everything since: nothing here needs a newer one."""


@dataclass(frozen=True)
class _Node:
    """An operation of ONNX on what the module before gives."""

    operation: str
    tensors: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])


def onnx_model(network: nn.Sequential, source: str = "v", result: str = "h") -> bytes:
    """The content of an ``.onnx`` file that computes what a network computes, for any number of rows.

    Parameters
    ----------
    network : torch.nn.Sequential
        Of dense layers or linear maps, activations, norms, convolutions with pooling, and sequences of them, as it is
        used: dropout is left out, and batch norms have the mean and variance that they have come to.
    source, result : str
        Names of the input, of shape (batch, columns), and of the output.

    Raises
    ------
    OptionError
        The package onnx is not installed, or the network holds a module that is not known here.
    """
    try:
        onnx: Any = importlib.import_module("onnx")
        arrays: Any = importlib.import_module("onnx.numpy_helper")
    except ImportError as error:
        remedy = "install it with: pip install 'layerwise[onnx]'"
        raise OptionError("onnx", "not installed", "export needs the package onnx", remedy) from error
    modules = list(_flat(network))
    linear = [module for module in modules if isinstance(module, nn.Linear)]
    if not linear:
        raise OptionError("network", network, "must hold a linear layer at least")
    kinds = {torch.float32: onnx.TensorProto.FLOAT, torch.float64: onnx.TensorProto.DOUBLE}
    kind = kinds.get(linear[0].weight.dtype)
    if kind is None:
        raise OptionError("network", linear[0].weight.dtype, "must be of float32 or float64")

    nodes: list[Any] = []
    constants: list[Any] = []
    value = source

    def add(operation: str, tensors: dict[str, Tensor], **attributes: Any) -> None:
        nonlocal value
        names: list[str] = []
        for role, tensor in tensors.items():
            names.append(f"{role}_{len(nodes)}")
            constants.append(arrays.from_array(tensor.detach().cpu().contiguous().numpy(), names[-1]))
        after = f"{operation.lower()}_{len(nodes)}"
        nodes.append(onnx.helper.make_node(operation, [value, *names], [after], **attributes))
        value = after

    for module in modules:
        node = _NODES[type(module)](module)
        add(node.operation, node.tensors, **node.attributes)
    nodes.append(onnx.helper.make_node("Identity", [value], [result]))
    graph = onnx.helper.make_graph(
        nodes,
        "layerwise",
        [onnx.helper.make_tensor_value_info(source, kind, ["batch", _columns(modules[0], linear[0])])],
        [onnx.helper.make_tensor_value_info(result, kind, ["batch", linear[-1].out_features])],
        constants,
    )
    model = onnx.helper.make_model(
        graph, producer_name="layerwise", ir_version=FORMAT, opset_imports=[onnx.helper.make_opsetid("", OPSET)]
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _columns(first: nn.Module, linear: nn.Linear) -> int:
    """How many numbers a row has."""
    return math.prod(first.unflattened_size) if isinstance(first, nn.Unflatten) else linear.in_features


def _flat(network: nn.Sequential) -> Iterator[nn.Module]:
    """The modules of nested sequences in their order, those that pass on what they get left out."""
    for module in network:
        if isinstance(module, nn.Sequential):
            yield from _flat(module)
        elif isinstance(module, Dense):
            yield from _flat(nn.Sequential(module.to_linear(), module_of(module.activation)))
        elif isinstance(module, nn.Softplus) and module.beta != 1:
            raise OptionError("network", module, "ONNX has no softplus but that with beta = 1")
        elif type(module) in _NODES:
            yield module
        elif not isinstance(module, nn.Identity | nn.Dropout):
            known = ", ".join(kind.__name__ for kind in (*_NODES, nn.Identity, nn.Dropout))
            raise OptionError("network", type(module).__name__, f"only {known} and sequences of them are exported")


def _linear(module: nn.Linear) -> _Node:
    bias = cast("Tensor | None", module.bias)
    bias = module.weight.new_zeros(module.out_features) if bias is None else bias
    return _Node("Gemm", {"weight": module.weight, "bias": bias}, {"transB": 1})


def _convolution(module: nn.Conv2d) -> _Node:
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        raise OptionError("network", module, "only convolutions padded by so many zeros are exported")
    tensors = {"weight": module.weight} | ({} if module.bias is None else {"bias": module.bias})
    sizes = {"strides": module.stride, "dilations": module.dilation, "pads": (*module.padding, *module.padding)}
    return _Node("Conv", tensors, {**sizes, "kernel_shape": module.kernel_size, "group": module.groups})


def _pooling(module: nn.MaxPool2d) -> _Node:
    sizes = {"kernel_shape": module.kernel_size, "strides": module.stride, "dilations": module.dilation}
    both = {name: (size, size) if isinstance(size, int) else tuple(size) for name, size in sizes.items()}
    pads = module.padding if isinstance(module.padding, tuple) else (module.padding, module.padding)
    return _Node("MaxPool", {}, {**both, "pads": (*pads, *pads), "ceil_mode": int(module.ceil_mode)})


def _batch_norm(module: nn.BatchNorm1d | nn.BatchNorm2d) -> _Node:
    mean, variance = module.running_mean, module.running_var
    if mean is None or variance is None:
        raise OptionError("network", module, "only batch norms that track mean and variance are exported")
    learned = {"scale": module.weight, "bias": module.bias}
    scale = learned if module.affine else {"scale": torch.ones_like(mean), "bias": torch.zeros_like(mean)}
    return _Node("BatchNormalization", {**scale, "mean": mean, "variance": variance}, {"epsilon": module.eps})


def _layer_norm(module: nn.LayerNorm) -> _Node:
    weight = cast("Tensor | None", module.weight)
    if len(module.normalized_shape) != 1 or weight is None:
        raise OptionError("network", module, "only layer norms of rows that learn a scale are exported")
    bias = cast("Tensor | None", module.bias)
    tensors = {"scale": weight} | ({} if bias is None else {"bias": bias})
    return _Node("LayerNormalization", tensors, {"epsilon": module.eps})


def _plain(operation: str) -> Callable[[Any], _Node]:
    return lambda module: _Node(operation)


_NODES: dict[type[nn.Module], Callable[[Any], _Node]] = {
    nn.Linear: _linear,
    nn.Softmax: lambda module: _Node("Softmax", {}, {"axis": module.dim}),
    nn.Flatten: lambda module: _Node("Flatten", {}, {"axis": module.start_dim}),
    nn.Unflatten: lambda module: _Node("Reshape", {"shape": torch.tensor([0, *module.unflattened_size])}),
    nn.Conv2d: _convolution,
    nn.MaxPool2d: _pooling,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.ELU: lambda module: _Node("Elu", {}, {"alpha": module.alpha}),
    Exponential: _plain("Exp"),
    nn.LeakyReLU: lambda module: _Node("LeakyRelu", {}, {"alpha": module.negative_slope}),
    nn.ReLU: _plain("Relu"),
    nn.SELU: _plain("Selu"),
    nn.Sigmoid: _plain("Sigmoid"),
    nn.Softplus: _plain("Softplus"),
    nn.Tanh: _plain("Tanh"),
}
