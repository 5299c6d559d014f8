"""A model as one safe file, and back. The file of a belief network is what it was before there were single machines."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import nn

from layerwise.data.columns import TablePreparation
from layerwise.data.preparation import Preparation
from layerwise.energy import RBM, BeliefNet
from layerwise.energy.class_rbm import class_rbm
from layerwise.errors import LayerwiseError, RunError
from layerwise.networks import sigmoid_stack
from layerwise.runs.model import Model
from layerwise.training.checkpoint import read_tree, write_tree
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
        "visible": model.net.layers[0].visible.name,
        "sizes": list(model.net.sizes),
        "layers": [dict(rbm.state_dict()) for rbm in model.net.layers],
        "network": None if model.network is None else dict(model.network.state_dict()),
        "classes": list(model.classes),
        "columns": None if model.columns is None else list(model.columns),
        "picture": None if model.picture is None else list(model.picture),
        "full_scale": model.full_scale,
        "provenance": model.provenance,
    }
    if model.kind != "dbn":
        units = model.preparation.spec() if model.code is None else model.code.spec()
        code = None if model.code is None else model.code.to_tree()
        tree |= {"model": model.kind, "units": units, "code": code, "mean": model.mean}
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
        sizes, classes = [int(size) for size in tree["sizes"]], tuple(str(name) for name in tree["classes"])
        kind = str(tree.get("model", "dbn"))  # the first models were all belief networks
        layers = _stack(tree, sizes) if kind == "dbn" else [_machine(tree, kind, sizes[-1], len(classes))]
        network: nn.Sequential | None = None
        if tree["network"] is not None:
            network = sigmoid_stack(sizes, len(classes))
            network.load_state_dict(tree["network"])
            network.requires_grad_(False)
        code = tree.get("code")
        return Model(
            Preparation.from_tensors(tree["preparation"]),
            BeliefNet(layers),
            network,
            classes,
            None if tree["columns"] is None else tuple(tree["columns"]),
            None if tree["picture"] is None else (int(tree["picture"][0]), int(tree["picture"][1])),
            tree["full_scale"],
            tree["provenance"],
            kind,
            None if code is None else TablePreparation.from_tree(code),
            tree.get("mean"),
        )
    except (LookupError, TypeError, ValueError, RuntimeError, LayerwiseError) as problem:
        rule = f"is damaged: its parts do not fit ({' '.join(str(problem).split())})"
        raise RunError("file", path, rule, "use a copy of it") from problem


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
