"""What a single machine shows of itself: how its chains move, what its samples have of the data, what it fills in.

Rows are kept flat, ``(rows, columns)``, in the units of the prepared data; of pictures 0 is black and 1 white.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

__all__ = ["Chains", "ColumnMarginal", "FilledCell", "Filling", "Forgetting"]


@dataclass(frozen=True, eq=False)
class Chains:
    """The same Gibbs chains, looked at several times.

    Parameters
    ----------
    start : str
        Where they started, in words.
    times : dict of int to ndarray of shape (chains, columns)
        Rows after so many steps.
    """

    start: str
    times: Mapping[int, Float[np.ndarray, "chain column"]]


@dataclass(frozen=True)
class Forgetting:
    """How fast Gibbs chains forget, seen by their free energy.

    Parameters
    ----------
    time, error : float
        Autocorrelation time in steps, and its standard error; infinite where nothing moved.
    effective : float
        Independent draws that all chains together are worth.
    chains, steps : int
        What was looked at.
    autocorrelation : sequence of float
        At each lag, from 0.
    """

    time: float
    error: float
    effective: float
    chains: int
    steps: int
    autocorrelation: Sequence[float]


@dataclass(frozen=True)
class ColumnMarginal:
    """How often a column has its values, in the data and in the machine's samples.

    Parameters
    ----------
    name : str
    kind : str
        Of its units.
    places : tuple of str or tuple of float
        Names of the values, or the edges of bins, one more than shares.
    data, samples : sequence of float
        Share of rows with each value or in each bin.
    """

    name: str
    kind: str
    places: tuple[str, ...] | tuple[float, ...]
    data: Sequence[float]
    samples: Sequence[float]

    @property
    def distance(self) -> float:
        """Total variation: the share of rows that would have to change their value."""
        return 0.5 * float(np.abs(np.asarray(self.data) - np.asarray(self.samples)).sum())


@dataclass(frozen=True)
class FilledCell:
    """A cell that was hidden from the machine: what it held, and what it was filled with, as texts."""

    row: int
    column: str
    true: str
    filled: str


@dataclass(frozen=True, eq=False)
class Filling:
    """Values that were hidden from the machine and filled by it.

    Parameters
    ----------
    share : float
        Of the values that were hidden.
    error, baseline : float
        Mean over hidden units of the squared difference between the truth and the filling, and between the truth and
        the mean of the learning rows.
    cells : tuple of FilledCell
        Of a table, some.
    rows, hidden, filled : ndarray of shape (rows, columns) or None
        Of pictures: as they were; with NaN where they were hidden; as they came back.
    """

    share: float
    error: float
    baseline: float
    cells: tuple[FilledCell, ...] = ()
    rows: Float[np.ndarray, "row column"] | None = None
    hidden: Float[np.ndarray, "row column"] | None = None
    filled: Float[np.ndarray, "row column"] | None = None
