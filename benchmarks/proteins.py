"""Aligned protein sequences: held-out log-likelihood of an RBM of categorical sites, and whether its samples fold.

    LAYERWISE_DATA=FOLDER python benchmarks/proteins.py                         three seeds, half an hour on a core
    LAYERWISE_DATA=FOLDER python benchmarks/proteins.py --validate --only WW    a tenth of the training rows is asked

Kunitz and WW domains from Pfam and designed lattice proteins, as published with [1]_. Equal sequences are counted once;
a fifth of the rest, the same for every seed, is the test and is read once. What training is told was chosen on a tenth
of the training rows that was held out, and so was the smoothing of the models beside it (``site_models.py``), whose
likelihoods are exact; the RBM's partition function is annealed in both directions. Related sequences lie on both sides
of the division, and none is weighted down for it.

A lattice protein's native fold is the conformation of the cube that the data's sequences take most surely
(``lattice_folds.py``). Samples are those of tempered chains that start at independent sites. Beside them stands how far
they are from the nearest training sequence, in sites that differ: a machine that copied would be nearer than the test.

References
----------
.. [1] J. Tubiana, S. Cocco, R. Monasson (2019). Learning protein constitutive motifs from sequence data. eLife 8.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from functools import cache
from pathlib import Path
from typing import Any

import environment
import numpy as np
import torch
from lattice_folds import contact_maps, folds, native_fold, native_probability
from lattice_subset import EQUATIONS, agreement, counted, published
from site_models import STRUCTURES, SiteModel, chosen

from layerwise import RBM, energy
from layerwise.data.alignments import ALPHABET, load_alignment
from layerwise.randomness import RandomStream

STATES = len(ALPHABET)
LATTICE = "lattice proteins"
FILES = {"Kunitz": "Kunitz_domain_MSA", "WW": "WW_domain_MSA", LATTICE: "Lattice_Proteins_MSA"}
HIDDEN = 100
MACHINE = f"RBM, {HIDDEN} hidden units"
OPTIONS: dict[str, dict[str, Any]] = {
    "Kunitz": {},
    "WW": {},
    LATTICE: {"batch_size": 50, "learning_rate": 0.2},
}
TEMPERATURES = 2_000
SAMPLES, REPLICAS, SETTLING = 300, 6, 100
QUANTILES = (0.05, 0.5, 0.95)

Array = np.ndarray[Any, Any]


def division(name: str, validate: bool) -> tuple[Array, Array]:
    """Codes of the sequences to learn from, and of those to be asked."""
    path = Path(os.environ["LAYERWISE_DATA"], "protein_msa", f"{FILES[name]}.fasta.gz")
    codes = np.unique(np.asarray(load_alignment(path).train.values), axis=0)
    order = np.random.default_rng(0).permutation(len(codes))
    test, train = codes[order[: len(codes) // 5]], codes[order[len(codes) // 5 :]]
    return without_a_tenth(train) if validate else (train, test)


def without_a_tenth(train: Array) -> tuple[Array, Array]:
    """The training rows without a tenth of them, and that tenth."""
    return train[len(train) // 10 :], train[: len(train) // 10]


def units(codes: Array) -> torch.Tensor:
    """One-hot, site by site."""
    return torch.eye(STATES)[torch.from_numpy(codes.astype(np.int64))].flatten(1)


def sampled(machine: energy.RBM, mean: torch.Tensor, random: RandomStream) -> tuple[torch.Tensor, float]:
    """Rows of the machine from tempered chains, and the lowest rate of swaps."""
    path = energy.Path.from_mean(machine, mean)
    state = energy.start_tempering(path, energy.ladder(REPLICAS), SAMPLES, random)
    rates = [0.0]
    for _ in range(3):
        state = energy.temper(path, state, SETTLING, random)
        rates = state.rates.tolist()
        state = state.on(energy.adapt_ladder(state.betas.tolist(), rates))
    return state.rows, min(rates)


def nearest(codes: Array, train: Array) -> float:
    """Sites in which a sequence differs from the nearest training sequence, on average."""
    known = units(train)
    agreeing = [(units(codes[low : low + 100]) @ known.T).max(1).values for low in range(0, len(codes), 100)]
    return codes.shape[1] - float(torch.cat(agreeing).mean())


def of_data(name: str, train: Array, asked: Array) -> dict[str, Any]:
    """What needs no seed: the sequences that are asked, and the models of single sites."""
    models = {"test sequences": [look(name, asked[:SAMPLES], train)]}
    for structure in STRUCTURES:
        model = SiteModel.fit(train, STATES, structure, chosen(*without_a_tenth(train), STATES, structure))
        nats, drawn = float(model.log_probability(asked).mean()), model.sample(SAMPLES, np.random.default_rng(0))
        models[structure] = [{"nats": nats} | look(name, drawn, train)]
        print(name, structure, models[structure], flush=True)
    sizes = {"sites": train.shape[1], "train": len(train), "asked": len(asked)}
    return sizes | {"models": models} | ({"check": folding()[3]} if name == LATTICE else {})


def of_machine(name: str, seed: int, train: Array, asked: Array) -> dict[str, Any]:
    """Train a machine: what it says of the sequences that are asked, and its own."""
    began = time.perf_counter()
    machine = RBM(HIDDEN, visible="categorical", random_state=seed, **OPTIONS[name]).fit(train).machine_
    seconds, mean, random = time.perf_counter() - began, units(train).mean(0), RandomStream(seed)
    rows, rate = sampled(machine, mean, random.child("samples"))
    found = energy.log_likelihood(
        machine, units(asked), method="ais", temperatures=TEMPERATURES, random=random, mean=mean, starts=rows[:100]
    )
    result = {"nats": found.lower, "upper": found.upper, "error": found.standard_error, "swaps": rate}
    result |= {"seconds": seconds} | look(name, rows.reshape(len(rows), -1, STATES).argmax(2).numpy(), train)
    print(name, seed, result, flush=True)
    return result


def look(name: str, codes: Array, train: Array) -> dict[str, Any]:
    """How near sequences are to those learned from; for lattice proteins also how surely they fold."""
    result: dict[str, Any] = {"nearest": nearest(codes, train)}
    if name == LATTICE:
        maps, native, shares, _ = folding()
        # No lattice protein has a gap; a sample with one folds into nothing.
        whole, filled = (codes > 0).all(1), np.maximum(codes, 1)
        for over, counts in (("all folds", None), ("published folds", shares)):
            pnat = native_probability(filled, maps, native, counts) * whole
            result[over] = {"mean": float(pnat.mean()), "quantiles": np.quantile(pnat, QUANTILES).tolist()}
    return result


@cache
def folding() -> tuple[Array, int, Array, dict[str, float]]:
    """All folds, the native one, how much each counts in the published figures, and how well those come out again."""
    codes, figures = published()
    maps = contact_maps(folds())
    native = native_fold(codes, maps)
    shares = counted(codes, figures, maps, native)
    fresh = slice(EQUATIONS, EQUATIONS + 1000)
    return maps, native, shares, agreement(codes[fresh], figures[fresh], maps, native, shares)


def keep(name: str, family: dict[str, Any], described: dict[str, Any]) -> None:
    """Write a family's figures beside those of the others: each seed takes minutes."""
    result: dict[str, Any] = {"name": "proteins", "families": {}}
    if (environment.RESULTS / "proteins.json").exists():
        result = environment.load("proteins")
    families = result["families"] | {name: family}
    families = {known: families[known] for known in FILES if known in families}
    environment.save("proteins", result | {"machine": described, "families": families})


