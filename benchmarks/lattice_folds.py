r"""Every way that 27 residues can fill a cube of 3 × 3 × 3 sites, and how surely a sequence takes one of them.

    python benchmarks/lattice_folds.py        enumerate, check the counts that are known, a few seconds

A conformation is a path along neighbouring sites that visits each once; those that a rotation or reflection of the cube
turns into each other are one fold: 103,346 [1]_. Of the 54 pairs of neighbouring sites 26 are bonds of the chain and 28
are contacts. The energy of a sequence in a fold is the sum of its residues' contact energies [2]_, in units of RT, and

.. math:: P_{nat}(a \mid S) = \frac{e^{-E(a, S)}}{\sum_{S'} e^{-E(a, S')}}

its probability of being in that fold [3]_.

References
----------
.. [1] E. Shakhnovich, A. Gutin (1990). Enumeration of all compact conformations of copolymers with random sequence of
   links. Journal of Chemical Physics 93.
.. [2] S. Miyazawa, R. L. Jernigan (1996). Residue-residue potentials with a favorable contact pair term and an
   unfavorable high packing density term, for simulation and threading. Journal of Molecular Biology 256, table 3.
.. [3] H. Jacquin, A. Gilson, E. Shakhnovich, S. Cocco, R. Monasson (2016). Benchmarking inverse statistical approaches
   for protein structure and design with exactly solvable models. PLoS Computational Biology 12.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.data.alignments import ALPHABET

RESIDUES, FOLDS, CONTACTS = 27, 103_346, 28
AT_ONCE = 100
"""Sequences, against all folds."""
PAIRS = [(i, j) for i in range(RESIDUES) for j in range(i + 3, RESIDUES, 2)]
"""Residues that can touch: the sites of the cube are coloured like a chessboard, so only those of unlike parity."""

_ORDER = "CMFILVWYAGTSNQDEHRKP"
_UPPER = """
5.44 4.99 5.80 5.50 5.83 4.96 4.95 4.16 3.57 3.16 3.11 2.86 2.59 2.85 2.41 2.27 3.60 2.57 1.95 3.07
5.46 6.56 6.02 6.41 5.32 5.55 4.91 3.94 3.39 3.51 3.03 2.95 3.30 2.57 2.89 3.98 3.12 2.48 3.45
7.26 6.84 7.28 6.29 6.16 5.66 4.81 4.13 4.28 4.02 3.75 4.10 3.48 3.56 4.77 3.98 3.36 4.25
6.54 7.04 6.05 5.78 5.25 4.58 3.78 4.03 3.52 3.24 3.67 3.17 3.27 4.14 3.63 3.01 3.76
7.37 6.48 6.14 5.67 4.91 4.16 4.34 3.92 3.74 4.04 3.40 3.59 4.54 4.03 3.37 4.20
5.52 5.18 4.62 4.04 3.38 3.46 3.05 2.83 3.07 2.48 2.67 3.58 3.07 2.49 3.32
5.06 4.66 3.82 3.42 3.22 2.99 3.07 3.11 2.84 2.99 3.98 3.41 2.69 3.73
4.17 3.36 3.01 3.01 2.78 2.76 2.97 2.76 2.79 3.52 3.16 2.60 3.19
2.72 2.31 2.32 2.01 1.84 1.89 1.70 1.51 2.41 1.83 1.31 2.03
2.24 2.08 1.82 1.74 1.66 1.59 1.22 2.15 1.72 1.15 1.87
2.12 1.96 1.88 1.90 1.80 1.74 2.42 1.90 1.31 1.90
1.67 1.58 1.49 1.63 1.48 2.11 1.62 1.05 1.57
1.68 1.71 1.68 1.51 2.08 1.64 1.21 1.53
1.54 1.46 1.42 1.98 1.80 1.29 1.73
1.21 1.02 2.32 2.29 1.68 1.33
0.91 2.15 2.27 1.80 1.26
3.05 2.16 1.35 2.25
1.55 0.59 1.70
0.12 0.97
1.75
"""
"""Upper triangle of the table, each energy with its sign turned."""

Array = npt.NDArray[Any]


def contact_energies() -> Array:
    """Energies of shape (21, 21), of the codes of :data:`layerwise.data.alignments.ALPHABET`; the gap's are NaN."""
    rows = [[-float(number) for number in line.split()] for line in _UPPER.split("\n") if line]
    codes = [ALPHABET.index(letter) for letter in _ORDER]
    energies = np.full((len(ALPHABET), len(ALPHABET)), np.nan)
    for i, row in enumerate(rows):
        for j, energy in enumerate(row, i):
            energies[codes[i], codes[j]] = energies[codes[j], codes[i]] = energy
    return energies


