"""What one unit of an energy model is: a kind owns probability, an RBM owns only the couplings between two kinds."""

from layerwise.units.bernoulli import BernoulliUnits
from layerwise.units.categorical import CategoricalUnits
from layerwise.units.gaussian import GaussianUnits
from layerwise.units.kind import UnitKind, kind_from, kind_named
from layerwise.units.mixed import MixedUnits
from layerwise.units.noisy_rectified import NoisyRectifiedUnits
from layerwise.units.rectified import RectifiedUnits
from layerwise.units.spin import SpinUnits

__all__ = [
    "BernoulliUnits",
    "CategoricalUnits",
    "GaussianUnits",
    "MixedUnits",
    "NoisyRectifiedUnits",
    "RectifiedUnits",
    "SpinUnits",
    "UnitKind",
    "kind_from",
    "kind_named",
]
