"""Torch tensors in, torch tensors out: an answer about a tensor is a tensor on the same device, as in the array API."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, cast

import numpy as np
import torch
from scipy.sparse import coo_array
from torch import Tensor

__all__ = ["TensorsInAndOut"]

ROWS = ("X", "v")
"""How methods call the rows that they are asked about: their first parameter."""


class TensorsInAndOut:
    """Lets every public method whose first parameter is rows take tensors, those of scikit-learn's mixins included.

    Rows are read on the host, where fitted models are kept; the answer goes back to where they came from. No gradient
    flows through an estimator: its network is an attribute.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in dir(cls):
            member = inspect.getattr_static(cls, name)
            # A method that is there only at times (sklearn's available_if) holds its function.
            function = getattr(member, "fn", member)
            if name.startswith("_") or not isinstance(function, FunctionType) or not _asks_about_rows(function):
                continue
            if member is function:
                setattr(cls, name, _in_kind(function))
            else:
                member.fn = _in_kind(function)


def _asks_about_rows(function: Callable[..., Any]) -> bool:
    if hasattr(function, "_answers_in_kind"):
        return False
    names = list(inspect.signature(function).parameters)
    return len(names) > 1 and names[1] in ROWS


def _in_kind(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def answer(self: object, *args: Any, **named: Any) -> Any:
        rows = args[0] if args else next((named[name] for name in ROWS if name in named), None)
        told = function(self, *map(_as_array, args), **{name: _as_array(value) for name, value in named.items()})
        return _as_tensors(told, rows.device) if isinstance(rows, Tensor) else told

    vars(answer)["_answers_in_kind"] = True
    return answer


def _as_array(given: object) -> object:
    """Whatever a tensor holds, for NumPy or scipy; anything else as it is."""
    if not isinstance(given, Tensor):
        return given
    tensor = given.detach().cpu()
    if tensor.dtype == torch.bfloat16:  # which NumPy does not have
        tensor = tensor.float()
    if tensor.layout == torch.strided:
        return tensor.numpy()
    places = tensor.to_sparse_coo().coalesce()
    rows, width = tensor.shape
    return coo_array((places.values().numpy(), tuple(places.indices().numpy())), shape=(rows, width))


def _as_tensors(answer: Any, device: torch.device) -> Any:
    """Arrays of numbers as tensors; texts, tables and single numbers as they are."""
    if isinstance(answer, tuple):
        return tuple(_as_tensors(part, device) for part in cast("tuple[object, ...]", answer))
    array: Any = answer
    if isinstance(answer, np.ndarray) and array.dtype.kind in "biuf":
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)
    return array
