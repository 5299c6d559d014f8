"""The pictures of docs/gallery.md: what networks learn of digits of 8 × 8 pixels.

python examples/gallery.py FOLDER
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from layerwise import RBM, Autoencoder, DBNClassifier
from layerwise.plots import (
    CodesDisplay,
    FiltersDisplay,
    GradientFlowDisplay,
    LearningCurvesDisplay,
    ReconstructionsDisplay,
    SamplesDisplay,
)

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def save(figure: Figure, name: str) -> None:
    path = folder / f"gallery_{name}.png"
    figure.savefig(path, dpi=100)
    print(path)


X, y = load_digits(return_X_y=True)
X = X / 16

machine = RBM(60, batch_size=50, n_iter=20, random_state=0).fit(X)
save(FiltersDisplay.from_estimator(machine).figure_, "filters")

net = DBNClassifier((100, 100), epochs=20, fine_tune_epochs=8, random_state=0).fit(X, y)
save(SamplesDisplay.from_estimator(net, n_samples=40, steps=200, random_state=0).figure_, "samples")
save(ReconstructionsDisplay.from_estimator(net, X[:10]).figure_, "reconstructions")
save(LearningCurvesDisplay.from_estimator(net, measure="reconstruction_error").figure_, "curves")

figure = Figure(figsize=(8.4, 2.6), layout="constrained")
for ax, measure in zip(figure.subplots(1, 3), ("gradient_norm", "saturated", "update_ratio"), strict=True):
    GradientFlowDisplay.from_estimator(net, measure=measure, ax=ax)
save(figure, "gradients")

encoder = Autoencoder((100, 30, 2), epochs=15, random_state=0).fit(X)
save(CodesDisplay.from_estimator(encoder, X, y).figure_, "codes")
