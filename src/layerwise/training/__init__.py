"""How parameters move."""

from layerwise.training.averaging import averaged
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.early_stopping import EarlyStopping
from layerwise.training.fine_tuning import FineTuning
from layerwise.training.held_out import minus_free_energy_gap, pseudo_score
from layerwise.training.pretraining import GreedyPretraining
from layerwise.training.schedules import Cosine, InverseTime, Linear
from layerwise.training.unrolling import unroll
from layerwise.training.vigilance import TrainingWarning, Vigilance

__all__ = [
    "ContrastiveLearning",
    "Cosine",
    "EarlyStopping",
    "FineTuning",
    "GreedyPretraining",
    "InverseTime",
    "Linear",
    "TrainingWarning",
    "Vigilance",
    "averaged",
    "minus_free_energy_gap",
    "pseudo_score",
    "unroll",
]
