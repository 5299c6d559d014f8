"""Models of aligned sequences whose likelihood is a product over sites, for comparison: no site, or one, tells another.

Each site has at most one parent, and its letter depends on that one's alone: without parents the sites are independent
(a profile), with the site before as parent they are a first-order Markov chain along the alignment, and the tree whose
pairs share most information is the likeliest of all trees [1]_. Likelihoods are exact, and so are samples.

References
----------
.. [1] C. Chow, C. Liu (1968). Approximating discrete probability distributions with dependence trees. IEEE Transactions
   on Information Theory 14.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

Structure = Literal["independent sites", "first-order chain", "best tree"]
STRUCTURES: tuple[Structure, ...] = ("independent sites", "first-order chain", "best tree")
SMOOTHING = (0.5, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Counts that a conditional probability is given beside the data's, shared out like the site's own frequencies."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class SiteModel:
    """Probabilities of the letters of each site, given that of its parent.

    Parameters
    ----------
    order : list of int
        The sites, parents first.
    parents : list of int
        Of every site; -1 for none.
    tables : ndarray of shape (sites, states, states)
        ``tables[i, a, b]``: probability of b at site i where its parent has a; the same for all a without a parent.
    """

    order: list[int]
    parents: list[int]
    tables: Array

    @classmethod
    def fit(cls, codes: Array, states: int, structure: Structure, smoothing: float) -> SiteModel:
        """Count letters and pairs of letters."""
        sites = codes.shape[1]
        hot = np.eye(states, dtype=np.float32)[codes]
        alone = (hot.sum(0) + 1 / states) / (len(codes) + 1)
        order, parents = list(range(sites)), [-1] * sites
        if structure == "first-order chain":
            parents = list(range(-1, sites - 1))
        elif structure == "best tree":
            order, parents = _tree(hot)
        tables = np.repeat(alone[:, None], states, axis=1).astype(np.float64)
        for site, parent in enumerate(parents):
            if parent >= 0:
                pairs = (hot[:, parent].T @ hot[:, site]).astype(np.float64)
                tables[site] = pairs + smoothing * alone[site]
                tables[site] /= tables[site].sum(1, keepdims=True)
        return cls(order, parents, tables)

    def log_probability(self, codes: Array) -> Array:
        """Of each sequence, in nats."""
        logs, first = np.log(self.tables), np.zeros(len(codes), dtype=np.int64)
        parts = (
            logs[site][codes[:, parent] if parent >= 0 else first, codes[:, site]]
            for site, parent in enumerate(self.parents)
        )
        return np.sum(list(parts), axis=0)

    def sample(self, count: int, random: np.random.Generator) -> Array:
        """Draw sequences."""
        codes = np.zeros((count, len(self.parents)), dtype=np.int64)
        for site in self.order:
            parent = self.parents[site]
            rows = self.tables[site][codes[:, parent] if parent >= 0 else np.zeros(count, dtype=np.int64)]
            codes[:, site] = (rows.cumsum(1) < random.random((count, 1))).sum(1).clip(max=rows.shape[1] - 1)
        return codes


def chosen(codes: Array, held_out: Array, states: int, structure: Structure) -> float:
    """The smoothing under which rows that were held out are likeliest."""
    nats = [SiteModel.fit(codes, states, structure, c).log_probability(held_out).mean() for c in SMOOTHING]
    return SMOOTHING[int(np.argmax(nats))]


def _tree(hot: Array) -> tuple[list[int], list[int]]:
    """The sites from a root outwards, and their parents, in the tree with the most mutual information."""
    rows, sites, states = hot.shape
    flat = hot.reshape(rows, -1)
    pairs = (flat.T @ flat).reshape(sites, states, sites, states).transpose(0, 2, 1, 3) / rows
    alone = hot.mean(0)
    product = alone[:, None, :, None] * alone[None, :, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = np.where(pairs > 0, pairs * np.log(pairs / product), 0.0).sum((2, 3))
    # The spanning tree is the least one, and leaves out pairs of weight 0.
    order, parents = breadth_first_order(minimum_spanning_tree(-shared - 1e-9), 0, directed=False)
    return [int(site) for site in order], [int(parent) if parent >= 0 else -1 for parent in parents]
