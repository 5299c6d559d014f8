"""Which rows are held out, and which keep their labels: drawn by seed, in the proportions of the classes.

Both functions leave the caller's random stream where it is and depend on its seed alone, so that the same seed hides
the same labels whatever was drawn before.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from layerwise.data.classes import UNLABELLED
from layerwise.data.rows import Rows
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream

__all__ = ["keep_labels", "split"]


def split(rows: Rows, fraction: float, random: RandomStream) -> tuple[Rows, Rows]:
    """Hold out a part of the rows.

    Each class, and the rows without label, gives in proportion to its size (largest remainders, so that the held-out
    part has the requested size); no class gives its last row. Rows stay in their order.

    Parameters
    ----------
    rows : Rows
    fraction : float
        Share of the rows to hold out, between 0 and 1.
    random : RandomStream
        Its seed decides; its position is neither read nor moved.

    Returns
    -------
    kept, held_out : Rows

    Raises
    ------
    OptionError
        Where ``fraction`` is not between 0 and 1.
    DataError
        Where there are too few rows to leave one on each side.
    """
    if not 0 < fraction < 1:
        raise OptionError("fraction", fraction, "must be between 0 and 1", "give a share such as 0.2")
    strata = rows.strata
    codes, counts = np.unique(strata, return_counts=True)
    # A class keeps a row to learn from; rows without label are only needed on both sides where there is nothing else.
    most = counts - ((codes != UNLABELLED) | (len(codes) == 1))
    if len(rows) < 2 or most.sum() == 0:
        raise DataError("rows", len(rows), "must be at least two, of one class, to hold one out")
    total = min(max(round(len(rows) * fraction), 1), int(most.sum()))
    shares = _shares(counts, total, least=np.zeros_like(counts), most=most)
    held_out = _draw(strata, codes, shares, random.child("split"))
    return rows.select(~held_out), rows.select(held_out)


def keep_labels(rows: Rows, count: int, random: RandomStream) -> Rows:
    """Keep some labels and hide the others, as if nobody had given them.

    Parameters
    ----------
    rows : Rows
        With labels, or with targets, of which some are kept in the same way: as of one class.
    count : int
        Number of labels to keep, from one a class to all there are. Each class keeps labels in proportion to its
        size (largest remainders), and at least one.
    random : RandomStream
        Its seed decides; its position is neither read nor moved.

    Returns
    -------
    Rows
        The same rows; ``labels`` is -1, and ``targets`` NaN, where one was hidden.

    Raises
    ------
    DataError
        Where no row has a label.
    OptionError
        Where ``count`` is below the number of classes or above the number of labels.
    """
    strata = rows.strata
    if rows.n_labelled == 0:
        raise DataError("labels", None, "the rows must have labels to keep some of them", "name the labels' column")
    codes, counts = np.unique(strata[strata != UNLABELLED], return_counts=True)
    if not len(codes) <= count <= rows.n_labelled:
        rule = f"must be from {len(codes)} (one label a class) to {rows.n_labelled} (every label there is)"
        raise OptionError("labels", count, rule)
    shares = _shares(counts, count, least=np.ones_like(counts), most=counts)
    kept = _draw(strata, codes, shares, random.child("keep labels"))
    if rows.targets is not None:
        return replace(rows, targets=np.where(kept, rows.targets, np.nan))
    return replace(rows, labels=np.where(kept, strata, UNLABELLED))


def _shares(
    counts: npt.NDArray[np.int64], total: int, *, least: npt.NDArray[np.int64], most: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Divide ``total`` in proportion to ``counts`` by largest remainders, in whole numbers throughout."""
    shares = np.clip(counts * total // counts.sum(), least, most)
    while (missing := total - int(shares.sum())) != 0:
        # How far each share is below what it is due, in units of 1 / counts.sum(). Ties go to the first class.
        due = counts * total - shares * counts.sum()
        free = shares < most if missing > 0 else shares > least
        order = np.argsort(-due if missing > 0 else due, kind="stable")
        chosen = order[free[order]][: abs(missing)]
        shares[chosen] += np.sign(missing)
    return shares


def _draw(
    strata: npt.NDArray[np.int64], codes: npt.NDArray[np.int64], shares: npt.NDArray[np.int64], random: RandomStream
) -> npt.NDArray[np.bool_]:
    """Mark the first ``shares[i]`` rows of stratum ``codes[i]`` in one shuffled order of all rows."""
    order = random.permutation(len(strata)).numpy()
    order = order[np.argsort(strata[order], kind="stable")]
    drawn = np.zeros(len(strata), dtype=np.bool_)
    for first, share in zip(np.searchsorted(strata[order], codes), shares, strict=True):
        drawn[order[first : first + share]] = True
    return drawn
