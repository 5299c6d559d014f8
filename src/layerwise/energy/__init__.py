"""Models that are defined by an energy."""

from layerwise.energy.belief_net import BeliefNet
from layerwise.energy.gibbs import gibbs
from layerwise.energy.rbm import RBM, bernoulli_rbm, gaussian_rbm

__all__ = ["RBM", "BeliefNet", "bernoulli_rbm", "gaussian_rbm", "gibbs"]
