"""Estimators with scikit-learn's contract: they validate, convert, train and store; the mathematics lies below."""

from __future__ import annotations

from layerwise.estimators.autoencoder import Autoencoder
from layerwise.estimators.bernoulli_rbm import BernoulliRBM
from layerwise.estimators.class_rbm import ClassRBM
from layerwise.estimators.dbn import DBN
from layerwise.estimators.dbn_classifier import DBNClassifier
from layerwise.estimators.dbn_regressor import DBNRegressor
from layerwise.estimators.gaussian_rbm import GaussianRBM
from layerwise.estimators.mlp_classifier import MLPClassifier
from layerwise.estimators.mlp_regressor import MLPRegressor
from layerwise.estimators.perceptron import Perceptron
from layerwise.estimators.rbm import RBM
from layerwise.estimators.saving import load
from layerwise.estimators.stacked_autoencoder import StackedAutoencoder
from layerwise.estimators.stacked_autoencoder_classifier import StackedAutoencoderClassifier

__all__ = [
    "DBN",
    "RBM",
    "Autoencoder",
    "BernoulliRBM",
    "ClassRBM",
    "DBNClassifier",
    "DBNRegressor",
    "GaussianRBM",
    "MLPClassifier",
    "MLPRegressor",
    "Perceptron",
    "StackedAutoencoder",
    "StackedAutoencoderClassifier",
    "load",
]
