"""Objects of known types as a tree of tensors and plain values, and back: how an estimator's state enters a safe file.

A tree lists every object once, what it is made of before itself, so that what two objects share they share again
afterwards: an optimiser moves the very parameters of its network. An object is known if its exact type has a form
(:mod:`~layerwise.estimators.object_forms`); everything else is refused, on the way in as on the way out, and nothing
that a file names is ever looked up or called beyond those forms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from layerwise import kernels
from layerwise.errors import DataError
from layerwise.estimators.object_forms import make, take_apart

__all__ = ["from_tree", "to_tree"]

_ATOMS = (type(None), bool, int, float, str)
_SAME_IN_TORCH = {np.dtype(name) for name in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "?")}
_OF_FIXED_SIZE = "biufcSUmM"


def to_tree(attributes: Mapping[str, object]) -> dict[str, Any]:
    """Take objects apart.

    Parameters
    ----------
    attributes : mapping
        The objects by the names that errors call them by.

    Returns
    -------
    dict
        As :func:`layerwise.training.checkpoint.write_tree` writes it.

    Raises
    ------
    DataError
        Naming the part whose type is not known.
    """
    taken = _Taken()
    places = {name: taken.place_of(value, name) for name, value in attributes.items()}
    return {"objects": taken.nodes, "attributes": places}


def from_tree(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Put objects together again.

    Raises
    ------
    LookupError, TypeError, ValueError, RuntimeError, AttributeError, LayerwiseError
        The tree is damaged, or its types have other parts by now.
    """
    made: list[Any] = []

    def at(place: Any) -> Any:
        return made[place[0]] if isinstance(place, list) else place

    for node in tree["objects"]:
        made.append(_made(node, at))
    return {name: at(place) for name, place in tree["attributes"].items()}


class _Taken:
    """The objects met so far."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.places: dict[object, int | None] = {}
        self.alive: list[object] = []  # an identity is one only as long as its object lives

    def place_of(self, value: Any, what: str) -> Any:
        """Where an object stands, as a list of its number; a plain value stands for itself."""
        if type(value) in _ATOMS:
            return value
        key = _identity(value)
        known = self.places.get(key, -1)
        if known is None:
            raise DataError(what, type(value).__name__, "cannot be saved: it holds itself", "take it out first")
        if known < 0:
            self.places[key] = None
            self.alive.append(value)
            self.nodes.append(self._node(value, what))
            known = self.places[key] = len(self.nodes) - 1
        return [known]

    def _node(self, value: Any, what: str) -> dict[str, Any]:
        kind = cast(Any, type(value))
        if kind is list or kind is tuple:
            name = "list" if kind is list else "tuple"
            return {name: [self.place_of(item, f"{what}[{i}]") for i, item in enumerate(value)]}
        if kind is dict:
            pairs = cast("dict[object, object]", value).items()
            return {"dict": [[self.place_of(k, f"{what}, key"), self.place_of(v, f"{what}[{k!r}]")] for k, v in pairs]}
        if kind is nn.Parameter:
            return {"parameter": self.place_of(value.detach(), what), "learns": value.requires_grad}
        if kind is Tensor:
            return {"tensor": value, "layout": _layout(value)}
        if kind is np.ndarray:
            return self._array_node(value, what)
        if issubclass(kind, np.generic):
            return {"number": self.place_of(np.asarray(value), what)}
        form, parts = take_apart(value, what)
        return {"form": form, "parts": [[part, self.place_of(of, f"{what}.{part}")] for part, of in parts.items()]}

    def _array_node(self, array: npt.NDArray[Any], what: str) -> dict[str, Any]:
        shape, dtype = list(array.shape), array.dtype
        if dtype.kind in "OT":
            entries = [self.place_of(entry, f"{what}[{i}]") for i, entry in enumerate(array.ravel().tolist())]
            return {"entries": entries, "shape": shape, "text": dtype.kind == "T"}
        if dtype.kind not in _OF_FIXED_SIZE:
            raise DataError(what, str(dtype), "cannot be saved: an array must hold numbers or texts")
        by_columns = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
        stored = np.array(array.T if by_columns else array, order="C")
        flat = stored if dtype in _SAME_IN_TORCH else np.frombuffer(stored.tobytes(), np.uint8).copy()
        return {"array": torch.from_numpy(flat), "dtype": dtype.str, "shape": shape, "by_columns": by_columns}


def _identity(value: object) -> object:
    """Equal for objects that are one; tensors are if they look at the same numbers in the same way."""
    if type(value) is Tensor and value.numel():
        return value.data_ptr(), value.dtype, value.shape, value.stride()
    return id(value)


def _layout(tensor: Tensor) -> str:
    """How a matrix lies in memory: results depend on it in their last digits."""
    if tensor.dim() != 2 or tensor.is_contiguous():
        return "rows"
    if tensor.T.is_contiguous():
        return "columns"
    return "padded" if tensor.stride(1) == 1 and tensor.dtype == torch.float32 else "rows"


def _made(node: Mapping[str, Any], at: Callable[[Any], Any]) -> Any:
    if "form" in node:
        return make(node["form"], {name: at(place) for name, place in node["parts"]})
    if "list" in node:
        return [at(place) for place in node["list"]]
    if "tuple" in node:
        return tuple(at(place) for place in node["tuple"])
    if "dict" in node:
        return {at(key): at(place) for key, place in node["dict"]}
    if "tensor" in node:
        return _laid_out(node["tensor"], node["layout"])
    if "parameter" in node:
        return nn.Parameter(at(node["parameter"]), requires_grad=bool(node["learns"]))
    if "array" in node:
        return _array(node)
    if "entries" in node:
        dtype = cast(Any, np.dtypes).StringDType() if node["text"] else np.dtype(np.object_)
        array: npt.NDArray[Any] = np.empty(len(node["entries"]), dtype=dtype)
        array[:] = [at(place) for place in node["entries"]]
        return array.reshape(node["shape"])
    return at(node["number"])[()]


def _laid_out(tensor: Tensor, layout: str) -> Tensor:
    """A tensor in memory of its own."""
    if layout == "padded":
        return kernels.padded(*tensor.shape).copy_(tensor)
    return tensor.T.clone(memory_format=torch.contiguous_format).T if layout == "columns" else tensor.clone()


def _array(node: Mapping[str, Any]) -> npt.NDArray[Any]:
    dtype, shape = np.dtype(node["dtype"]), tuple(node["shape"])
    if dtype.kind not in _OF_FIXED_SIZE:
        raise ValueError(f"an array of {dtype}")
    stored: npt.NDArray[Any] = node["array"].clone().numpy()
    if dtype not in _SAME_IN_TORCH:
        stored = np.frombuffer(stored.tobytes(), dtype).copy()
    return stored.reshape(shape[::-1]).T if node["by_columns"] else stored.reshape(shape)
