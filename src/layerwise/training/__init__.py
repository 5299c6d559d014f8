"""How parameters move."""

from layerwise.training.averaging import averaged
from layerwise.training.classification_rbm import ClassificationLearning
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.early_stopping import EarlyStopping
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.held_out import minus_free_energy_gap, pseudo_score
from layerwise.training.label_units import JoinedLabels
from layerwise.training.onnx_export import to_onnx
from layerwise.training.perceptron_rule import PerceptronLearning
from layerwise.training.pretraining import GreedyPretraining
from layerwise.training.schedules import Cosine, InverseTime, Linear
from layerwise.training.separation import Separability, separability
from layerwise.training.unrolling import unroll, unroll_autoencoder, unroll_regressor, upward_pass
from layerwise.training.up_down import UpDown
from layerwise.training.vigilance import TrainingWarning, Vigilance

__all__ = [
    "ClassificationLearning",
    "ContrastiveLearning",
    "Cosine",
    "EarlyStopping",
    "GradientDescent",
    "GreedyPretraining",
    "InverseTime",
    "JoinedLabels",
    "Linear",
    "PerceptronLearning",
    "Separability",
    "TrainingWarning",
    "UpDown",
    "Vigilance",
    "averaged",
    "minus_free_energy_gap",
    "pseudo_score",
    "separability",
    "to_onnx",
    "unroll",
    "unroll_autoencoder",
    "unroll_regressor",
    "upward_pass",
]
