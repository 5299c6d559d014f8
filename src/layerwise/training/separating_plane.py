"""Hyperplanes between two classes: any, by a linear program, and that of the largest margin.

Both [1]_ [2]_ look at some of the rows only, and add those that the hyperplane found leaves on the wrong side or too
near, until there are none: of many rows few decide.

References
----------
.. [1] O. L. Mangasarian (1965). Linear and nonlinear separation of patterns by linear programming. Operations Research
   13.
.. [2] C. L. Lawson, R. J. Hanson (1974). Solving Least Squares Problems, chapter 23. Prentice-Hall.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from layerwise.data.values import HeldValues
from layerwise.errors import DataError

__all__ = ["Floats", "Plane", "dense", "linear_program", "proven_margins", "relative_margin", "widest_plane"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

FREE = 2.0**14
"""Input of an intercept that costs next to nothing: the margin found is the largest but for a share of its 2⁻²⁸."""
NEAR_ENOUGH = 1e-9


@dataclass(frozen=True)
class Plane:
    """Where ``weights · x + intercept`` is zero."""

    weights: Floats
    intercept: float


def proven_margins(values: HeldValues, signs: Floats, plane: Plane) -> Floats:
    """Lower bounds of ``y (w · x + b)``, whatever the rounding of these numbers was."""
    rows: Any = values
    size = abs(rows) @ np.abs(plane.weights) + abs(plane.intercept)
    steps = (rows.shape[1] + 2) * np.finfo(np.float64).eps
    return signs * (rows @ plane.weights + plane.intercept) - steps * size - np.finfo(np.float64).tiny


def linear_program(values: HeldValues, signs: Floats) -> tuple[Plane | None, Places, Floats]:
    r"""A hyperplane that separates the rows, or the rows that prove that there is none.

    With the columns scaled to [-1, 1],

    .. math:: \max t \quad\text{subject to}\quad y_i\,(w \cdot x_i + b) \ge t, \quad |w_j| \le 1.

    Returns
    -------
    plane : Plane or None
    chosen : ndarray of int64
        The rows that were looked at.
    shares : ndarray of shape (rows,)
        The dual variables, with the sum 1 in either class.
    """
    columns, (shift, scale) = values.shape[1], _scale(values)
    size = max(200, 2 * (columns + 2))
    chosen = np.unique(np.concatenate([_spread(np.flatnonzero(signs == side), size // 2) for side in (-1, 1)]))
    while True:
        weights, shares = _solve((dense(values, chosen) - shift) / scale, signs[chosen])
        some = cast(Any, values)[chosen]
        plane = _centred(some, signs[chosen], weights / scale)
        if proven_margins(some, signs[chosen], plane).min() <= 0:
            whole = np.zeros(len(signs))
            whole[chosen] = shares
            return None, chosen, whole
        margins = proven_margins(values, signs, plane)
        wrong = np.flatnonzero(margins <= 0)
        if not len(wrong):
            return plane, chosen, np.zeros(len(signs))
        chosen = np.union1d(chosen, wrong[np.argsort(margins[wrong])][: len(chosen)])


def _solve(rows: Floats, signs: Floats) -> tuple[Floats, Floats]:
    count, columns = rows.shape
    limits = np.column_stack([-signs[:, None] * rows, -signs, np.ones(count)])
    bounds: Any = [(-1, 1)] * columns + [(None, None)] * 2
    cost = np.zeros(columns + 2)
    cost[-1] = -1
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    from scipy import optimize  # heavy, and most who import this room have nothing to solve

    for options in (tight, None):
        # A simplex method ends in a corner: few rows have a share, which an exact solution needs.
        solved: Any = cast(Any, optimize).linprog(
            cost, A_ub=limits, b_ub=np.zeros(count), bounds=bounds, method="highs-ds", options=options
        )
        if solved.status == 0:
            shares = np.maximum(-solved.ineqlin.marginals, 0)
            shares[shares < 1e-12] = 0
            for side in (-1, 1):
                shares[signs == side] /= shares[signs == side].sum()
            return solved.x[:columns], shares
    remedy = "scale the columns first, with sklearn.preprocessing.StandardScaler for instance"
    raise DataError("X", "rows of very different sizes", f"no linear program decides on them: {solved.message}", remedy)


def widest_plane(values: HeldValues, signs: Floats, start: Plane, bias: float | None) -> tuple[Plane, Floats]:
    r"""The hyperplane of the largest margin, from one that separates.

    It is the shortest :math:`(w, b / \beta)` with :math:`y_i\,(w \cdot x_i + b) \ge 1`, where :math:`\beta` is the
    input of the intercept. Lawson and Hanson turn this into least squares with variables that are not negative,
    which are the shares of the rows.

    Parameters
    ----------
    values : ndarray or csr_array of shape (rows, columns)
    signs : ndarray of shape (rows,)
    start : Plane
        Any that separates.
    bias : float or None
        :math:`\beta`; None for an intercept that costs nothing.

    Returns
    -------
    plane : Plane
        ``start`` itself where rounding leaves nothing better.
    shares : ndarray of shape (rows,)
        With the sum 1 in either class, if the intercept costs nothing.
    """
    from scipy.optimize import nnls

    shift = np.asarray(cast(Any, values).mean(axis=0)).ravel() if bias is None else np.zeros(values.shape[1])
    best, best_margin = start, relative_margin(values, signs, start, bias)
    near = proven_margins(values, signs, start)
    chosen = np.argsort(near)[: values.shape[1] + 50]
    shares, unit = np.zeros(len(signs)), best_margin  # least squares are best where the margin is about one
    for side in (-1, 1):  # any two rows bound the margin
        shares[np.flatnonzero(signs == side)[near[signs == side].argmin()]] = 1
    while True:
        rows = dense(values, chosen) - shift
        reach = float(np.abs(rows).max()) or 1.0
        entry = bias if bias is not None else FREE * reach
        sided = signs[chosen, None] * np.column_stack([rows, np.full(len(rows), entry)]) / max(unit, 1e-300)
        target = np.append(np.zeros(sided.shape[1]), 1.0)
        try:
            solution, _ = cast(Any, nnls)(np.vstack([sided.T, np.ones(len(rows))]), target, maxiter=30 * len(rows))
        except RuntimeError:  # it goes round in circles: what was found before stands
            break
        if not solution.any():  # lost to rounding
            if unit > reach:
                break
            unit *= 1024
            continue
        found: Floats = sided.T @ solution
        weights = found[:-1]
        intercept = float(found[-1] * entry - shift @ weights)
        plane = _centred(values, signs, weights) if bias is None else Plane(weights, intercept)
        margin = relative_margin(values, signs, plane, bias)
        if margin > best_margin:
            best, best_margin = plane, margin
        shares[:] = 0
        shares[chosen] = solution
        margins = signs * (cast(Any, values) @ weights + intercept)
        least = float(margins[chosen].min())
        outside = np.setdiff1d(np.flatnonzero(margins < least - NEAR_ENOUGH * abs(least)), chosen)
        if not len(outside) and best_margin <= 2 * unit:
            break
        unit = max(unit, best_margin)
        chosen = np.concatenate([chosen, outside[np.argsort(margins[outside])][: len(chosen)]])
    for side in (-1, 1):  # where the intercept has a price, the rows of one class alone may decide
        shares[signs == side] /= shares[signs == side].sum() or 1.0
    return best, shares


def relative_margin(values: HeldValues, signs: Floats, plane: Plane, bias: float | None) -> float:
    """The least proven margin over the length of the weights, the intercept's for an input of ``bias`` among them."""
    length = math.hypot(float(np.linalg.norm(plane.weights)), 0.0 if bias is None else plane.intercept / bias)
    return float(proven_margins(values, signs, plane).min()) / length if length > 0 else -np.inf


def _centred(values: HeldValues, signs: Floats, weights: Floats) -> Plane:
    """The hyperplane of these weights as far from the one class as from the other."""
    heights: Floats = cast(Any, values) @ weights
    return Plane(weights, -0.5 * float(heights[signs > 0].min() + heights[signs < 0].max()))


def _scale(values: HeldValues) -> tuple[Floats, Floats]:
    """Middle and half width of each column, powers of two being exact; 1 where a column is constant."""
    rows: Any = values
    low, high = rows.min(axis=0), rows.max(axis=0)
    if not isinstance(values, np.ndarray):
        low, high = low.toarray().ravel(), high.toarray().ravel()
    half = 0.5 * high - 0.5 * low
    return low + half, np.where(half > 0, np.ldexp(1.0, np.frexp(half)[1]), 1.0)


def _spread(places: Places, count: int) -> Places:
    return places[np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).astype(np.int64))]


def dense(values: HeldValues, places: Places) -> Floats:
    """Some of the rows as a plain array."""
    some: Any = cast(Any, values)[places]
    return np.asarray(some if isinstance(values, np.ndarray) else some.toarray())
