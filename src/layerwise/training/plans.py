"""The plan of every model that a recipe may name.

A plan is a frozen dataclass of options, checked when it is made, that says which stages its course has and what each of
them does (:class:`~layerwise.training.course.CoursePlan`). Beside its options it knows

================== ===========================================================================
``model``          its name
``hidden``         the size of each hidden layer, from the data upwards
``visible``        the kind of units that rows are prepared for
``batch_size``     rows of a minibatch
``needs_labels``   whether it learns nothing from rows without labels
``takes_missing``  whether rows may have missing values
``takes_streams``  whether rows may stay on disk
================== ===========================================================================
"""

from __future__ import annotations

from layerwise.training.autoencoder_plan import AutoencoderPlan, StackedAutoencoderPlan
from layerwise.training.machine_plan import ClassRBMPlan, RBMPlan
from layerwise.training.network_plan import MLPPlan
from layerwise.training.perceptron_plan import PerceptronPlan
from layerwise.training.plan import Plan

__all__ = ["PLANS", "AnyNetworkPlan", "AnyPlan"]

AnyNetworkPlan = PerceptronPlan | MLPPlan | AutoencoderPlan | StackedAutoencoderPlan
"""Of deterministic networks, which have ``network(units, classes, random)``: one with random weights."""

AnyPlan = AnyNetworkPlan | Plan | RBMPlan | ClassRBMPlan

PLANS: dict[str, type[AnyPlan]] = {
    plan.model: plan
    for plan in (Plan, RBMPlan, ClassRBMPlan, PerceptronPlan, MLPPlan, AutoencoderPlan, StackedAutoencoderPlan)
}
