"""Learn, look into and question neural networks one layer at a time.

The public names are imported when they are first used, so that ``import layerwise`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerwise.estimators import DBN as DBN
    from layerwise.estimators import RBM as RBM
    from layerwise.estimators import Autoencoder as Autoencoder
    from layerwise.estimators import BernoulliRBM as BernoulliRBM
    from layerwise.estimators import ClassRBM as ClassRBM
    from layerwise.estimators import DBNClassifier as DBNClassifier
    from layerwise.estimators import DBNRegressor as DBNRegressor
    from layerwise.estimators import GaussianRBM as GaussianRBM
    from layerwise.estimators import MLPClassifier as MLPClassifier
    from layerwise.estimators import MLPRegressor as MLPRegressor
    from layerwise.estimators import Perceptron as Perceptron
    from layerwise.estimators import StackedAutoencoder as StackedAutoencoder
    from layerwise.estimators import StackedAutoencoderClassifier as StackedAutoencoderClassifier
    from layerwise.estimators import load as load

    __version__: str

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
    "__version__",
    "load",
]

if not TYPE_CHECKING:  # a type checker that saw __getattr__ would accept any name

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            return version("layerwise")
        if name in __all__:
            from layerwise import estimators

            return getattr(estimators, name)
        raise AttributeError(f"module 'layerwise' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