def told(values: list[float], digits: int) -> str:
    """Their mean, and their spread if there is one."""
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    lines = [
        "| sequences | model | held-out log-likelihood, nats | a site | width of the bracket | samples' distance |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, family in result["families"].items():
        about = f"{name}: {family['sites']} sites, {family['train']:,} to learn from, {family['asked']:,} asked"
        for label, seeds in family["models"].items():
            nats = [one["nats"] for one in seeds if "nats" in one]
            apart = [abs(one["upper"] - one["nats"]) for one in seeds if "upper" in one]
            figures = f"{told(nats, 2)} | {statistics.mean(nats) / family['sites']:.3f}" if nats else " | "
            width = f"{max(apart):.2f}" if apart else "exact" if nats else ""
            lines.append(f"| {about} | {label} | {figures} | {width} | {told([one['nearest'] for one in seeds], 1)} |")
            about = ""
    lattice = result["families"].get(LATTICE, {"models": {}})["models"]
    if lattice:
        lines += [
            "",
            "| lattice proteins | P_nat, all folds: mean | 5 % | median | 95 % | published folds: mean | 5 % |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
    for label, seeds in lattice.items():
        over_all, over_some = ([one[over] for one in seeds] for over in ("all folds", "published folds"))
        low, middle, high = (told([one["quantiles"][k] for one in over_all], 3) for k in range(3))
        means = [told([one["mean"] for one in over], 3) for over in (over_all, over_some)]
        least = told([one["quantiles"][0] for one in over_some], 3)
        lines.append(f"| {label} | {means[0]} | {low} | {middle} | {high} | {means[1]} | {least} |")
    note = (
        f"Distance: sites that differ from the nearest training sequence, over {SAMPLES} samples. "
        f"± is the spread over seeds, which differ in all but the division of the rows. "
        f"{environment.signature(result['machine'])}."
    )
    return "\n".join([*lines, "", note])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=list(FILES), help="one family; the others stay as they are in the results")
    parser.add_argument("--validate", action="store_true", help="for tuning: the test sequences are not read")
    options = parser.parse_args()
    described = environment.machine()
    for name in FILES if options.only is None else [options.only]:
        train, asked = division(name, options.validate)
        family = of_data(name, train, asked)
        for seed in range(options.seeds):
            family["models"].setdefault(MACHINE, []).append(of_machine(name, seed, train, asked))
            if not options.validate:
                keep(name, family, described)
    if not options.validate:
        print(table(environment.load("proteins")))


if __name__ == "__main__":
    main()
