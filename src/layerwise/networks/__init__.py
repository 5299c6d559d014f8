"""Deterministic layers and their stacks."""

from layerwise.networks.initialisation import glorot
from layerwise.networks.sigmoid_stack import layer_outputs, sigmoid_stack

__all__ = ["glorot", "layer_outputs", "sigmoid_stack"]
