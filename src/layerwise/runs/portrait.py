"""A run's findings: the figures from what it wrote down, the pictures from its model and its test rows."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from layerwise.data.classes import UNLABELLED
from layerwise.data.rows import Rows
from layerwise.plots.plane import Plane
from layerwise.randomness import RandomStream
from layerwise.runs import findings as room
from layerwise.runs.as_seen import as_seen, unit_names
from layerwise.runs.division import Division, prepared_sample
from layerwise.runs.energy_model import EnergyModel
from layerwise.runs.findings import Findings, Mistake
from layerwise.runs.folder import RunFolder
from layerwise.runs.given_back import by_components
from layerwise.runs.machine_portrait import with_chains
from layerwise.runs.measured import Curve, FlowCurve
from layerwise.runs.model import Model
from layerwise.runs.network_model import NetworkModel
from layerwise.runs.recipe import Recipe
from layerwise.runs.result import Result, error_scores, scores, target_scores
from layerwise.runs.target_scores import predicted
from layerwise.training.network_plan import MLPPlan

__all__ = ["SAMPLING_STEPS", "outline", "portray"]

SAMPLING_STEPS = 1000
"""Gibbs steps in the top machine before a sample is looked at."""


def outline(
    recipe: Recipe,
    results: Sequence[Result],
    curves: Sequence[Curve],
    folder: RunFolder,
    name: str,
    flows: Sequence[FlowCurve] = (),
) -> Findings:
    """All findings that are numbers.

    Parameters
    ----------
    recipe : Recipe
    results : sequence of Result
        At least one.
    curves : sequence of Curve
        Of the first repeat.
    folder : RunFolder
    name : str
        Of the data set.
    flows : sequence of FlowCurve
        Of the first repeat.
    """
    first, last = results[0], results[-1]
    neurons = (len(first.neurons),) if first.neurons else ()
    sizes = "-".join(str(size) for size in (first.columns, *recipe.training.hidden, *neurons))
    return Findings(
        title=f"{name}: {sizes}",
        data=first.data,
        rows=first.rows,
        columns=first.columns,
        labelled=first.labelled,
        scored=first.scored,
        visible=recipe.training.visible,
        layers=first.layers,
        recipe=recipe.to_toml(),
        command=f"layerwise train {folder.recipe_path}",
        curves=tuple(curves),
        scores=scores(results),
        facts=_facts(recipe, len(results), last.seconds),
        model=recipe.training.model,
        likelihoods=tuple(result.likelihood for result in results if result.likelihood is not None),
        hidden=tuple(recipe.training.hidden),
        flows=tuple(flows),
        errors=error_scores(results),
        neurons=first.neurons,
        target=(recipe.data.target or "") if isinstance(plan := recipe.training, MLPPlan) and plan.regresses else "",
        targets=target_scores(results),
    )


def portray(findings: Findings, model: Model, division: Division, seed: int) -> Findings:
    """Add what is seen: filters, reconstructions, samples, codes, confusions, mistakes.

    Parameters
    ----------
    findings : Findings
        From :func:`outline`.
    model : Model
    division : Division
        Of the first repeat.
    seed : int
    """
    test, coded = division.test, division.test.select(slice(0, room.CODED_ROWS))
    shown = prepared_sample(test.select(_one_of_each(test, room.RECONSTRUCTIONS)), model.preparation)
    findings = replace(
        findings,
        picture=model.picture,
        column_names=unit_names(model),
        filters=model.filters()[: room.FILTERS],
        inputs=as_seen(shown, model),
        reconstructions={depth: as_seen(rows, model) for depth, rows in model.reconstructions(shown).items()},
        codes=tuple(Plane.of(model.codes(coded, depth)) for depth in range(1, model.depth + 1)),
        code_labels=coded.labels,
        classes=model.classes,
    )
    if isinstance(model, EnergyModel):
        findings = _with_draws(findings, model, division, seed)
    elif isinstance(model, NetworkModel) and model.regresses:
        findings = _with_predictions(findings, model, division.scored)
    elif not model.classifies:
        linear = by_components(division.learning, model.preparation, model.sizes[-1])(shown)
        findings = replace(findings, linear=as_seen(linear, model))
    return _with_mistakes(findings, model, division.scored) if findings.scores else findings


def _with_draws(findings: Findings, model: EnergyModel, division: Division, seed: int) -> Findings:
    """Of a single machine the chains themselves are shown."""
    if findings.family == "machine":
        return with_chains(findings, model, division, seed)
    drawn, _ = model.sample(room.SAMPLES, RandomStream(seed).child("samples"), SAMPLING_STEPS)
    return replace(findings, samples=as_seen(drawn, model))


def _with_predictions(findings: Findings, model: NetworkModel, scored: Rows | None) -> Findings:
    if scored is None:
        return findings
    some = scored.select(slice(0, room.CODED_ROWS))
    assert some.targets is not None
    return replace(findings, predictions=(some.targets, predicted(model.network, some, model.preparation)))


def _with_mistakes(findings: Findings, model: Model, scored: Rows | None) -> Findings:
    assert scored is not None
    assert scored.labels is not None
    given = model.probabilities(scored)
    predicted: npt.NDArray[np.int64] = given.argmax(1)
    count = len(model.classes)
    confusion = np.bincount(scored.labels * count + predicted, minlength=count * count).reshape(count, count)
    wrong = np.flatnonzero(predicted != scored.labels)
    worst = wrong[np.argsort(-given[wrong, predicted[wrong]], kind="stable")][: room.MISTAKES]
    rows = as_seen(prepared_sample(scored.select(worst), model.preparation), model)
    mistakes: list[Mistake] = []
    for row, place in zip(rows, worst.tolist(), strict=True):
        true, taken = int(scored.labels[place]), int(predicted[place])
        # A perceptron's scores are no log-odds: what it gives a class is no probability.
        probability = math.nan if findings.neurons else float(given[place, taken])
        mistakes.append(Mistake(row, place, model.classes[true], model.classes[taken], probability))
    return replace(findings, confusion=confusion, mistakes=tuple(mistakes))


def _one_of_each(rows: Rows, count: int) -> npt.NDArray[np.int64]:
    """Up to ``count`` rows: the first of each class, then whatever comes first."""
    firsts: list[int] = []
    if rows.labels is not None:
        codes, places = np.unique(rows.labels, return_index=True)
        firsts = [int(place) for code, place in zip(codes, places, strict=True) if code != UNLABELLED]
    order = dict.fromkeys([*firsts, *range(min(count, len(rows)))])
    return np.array(list(order)[:count], dtype=np.int64)


def _facts(recipe: Recipe, repeats: int, seconds: float) -> dict[str, str]:
    import torch

    seeds = f"{recipe.run.seed} … {recipe.run.seed + repeats - 1}" if repeats > 1 else str(recipe.run.seed)
    device = recipe.run.device
    if device == "cpu":
        device = f"CPU ({platform.machine()}), {torch.get_num_threads()} threads"
    elif torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    return {
        "seeds" if repeats > 1 else "seed": seeds,
        "device": device,
        "wall time": duration(seconds),
        "layerwise": version("layerwise"),
        "torch": version("torch"),
        "Python": platform.python_version(),
    }


def duration(seconds: float) -> str:
    """A length of time for people.

    >>> duration(7.25), duration(75.0), duration(7500.0)
    ('7.2 s', '1 min 15 s', '2 h 5 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
