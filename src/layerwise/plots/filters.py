"""First-layer filters: the weights between the data and each hidden unit, as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from torch import nn

from layerwise.errors import OptionError
from layerwise.plots.display import Display, fitted_with, quiet
from layerwise.plots.mosaic import arrange, signed, signed_scale
from layerwise.plots.picture_rows import picture_shape

__all__ = ["FiltersDisplay"]


@dataclass(eq=False)
class FiltersDisplay(Display):
    """One picture a hidden unit: blue where a bright pixel excites it, orange where it inhibits it, blank at zero.

    Parameters
    ----------
    weights : ndarray of shape (units, pixels)
        Row-major.
    picture : (height, width)

    Examples
    --------
    >>> display = FiltersDisplay(np.eye(4), (2, 2))
    >>> display.rgba().shape
    (2, 11, 4)
    """

    weights: Float[np.ndarray, "unit pixel"]
    picture: tuple[int, int]

    @classmethod
    def from_estimator(
        cls,
        estimator: object,
        picture: tuple[int, int] | None = None,
        *,
        most: int = 100,
        ax: Axes | None = None,
    ) -> FiltersDisplay:
        """Draw the first layer of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Any of layerwise's, or one with ``components_``.
        picture : (height, width), optional
            Of a row, row-major; a square, or the kernel of a convolution, if left out.
        most : int, default=100
            Units shown: the first ones.
        ax : Axes, optional
            A new figure's if left out.

        Returns
        -------
        FiltersDisplay
            Drawn: ``ax_`` and ``figure_`` are set.

        Raises
        ------
        OptionError
            The estimator has no first layer, or its rows are no such pictures.
        NotFittedError

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from layerwise import RBM
        >>> machine = RBM(16, n_iter=1, random_state=0).fit(load_digits().data / 16)
        >>> FiltersDisplay.from_estimator(machine).weights.shape
        (16, 64)
        """
        weights, kernel = _first_layer(estimator)
        return cls(weights[:most], picture_shape(picture or kernel, weights.shape[1])).plot(ax)

    @property
    def scale(self) -> float:
        """The weight that has the full colour, the same in all pictures."""
        return signed_scale(self.weights)

    def rgba(self) -> UInt8[np.ndarray, "tall wide 4"]:
        """All filters in one picture, pixel by pixel."""
        return signed(arrange(self.weights.reshape(-1, *self.picture)), self.scale)

    @property
    def _size(self) -> tuple[float, float]:
        tall, wide = self.rgba().shape[:2]
        return 5.0, 5.0 * tall / wide

    def _draw(self, ax: Axes) -> None:
        """Draw it."""
        ax.imshow(self.rgba(), interpolation="none")
        ax.set_xticks([])
        ax.set_yticks([])
        quiet(ax)


def _first_layer(estimator: Any) -> tuple[Float[np.ndarray, "unit pixel"], tuple[int, int] | None]:
    """Weights of the units that meet the rows; of a convolution those of its kernels, with their height and width."""
    needed = "components_" if hasattr(estimator, "components_") else "to_torch"
    fitted_with(estimator, needed, lacks="has no layer of weights", remedy="give an estimator of layerwise")
    if needed == "components_":
        # Units of a label, if there are any, stand behind those of the row.
        n_units = estimator.preparation_.n_units if hasattr(estimator, "preparation_") else None
        return np.asarray(estimator.components_)[:, :n_units], None
    for module in estimator.to_torch().modules():
        if isinstance(module, nn.Linear):
            return module.weight.detach().cpu().numpy(), None
        if isinstance(module, nn.Conv2d):
            height, width = module.weight.shape[-2:]
            return module.weight.detach().cpu().numpy().reshape(-1, height * width), (height, width)
    raise OptionError("estimator", estimator, "begins with neither a linear map nor a convolution of pictures")
