"""What a run came to, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from layerwise.runs.findings import Findings
from layerwise.runs.measured import (
    BASELINE,
    COMPONENTS,
    REGRESSION,
    THIS_NETWORK,
    WITHOUT_PRETRAINING,
    NeuronFinding,
)
from layerwise.runs.numerals import four_digits, with_minus

__all__ = ["LARGEST_GAP", "apart_line", "points", "separated_line", "verdict"]

LARGEST_GAP = 1.0
"""Nats that the two directions of annealing may lie apart before it is said."""


def verdict(findings: Findings) -> str:
    """What the run came to, in a sentence or two, as plain text."""
    ours = findings.score(THIS_NETWORK)
    if findings.model == "rbm":
        return _density(findings)
    if findings.errors:
        return _given_back(findings)
    if findings.target:
        return _predicted(findings) if findings.targets else _unscored(findings)
    if ours is None:
        return _learned(findings) if findings.layers else _unscored(findings)
    all_labelled = findings.labelled >= findings.rows
    labels = f"With all {findings.rows:,} rows labelled" if all_labelled else f"With {findings.labelled:,} labels"
    repeats = f" (mean ± standard deviation of {len(ours.accuracies)} seeds)" if len(ours.accuracies) > 1 else ""
    sentence = f"{labels}, this {findings.thing} classifies {ours} of {findings.scored:,} test rows correctly{repeats}"
    comparisons = [
        f"{points(gain)} than {title} ({score})"
        for name, title in (
            (WITHOUT_PRETRAINING, "the same network without pretraining"),
            (BASELINE, "logistic regression"),
        )
        if (score := findings.score(name)) is not None and (gain := findings.gain(name)) is not None
    ]
    sentence += (": " + " and ".join(comparisons) if comparisons else "") + "."
    return f"{sentence} {separated_line(findings.neurons)}" if findings.neurons else sentence


def separated_line(neurons: Sequence[NeuronFinding]) -> str:
    """Which classes a perceptron could tell from the others without a mistake."""
    kinds = {known: [neuron.name for neuron in neurons if neuron.separable is known] for known in (True, False, None)}
    one = len(neurons) == 1
    if not kinds[False] and not kinds[None]:
        subject = "Both classes" if one else f"All {len(neurons)} classes"
        return f"{subject} can be separated by {'a hyperplane' if one else 'hyperplanes, each from the others'}."
    if len(kinds[False]) == len(neurons):
        subject = "No hyperplane separates the two classes" if one else "No class can be separated from the others"
        return f"{subject}, which is proven: no training would end without a mistake."
    parts: list[str] = []
    if kinds[True]:
        parts.append(f"{len(kinds[True])} of {len(neurons)} classes can be separated from the others by a hyperplane")
    if kinds[False]:
        parts.append(f"{_listed(kinds[False])} cannot, which is proven")
    if kinds[None]:
        many = "" if one else f" of {_listed(kinds[None])}"
        parts.append(f"whether there is such a hyperplane{many} was not decided: there are too many rows and columns")
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _listed(names: Sequence[str]) -> str:
    *some, last = names[:6]
    more = f" and {len(names) - 6} others" if len(names) > 6 else ""
    return (f"{', '.join(some)}, {last}" if more else f"{', '.join(some)} and {last}" if some else last) + more


def _given_back(findings: Findings) -> str:
    """What an autoencoder came to."""
    ours, twin, linear = (findings.error(name) for name in (THIS_NETWORK, WITHOUT_PRETRAINING, COMPONENTS))
    assert ours is not None
    assert linear is not None
    numbers = "one number" if findings.hidden[-1] == 1 else f"{findings.hidden[-1]:,} numbers"
    repeats = f" (mean of {len(ours.errors)} seeds)" if len(ours.errors) > 1 else ""
    sentence = (
        f"From {findings.rows:,} rows the network learned a code of {numbers} for {findings.columns:,} columns. "
        f"It gives a test row back with a squared error of {ours.mean:.3g}{repeats}: "
        f"{_less(ours.mean, linear.mean)} than principal components with a code of the same size ({linear.mean:.3g})"
    )
    if twin is not None:
        sentence += f" and {_less(ours.mean, twin.mean)} than the same network without pretraining ({twin.mean:.3g})"
    return f"{sentence}."


def _less(ours: float, theirs: float) -> str:
    if theirs == 0 or f"{abs(1 - ours / theirs):.1%}" == "0.0%":
        return "no less and no more" if ours == theirs or theirs else "more"
    return f"{100 * abs(1 - ours / theirs):.1f} % {'less' if ours < theirs else 'more'}"


def _predicted(findings: Findings) -> str:
    """What a network that predicts a number came to."""
    ours, linear = findings.nearness(THIS_NETWORK), findings.nearness(REGRESSION)
    assert ours is not None
    assert linear is not None
    repeats = f" (mean of {len(ours.r2s)} seeds)" if len(ours.r2s) > 1 else ""
    error = f"a squared error of {four_digits(ours.squared_error)}"
    if math.isnan(ours.r2):
        told = (
            f"predicts the {findings.target} of {findings.scored:,} test rows, which do not vary, with {error}{repeats}"
        )
    elif ours.r2 < 0:
        told = f"predicts {findings.target} of {findings.scored:,} test rows worse than their mean would"
        told += f", with {error}{repeats}"
    else:
        told = f"explains {100 * ours.r2:.1f} % of the variance of {findings.target} in {findings.scored:,} test rows"
        told += f", with {error}{repeats}"
    compared = f"{_less(ours.squared_error, linear.squared_error)} than linear regression"
    told += f": {compared} ({four_digits(linear.squared_error)})"
    return f"From {findings.labelled:,} rows with a target, this network {told}."


def _unscored(findings: Findings) -> str:
    """Of a network whose test rows have no label, or no target."""
    if findings.target:
        return (
            f"From {findings.labelled:,} rows of {findings.columns:,} columns the network learned to predict "
            f"{findings.target}; it was not scored, because no test row has a target."
        )
    return (
        f"From {findings.labelled:,} labelled rows of {findings.columns:,} columns the {findings.thing} learned "
        f"{len(findings.classes) or 'its'} classes; it was not scored, because no test row has a label."
    )


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
