"""How parameters move."""

from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.fine_tuning import FineTuning, unroll
from layerwise.training.pretraining import GreedyPretraining

__all__ = ["ContrastiveLearning", "FineTuning", "GreedyPretraining", "unroll"]
