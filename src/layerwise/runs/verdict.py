"""What a run came to, in words."""

from __future__ import annotations

import math

from layerwise.runs.findings import Findings
from layerwise.runs.measured import BASELINE, THIS_NETWORK, WITHOUT_PRETRAINING
from layerwise.runs.numerals import with_minus

__all__ = ["LARGEST_GAP", "apart_line", "points", "verdict"]

LARGEST_GAP = 1.0
"""Nats that the two directions of annealing may lie apart before it is said."""


def verdict(findings: Findings) -> str:
    """What the run came to, in a sentence or two, as plain text."""
    ours = findings.score(THIS_NETWORK)
    if findings.model == "rbm":
        return _density(findings)
    if ours is None:
        return _learned(findings)
    all_labelled = findings.labelled >= findings.rows
    labels = f"With all {findings.rows:,} rows labelled" if all_labelled else f"With {findings.labelled:,} labels"
    repeats = f" (mean ± standard deviation of {len(ours.accuracies)} seeds)" if len(ours.accuracies) > 1 else ""
    sentence = f"{labels}, this network classifies {ours} of {findings.scored:,} test rows correctly{repeats}"
    if findings.model == "class-rbm":
        sentence = sentence.replace("this network", "this machine")
    comparisons = [
        f"{points(gain)} than {title} ({score})"
        for name, title in (
            (WITHOUT_PRETRAINING, "the same network without pretraining"),
            (BASELINE, "logistic regression"),
        )
        if (score := findings.score(name)) is not None and (gain := findings.gain(name)) is not None
    ]
    return sentence + (": " + " and ".join(comparisons) if comparisons else "") + "."


def _learned(findings: Findings) -> str:
    sizes = "–".join(str(layer.size) for layer in findings.layers)
    layers = "one layer" if len(findings.layers) == 1 else f"{len(findings.layers)} layers"
    if not findings.labelled:
        reason = "there were no labels"
    elif not findings.scored:
        reason = "no rows were kept apart for a test"
    else:
        reason = "there was no fine-tuning"
    error = math.sqrt(findings.layers[0].reconstruction_error / findings.columns)
    unit = " standard deviations" if findings.visible == "gaussian" else ""
    return (
        f"From {findings.rows:,} rows of {findings.columns:,} columns the network learned {layers} of {sizes} units. "
        f"The first layer gives a row back with a typical error of {error:.2f}{unit} a column; "
        f"the network was not scored, because {reason}."
    )


def _density(findings: Findings) -> str:
    """What an RBM came to."""
    size, rows = findings.layers[0].size, f"{findings.rows:,} rows of {findings.columns:,} visible units"
    sentence = f"From {rows} the machine learned {size:,} hidden units without labels. "
    if not findings.likelihoods:
        return sentence + "Its likelihood was not measured: every test row misses a value."
    means = [found.mean for found in findings.likelihoods]
    first, mean = findings.likelihoods[0], sum(means) / len(means)
    gained = mean - sum(found.independent for found in findings.likelihoods) / len(means)
    beside = f"{abs(gained):.2f} nats {'more' if gained >= 0 else 'less'} than independent columns do"
    if first.method == "exact":
        told = with_minus(f"{mean:.2f} nats (exact)")
    else:
        low, high = sorted((first.lower, first.upper))  # within their noise the two sides may have crossed
        told = with_minus(f"{mean:.2f} nats, between {low:.2f} and {high:.2f} by annealing in both directions")
    sentence += f"It gives a test row a log-likelihood of {told}, {beside}."
    if first.apart > LARGEST_GAP:
        sentence += f" {apart_line(first.lower, first.upper)}."
    return sentence


def apart_line(lower: float, upper: float) -> str:
    """What to say where forward and backward annealing disagree, without a full stop."""
    return (
        f"The two directions of annealing lie {abs(upper - lower):.2f} nats apart, so the figure is not to be "
        "relied on: anneal through more temperatures"
    )


def points(gain: tuple[float, float]) -> str:
    """A difference of accuracies in percentage points, and its direction."""
    mean, std = gain
    spread = "" if math.isnan(std) else f" ± {100 * std:.1f}"
    if f"{100 * abs(mean):.1f}" == "0.0":
        return "no better and no worse" + (f" (0.0{spread} points)" if spread else "")
    return f"{100 * abs(mean):.1f}{spread} points {'better' if mean > 0 else 'worse'}"
