"""What a report says of a machine's likelihood: a sentence, and a small table with a column for each repeat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layerwise.runs.findings import Findings
from layerwise.runs.measured import LikelihoodFinding
from layerwise.runs.numerals import with_minus
from layerwise.runs.verdict import LARGEST_GAP, apart_line

__all__ = ["Likelihood", "LikelihoodLine", "likelihood", "nats"]

_DENSITIES = ("gaussian", "rectified", "mixed")


@dataclass(frozen=True)
class LikelihoodLine:
    """A line of the table: its name and a text for each repeat."""

    name: str
    values: tuple[str, ...]
    ours: bool = False


@dataclass(frozen=True)
class Likelihood:
    """All that is shown of it.

    Parameters
    ----------
    mean, gain : str
        In nats a row: the log-likelihood, and how much more that is than independent columns give; over all repeats.
    sentence : str
    lines : tuple of LikelihoodLine
    notes : tuple of str
        What has to be known to read the figures.
    """

    mean: str
    gain: str
    sentence: str
    lines: tuple[LikelihoodLine, ...]
    notes: tuple[str, ...]


def nats(value: float, sign: bool = False) -> str:
    """Nats with two decimals and a real minus; nothing is −0.00.

    >>> nats(-27.012), nats(-0.001), nats(2.324, sign=True)
    ('−27.01', '0.00', '+2.32')
    """
    text = f"{value:+,.2f}" if sign else f"{value:,.2f}"
    return text.lstrip("+-") if not float(f"{value:.2f}") else with_minus(text)


def likelihood(findings: Findings) -> Likelihood | None:
    """What there is to say of the test rows' likelihood; None where it was not measured."""
    every = findings.likelihoods
    if not every:
        return None
    gains = [found.mean - found.independent for found in every]
    exact = every[0].method == "exact"
    lines = [
        _line("Log-likelihood", [_with_error(found.mean, found.standard_error) for found in every], ours=True),
        _line("Independent columns", [nats(found.independent) for found in every]),
        _line("Gain over independent columns", [nats(gain, sign=True) for gain in gains]),
    ]
    if exact:
        lines.append(_line("log Z, exact", [nats(found.log_partition) for found in every]))
    else:
        lines[1:1] = [
            _line("Annealed backward (lower side)", [nats(found.lower) for found in every]),
            _line("Annealed forward (upper side)", [nats(found.upper) for found in every]),
        ]
        logs = [_with_error(found.log_partition, found.log_partition_error) for found in every]
        lines.append(_line("log Z, annealed", logs))
    return Likelihood(
        _over_repeats([found.mean for found in every]),
        _over_repeats(gains, sign=True),
        _sentence(every, gains, exact),
        tuple(lines),
        tuple(_notes(findings, every, exact)),
    )


def _sentence(every: tuple[LikelihoodFinding, ...], gains: list[float], exact: bool) -> str:
    first = every[0]
    mean = _over_repeats([found.mean for found in every])
    if exact:
        how = "This is exact: the sum over all states of one side was done."
    elif len(every) == 1:
        low, high = sorted((first.lower, first.upper))
        how = f"Annealing from both sides puts it between {nats(low)} and {nats(high)}."
    else:
        apart = max(found.apart for found in every)
        how = f"It was annealed from both sides, which lie at most {nats(apart)} nats apart."
    repeats = f" (mean ± standard deviation of {len(every)} seeds)" if len(every) > 1 else ""
    gain = float(np.mean(gains))
    beside = f"{nats(abs(gain))} nats {'more' if gain >= 0 else 'less'} than independent columns do"
    return f"The machine gives a test row a log-likelihood of {mean} nats{repeats}, {beside}. {how}"


def _notes(findings: Findings, every: tuple[LikelihoodFinding, ...], exact: bool) -> list[str]:
    first = every[0]
    widest = max(every, key=lambda found: found.apart)
    notes = [
        f"Mean over {first.rows:,} test rows, ± its standard error over rows like these. Independent columns draw each "
        "column by itself, as often as in the learning rows: what the machine has on top of them is what it found "
        "between the columns."
    ]
    if not exact:
        notes.append(
            "Forward annealing tends to give too high a likelihood and backward annealing too low a one; where they "
            "meet to within their noise, the figure can be relied on."
        )
    if widest.apart > LARGEST_GAP:
        notes.insert(0, apart_line(widest.lower, widest.upper) + ".")
    if first.left_out:
        rows = "test row was" if first.left_out == 1 else "test rows were"
        notes.append(f"{first.left_out:,} {rows} left out because a value is missing.")
    if first.bits:
        notes.append("Grey levels were drawn as bits first: the machine is a density of black and white.")
    if findings.visible in _DENSITIES:
        notes.append(
            "Columns of numbers have densities, in units of the prepared data, so a log-likelihood may lie above 0."
        )
    return notes


def _line(name: str, values: list[str], ours: bool = False) -> LikelihoodLine:
    return LikelihoodLine(name, tuple(values), ours)


def _with_error(value: float, error: float) -> str:
    return f"{nats(value)} ± {nats(error)}"


def _over_repeats(values: list[float], sign: bool = False) -> str:
    mean = nats(float(np.mean(values)), sign)
    return mean if len(values) == 1 else f"{mean} ± {nats(float(np.std(values, ddof=1)))}"
