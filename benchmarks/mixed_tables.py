"""Filling gaps of real tables: an RBM of mixed units beside mean/mode, nearest neighbours and chained regressions.

    LAYERWISE_DATA=FOLDER python benchmarks/mixed_tables.py                         some minutes, three seeds
    LAYERWISE_DATA=FOLDER python benchmarks/mixed_tables.py --seeds 1 --print-only

scikit-learn's own tables, each with its class as one more column, and scene_multilabel (294 numbers and 6 labels of
pictures). A fifth of the rows is the test; 10, 30 or 50 % of its cells are taken out at random and filled. The training
rows have no gaps. Every method sees the same units: standardised numbers, one-hot classes. The error of a number is in
standard deviations (root mean square), that of a class or a label the share of wrong ones; a table's figure is the mean
of the errors of its columns, each over what mean/mode makes. The machine's size and passes were chosen on a fifth of
the training rows of the first seed, by their log-likelihood (``choose``).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import environment
import numpy as np
from sklearn import datasets
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # makes the imputer public
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from layerwise import RBM

MISSING = (0.1, 0.3, 0.5)
SIZES, PASSES = (16, 64, 200), (30, 150, 500)
METHODS = ("mean/mode", "KNNImputer", "IterativeImputer", "RBM")
SLOW = 100
"""Columns beyond which a regression for each takes minutes a fill: fewer neighbours of a column are used."""

Table = dict[str, np.ndarray[Any, Any]]


def tables() -> dict[str, Table]:
    """Every table by name."""
    found: dict[str, Table] = {}
    for name, bunch in (
        ("iris", datasets.load_iris()),
        ("wine", datasets.load_wine()),
        ("breast cancer", datasets.load_breast_cancer()),
        ("diabetes", datasets.load_diabetes(scaled=False)),
    ):
        columns: Table = {str(column): bunch.data[:, i] for i, column in enumerate(bunch.feature_names)}
        if "target_names" in bunch:
            columns["class"] = np.asarray(bunch.target_names)[bunch.target].astype(str)
        else:
            columns["sex"] = columns["sex"] == 2
            columns["target"] = bunch.target
        found[name] = columns
    folder = os.environ.get("LAYERWISE_DATA")
    for path in sorted(Path(folder, "scene_multilabel").glob("*.npz")) if folder else []:
        arrays = np.load(path)
        x, y = (np.concatenate([arrays[f"{part}_{split}"] for split in ("train", "test")]) for part in ("X", "y"))
        found["scene"] = {f"x{i}": x[:, i].astype(float) for i in range(x.shape[1])}
        found["scene"] |= {f"label {i}": y[:, i].astype(bool) for i in range(y.shape[1])}
    return found


def rows_of(table: Table, chosen: np.ndarray[Any, Any]) -> Table:
    return {name: column[chosen] for name, column in table.items()}


def machine(table: Table, size: int, passes: int, seed: int) -> RBM:
    return RBM(size, n_iter=passes, batch_size=20, random_state=seed).fit(table)


def choose(table: Table) -> tuple[int, int]:
    """The size and the passes with the highest log-likelihood of rows that were held out of the training rows."""
    order = np.random.default_rng(0).permutation(len(next(iter(table.values()))))
    held = len(order) // 5
    learning, asked = rows_of(table, order[held:]), rows_of(table, order[:held])
    found: dict[tuple[int, int], float] = {}
    for size in SIZES:
        for passes in PASSES:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an AIS bracket that is wide is no reason to stop choosing
                found[size, passes] = float(machine(learning, size, passes, 0).score_samples(asked).mean())
    return max(found, key=lambda key: found[key])


def errors(
    units: np.ndarray[Any, Any], truth: np.ndarray[Any, Any], gone: np.ndarray[Any, Any], slices: Any
) -> list[float]:
    """The error of each column in the cells that were taken out."""
    result: list[float] = []
    for (kind, columns), cells in zip(slices, gone.T, strict=True):
        filled, right = units[cells, columns], truth[cells, columns]
        if not cells.any():
            result.append(np.nan)
        elif kind == "gaussian":
            result.append(float(np.sqrt(np.mean((filled - right) ** 2))))
        elif kind == "bernoulli":
            result.append(float(np.mean((filled > 0.5) != (right > 0.5))))
        else:
            result.append(float(np.mean(filled.argmax(1) != right.argmax(1))))
    return result


def measure(table: Table, size: int, passes: int, seed: int) -> dict[str, Any]:
    """All methods on one division of one table."""
    order = np.random.default_rng(seed).permutation(len(next(iter(table.values()))))
    held = len(order) // 5
    learning, asked = rows_of(table, order[held:]), rows_of(table, order[:held])
    began = time.perf_counter()
    rbm = machine(learning, size, passes, seed)
    fitted = time.perf_counter() - began
    preparation: Any = rbm.preparation_
    kinds = {column.name: column.kind for column in preparation.columns}
    slices = [(kinds[name], preparation.slices[name]) for name in table]
    known, truth = preparation.prepare(learning).numpy(), preparation.prepare(asked).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nats = rbm.log_likelihood(asked)
    result: dict[str, Any] = {"nats": nats.mean, "nats_error": nats.standard_error, "method": nats.method}
    for share in MISSING:
        gone = np.random.default_rng([seed, int(100 * share)]).random((held, len(table))) < share
        holes = truth.copy()
        for (_, columns), cells in zip(slices, gone.T, strict=True):
            holes[cells, columns] = np.nan
        nearest = min(SLOW, truth.shape[1]) if truth.shape[1] > SLOW else None
        imputers = {
            "mean/mode": SimpleImputer(),
            "KNNImputer": KNNImputer(),
            "IterativeImputer": IterativeImputer(random_state=seed, n_nearest_features=nearest),
        }
        found: dict[str, Any] = {}
        for name in METHODS:
            began = time.perf_counter()
            if name == "RBM":
                filled = _by_machine(rbm, holes, seed)
                seconds = fitted + time.perf_counter() - began
            else:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # that it has not converged after ten rounds
                    filled = imputers[name].fit(known).transform(holes)
                seconds = time.perf_counter() - began
            found[name] = {"errors": errors(filled, truth, gone, slices), "seconds": seconds}
        result[f"{share:.0%}"] = found
    return result


def _by_machine(rbm: RBM, holes: np.ndarray[Any, Any], seed: int) -> np.ndarray[Any, Any]:
    import torch

    from layerwise.energy import impute
    from layerwise.randomness import RandomStream

    with torch.no_grad():
        return impute(rbm.machine_, torch.from_numpy(holes), RandomStream(seed)).numpy()


def relative(one: dict[str, Any], name: str) -> float:
    """A method's error over mean/mode's, averaged over the columns that mean/mode does not get right by itself."""
    pairs = zip(one[name]["errors"], one["mean/mode"]["errors"], strict=True)
    return float(np.mean([a / b for a, b in pairs if b and b == b]))


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    lines = [
        "| table | missing | " + " | ".join(METHODS[1:]) + " | held-out log-likelihood, nats |",
        "| --- | ---: |" + " ---: |" * len(METHODS),
    ]
    for name, job in result["tables"].items():
        for share in MISSING:
            cells: list[str] = []
            for method in METHODS[1:]:
                ratios = [relative(one[f"{share:.0%}"], method) for one in job["divisions"]]
                spread = f" ± {statistics.stdev(ratios):.2f}" if len(ratios) > 1 else ""
                cells.append(f"{statistics.mean(ratios):.2f}{spread}")
            nats = [one["nats"] for one in job["divisions"]]
            spread = f" ± {statistics.stdev(nats):.1f}" if len(nats) > 1 else ""
            told = f"{statistics.mean(nats):.1f}{spread}" if share == MISSING[0] else ""
            lines.append(f"| {name} | {share:.0%} | " + " | ".join(cells) + f" | {told} |")
    taken: dict[str, list[str]] = {}
    for name, job in result["tables"].items():
        taken.setdefault(environment.signature(job["machine"]), []).append(name)
    where = " ".join(f"{', '.join(names)}: {machine}." for machine, names in taken.items())
    divisions = len(next(iter(result["tables"].values()))["divisions"])
    note = f"Error over that of mean/mode (1.00): the smaller, the better; {divisions} divisions. {where}"
    return "\n".join([*lines, "", note])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", help="one table by its name; the others stay as they are in the results")
    parser.add_argument("--print-only", action="store_true", help="leave results/mixed_tables.json as it is")
    options = parser.parse_args()
    described = environment.machine()
    result: dict[str, Any] = {"name": "mixed_tables", "machine": described, "tables": {}}
    if options.only:
        result = environment.load("mixed_tables")
    for name, columns in tables().items():
        if options.only in (None, name):
            order = np.random.default_rng(0).permutation(len(next(iter(columns.values()))))
            size, passes = choose(rows_of(columns, order[len(order) // 5 :]))
            divisions = [measure(columns, size, passes, seed) for seed in range(options.seeds)]
            result["tables"][name] = {"size": size, "passes": passes, "machine": described, "divisions": divisions}
            print(name, size, passes, f"{divisions[0]['nats']:.2f}", flush=True)
    print(table(result))
    if not options.print_only:
        print(f"\nwrote {environment.save('mixed_tables', result)}")


if __name__ == "__main__":
    main()
