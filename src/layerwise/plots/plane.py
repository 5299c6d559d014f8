"""A code as a picture: where its rows lie in the plane of its first two principal components."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

__all__ = ["Plane"]


@dataclass(frozen=True, eq=False)
class Plane:
    """A code seen from where it is widest: its first two principal components.

    Parameters
    ----------
    points : ndarray of shape (rows, 2)
    share : float
        Share of the code's variance that the two directions hold; NaN for a code that does not vary.
    """

    points: Float[np.ndarray, "row 2"]
    share: float

    @classmethod
    def of(cls, code: Float[np.ndarray, "row unit"]) -> Plane:
        """Project a code. Each direction's largest loading is made positive, so that the picture does not flip.

        Parameters
        ----------
        code : ndarray of shape (rows, units)

        Examples
        --------
        >>> plane = Plane.of(np.array([[0.0, 0.0, 1.0], [2.0, 0.0, 1.0], [4.0, 0.0, 1.0]]))
        >>> plane.points[:, 0], plane.share
        (array([-2.,  0.,  2.]), 1.0)
        """
        centred = np.asarray(code, dtype=np.float64) - np.mean(code, axis=0, dtype=np.float64)
        _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
        leading = directions[:2]
        largest = np.abs(leading).argmax(axis=1)
        leading = leading * np.where(leading[np.arange(len(leading)), largest] < 0, -1.0, 1.0)[:, None]
        points = np.zeros((len(centred), 2))
        points[:, : len(leading)] = centred @ leading.T
        variance = np.square(lengths)
        total = float(variance.sum())
        return cls(points, float(variance[:2].sum()) / total if total > 0 else math.nan)
