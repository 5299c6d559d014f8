"""What the run of a network learned: a perceptron, a multilayer perceptron or an autoencoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from layerwise.data.rows import Rows
from layerwise.errors import RunError
from layerwise.networks import Autoencoder, Network
from layerwise.networks.layers import Layer, layers_of
from layerwise.networks.losses import CrossEntropy
from layerwise.networks.reconstruction import Reconstruction
from layerwise.runs.model import Model
from layerwise.runs.scores import in_order, probabilities
from layerwise.runs.target_scores import nearness, predicted
from layerwise.training.network_plan import MLPPlan
from layerwise.training.plans import AnyNetworkPlan
from layerwise.units import kind_from

__all__ = ["NetworkModel"]


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkModel(Model):
    """A network, and the plan that it was trained by.

    Parameters
    ----------
    network : Network
        From prepared rows to class scores or a number, or an autoencoder.
    plan : PerceptronPlan, MLPPlan, AutoencoderPlan or StackedAutoencoderPlan
    """

    network: Network
    plan: AnyNetworkPlan

    @property
    def classifies(self) -> bool:
        """Whether the network gives class scores."""
        return not self.gives_back and not self.regresses

    @property
    def gives_back(self) -> bool:
        """Whether it is an autoencoder."""
        return isinstance(self.network, Autoencoder)

    @property
    def regresses(self) -> bool:
        """Whether the network predicts a number."""
        return isinstance(self.plan, MLPPlan) and self.plan.regresses

    @property
    def coding(self) -> tuple[Layer, ...]:
        """The layers whose values are codes: an encoder's, hidden ones, or the only one there is."""
        if isinstance(self.network, Autoencoder):
            return layers_of(self.network.encoder)
        layers = layers_of(self.network)
        return layers[:-1] or layers

    @property
    def sizes(self) -> tuple[int, ...]:
        """Size of each of them, from the data upwards."""
        return tuple(layer.dense.out_features for layer in self.coding if layer.dense is not None)

    @property
    def n_parameters(self) -> dict[str, int]:
        """Number of parameters."""
        parts: dict[str, nn.Module] = {"network": self.network}
        if isinstance(self.network, Autoencoder):
            parts = {"encoder": self.network.encoder, "decoder": self.network.decoder}
        return {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}

    def _class_probabilities(self, rows: Rows) -> Iterator[Tensor]:
        """Of an autoencoder and of what predicts a number a RunError; the scores of a perceptron are no logits."""
        if not self.classifies:
            does = "predicts a number" if self.regresses else "gives rows back"
            raise RunError("model", self.kind, f"{does} and cannot classify", "train --model mlp on labels")
        return probabilities(self.network, rows, self.preparation)

    def _carried_up(self, rows: Rows, depth: int) -> Iterator[Tensor]:
        for batch in in_order(rows, self.preparation).epoch(0):
            values = batch.values
            with torch.no_grad():
                for layer in self.coding[:depth]:
                    values = layer(values)
            yield values

    def filters(self) -> npt.NDArray[np.float32]:
        """Weights between the data's units and each unit of the first layer, of shape (hidden, units)."""
        dense = layers_of(self.network)[0].dense
        assert dense is not None
        return dense.weight.detach().numpy()

    @torch.no_grad()
    def reconstructions(self, prepared: Tensor) -> dict[int, Tensor]:
        """Prepared rows as they come back from the code; nothing of what is no autoencoder."""
        if not self.gives_back:
            return {}
        return {self.depth: self._back.mean(self.network, prepared)}

    @torch.no_grad()
    def measure(self, rows: Rows) -> dict[str, float]:
        """How wrong the network is on rows, by what the figure is called; of an autoencoder all rows count.

        Of others those alone that have a label, or a target.

        Returns
        -------
        dict of str to float
            Empty where there is none of these, and of a perceptron, which knows right and wrong alone.
        """
        if self.kind == "perceptron" or (not self.gives_back and not rows.n_labelled):
            return {}
        if self.regresses:
            some = rows.labelled()
            assert some.targets is not None
            error, r2 = nearness(predicted(self.network, some, self.preparation), some.targets)
            return {"squared error": error, "R²": r2}
        if self.classifies:
            some, loss = rows.labelled(), CrossEntropy()
            total = 0.0
            for batch in in_order(some, self.preparation).epoch(0):
                assert batch.labels is not None
                total += float(loss.rows(self.network(batch.values), batch.labels).double().sum())
            return {"loss (nats)": total / len(some)}
        sums = np.zeros(2)
        for batch in in_order(rows, self.preparation).epoch(0):
            v = batch.values
            error = (v - self._back.mean(self.network, v)).square().double().sum()
            sums += float(error), float(self._back.errors(self.network, v).double().sum())
        error, nats = sums / len(rows)
        units = self.preparation.n_units
        return {"reconstruction error": error, "typical error of a unit": (error / units) ** 0.5, "loss (nats)": nats}

    @property
    def _back(self) -> Reconstruction:
        return Reconstruction.of(kind_from(self.units))
