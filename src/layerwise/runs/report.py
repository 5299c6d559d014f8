"""A run's report: one self-contained page that asks nothing of any network, made from :class:`Findings`.

Every text of the run (names of classes and columns, the recipe) is escaped; only figures that :mod:`layerwise.plots`
made go in as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from layerwise.runs.findings import Findings
from layerwise.runs.measured import BASELINE, THIS_NETWORK, WITHOUT_PRETRAINING, Score
from layerwise.runs.numerals import with_minus
from layerwise.runs.verdict import verdict

__all__ = ["render"]

_VISIBLE_SCALES = {
    "bernoulli": "On a scale from 0 to 1.",
    "spin": "On a scale from −1 to +1.",
    "gaussian": "In standard deviations of a column.",
    "rectified": "In the units that the machine sees.",
    "categorical": "Each value of a column is a unit, 0 or 1.",
    "mixed": "Numbers are in standard deviations of their column; each value of another column is a unit, 0 or 1.",
}
"""What the visible units of a single machine are counted in."""


def render(findings: Findings) -> str:
    """Make the page.

    Parameters
    ----------
    findings : Findings

    Returns
    -------
    str
        An HTML document. The same findings give the same text.
    """
    # A run that makes no report needs neither of them.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from layerwise.plots.colours import NEGATIVE, POSITIVE, SERIES, WRONG
    from layerwise.runs import report_figures as figures
    from layerwise.runs.report_likelihood import likelihood
    from layerwise.runs.report_machine import MachineFigures, machine_figures
    from layerwise.runs.report_network import network_figures
    from layerwise.runs.report_pictures import pictures
    from layerwise.runs.tables import most_mistakes

    environment = Environment(
        loader=PackageLoader("layerwise.runs"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        most_mistakes=most_mistakes, number=number, percent=percent, signed=signed, unbroken=unbroken
    )
    ours = findings.score(THIS_NETWORK)
    shown = pictures(findings)
    on_black = shown is not None and shown.on_black
    return environment.get_template("report.html.j2").render(
        findings=findings,
        verdict=verdict(findings),
        ours=ours,
        ours_line=None if ours is None else _score_line(findings, ours),
        comparisons=_comparisons(findings),
        score_lines=[_score_line(findings, score) for score in findings.scores],
        layer_lines=list(_layer_lines(findings)),
        likelihood=likelihood(findings),
        visible_scale=_VISIBLE_SCALES.get(findings.visible, ""),
        layer_charts=figures.layer_charts(findings),
        tuning=figures.tuning_charts(findings),
        tuning_lines=figures.tuning_legend(findings),
        pictures=shown,
        seen=machine_figures(findings, on_black) if findings.family == "machine" else MachineFigures(),
        network=network_figures(findings),
        heat_maps=figures.heat_maps(findings),
        codes=figures.code_charts(findings),
        legend=figures.class_legend(findings),
        confusion=figures.confusion_chart(findings),
        confusion_shown=min(len(findings.classes), figures.MOST_CLASSES),
        mix_ups=figures.mix_ups(findings),
        facts=_facts(findings),
        colours=(*SERIES, WRONG),
        positive=POSITIVE,
        negative=NEGATIVE,
    )


def number(value: float) -> str:
    """Three digits that mean something; a dash where nothing was measured."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    text = f"{value:,.{decimals}f}"
    return with_minus(text) if float(f"{value:.{decimals}f}") else text.lstrip("-")


def percent(share: float) -> str:
    """A share in per cent, one decimal."""
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"


def signed(share: float) -> str:
    """A difference of shares in points, with its sign."""
    text = f"{100 * share:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else with_minus(text)


def unbroken(sentence: str) -> str:
    """The same with blanks that no line is broken at, between a figure, its deviation and its unit."""
    return sentence.replace(" ± ", "\u00a0±\u00a0").replace(" %", "\u00a0%")


def _comparisons(findings: Findings) -> list[tuple[str, float, float]]:
    """What this network is compared with: its name, the mean gain and the gain's standard deviation."""
    names = ((WITHOUT_PRETRAINING, "the same network without pretraining"), (BASELINE, "logistic regression"))
    gains = [(title, findings.gain(name)) for name, title in names]
    return [(title, *gain) for title, gain in gains if gain is not None]


def _score_line(findings: Findings, score: Score) -> dict[str, object]:
    spread = "" if math.isnan(score.std) else f" ± {100 * score.std:.1f}"
    low, high = min(score.accuracies), max(score.accuracies)
    name = f"this {findings.thing}" if score.name == THIS_NETWORK else score.name
    return {
        "name": name[0].upper() + name[1:],
        "mean": f"{100 * score.mean:.1f}",
        "spread": spread,
        "range": f"{100 * low:.1f} to {100 * high:.1f} %",
        "error": percent(1 - score.mean),
        "gain": None if score.name == THIS_NETWORK else findings.gain(score.name),
    }


def _layer_lines(findings: Findings) -> Iterator[dict[str, float]]:
    below = findings.columns
    for depth, layer in enumerate(findings.layers, 1):
        yield {
            "depth": depth,
            "inputs": below,
            "size": layer.size,
            "error": layer.reconstruction_error,
            "per_input": math.sqrt(layer.reconstruction_error / below),
            "gap": layer.free_energy_gap,
            "measured": math.isfinite(layer.free_energy_gap),
        }
        below = layer.size


def _facts(findings: Findings) -> dict[str, str]:
    """What the findings say of the data, then what the job had to add."""
    facts = {"data": findings.data, "rows learned from": f"{findings.rows:,}", "columns": f"{findings.columns:,}"}
    if findings.picture is not None:
        facts["columns"] += f", a picture of {findings.picture[0]} × {findings.picture[1]} pixels"
    if findings.target:
        facts["predicted"] = findings.target
        facts["rows with a target"] = f"{findings.labelled:,}"
    elif findings.labelled:
        facts["labelled rows"] = f"{findings.labelled:,}"
        facts["classes"] = f"{len(findings.classes):,}"
    if findings.scored:
        facts["test rows"] = f"{findings.scored:,}"
    return facts | dict(findings.facts)
