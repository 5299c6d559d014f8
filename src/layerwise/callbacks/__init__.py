"""Who is told of a fit as it goes on, and may ask it to stop; nothing that is told changes what is learned."""

from __future__ import annotations

from layerwise.callbacks.callback import Callback, Epoch
from layerwise.callbacks.checkpoint import Checkpoint
from layerwise.callbacks.mlflow import MLflow
from layerwise.callbacks.progress import Progress
from layerwise.callbacks.stop_when import StopWhen
from layerwise.callbacks.tensorboard import TensorBoard
from layerwise.callbacks.wandb import WandB

__all__ = ["Callback", "Checkpoint", "Epoch", "MLflow", "Progress", "StopWhen", "TensorBoard", "WandB"]
