"""What a run is told: the data, the course, the seed.

A recipe is a TOML file of three tables. ``[training]`` has the fields of :class:`~layerwise.training.plan.Plan`, each
under its own name. A recipe is complete: what a person left out (:mod:`layerwise.runs.draft`) was chosen for the data
by :func:`defaults_for`. The one that is written into a run's folder makes the run again.
"""

from __future__ import annotations

from dataclasses import MISSING, asdict, fields
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from layerwise.data.rows import Rows
from layerwise.data.suitable import suitable_units
from layerwise.training.plan import Plan

__all__ = ["PLAN_FIELDS", "DataTable", "PlanTable", "Recipe", "RunTable", "defaults_for", "visible_for"]

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
_HEADER = "# All that this run was told. `layerwise train FILE` with this file makes it again.\n\n"


class DataTable(BaseModel):
    """``[data]``: which rows, and how they are divided."""

    model_config = _STRICT

    source: str
    """A built-in data set's name, or an absolute path."""
    target: str | None = None
    """Column of a table that holds the labels."""
    labels: Annotated[int, Field(ge=1)] | Literal["all"] = "all"
    """How many labels are kept; the other rows count as unlabelled."""
    test_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of the rows that is the test part, where the data have no test part of their own."""
    monitoring_rows: int = Field(default=1000, ge=0)
    """Training rows that no layer learns from, for the free-energy gap; never more than a tenth. Their labels are
    not used either."""
    fingerprint: str | None = None
    """Of rows and labels: other data under the same name are refused."""


class RunTable(BaseModel):
    """``[run]``: chance, and where it is computed."""

    model_config = _STRICT

    seed: int = Field(default=0, ge=0, lt=2**62)
    repeats: int = Field(default=1, ge=1)
    """Complete courses, with seeds ``seed``, ``seed + 1``, …"""
    device: Literal["cpu", "cuda"] = "cpu"


# The plan's own fields, each with its type and default: nothing is written down twice.
PLAN_FIELDS: dict[str, Any] = {
    entry.name: (get_type_hints(Plan)[entry.name], ... if entry.default is MISSING else entry.default)
    for entry in fields(Plan)
}
PlanTable: type[BaseModel] = create_model("Plan", __config__=_STRICT, **PLAN_FIELDS)


def _plan(table: object) -> Plan:
    """Check types and unknown keys by pydantic, ranges by the plan's own rules."""
    if isinstance(table, Plan):
        return table
    given = PlanTable.model_validate(table)
    return Plan(**{name: getattr(given, name) for name in PlanTable.model_fields})


class Recipe(BaseModel):
    """All that decides a run, every value explicit."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)

    version: Literal[1] = 1
    data: DataTable
    training: Annotated[Plan, BeforeValidator(_plan)]
    run: RunTable = RunTable()

    def to_tables(self) -> dict[str, Any]:
        """The recipe as plain containers, as in the file."""
        return {
            "version": self.version,
            "data": self.data.model_dump(exclude_none=True),  # TOML has no word for nothing: the key is left out
            "training": {**asdict(self.training), "hidden": list(self.training.hidden)},
            "run": self.run.model_dump(),
        }

    def to_toml(self) -> str:
        """The text of the file."""
        import tomli_w

        return _HEADER + tomli_w.dumps(self.to_tables())


def visible_for(rows: Rows) -> Literal["bernoulli", "gaussian"]:
    """What :func:`layerwise.data.suitable.suitable_units` says."""
    return suitable_units(rows)


FINE_TUNING_STEPS = 1500
"""Minibatches that fine-tuning has at least: after 300 a pretrained 64-256-256-512 network still gained from more."""


def defaults_for(rows: Rows | None, labels: int | None = None) -> dict[str, Any]:
    """Values of ``[training]`` that suit the data; every other one is the plan's own.

    Parameters
    ----------
    rows : Rows or None
        The data's training rows.
    labels : int or None
        How many labels are to be kept; None for all there are.
    """
    chosen: dict[str, Any] = {"hidden": [500, 500, 2000], "twin": True}
    if rows is None:
        return chosen
    chosen["visible"] = visible_for(rows)
    if rows.n_columns < 400:  # smaller than 20 × 20 pixels
        chosen["hidden"] = [256, 256, 512] if rows.n_columns >= 32 else [64, 64]
    if len(rows) < 10_000:
        # Few rows make few steps an epoch: a layer still needs some thousands of them.
        chosen |= {"batch_size": 20, "learning_rate": 0.05, "momentum": 0.9, "epochs": 50, "dropout": 0.3}
    batches = -(-(labels or len(rows)) // chosen.get("batch_size", 100))
    chosen["fine_tune_epochs"] = max(30, min(300, FINE_TUNING_STEPS // batches))
    return chosen
