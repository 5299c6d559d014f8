"""What one unit is.

Of an energy model: a kind owns probability, an RBM owns only the couplings between two kinds. Of a deterministic
network: an activation (:mod:`~layerwise.units.activations` holds them side by side). And the first of all, the
threshold neuron.
"""

from layerwise.units.activation import Activation
from layerwise.units.activation_modules import activation_of, module_of
from layerwise.units.activations import activation_named
from layerwise.units.bernoulli import BernoulliUnits
from layerwise.units.categorical import CategoricalUnits
from layerwise.units.circuit import Circuit
from layerwise.units.gaussian import GaussianUnits
from layerwise.units.kind import UnitKind, kind_from, kind_named
from layerwise.units.mixed import MixedUnits
from layerwise.units.noisy_rectified import NoisyRectifiedUnits
from layerwise.units.rectified import RectifiedUnits
from layerwise.units.spin import SpinUnits
from layerwise.units.threshold import ThresholdNeuron
from layerwise.units.truth_table import truth_table

__all__ = [
    "Activation",
    "BernoulliUnits",
    "CategoricalUnits",
    "Circuit",
    "GaussianUnits",
    "MixedUnits",
    "NoisyRectifiedUnits",
    "RectifiedUnits",
    "SpinUnits",
    "ThresholdNeuron",
    "UnitKind",
    "activation_named",
    "activation_of",
    "kind_from",
    "kind_named",
    "module_of",
    "truth_table",
]
