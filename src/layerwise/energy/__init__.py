"""Models that are defined by an energy."""

from layerwise.energy.annealing import Annealing, anneal, anneal_back, schedule
from layerwise.energy.belief_net import BeliefNet
from layerwise.energy.bound import Bound, variational_bound
from layerwise.energy.clamping import clamped_gibbs, impute
from layerwise.energy.class_rbm import class_log_probabilities, class_rbm
from layerwise.energy.enumeration import exact_log_partition
from layerwise.energy.exact import exact_gradient, exact_marginal, exact_sample
from layerwise.energy.gibbs import gibbs
from layerwise.energy.ladder import LadderWarning, adapt_ladder, ladder, warn_if_coarse
from layerwise.energy.likelihood import LikelihoodWarning, LogLikelihood, log_likelihood
from layerwise.energy.mixing import Mixing, mixing
from layerwise.energy.path import Path
from layerwise.energy.rbm import RBM, bernoulli_rbm, gaussian_rbm
from layerwise.energy.tempering import TemperedChains, start_tempering, temper
from layerwise.energy.wake_sleep_net import WakeSleepNet

__all__ = [
    "RBM",
    "Annealing",
    "BeliefNet",
    "Bound",
    "LadderWarning",
    "LikelihoodWarning",
    "LogLikelihood",
    "Mixing",
    "Path",
    "TemperedChains",
    "WakeSleepNet",
    "adapt_ladder",
    "anneal",
    "anneal_back",
    "bernoulli_rbm",
    "clamped_gibbs",
    "class_log_probabilities",
    "class_rbm",
    "exact_gradient",
    "exact_log_partition",
    "exact_marginal",
    "exact_sample",
    "gaussian_rbm",
    "gibbs",
    "impute",
    "ladder",
    "log_likelihood",
    "mixing",
    "schedule",
    "start_tempering",
    "temper",
    "variational_bound",
    "warn_if_coarse",
]