def folds() -> Array:
    """Paths of shape (103,346, 27): the number of the site of each residue; no two are images of each other.

    A path begins at a corner or in the middle of a face, as those are the sites of the commoner colour. It stands for
    its images if, of the directions that a symmetry of its start exchanges, it takes them in one order.
    """
    x, y, z = np.array(list(product(range(3), repeat=3))).T
    corner = [(y > 0, x > 0), (z > 0, y > 0)]
    face = [(x == 0, x == 2), (y == 0, y == 2), (y == 2, x == 2)]
    from_corner = _paths(0, corner)
    return np.concatenate([from_corner, _paths(int(np.flatnonzero((x == 1) & (y == 1) & (z == 0))[0]), face)])


def _paths(start: int, rules: list[tuple[Array, Array]]) -> Array:
    """All paths from a site; of a rule's first sites none may come before one of its second."""
    sites = np.array(list(product(range(3), repeat=3)))
    near = np.abs(sites[:, None] - sites).sum(2) == 1
    bit = np.int64(1) << np.arange(RESIDUES)
    masks = [(first, bit[needed].sum()) for first, needed in rules]
    paths, visited = np.array([[start]], dtype=np.int8), bit[[start]]
    for _ in range(RESIDUES - 1):
        ends, whole = paths[:, -1], list[Array]()
        for site in range(RESIDUES):
            allowed = near[ends, site] & (visited & bit[site] == 0)
            for first, needed in masks:
                if first[site]:
                    allowed &= visited & needed != 0
            chosen = np.flatnonzero(allowed)
            whole.append(np.column_stack([chosen, np.full(len(chosen), site)]))
        parents, added = np.concatenate(whole).T
        paths = np.column_stack([paths[parents], added.astype(np.int8)])
        visited = visited[parents] | bit[added]
    return paths


def contact_maps(paths: Array) -> Array:
    """Of shape (folds, 156), float32: 1 for each of :data:`PAIRS` that touches in a fold."""
    sites = np.array(list(product(range(3), repeat=3)))[paths].astype(np.int8)
    first, second = np.array(PAIRS).T
    return (np.abs(sites[:, first] - sites[:, second]).sum(2) == 1).astype(np.float32)


def probabilities(codes: Array, maps: Array, shares: Array | None = None) -> Array:
    """Of each fold for each sequence, of shape (sequences, folds), float32.

    Parameters
    ----------
    codes : ndarray of int of shape (sequences, 27)
    maps : ndarray of shape (folds, 156)
    shares : ndarray of shape (folds,), optional
        How much each fold counts; 1 if left out.
    """
    first, second = np.array(PAIRS).T
    logs = -contact_energies()[codes[:, first], codes[:, second]].astype(np.float32) @ maps.T
    weights = np.exp(logs - logs.max(1, keepdims=True))
    if shares is not None:
        weights *= shares.astype(np.float32)
    return weights / weights.sum(1, keepdims=True)


def native_probability(codes: Array, maps: Array, native: int, shares: Array | None = None) -> Array:
    """P_nat of each sequence in one fold."""
    parts = range(0, len(codes), AT_ONCE)
    return np.concatenate([probabilities(codes[low : low + AT_ONCE], maps, shares)[:, native] for low in parts])


def native_fold(codes: Array, maps: Array) -> int:
    """The fold that the first sequences take most surely."""
    return int(probabilities(codes[:AT_ONCE], maps).mean(0).argmax())


def main() -> None:
    """Check what is known of the folds."""
    paths = folds()
    maps = contact_maps(paths)
    assert len(np.unique(paths, axis=0)) == len(paths) == FOLDS, len(paths)
    assert (np.sort(paths, axis=1) == np.arange(RESIDUES)).all()
    assert (maps.sum(1) == CONTACTS).all()
    energies = contact_energies()[1:, 1:]
    assert (energies == energies.T).all()
    different = len(np.unique(maps, axis=0))
    print(f"{len(paths):,} folds of {CONTACTS} contacts each, {different:,} contact maps")


if __name__ == "__main__":
    main()
