"""What one unit of an energy model is: a kind owns probability, an RBM owns only the couplings between two kinds."""

from layerwise.units.bernoulli import BernoulliUnits
from layerwise.units.gaussian import GaussianUnits
from layerwise.units.kind import UnitKind, kind_named

__all__ = ["BernoulliUnits", "GaussianUnits", "UnitKind", "kind_named"]
