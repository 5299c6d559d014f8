"""What a run learned, in one safe file: the way rows are prepared, the layers, the network and the names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.energy import RBM, BeliefNet
from layerwise.errors import LayerwiseError, OptionError, RunError
from layerwise.networks import sigmoid_stack
from layerwise.randomness import RandomStream
from layerwise.runs.scores import in_order, probabilities
from layerwise.training.checkpoint import read_tree, write_tree
from layerwise.training.pretraining import LayerInfo
from layerwise.units import BernoulliUnits, kind_named

__all__ = ["Model"]

_KIND = "model"


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with all that it needs to meet new rows.

    Parameters
    ----------
    preparation : Preparation
    net : BeliefNet
        The layers as they were learned without labels.
    network : torch.nn.Sequential or None
        Fine-tuned, from prepared rows to class scores; None where there were no labels.
    classes : tuple of str
    columns : tuple of str or None
    picture : (height, width) or None
    full_scale : float or None
        What stood for white.
    provenance : dict
        Data, seed and version that it came from.
    """

    preparation: Preparation
    net: BeliefNet
    network: nn.Sequential | None
    classes: tuple[str, ...]
    columns: tuple[str, ...] | None = None
    picture: tuple[int, int] | None = None
    full_scale: float | None = None
    provenance: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.net.layers)

    @property
    def n_parameters(self) -> dict[str, int]:
        """Number of parameters of the layers and, where there is one, of the fine-tuned network."""
        parts: dict[str, nn.Module] = {"layers": self.net}
        if self.network is not None:
            parts["network"] = self.network
        return {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}

    def probabilities(self, rows: Rows) -> npt.NDArray[np.float32]:
        """What the network gives each class, of shape (rows, classes).

        Raises
        ------
        RunError
            The model was learned without labels.
        """
        if self.network is None:
            raise RunError("model", "layers without labels", "cannot classify", "train again with labels")
        return probabilities(self.network, rows, self.preparation)

    def check_layer(self, depth: int | None) -> None:
        """Refuse a layer that is not there.

        Raises
        ------
        OptionError
        """
        if depth is not None and not 1 <= depth <= self.depth:
            raise OptionError("layer", depth, f"must be from 1 to {self.depth}", "leave it out for the top")

    @torch.no_grad()
    def codes(self, rows: Rows, depth: int | None = None) -> npt.NDArray[np.float32]:
        """What a layer makes of rows: E[h | row], carried up by means.

        Parameters
        ----------
        rows : Rows
        depth : int, optional
            The layer, from 1; the top if left out.

        Returns
        -------
        ndarray of shape (rows, size of the layer)
        """
        self.check_layer(depth)
        size = self.net.sizes[self.depth if depth is None else depth]
        codes, first = np.empty((len(rows), size), dtype=np.float32), 0
        for values in self._parts(rows):
            codes[first : first + len(values)] = self.net.up(values, depth).numpy()
            first += len(values)
        return codes

    @torch.no_grad()
    def measure(self, rows: Rows) -> list[tuple[LayerInfo, float]]:
        """Measure each layer on its own input.

        Returns
        -------
        list of (LayerInfo, mean free energy in nats)
            From the data upwards; no gap, because nothing is held out.
        """
        sums = torch.zeros(self.depth, 3, dtype=torch.float64)
        for values in self._parts(rows):
            for depth, rbm in enumerate(self.net.layers):
                hidden = rbm.mean_h_from_v(values)
                error = (values - rbm.mean_v_from_h(hidden)).square().sum(dtype=torch.float64)
                activity = hidden.sum(dtype=torch.float64) / hidden.shape[1]
                sums[depth] += torch.stack([error, activity, rbm.free_energy(values).double().sum()])
                values = hidden
        means = sums / len(rows)
        return [(LayerInfo(float(layer[0]), math.nan, float(layer[1])), float(layer[2])) for layer in means]

    @torch.no_grad()
    def sample(self, count: int, random: RandomStream, steps: int) -> Tensor:
        """Draw prepared rows from the belief network: see :meth:`layerwise.energy.BeliefNet.sample`."""
        return self.net.sample(count, random, steps)

    def _parts(self, rows: Rows) -> Iterator[Tensor]:
        return (batch.values for batch in in_order(rows, self.preparation).epoch(0))

    def save(self, path: Path) -> None:
        """Write the model; the same model gives the same bytes.

        Raises
        ------
        StorageError
        """
        tree = {
            "preparation": self.preparation.to_tensors(),
            "visible": self.net.layers[0].visible.name,
            "sizes": list(self.net.sizes),
            "layers": [dict(rbm.state_dict()) for rbm in self.net.layers],
            "network": None if self.network is None else dict(self.network.state_dict()),
            "classes": list(self.classes),
            "columns": None if self.columns is None else list(self.columns),
            "picture": None if self.picture is None else list(self.picture),
            "full_scale": self.full_scale,
            "provenance": self.provenance,
        }
        write_tree(path, tree, _KIND)

    @classmethod
    def load(cls, path: Path) -> Model:
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
            sizes = [int(size) for size in tree["sizes"]]
            layers: list[RBM] = []
            for (below, above), saved in zip(pairwise(sizes), tree["layers"], strict=True):
                visible = BernoulliUnits(below) if layers else kind_named(tree["visible"], below)
                rbm = RBM(visible, BernoulliUnits(above))
                rbm.load_state_dict(saved)
                layers.append(rbm)
            classes = tuple(str(name) for name in tree["classes"])
            network = None
            if tree["network"] is not None:
                network = sigmoid_stack(sizes, len(classes))
                network.load_state_dict(tree["network"])
                network.requires_grad_(False)
            return cls(
                Preparation.from_tensors(tree["preparation"]),
                BeliefNet(layers),
                network,
                classes,
                None if tree["columns"] is None else tuple(tree["columns"]),
                None if tree["picture"] is None else (int(tree["picture"][0]), int(tree["picture"][1])),
                tree["full_scale"],
                tree["provenance"],
            )
        except (LookupError, TypeError, ValueError, RuntimeError, LayerwiseError) as problem:
            rule = f"is damaged: its parts do not fit ({' '.join(str(problem).split())})"
            raise RunError("file", path, rule, "use a copy of it") from problem
