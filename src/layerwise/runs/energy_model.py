"""What the run of a belief network or of a single machine learned."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from layerwise.data.rows import Rows
from layerwise.energy import RBM, BeliefNet
from layerwise.energy.class_gaps import class_log_probabilities_of_known
from layerwise.energy.class_rbm import features_of, free_energy_of_features, mean_h_from_features
from layerwise.errors import RunError
from layerwise.randomness import RandomStream
from layerwise.runs.dreams import dreams
from layerwise.runs.model import Model
from layerwise.runs.scores import in_order, probabilities
from layerwise.training.pretraining import LayerInfo
from layerwise.training.single_machine import filled

__all__ = ["EnergyModel", "energy_model"]


@dataclass(frozen=True, eq=False, kw_only=True)
class EnergyModel(Model):
    """Layers that are restricted Boltzmann machines, and a network that was fine-tuned from them.

    Parameters
    ----------
    net : BeliefNet
        The layers as they were learned without labels. Of an ``rbm`` and of a ``class-rbm`` the only one is the machine
        itself; that of the last has label units beside its own.
    network : torch.nn.Sequential or None
        Fine-tuned, from prepared rows to class scores; None where there were no labels.
    mean : Tensor of shape (units,), or None
        Mean of the training rows, where annealing starts.
    """

    net: BeliefNet
    network: nn.Sequential | None = None
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
    def sizes(self) -> tuple[int, ...]:
        """Size of each layer, from the data upwards."""
        return self.net.sizes[1:]

    @property
    def n_parameters(self) -> dict[str, int]:
        """Number of parameters of the layers and, where there is one, of the fine-tuned network."""
        parts: dict[str, nn.Module] = {"layers": self.net}
        if self.network is not None:
            parts["network"] = self.network
        return {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}

    def _class_probabilities(self, rows: Rows) -> Iterator[Tensor]:
        """Of a model that was learned without labels a RunError."""
        if self.kind == "class-rbm":
            batches, random = in_order(rows, self.preparation).epoch(0), RandomStream(0).child("gaps of classes")
            machine = self.machine
            return (class_log_probabilities_of_known(machine, batch.values, random).exp() for batch in batches)
        if self.network is None:
            raise RunError("model", "layers without labels", "cannot classify", "train again with labels")
        return probabilities(self.network, rows, self.preparation)

    def _carried_up(self, rows: Rows, depth: int) -> Iterator[Tensor]:
        labelled = self.kind == "class-rbm"
        for values in self._parts(rows):
            with torch.no_grad():
                code = mean_h_from_features(self.machine, values) if labelled else self.net.up(values, depth)
            yield code

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

    def filters(self) -> npt.NDArray[np.float32]:
        """Weights between the data's units and each unit of the first layer, of shape (hidden, units)."""
        rbm = self.net.layers[0]
        return rbm.weights[: features_of(rbm) if self.kind == "class-rbm" else None].T.contiguous().numpy()

    def reconstructions(self, prepared: Tensor) -> dict[int, Tensor]:
        """Prepared rows as they come back, by how many layers they were carried up through."""
        return {depth: self.reconstruct(prepared, depth) for depth in range(1, self.depth + 1)}

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


def energy_model(model: Model, run: Path, lacking: str) -> EnergyModel:
    """The model, if it is one of rows' probability.

    Parameters
    ----------
    model : Model
    run : Path
        Of the run, for the error.
    lacking : str
        What another has not got, in words.

    Raises
    ------
    RunError
    """
    if isinstance(model, EnergyModel):
        return model
    remedy = "train a model of how probable rows are: --model dbn, or --model rbm"
    raise RunError("RUN", run, f"is of the model {model.kind}, which {lacking}", remedy)
