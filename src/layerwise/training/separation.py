r"""Whether a hyperplane separates two classes of rows: a proof either way, never a guess.

Either there is a hyperplane with every row on its own side, or a point that lies in the convex hulls of both classes
(Kirchberger [1]_; it is Farkas' lemma [2]_), never both:

.. math:: y_i\,(w \cdot x_i + b) > 0 \;\text{for all}\; i \qquad\text{or}\qquad
          \sum_{+} \lambda_i x_i = \sum_{-} \lambda_i x_i,\; \lambda \ge 0,\;
          \sum_{+} \lambda_i = \sum_{-} \lambda_i = 1.

A linear program and its dual find the one or the other. What they propose is checked by itself: a hyperplane's margins
with a bound on all rounding [3]_, a common point in exact arithmetic where its few rows allow. The same weights
:math:`\lambda` bound every margin from above: no hyperplane stays further from both classes than half the distance
between two points of their hulls.

References
----------
.. [1] P. Kirchberger (1903). Über Tchebychefsche Annäherungsmethoden. Mathematische Annalen 57.
.. [2] J. Farkas (1902). Theorie der einfachen Ungleichungen. Journal für die reine und angewandte Mathematik 124.
.. [3] N. J. Higham (2002). Accuracy and Stability of Numerical Algorithms, 2nd edition, section 3.1. SIAM.
.. [4] A. B. J. Novikoff (1962). On convergence proofs on perceptrons. Symposium on the Mathematical Theory of Automata.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from layerwise.data.values import HeldValues
from layerwise.errors import DataError
from layerwise.training.exact_shares import exact_shares
from layerwise.training.separating_plane import Floats, Plane, dense, linear_program, relative_margin, widest_plane

__all__ = ["Separability", "separability"]

USUAL = 2.0**30


@dataclass(frozen=True)
class Separability:
    r"""A hyperplane between two classes, or the proof that there is none.

    Parameters
    ----------
    separable : bool
        Whether every row is proven to lie on its own side of the hyperplane.
    weights : ndarray of shape (columns,), or None
        Of length 1: the hyperplane of the largest margin.
    intercept : float
    margin : float
        What every row is proven to be away from the hyperplane, in the units of the rows; 0 without one.
    shares : ndarray of shape (rows,)
        Not negative, with the sum 1 in either class: the rows that make up a point in the hull of each.
    gap : float
        Distance between these two points. No hyperplane has a margin above half of it.
    exact : bool
        Whether the two points are the same one, in exact arithmetic: then no hyperplane separates the classes. Where
        neither this nor ``separable`` holds, it is only shown that none does with a margin above ``gap / 2``.
    mistake_bound : float
        Novikoff's [1]_: the most mistakes that Rosenblatt's rule can make, :math:`(R / \gamma)^2` of the rows with a
        1 beside them, which stands for the intercept. It holds for any order of the rows and any rate, from weights of
        zero, without a penalty. Infinite where no hyperplane is proven to separate.

    References
    ----------
    .. [1] A. B. J. Novikoff (1962). On convergence proofs on perceptrons. Symposium on the Mathematical Theory of
       Automata.
    """

    separable: bool
    weights: Floats | None
    intercept: float
    margin: float
    shares: Floats
    gap: float
    exact: bool
    mistake_bound: float


def separability(values: HeldValues, positive: npt.NDArray[np.bool_]) -> Separability:
    """Decide whether a hyperplane separates some rows from the others.

    Parameters
    ----------
    values : ndarray or csr_array of shape (rows, columns)
        Finite numbers.
    positive : ndarray of shape (rows,)
        Where a row is of the first class.

    Returns
    -------
    Separability

    Raises
    ------
    DataError
        All rows are of one class, or the solver of the linear program gives up.

    Notes
    -----
    The program is solved for some of the rows, to which those on the wrong side are added until there are none. It has
    as many unknowns as there are columns, and some hundred of these take seconds to minutes.

    Examples
    --------
    Exclusive or has no hyperplane: the middle of the square is between either pair of corners.

    >>> corners = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> proof = separability(corners, np.array([False, True, True, False]))
    >>> proof.separable, proof.exact, proof.shares.tolist()
    (False, True, [0.5, 0.5, 0.5, 0.5])

    And, whose hyperplane is x₁ + x₂ = 3/2:

    >>> found = separability(corners, np.array([False, False, False, True]))
    >>> found.separable, round(found.margin, 6), round(float(found.intercept / found.weights[0]), 6)
    (True, 0.353553, -1.5)
    """
    signs = np.where(positive, 1.0, -1.0)
    if len(signs) == 0 or abs(signs.sum()) == len(signs):
        raise DataError("y", "one class", "there must be rows on both sides", "add rows of another class")
    # A power of two changes no digit, and no square of what remains is too large or too small for a number.
    unit = float(np.ldexp(1.0, np.frexp(abs(values).max())[1] - 1))
    values = cast(HeldValues, values.astype(np.float64) / (unit or 1.0))
    plane, chosen, shares = linear_program(values, signs)
    if plane is None:
        return _no_plane(values, signs, chosen, shares, unit)
    wide, shares = widest_plane(values, signs, plane, bias=None)
    length = float(np.linalg.norm(wide.weights))
    return Separability(
        separable=True,
        weights=wide.weights / length,
        intercept=wide.intercept / length * unit,
        margin=relative_margin(values, signs, wide, bias=None) * unit,
        shares=shares,
        gap=_gap(values, signs, shares) * unit,
        exact=False,
        mistake_bound=_novikoff(values, signs, wide, 1.0 / unit),
    )


def _novikoff(values: HeldValues, signs: Floats, plane: Plane, bias: float) -> float:
    """(R / γ)² with ``bias`` beside the rows, from any hyperplane that separates."""
    if USUAL > bias > 1 / USUAL:  # elsewhere the best would be lost to rounding
        plane, _ = widest_plane(values, signs, plane, bias)
    margin = relative_margin(values, signs, plane, bias)
    squares: Any = cast(Any, values * values).sum(axis=1)
    ratio = math.hypot(math.sqrt(float(np.max(squares))), bias) / margin if margin > 0 else math.inf
    return ratio * ratio


def _no_plane(
    values: HeldValues, signs: Floats, chosen: npt.NDArray[np.int64], shares: Floats, unit: float
) -> Separability:
    held = chosen[shares[chosen] > 0]
    proof = exact_shares(dense(values, held), signs[held])
    if proof is not None:
        shares[held] = proof
    gap = 0.0 if proof is not None else _gap(values, signs, shares) * unit
    return Separability(False, None, math.nan, 0.0, shares, gap, proof is not None, math.inf)


def _gap(values: HeldValues, signs: Floats, shares: Floats) -> float:
    """Distance between the points of the two hulls."""
    held = np.flatnonzero(shares)
    return float(np.linalg.norm(cast(Any, values)[held].T @ (shares * signs)[held]))
