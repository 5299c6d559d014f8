"""Pictures of what was learned: display classes on matplotlib, and the same figures for a page."""

from layerwise.plots.autocorrelation import AutocorrelationDisplay
from layerwise.plots.codes import CodesDisplay
from layerwise.plots.confusion import ConfusionDisplay
from layerwise.plots.filters import FiltersDisplay
from layerwise.plots.gradient_flow import GradientFlowDisplay
from layerwise.plots.heat_map import HeatMapDisplay
from layerwise.plots.learning_curves import LearningCurvesDisplay
from layerwise.plots.marginal import MarginalDisplay
from layerwise.plots.predictions import PredictionsDisplay
from layerwise.plots.reconstructions import ReconstructionsDisplay
from layerwise.plots.samples import SamplesDisplay

__all__ = [
    "AutocorrelationDisplay",
    "CodesDisplay",
    "ConfusionDisplay",
    "FiltersDisplay",
    "GradientFlowDisplay",
    "HeatMapDisplay",
    "LearningCurvesDisplay",
    "MarginalDisplay",
    "PredictionsDisplay",
    "ReconstructionsDisplay",
    "SamplesDisplay",
]
