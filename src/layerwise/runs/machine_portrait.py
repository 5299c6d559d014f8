"""What is seen of a single machine: its chains, how fast they forget, its marginals, what it fills in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from layerwise.data.rows import Rows
from layerwise.data.stored import StoredValues
from layerwise.energy.class_rbm import classes_of
from layerwise.randomness import RandomStream, random_words
from layerwise.runs import findings as room
from layerwise.runs.as_seen import as_seen, unit_names
from layerwise.runs.columns_seen import SeenColumn, columns_seen, marginal
from layerwise.runs.division import Division, prepared_sample
from layerwise.runs.dreams import dreams, forgetting
from layerwise.runs.energy_model import EnergyModel
from layerwise.runs.filling import fill
from layerwise.runs.findings import Findings
from layerwise.runs.machine_findings import Chains, ColumnMarginal, FilledCell, Filling, Forgetting
from layerwise.runs.numerals import with_minus
from layerwise.training.single_machine import filled

__all__ = ["with_chains"]

CHAIN_TIMES = (1, 10, 100, 1000)
"""Gibbs steps after which the chains of a report are looked at."""
FORGETTING_STEPS, FORGETTING_BURN_IN, FORGETTING_CHAINS = 1000, 200, 100
FILLING_STEPS = 50
HIDDEN_SHARE = 0.2
_CHAINS = 20
_ROWS = 1000
_FILLED_ROWS = 300
_CELLS = 12
_LAGS = 100
_MARGINALS = 24


def with_chains(findings: Findings, model: EnergyModel, division: Division, seed: int) -> Findings:
    """Add what only a single machine has to show.

    Parameters
    ----------
    findings : Findings
    model : EnergyModel
    division : Division
        Of the first repeat.
    seed : int
    """
    random = RandomStream(seed).child("portrait")
    findings = replace(findings, forgetting=_forgetting(model, division, random.child("forgetting")))
    if model.picture is not None:
        rows = dreams(
            model.machine, _CHAINS, random.child("chains"), CHAIN_TIMES, means=_has_means(model), labels=model.n_labels
        )
        seen = {time: as_seen(some, model) for time, some in rows.items()}
        findings = replace(findings, chains=Chains("noise", seen))
    else:
        findings = replace(findings, marginals=_marginals(model, division, random.child("marginals")))
    if model.kind == "rbm":
        findings = replace(findings, filling=_filling(model, division, random.child("filling")))
    facts = dict(findings.facts)
    if model.code is not None:
        facts = {"columns of the table": f"{model.code.n_columns:,}", **facts}
    if missing := _missing(division.learning.values):
        facts = {"missing values": f"{100 * missing:.1f} % of what was learned from", **facts}
    return replace(findings, facts=facts)


def _missing(values: Any) -> float:
    """Share of the values that are missing; a sparse matrix misses none."""
    if isinstance(values, StoredValues):
        return sum(float(np.isnan(part).sum()) for part in values.parts()) / (values.shape[0] * values.shape[1])
    return 0.0 if hasattr(values, "toarray") else float(np.isnan(values).mean())


def _has_means(model: EnergyModel) -> bool:
    """Whether a mean of the units is something to look at: a mean of one-hot units is none."""
    return not model.preparation.categories


def _forgetting(model: EnergyModel, division: Division, random: RandomStream) -> Forgetting:
    rbm = model.machine
    rows = _some(division.test, FORGETTING_CHAINS, model)
    start = filled(rbm, rows)
    if classes := classes_of(rbm) if model.kind == "class-rbm" else 0:
        # Any label will do: burn-in draws another.
        label = torch.nn.functional.one_hot(torch.arange(len(start)) % classes, classes)
        start = torch.cat([start, label.to(start)], dim=1)
    mixed, correlation = forgetting(rbm, start, random, FORGETTING_STEPS, FORGETTING_BURN_IN)
    shown = correlation[: min(_LAGS, FORGETTING_STEPS // 2)]
    return Forgetting(mixed.time, mixed.error, mixed.effective, len(start), FORGETTING_STEPS, shown)


def _marginals(model: EnergyModel, division: Division, random: RandomStream) -> tuple[ColumnMarginal, ...]:
    data = _some(division.learning, _ROWS, model)
    drawn = dreams(model.machine, _ROWS, random, CHAIN_TIMES[-1:], labels=model.n_labels)[CHAIN_TIMES[-1]]
    names = unit_names(model)
    pairs = zip(columns_seen(model, data, names), columns_seen(model, drawn, names), strict=True)
    found = [marginal(ours, theirs) for ours, theirs in pairs]
    kept = sorted(sorted(range(len(found)), key=lambda place: -found[place].distance)[:_MARGINALS])
    return tuple(found[place] for place in kept)


def _filling(model: EnergyModel, division: Division, random: RandomStream) -> Filling | None:
    picture = model.picture is not None
    rows = _some(division.test, room.RECONSTRUCTIONS if picture else _FILLED_ROWS, model)
    hidden = _lower_half(rows, model) if picture else _some_sites(rows, model, random.child("hidden"))
    hidden &= ~rows.isnan()
    if not bool(hidden.any()):
        return None
    asked = rows.masked_fill(hidden, torch.nan)
    back = fill(model, asked, random, FILLING_STEPS)
    mean = torch.zeros(rows.shape[1]) if model.mean is None else model.mean
    share = float(hidden.sum()) / max(1, int((~rows.isnan()).sum()))
    error = float((rows - back)[hidden].square().double().mean())
    baseline = float((rows - mean).masked_select(hidden).square().double().mean())
    if picture:
        seen = [as_seen(some, model) for some in (rows, asked, back)]
        return Filling(share, error, baseline, (), *seen)
    return Filling(share, error, baseline, tuple(_cells(model, rows, hidden, back)))


def _cells(model: EnergyModel, rows: Tensor, hidden: Tensor, back: Tensor) -> Iterator[FilledCell]:
    """One hidden cell a row, another column each time, of the first rows that have one."""
    names = unit_names(model)
    true, found = columns_seen(model, rows, names), columns_seen(model, back, names)
    told = 0
    for row in range(len(rows)):
        places = [place for place, column in enumerate(true) if bool(hidden[row, column.units].any())]
        if places and told < _CELLS:
            place = places[told % len(places)]
            told += 1
            yield FilledCell(row, true[place].name, _text(true[place], row), _text(found[place], row))


def _text(column: SeenColumn, row: int) -> str:
    value = column.values[row]
    if isinstance(value, float):
        return with_minus(f"{value:.4g}")
    return with_minus(str(value)) if isinstance(value, int) else str(value)


def _lower_half(rows: Tensor, model: EnergyModel) -> Tensor:
    assert model.picture is not None
    height, width = model.picture
    sites = torch.arange(height * width) >= (height - height // 2) * width
    counts = model.preparation.categories
    units = sites.repeat_interleave(torch.tensor(counts)) if counts else sites
    return units.expand(len(rows), -1).clone()


def _some_sites(rows: Tensor, model: EnergyModel, random: RandomStream) -> Tensor:
    """A share of the sites of chance: all units of a column or none."""
    sizes = _site_sizes(model, rows.shape[1])
    words = random_words(random, len(rows), len(sizes)).to(torch.int64) & 0xFFFFFF
    chosen = words < HIDDEN_SHARE * 2**24
    return chosen.repeat_interleave(torch.tensor(sizes), dim=1)


def _site_sizes(model: EnergyModel, units: int) -> Sequence[int]:
    if model.code is not None:
        slices = sorted(model.code.slices.values(), key=lambda of_column: of_column.start)
        return [of_column.stop - of_column.start for of_column in slices]
    return list(model.preparation.categories) or [1] * units


def _some(rows: Rows, count: int, model: EnergyModel) -> Tensor:
    return prepared_sample(rows.select(slice(0, count)), model.preparation)
