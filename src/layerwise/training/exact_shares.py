"""The common point of two convex hulls in exact arithmetic: floating-point rows are fractions, so nothing is rounded.

References
----------
.. [1] E. H. Bareiss (1968). Sylvester's identity and multistep integer-preserving Gaussian elimination. Mathematics of
   Computation 22.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm

import numpy as np
import numpy.typing as npt

__all__ = ["MOST", "exact_shares"]

MOST = 64
"""Rows beyond which whole numbers become too long to wait for: so many take some seconds."""


def exact_shares(points: npt.NDArray[np.float64], signs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    r"""Shares of the rows with :math:`\sum_+ \lambda_i x_i = \sum_- \lambda_i x_i`, exactly.

    Parameters
    ----------
    points : ndarray of shape (rows, columns)
        Rows that can make up a common point, no more than it takes.
    signs : ndarray of shape (rows,)
        1 or -1.

    Returns
    -------
    ndarray of shape (rows,), or None
        The solution, rounded at last; None where there is none, more than one, a negative share, or too many rows.

    Examples
    --------
    >>> exact_shares(np.array([[0.0], [3.0], [1.0]]), np.array([1.0, 1.0, -1.0])).tolist()
    [0.6666666666666666, 0.3333333333333333, 1.0]
    """
    if len(points) > MOST:
        return None
    sides = [int(sign) for sign in signs.tolist()]
    equations = [
        [Fraction(sign) * Fraction(x) for sign, x in zip(sides, column, strict=True)] + [Fraction(0)]
        for column in points.T.tolist()
    ]
    equations += [[Fraction(int(sign == side)) for sign in sides] + [Fraction(1)] for side in (1, -1)]
    solution = _solve([_whole(equation) for equation in equations], len(sides))
    if solution is None or min(solution) < 0:
        return None
    return np.array([float(share) for share in solution])


def _whole(equation: list[Fraction]) -> list[int]:
    factor = lcm(*(entry.denominator for entry in equation))
    return [int(entry * factor) for entry in equation]


def _solve(rows: list[list[int]], unknowns: int) -> list[Fraction] | None:
    """The one solution of linear equations in whole numbers, the right-hand side last; None where there is not one."""
    before = 1
    for step in range(unknowns):
        pivot = next((i for i in range(step, len(rows)) if rows[i][step]), None)
        if pivot is None:
            return None
        rows[step], rows[pivot] = rows[pivot], rows[step]
        head = rows[step]
        for i in range(step + 1, len(rows)):
            first = rows[i][step]
            # Bareiss: the division leaves no remainder, which keeps the numbers as short as determinants.
            rows[i] = [
                (head[step] * entry - first * above) // before for entry, above in zip(rows[i], head, strict=True)
            ]
        before = head[step]
    if any(row[-1] for row in rows[unknowns:]):
        return None
    solution = [Fraction(0)] * unknowns
    for step in reversed(range(unknowns)):
        known = sum((rows[step][k] * solution[k] for k in range(step + 1, unknowns)), Fraction(0))
        solution[step] = (rows[step][-1] - known) / rows[step][step]
    return solution
