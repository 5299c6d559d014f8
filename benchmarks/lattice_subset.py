r"""Which folds were counted where somebody computed P_nat over some of them only, told from the figures themselves.

    LAYERWISE_DATA=FOLDER python benchmarks/lattice_subset.py        a minute

The published sequences come with a P_nat over about 10,000 of the 103,346 folds; which ones is not published with them.
But each figure is an equation that is linear in who was counted,

.. math:: 1 / P_{nat}(a) - 1 = \sum_{S \neq S_{nat}} x_S\, e^{E(a, S_{nat}) - E(a, S)}, \qquad 0 \le x_S \le 1,

and there are more sequences than folds that matter. If least squares gives figures of other sequences again, and an x
of nothing but zeros and ones, then energies, native fold and temperature are those of the authors.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lattice_folds import PAIRS, contact_energies, contact_maps, folds, native_fold

from layerwise.data.alignments import load_alignment

SUBSET = 10_000
"""Folds that the authors say they took."""
MATTERING, EQUATIONS, STEPS = 4_000, 8_000, 300

Array = npt.NDArray[Any]


def published() -> tuple[Array, Array]:
    """Codes of the sequences and their P_nat, in an order of chance."""
    folder = Path(os.environ["LAYERWISE_DATA"], "protein_msa")
    codes = np.asarray(load_alignment(folder / "Lattice_Proteins_MSA.fasta.gz").train.values)
    with gzip.open(folder / "Lattice_Proteins_pnat.txt.gz") as file:
        figures = np.loadtxt(file)
    order = np.random.default_rng(0).permutation(len(codes))
    return codes[order], figures[order]


def relative_weights(codes: Array, maps: Array, native: Array) -> Array:
    """``exp(E(native) - E)`` of each sequence in each fold, float32; ``native`` is a row of the maps."""
    first, second = np.array(PAIRS).T
    energies = contact_energies()[codes[:, first], codes[:, second]].astype(np.float32)
    return np.exp((energies @ native)[:, None] - energies @ maps.T)


def counted(codes: Array, figures: Array, maps: Array, native: int) -> Array:
    """Share of each fold in the figures, of shape (folds,); folds too unlikely to tell have that of the subset."""
    odds = (1 / figures - 1).astype(np.float32)
    others = np.delete(np.arange(len(maps)), native)
    mean = (relative_weights(codes[:1000], maps[others], maps[native]) / odds[:1000, None]).mean(0)
    mattering = others[np.argsort(-mean)[:MATTERING]]
    unseen = SUBSET / len(maps) * (mean.sum() - np.sort(mean)[-MATTERING:].sum())

    a = relative_weights(codes[:EQUATIONS], maps[mattering], maps[native]) / odds[:EQUATIONS, None]
    scale = np.sqrt((a * a).mean(0))
    x = _between_zero_and_one(torch.from_numpy(a / scale), 1 - float(unseen), torch.from_numpy(scale))
    shares = np.full(len(maps), SUBSET / len(maps))
    shares[mattering] = x.numpy() / scale
    shares[native] = 1.0
    return shares


def _between_zero_and_one(a: torch.Tensor, value: float, most: torch.Tensor) -> torch.Tensor:
    """Least squares of ``a x = value`` with ``0 <= x <= most``, by accelerated projected gradient."""
    v = torch.ones(a.shape[1])
    for _ in range(20):
        v = a.T @ (a @ v)
        v, steepest = v / v.norm(), float(v.norm())
    x = ahead = most / 10
    t = 1.0
    for _ in range(STEPS):
        after = torch.minimum((ahead - a.T @ (a @ ahead - value) / steepest).clamp_min(0), most)
        following = (1 + (1 + 4 * t * t) ** 0.5) / 2
        ahead, x, t = after + (t - 1) / following * (after - x), after, following
    return x


def agreement(codes: Array, figures: Array, maps: Array, native: int, shares: Array) -> dict[str, float]:
    """Figures with shares of the folds beside those given: the means, and the correlation of the log-odds."""
    odds = np.concatenate(
        [
            relative_weights(codes[low : low + 500], maps, maps[native]) @ shares - shares[native]
            for low in range(0, len(codes), 500)
        ]
    )
    correlation = np.corrcoef(np.log(odds), np.log(1 / figures - 1))[0, 1]
    return {
        "ours": float((1 / (1 + odds)).mean()),
        "published": float(figures.mean()),
        "correlation": float(correlation),
    }


def main() -> None:
    """Find the subset, and compare on sequences that were not used for that."""
    codes, figures = published()
    maps = contact_maps(folds())
    native = native_fold(codes, maps)
    fresh = slice(EQUATIONS, EQUATIONS + 1000)
    print("all folds", agreement(codes[fresh], figures[fresh], maps, native, np.ones(len(maps))), flush=True)
    shares = counted(codes, figures, maps, native)
    print("the subset", agreement(codes[fresh], figures[fresh], maps, native, shares))
    heaviest = np.argsort(-relative_weights(codes[:1000], maps, maps[native]).mean(0))[1:201]
    clear = (shares[heaviest] < 0.1) | (shares[heaviest] > 0.9)
    print(f"of the 200 heaviest competitors {clear.mean():.0%} have a share below 0.1 or above 0.9")


if __name__ == "__main__":
    main()
