"""A plain torch network as an ONNX model, which other languages and devices can run.

The graph is written node by node: a network of linear maps and activations needs no tracer.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from layerwise.errors import OptionError
from layerwise.networks.dense import Dense
from layerwise.units import module_of

__all__ = ["onnx_model"]

OPSET, FORMAT = 17, 8
"""Of 2022, and read by everything since: nothing here needs a newer one."""
_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "Relu",
    nn.Sigmoid: "Sigmoid",
    nn.Softplus: "Softplus",
    nn.Tanh: "Tanh",
}


def onnx_model(network: nn.Sequential, source: str = "v", result: str = "h") -> bytes:
    """The content of an ``.onnx`` file that computes what a network computes, for any number of rows.

    Parameters
    ----------
    network : torch.nn.Sequential
        Of dense layers or linear maps, activations, and sequences of them.
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

    def add(operation: str, tensors: dict[str, Any] | None = None, **attributes: Any) -> None:
        nonlocal value
        names: list[str] = []
        for role, tensor in (tensors or {}).items():
            names.append(f"{role}_{len(nodes)}")
            constants.append(arrays.from_array(tensor.detach().cpu().contiguous().numpy(), names[-1]))
        after = f"{operation.lower()}_{len(nodes)}"
        nodes.append(onnx.helper.make_node(operation, [value, *names], [after], **attributes))
        value = after

    for module in modules:
        if isinstance(module, nn.Linear):
            bias = module.weight.new_zeros(module.out_features) if module.bias is None else module.bias  # pyright: ignore[reportUnnecessaryComparison]
            add("Gemm", {"weight": module.weight, "bias": bias}, transB=1)
        elif isinstance(module, nn.Softmax):
            add("Softmax", axis=module.dim)
        elif isinstance(module, nn.Unflatten):
            add("Reshape", {"shape": torch.tensor([0, *module.unflattened_size])})
        elif isinstance(module, nn.Flatten):
            add("Flatten", axis=module.start_dim)
        else:
            add(_ACTIVATIONS[type(module)])
    nodes.append(onnx.helper.make_node("Identity", [value], [result]))
    graph = onnx.helper.make_graph(
        nodes,
        "layerwise",
        [onnx.helper.make_tensor_value_info(source, kind, ["batch", linear[0].in_features])],
        [onnx.helper.make_tensor_value_info(result, kind, ["batch", linear[-1].out_features])],
        constants,
    )
    model = onnx.helper.make_model(
        graph, producer_name="layerwise", ir_version=FORMAT, opset_imports=[onnx.helper.make_opsetid("", OPSET)]
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _flat(network: nn.Sequential) -> Iterator[nn.Module]:
    """The modules of nested sequences in their order, those that pass on what they get left out."""
    for module in network:
        if isinstance(module, nn.Sequential):
            yield from _flat(module)
        elif isinstance(module, Dense):
            yield from _flat(nn.Sequential(module.to_linear(), module_of(module.activation)))
        elif isinstance(module, nn.Softplus) and module.beta != 1:
            raise OptionError("network", module, "ONNX has no softplus but that with beta = 1")
        elif isinstance(module, nn.Linear | nn.Softmax | nn.Unflatten | nn.Flatten) or type(module) in _ACTIVATIONS:
            yield module
        elif not isinstance(module, nn.Identity):
            known = ", ".join(sorted(kind.__name__ for kind in _ACTIVATIONS))
            rule = f"only Linear, Softmax, Flatten, Unflatten, Identity, {known} and sequences of them are exported"
            raise OptionError("network", type(module).__name__, rule)
