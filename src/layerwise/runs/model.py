"""What a run learned, in one safe file: the way rows are prepared, the layers, the network and the names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from layerwise.data.columns import TablePreparation
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.energy import RBM, BeliefNet
from layerwise.energy.class_gaps import class_log_probabilities_of_known
from layerwise.energy.class_rbm import free_energy_of_features, mean_h_from_features
from layerwise.errors import OptionError, RunError
from layerwise.randomness import RandomStream
from layerwise.runs.dreams import dreams
from layerwise.runs.scores import in_order, probabilities
from layerwise.training.pretraining import LayerInfo
from layerwise.training.single_machine import filled

__all__ = ["Model"]


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
    kind : {"dbn", "rbm", "class-rbm"}
        Of the last two the only layer is the machine itself; that of the last has label units beside its own.
    code : TablePreparation or None
        How the columns of a table become units, which ``preparation`` then scales.
    mean : Tensor of shape (units,), or None
        Mean of the training rows, where annealing starts.
    """

    preparation: Preparation
    net: BeliefNet
    network: nn.Sequential | None
    classes: tuple[str, ...]
    columns: tuple[str, ...] | None = None
    picture: tuple[int, int] | None = None
    full_scale: float | None = None
    provenance: dict[str, Any] = field(default_factory=dict[str, Any])
    kind: str = "dbn"
    code: TablePreparation | None = None
    mean: Tensor | None = None

    @property
    def machine(self) -> RBM:
        """The only layer of a single machine."""
        return self.net.layers[0]

    @property
    def n_labels(self) -> int:
        """Label units beside the machine's own; a table's last column of choices is none."""
        return len(self.classes) if self.kind == "class-rbm" else 0

    @property
    def classifies(self) -> bool:
        """Whether :meth:`probabilities` has something to say."""
        return self.network is not None or self.kind == "class-rbm"

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
        if self.kind == "class-rbm":
            batches, random = in_order(rows, self.preparation).epoch(0), RandomStream(0).child("gaps of classes")
            parts = [class_log_probabilities_of_known(self.machine, batch.values, random).exp() for batch in batches]
            return torch.cat(parts).numpy()
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
        """What a layer makes of rows: E[h | row], carried up by means; missing values are drawn given the others.

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
            code = (
                mean_h_from_features(self.machine, values) if self.kind == "class-rbm" else self.net.up(values, depth)
            )
            codes[first : first + len(values)] = code.numpy()
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
        labels = self.kind == "class-rbm"
        for values in self._parts(rows):
            for depth, rbm in enumerate(self.net.layers):
                hidden = mean_h_from_features(rbm, values) if labels else rbm.mean_h_from_v(values)
                back = rbm.mean_v_from_h(hidden)[:, : values.shape[1]]
                error = (values - back).square().sum(dtype=torch.float64)
                activity = hidden.sum(dtype=torch.float64) / hidden.shape[1]
                energy = free_energy_of_features(rbm, values) if labels else rbm.free_energy(values)
                sums[depth] += torch.stack([error, activity, energy.double().sum()])
                values = hidden
        means = sums / len(rows)
        return [(LayerInfo(float(layer[0]), math.nan, float(layer[1])), float(layer[2])) for layer in means]

    @torch.no_grad()
    def reconstruct(self, prepared: Tensor, depth: int) -> Tensor:
        """Prepared rows carried up through ``depth`` layers and down again, by means."""
        if self.kind == "dbn":
            return self.net.reconstruct(prepared, depth)
        rows = filled(self.machine, prepared)
        hidden = mean_h_from_features(self.machine, rows) if self.kind == "class-rbm" else self.net.up(rows)
        return self.machine.mean_v_from_h(hidden)[:, : prepared.shape[1]]

    @torch.no_grad()
    def sample(self, count: int, random: RandomStream, steps: int) -> tuple[Tensor, Tensor | None]:
        """Draw prepared rows, as :meth:`layerwise.energy.BeliefNet.sample` or :func:`layerwise.runs.dreams.dreams`.

        Returns
        -------
        Tensor of shape (count, units)
        Tensor of shape (count,), int64, or None
            The class that a machine with label units has drawn beside each row.
        """
        if self.kind == "dbn":
            return self.net.sample(count, random, steps), None
        rows = dreams(self.machine, count, random, [steps], means=self.picture is not None)[steps]
        units = rows.shape[1] - self.n_labels
        return rows[:, :units], rows[:, units:].argmax(1) if self.n_labels else None

    def _parts(self, rows: Rows) -> Iterator[Tensor]:
        for batch in in_order(rows, self.preparation).epoch(0):
            # Only a single machine meets rows with missing values, and its own draws stand in for them.
            yield batch.values if self.kind == "dbn" else filled(self.machine, batch.values)

    def save(self, path: Path) -> None:
        """Write the model; the same model gives the same bytes.

        Raises
        ------
        StorageError
        """
        from layerwise.runs.model_file import write_model

        write_model(path, self)

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read a model back.

        Raises
        ------
        RunError
            The file is missing, damaged or no model.
        """
        from layerwise.runs.model_file import read_model

        return read_model(path)
