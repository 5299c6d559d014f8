"""A model as one safe file, and back. The file of a belief network is what it was before there were other models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from layerwise.data.columns import TablePreparation
from layerwise.data.preparation import Preparation
from layerwise.energy import RBM, BeliefNet
from layerwise.energy.class_rbm import class_rbm
from layerwise.errors import RunError
from layerwise.networks import sigmoid_stack
from layerwise.randomness import RandomStream
from layerwise.runs.energy_model import EnergyModel
from layerwise.runs.model import Model
from layerwise.runs.network_model import NetworkModel
from layerwise.training.checkpoint import read_tree, write_tree
from layerwise.training.plans import PLANS, AnyNetworkPlan
from layerwise.units import BernoulliUnits, kind_from, kind_named

__all__ = ["read_model", "write_model"]

_KIND = "model"


def write_model(path: Path, model: Model) -> None:
    """Write a model; the same model gives the same bytes.

    Raises
    ------
    StorageError
    """
    tree: dict[str, Any] = {
        "preparation": model.preparation.to_tensors(),
        "classes": list(model.classes),
        "columns": None if model.columns is None else list(model.columns),
        "picture": None if model.picture is None else list(model.picture),
        "full_scale": model.full_scale,
        "provenance": model.provenance,
    }
    if model.kind != "dbn":
        code = None if model.code is None else model.code.to_tree()
        tree |= {"model": model.kind, "units": dict(model.units), "code": code}
    if isinstance(model, EnergyModel):
        tree |= _of_energy(model)
    elif isinstance(model, NetworkModel):
        tree |= {"plan": asdict(model.plan), "network": dict(model.network.state_dict())}
    write_tree(path, tree, _KIND)


def read_model(path: Path) -> Model:
    """Read a model back.

    Raises
    ------
    RunError
        The file is missing, damaged or no model.
    """
    if not path.is_file():
        rule = "has no model yet: its first course is not finished"
        raise RunError("RUN", path.parent, rule, f"go on with it by `layerwise resume {path.parent}`")
    tree = read_tree(path, _KIND)
    try:
        common = _common(tree)
        _check_sizes(tree, common)
        return _network(tree, common) if "plan" in tree else _energy(tree, common)
    except Exception as problem:  # torch, pydantic and plans refuse parts that do not fit in a dozen ways
        rule = f"is damaged: its parts do not fit ({' '.join(str(problem).split())})"
        raise RunError("file", path, rule, "use a copy of it") from problem


def _common(tree: Mapping[str, Any]) -> dict[str, Any]:
    """What every model has.

    Raises
    ------
    ValueError
        It is of other types, or a picture is none of the rows'.
    """
    preparation, code = Preparation.from_tensors(tree["preparation"]), tree.get("code")
    picture, white, provenance = tree["picture"], tree["full_scale"], tree["provenance"]
    if picture is not None and (
        len(picture) != 2 or picture[0] < 1 or picture[0] * picture[1] != preparation.n_columns
    ):
        raise ValueError(f"a picture of {picture} for {preparation.n_columns} columns")
    if not isinstance(provenance, dict) or not (
        white is None or (type(white) in (int, float) and 0 < white < math.inf)
    ):
        raise ValueError("provenance and full_scale are of other types")
    return {
        "preparation": preparation,
        "classes": tuple(str(name) for name in tree["classes"]),
        "columns": None if tree["columns"] is None else tuple(str(name) for name in tree["columns"]),
        "picture": None if picture is None else (int(picture[0]), int(picture[1])),
        "full_scale": white,
        "provenance": provenance,
        "kind": str(tree.get("model", "dbn")),  # the first models were all belief networks
        "code": None if code is None else TablePreparation.from_tree(code),
    }


def _check_sizes(tree: Mapping[str, Any], common: Mapping[str, Any]) -> None:
    """Refuse layers whose weights the file does not hold, before memory is taken for them.

    Raises
    ------
    ValueError
    """
    units = common["preparation"].n_units
    parts: list[Mapping[str, Tensor]] = [tree["network"] or {}, *tree.get("layers", ())]
    held = sum(tensor.numel() for part in parts for tensor in part.values())
    sizes = [units, *tree["plan"].get("hidden", ())] if "plan" in tree else list(tree["sizes"])
    if not units <= sizes[0] <= units + len(common["classes"]):  # a machine's labels may be units, too
        raise ValueError(f"{sizes[0]} units for rows of {units}")
    if min(sizes) < 1 or sum(below * above for below, above in pairwise(sizes)) > held:
        raise ValueError(f"layers of {sizes} units, and {held} parameters")


def _network(tree: Mapping[str, Any], common: dict[str, Any]) -> NetworkModel:
    plan = cast(AnyNetworkPlan, PLANS[common["kind"]](**tree["plan"]))
    network = plan.network(tree["units"], len(common["classes"]), RandomStream(0))
    network.load_state_dict(tree["network"])
    return NetworkModel(network=network.requires_grad_(False).eval(), plan=plan, **common)


def _of_energy(model: EnergyModel) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "visible": model.net.layers[0].visible.name,
        "sizes": list(model.net.sizes),
        "layers": [dict(rbm.state_dict()) for rbm in model.net.layers],
        "network": None if model.network is None else dict(model.network.state_dict()),
    }
    return tree if model.kind == "dbn" else tree | {"mean": model.mean}


def _energy(tree: Mapping[str, Any], common: dict[str, Any]) -> EnergyModel:
    sizes, kind, classes = [int(size) for size in tree["sizes"]], common["kind"], len(common["classes"])
    layers = _stack(tree, sizes) if kind == "dbn" else [_machine(tree, kind, sizes[-1], classes)]
    network: nn.Sequential | None = None
    if tree["network"] is not None:
        network = sigmoid_stack(sizes, classes)
        network.load_state_dict(tree["network"])
        network.requires_grad_(False)
    return EnergyModel(net=BeliefNet(layers), network=network, mean=tree.get("mean"), **common)


def _stack(tree: Mapping[str, Any], sizes: list[int]) -> list[RBM]:
    layers: list[RBM] = []
    for (below, above), saved in zip(pairwise(sizes), tree["layers"], strict=True):
        visible = BernoulliUnits(below) if layers else kind_named(tree["visible"], below)
        rbm = RBM(visible, BernoulliUnits(above))
        rbm.load_state_dict(saved)
        layers.append(rbm)
    return layers


def _machine(tree: Mapping[str, Any], kind: str, hidden: int, classes: int) -> RBM:
    visible = kind_from(tree["units"])
    rbm = class_rbm(visible, hidden, classes) if kind == "class-rbm" else RBM(visible, BernoulliUnits(hidden))
    rbm.load_state_dict(tree["layers"][0])
    return rbm
