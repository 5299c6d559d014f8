"""What a course that is done came to: figures on rows that nothing was learned from, and a model."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from layerwise.data.rows import Dataset
from layerwise.runs.division import Division, prepared_sample
from layerwise.runs.likelihood import finding_of
from layerwise.runs.measured import BASELINE, THIS_NETWORK, WITHOUT_PRETRAINING, LayerFinding, LikelihoodFinding
from layerwise.runs.model import Model
from layerwise.runs.recipe import Recipe
from layerwise.runs.scores import accuracy, logistic_regression
from layerwise.training.course import Course
from layerwise.training.machine_plan import ClassRBMPlan, RBMPlan
from layerwise.training.pretraining import measure_layer
from layerwise.training.single_machine import filled, measure_class_machine, moments

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
        machine: dict[str, Any] = {}
        if kind != "dbn":
            machine = {"kind": kind, "code": self.division.code, "mean": moments(self.course.lessons.sample)[0]}
        return Model(
            self.division.preparation,
            self.course.net,
            self.course.network,
            rows.classes,
            rows.columns,
            rows.picture,
            rows.full_scale,
            {"data": self.dataset.name, "seed": self.seed, "layerwise": version("layerwise")},
            **machine,
        )

    def layers(self) -> tuple[LayerFinding, ...]:
        """What each layer came to, from the data upwards."""
        sample, held_out = self.course.lessons.sample, self.course.lessons.held_out
        layers: list[LayerFinding] = []
        for rbm in self.course.layers:
            if self.recipe.training.model == ClassRBMPlan.model:
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
        if scored is None or labelled is None:
            return {}
        found: dict[str, float] = {}
        if self.recipe.training.model == ClassRBMPlan.model:
            found[THIS_NETWORK] = float((self.model().probabilities(scored).argmax(1) == scored.labels).mean())
        elif network is not None:
            found[THIS_NETWORK] = accuracy(network, scored, preparation)
            if twin is not None:
                found[WITHOUT_PRETRAINING] = accuracy(twin, scored, preparation)
        if found:
            found[BASELINE] = logistic_regression(labelled, scored, preparation)
        return found

    def likelihood(self) -> LikelihoodFinding | None:
        """What an RBM says of the test rows; None of another model, and where every row misses a value."""
        plan, sample = self.recipe.training, self.course.lessons.sample
        if not isinstance(plan, RBMPlan):
            return None
        test = self.division.test.select(slice(0, TEST_ROWS))
        rows = prepared_sample(test, self.division.preparation, self.recipe.run.device)
        annealing = plan.annealing_chains, plan.annealing_temperatures
        return finding_of(self.course.layers[0], rows, sample, moments(sample)[0], *annealing, self.seed)
