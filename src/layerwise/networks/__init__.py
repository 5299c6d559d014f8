"""Deterministic layers and their stacks."""

from layerwise.networks.autoencoder import Autoencoder
from layerwise.networks.backprop import Sweep, backpropagate
from layerwise.networks.convolution import convolutional_autoencoder
from layerwise.networks.dense import Dense, TiedLinear
from layerwise.networks.flow import GradientFlowInfo, gradient_flow
from layerwise.networks.initialisation import glorot, initialise
from layerwise.networks.kind_loss import KindLoss
from layerwise.networks.layers import Layer, LayerValues, layer_values, layers_of, scores
from layerwise.networks.loss import Loss
from layerwise.networks.losses import (
    Absolute,
    BinaryCrossEntropy,
    CrossEntropy,
    Hinge,
    Huber,
    Squared,
    loss_named,
)
from layerwise.networks.network import Network
from layerwise.networks.poisson import Poisson
from layerwise.networks.sigmoid_stack import layer_outputs, sigmoid_stack

__all__ = [
    "Absolute",
    "Autoencoder",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Dense",
    "GradientFlowInfo",
    "Hinge",
    "Huber",
    "KindLoss",
    "Layer",
    "LayerValues",
    "Loss",
    "Network",
    "Poisson",
    "Squared",
    "Sweep",
    "TiedLinear",
    "backpropagate",
    "convolutional_autoencoder",
    "glorot",
    "gradient_flow",
    "initialise",
    "layer_outputs",
    "layer_values",
    "layers_of",
    "loss_named",
    "scores",
    "sigmoid_stack",
]
