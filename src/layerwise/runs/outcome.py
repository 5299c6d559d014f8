"""What a course that is done came to: figures on rows that nothing was learned from, and a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from layerwise.data.rows import Dataset
from layerwise.networks import Autoencoder, Network
from layerwise.networks.reconstruction import Reconstruction
from layerwise.runs.division import Division, prepared_sample
from layerwise.runs.energy_model import EnergyModel
from layerwise.runs.given_back import components_error, mean_row_error, network_error
from layerwise.runs.likelihood import finding_of
from layerwise.runs.measured import (
    BASELINE,
    COMPONENTS,
    MEAN_ROW,
    MEAN_TARGET,
    REGRESSION,
    THIS_NETWORK,
    WITHOUT_PRETRAINING,
    LayerFinding,
    LikelihoodFinding,
    NeuronFinding,
)
from layerwise.runs.model import Model
from layerwise.runs.network_model import NetworkModel
from layerwise.runs.neurons import neuron_findings
from layerwise.runs.recipe import Recipe
from layerwise.runs.scores import accuracy, logistic_regression
from layerwise.runs.target_scores import linear_regression, nearness, predicted
from layerwise.training.course import Course
from layerwise.training.machine_plan import ClassRBMPlan, RBMPlan
from layerwise.training.perceptron_plan import PerceptronPlan
from layerwise.training.plans import AnyNetworkPlan
from layerwise.training.pretraining import measure_layer
from layerwise.training.single_machine import filled, measure_class_machine, moments
from layerwise.units import kind_from

__all__ = ["Outcome"]

TEST_ROWS = 10_000
"""Test rows at most whose likelihood is measured: they become dense at once."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """A course that is done, and what it learned from.

    Parameters
    ----------
    recipe : Recipe
    dataset : Dataset
    division : Division
    course : Course
    seed : int
        Of the course.
    """

    recipe: Recipe
    dataset: Dataset
    division: Division
    course: Course
    seed: int

    def model(self) -> Model:
        """What was learned, with all that it needs to meet new rows."""
        rows, kind = self.division.learning, self.recipe.training.model
        common: dict[str, Any] = {
            "preparation": self.division.preparation,
            "classes": rows.classes,
            "columns": rows.columns,
            "picture": rows.picture,
            "full_scale": rows.full_scale,
            "provenance": {"data": self.dataset.name, "seed": self.seed, "layerwise": version("layerwise")},
            "kind": kind,
            "code": self.division.code,
        }
        network = self.course.network
        if isinstance(plan := self.recipe.training, AnyNetworkPlan):
            assert isinstance(network, Network)
            return NetworkModel(network=network, plan=plan, **common)
        mean = None if kind == "dbn" else moments(self.course.lessons.sample)[0]
        return EnergyModel(net=self.course.net, network=network, mean=mean, **common)

    def layers(self) -> tuple[LayerFinding, ...]:
        """What each layer came to, from the data upwards."""
        sample, held_out = self.course.lessons.sample, self.course.lessons.held_out
        layers: list[LayerFinding] = []
        for rbm in self.course.layers:
            if isinstance(self.recipe.training, ClassRBMPlan):
                info = measure_class_machine(rbm, sample, held_out, None)
            else:
                sample, held_out = filled(rbm, sample), None if held_out is None else filled(rbm, held_out)
                info = measure_layer(rbm, sample, held_out)
            layers.append(LayerFinding(rbm.hidden.size, info.reconstruction_error, info.free_energy_gap))
            if rbm is not self.course.layers[-1]:
                sample = rbm.mean_h_from_v(sample)
                held_out = None if held_out is None else rbm.mean_h_from_v(held_out)
        return tuple(layers)

    def accuracies(self) -> dict[str, float]:
        """Shares of the labelled test rows, by who classified them; empty where nobody could."""
        scored, labelled, preparation = self.division.scored, self.division.labelled, self.division.preparation
        network, twin = self.course.network, self.course.twin
        if scored is None or scored.targets is not None or labelled is None:
            return {}
        found: dict[str, float] = {}
        if isinstance(self.recipe.training, ClassRBMPlan):
            found[THIS_NETWORK] = float((self.model().probabilities(scored).argmax(1) == scored.labels).mean())
        elif network is not None and not isinstance(network, Autoencoder):
            found[THIS_NETWORK] = accuracy(network, scored, preparation)
            if twin is not None:
                found[WITHOUT_PRETRAINING] = accuracy(twin, scored, preparation)
        if found:
            found[BASELINE] = logistic_regression(labelled, scored, preparation)
        return found

    def targets(self) -> dict[str, tuple[float, float]]:
        """Squared error and R² of the test rows' predicted numbers, by whose; empty of a model that predicts none."""
        scored, labelled, preparation = self.division.scored, self.division.labelled, self.division.preparation
        network = self.course.network
        if network is None or scored is None or scored.targets is None or labelled is None:
            return {}
        assert labelled.targets is not None
        given = {
            THIS_NETWORK: predicted(network, scored, preparation),
            REGRESSION: linear_regression(labelled, scored, preparation),
            MEAN_TARGET: np.full(len(scored), labelled.targets.mean()),
        }
        return {name: nearness(numbers, scored.targets) for name, numbers in given.items()}

    def errors(self) -> dict[str, float]:
        """Squared errors of the test rows as they come back, by from where; empty of what is no autoencoder."""
        network, twin = self.course.network, self.course.twin
        if not isinstance(network, Autoencoder):
            return {}
        parts = self.division.learning, self.division.test, self.division.preparation
        back, (_, test, preparation) = Reconstruction.of(kind_from(self.division.units)), parts
        found = {THIS_NETWORK: network_error(network, back, test, preparation)}
        if twin is not None:
            found[WITHOUT_PRETRAINING] = network_error(twin, back, test, preparation)
        return found | {
            COMPONENTS: components_error(*parts, size=self.recipe.training.hidden[-1]),
            MEAN_ROW: mean_row_error(*parts),
        }

    def neurons(self, mistakes: Sequence[int]) -> tuple[NeuronFinding, ...]:
        """What each neuron of a perceptron came to; empty of another model.

        Parameters
        ----------
        mistakes : sequence of int
            Of each, in all epochs.
        """
        network, labelled = self.course.network, self.division.labelled
        if not isinstance(self.recipe.training, PerceptronPlan):
            return ()
        assert isinstance(network, Network)
        assert labelled is not None  # nothing would have been learned
        return neuron_findings(network, mistakes, labelled, self.division.preparation)

    def likelihood(self) -> LikelihoodFinding | None:
        """What an RBM says of the test rows; None of another model, and where every row misses a value."""
        plan, sample = self.recipe.training, self.course.lessons.sample
        if not isinstance(plan, RBMPlan):
            return None
        test = self.division.test.select(slice(0, TEST_ROWS))
        rows = prepared_sample(test, self.division.preparation, self.recipe.run.device)
        annealing = plan.annealing_chains, plan.annealing_temperatures
        return finding_of(self.course.layers[0], rows, sample, moments(sample)[0], *annealing, self.seed)
