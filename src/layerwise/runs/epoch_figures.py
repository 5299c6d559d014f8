"""The two figures that a person is shown of an epoch: named by what a stage measures, taken from its Info."""

from __future__ import annotations

import math

from layerwise.runs.numerals import four_digits
from layerwise.training.course_observer import Info, Measured, MistakesInfo, RowsInfo, TargetsInfo, TuningInfo
from layerwise.training.single_machine import ClassInfo, MachineInfo

__all__ = ["HEADS", "epoch_figures", "epoch_line"]

HEADS: dict[Measured, tuple[str, str, str]] = {
    "energy": ("layers", "reconstruction\nerror", "free-energy\ngap"),
    "rows": ("layers", "reconstruction\nerror", "held-out\nerror"),
    "classes": ("network", "loss", "accuracy"),
    "targets": ("network", "squared\nerror", "R²"),
    "mistakes": ("neurons", "mistakes", "accuracy"),
}
"""How the stages are called together, and both figures."""


def epoch_figures(info: Info) -> tuple[str, str]:
    """Both, as short as a table wants them; a dash for what was not measured."""
    if isinstance(info, TuningInfo):
        return f"{info.loss:.4f}", _percent(info.accuracy)
    if isinstance(info, TargetsInfo):
        return four_digits(info.squared_error), "–" if math.isnan(info.r2) else f"{info.r2:.3f}"
    if isinstance(info, MistakesInfo):
        return f"{info.mistakes:,}", _percent(info.accuracy)
    if isinstance(info, RowsInfo):
        return f"{info.reconstruction_error:.2f}", "–" if info.held_out_error is None else f"{info.held_out_error:.2f}"
    gap = "–" if math.isnan(info.free_energy_gap) else f"{info.free_energy_gap:+.2f}"
    return f"{info.reconstruction_error:.2f}", gap


def epoch_line(info: Info) -> str:
    """All that is measured, in words."""
    first, second = epoch_figures(info)
    if isinstance(info, TuningInfo):
        return f"loss {first}, accuracy {second} of training rows{_held_out(info)}"
    if isinstance(info, TargetsInfo):
        apart = "" if info.held_out_r2 is None else f", {info.held_out_r2:.3f} of rows held out"
        return f"squared error {first}, R² {second} of training rows{apart}"
    if isinstance(info, MistakesInfo):
        noun = "mistake" if info.mistakes == 1 else "mistakes"
        return f"{first} {noun}, accuracy {second} of training rows{_held_out(info)}"
    if isinstance(info, RowsInfo):
        return f"reconstruction error {first}" + ("" if info.held_out_error is None else f", of rows held out {second}")
    gap = "" if math.isnan(info.free_energy_gap) else f", free-energy gap {second} nats"
    return f"reconstruction error {first}{gap}{_of_a_machine(info)}"


def _held_out(info: TuningInfo | MistakesInfo) -> str:
    return "" if info.held_out_accuracy is None else f", {_percent(info.held_out_accuracy)} of rows held out"


def _of_a_machine(info: Info) -> str:
    """What a single machine is measured by, beside what every layer is."""
    if isinstance(info, ClassInfo) and not math.isnan(info.accuracy):
        return f", accuracy {100 * info.accuracy:.1f} % of training rows"
    if isinstance(info, MachineInfo) and not math.isnan(info.held_out_log_likelihood):
        return f", held-out log-likelihood {info.held_out_log_likelihood:.2f} nats"
    if isinstance(info, MachineInfo) and not math.isnan(info.held_out_pseudo_likelihood):
        return f", held-out pseudo-likelihood {info.held_out_pseudo_likelihood:.2f} nats"
    return ""


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"
