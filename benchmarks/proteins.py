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
OPTIONS: dict[str, dict[str, Any]] = {
    "Kunitz": {},
    "WW": {},
    LATTICE: {"batch_size": 50, "learning_rate": 0.2},
}
RATES = {"bernoulli": 1.0}
"""Kinds of hidden units, and what the learning rate is multiplied by: real ones have greater fields."""
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


def measure(name: str, validate: bool, seeds: int) -> dict[str, Any]:
    """Every figure of one family."""
    train, asked = division(name, validate)
    samples: dict[str, list[Array]] = {"test sequences": [asked[:SAMPLES]]}
    models: dict[str, list[dict[str, float]]] = {}
    for structure in STRUCTURES:
        model = SiteModel.fit(train, STATES, structure, chosen(*without_a_tenth(train), STATES, structure))
        samples[structure] = [model.sample(SAMPLES, np.random.default_rng(0))]
        models[structure] = [{"nats": float(model.log_probability(asked).mean())}]
        print(name, structure, models[structure], flush=True)
    for hidden in RATES:
        label = f"RBM, {HIDDEN} {hidden} hidden units"
        models[label], samples[label] = [], []
        for seed in range(seeds):
            found, drawn = of_machine(name, hidden, seed, train, asked)
            models[label].append(found)
            samples[label].append(drawn)
            print(name, label, found, flush=True)
    result = {
        "sites": train.shape[1],
        "train": len(train),
        "asked": len(asked),
        "models": models,
        "nearest": {label: [nearest(codes, train) for codes in drawn] for label, drawn in samples.items()},
    }
    return result | ({"folding": folding(samples)} if name == LATTICE else {})


def of_machine(name: str, hidden: str, seed: int, train: Array, asked: Array) -> tuple[dict[str, float], Array]:
    """Train a machine; what it says of the sequences that are asked, and some of its own."""
    began, options = time.perf_counter(), {"learning_rate": 0.1} | OPTIONS[name]
    options["learning_rate"] *= RATES[hidden]
    machine = RBM(HIDDEN, visible="categorical", hidden=hidden, random_state=seed, **options).fit(train).machine_
    seconds, mean, random = time.perf_counter() - began, units(train).mean(0), RandomStream(seed)
    rows, rate = sampled(machine, mean, random.child("samples"))
    likelihood = energy.log_likelihood(
        machine, units(asked), method="ais", temperatures=TEMPERATURES, random=random, mean=mean, starts=rows[:100]
    )
    found = {"nats": likelihood.lower, "upper": likelihood.upper, "error": likelihood.standard_error}
    found |= {"swaps": rate, "seconds": seconds}
    return found, rows.reshape(len(rows), -1, STATES).argmax(2).numpy()


def folding(samples: dict[str, list[Array]]) -> dict[str, Any]:
    """P_nat of samples in the native fold, over all folds and over those that the published figures count."""
    codes, figures = published()
    maps = contact_maps(folds())
    native, share = native_fold(codes, maps)
    shares = counted(codes, figures, maps, native)
    fresh = slice(EQUATIONS, EQUATIONS + 1000)
    check = agreement(codes[fresh], figures[fresh], maps, native, shares)
    pnat = {
        label: [
            {"all": summary(one, maps, native, None), "published": summary(one, maps, native, shares)} for one in drawn
        ]
        for label, drawn in samples.items()
    }
    return {"native": native, "share": share, "check": check, "pnat": pnat}


def summary(codes: Array, maps: Array, native: int, shares: Array | None) -> dict[str, Any]:
    """The mean of P_nat and some quantiles. A sample with a gap, which no lattice protein has, folds into nothing."""
    pnat = native_probability(np.maximum(codes, 1), maps, native, shares) * (codes > 0).all(1)
    return {"mean": float(pnat.mean()), "quantiles": np.quantile(pnat, QUANTILES).tolist()}


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
        for label, distances in family["nearest"].items():
            seeds = family["models"].get(label, [])
            nats = [one["nats"] for one in seeds]
            apart = [abs(one["upper"] - one["nats"]) for one in seeds if "upper" in one]
            figures = f"{told(nats, 2)} | {statistics.mean(nats) / family['sites']:.3f}" if nats else " | "
            width = f"{max(apart):.2f}" if apart else "exact" if nats else ""
            lines.append(f"| {about} | {label} | {figures} | {width} | {told(distances, 1)} |")
            about = ""
    folded = result["families"].get(LATTICE, {}).get("folding")
    if folded:
        lines += [
            "",
            "| lattice proteins | P_nat, all folds: mean | 5 % | median | 95 % | published folds: mean | 5 % |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for label, seeds in folded["pnat"].items():
            means = [told([one[over]["mean"] for one in seeds], 3) for over in ("all", "published")]
            low, middle, high = (told([one["all"]["quantiles"][k] for one in seeds], 3) for k in range(3))
            least = told([one["published"]["quantiles"][0] for one in seeds], 3)
            lines.append(f"| {label} | {means[0]} | {low} | {middle} | {high} | {means[1]} | {least} |")
    note = (
        f"Distance: sites that differ from the nearest training sequence, over {SAMPLES} samples. "
        f"± is the spread over 3 seeds. {environment.signature(result['machine'])}."
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
    families = {
        name: measure(name, options.validate, 1 if options.validate else options.seeds)
        for name in FILES
        if options.only in (None, name)
    }
    result: dict[str, Any] = {"name": "proteins", "machine": described, "families": {}}
    if options.only and (environment.RESULTS / "proteins.json").exists():
        result = environment.load("proteins")
    result["families"] |= families
    print(table(result))
    if not options.validate:
        print(f"\nwrote {environment.save('proteins', result)}")


if __name__ == "__main__":
    main()
