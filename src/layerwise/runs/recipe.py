"""What a run is told: the data, the course, the seed.

A recipe is a TOML file of three tables. ``[training]`` names a model and has the fields of its plan
(:mod:`layerwise.training.plans`), each under its own name. A recipe is complete: what a person left out
(:mod:`layerwise.runs.draft`) was chosen for the data by :mod:`layerwise.runs.defaults`. The one that is written into a
run's folder makes the run again. The first recipes named no model: theirs is ``dbn``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields
from typing import Annotated, Any, Literal, cast, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from layerwise.errors import OptionError
from layerwise.training.plan import Plan
from layerwise.training.plans import PLANS, AnyPlan

__all__ = ["PLAN_TABLES", "DataTable", "Recipe", "RunTable", "model_of"]

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
    stream: bool = False
    """Whether the rows stay on disk and pass through memory window by window. A stream's test part has at most 10,000
    rows."""
    window_mib: int = Field(default=256, ge=1)
    """Mebibytes of a stream's rows that are in memory, and shuffled, together; as many again are read ahead."""
    fingerprint: str | None = None
    """Of rows and labels: other data under the same name are refused."""


class RunTable(BaseModel):
    """``[run]``: chance, and where it is computed."""

    model_config = _STRICT

    seed: int = Field(default=0, ge=0, lt=2**62)
    repeats: int = Field(default=1, ge=1)
    """Complete courses, with seeds ``seed``, ``seed + 1``, …"""
    device: Literal["cpu", "cuda"] = "cpu"
    precision: Literal["highest", "high", "medium"] = "highest"
    """Of dense float32 products in training, as torch has it: ``high`` allows TF32 on a GPU, ``medium`` bfloat16."""


def _fields(plan: type[AnyPlan]) -> dict[str, Any]:
    types = get_type_hints(plan)
    return {
        entry.name: (types[entry.name], ... if entry.default is MISSING else entry.default) for entry in fields(plan)
    }


# Each plan's own fields, with their types and defaults: nothing is written down twice.
PLAN_TABLES: dict[str, type[BaseModel]] = {
    name: create_model("Plan", __config__=_STRICT, model=(Literal[name], name), **_fields(plan))  # type: ignore[valid-type]
    for name, plan in PLANS.items()
}


def model_of(table: object) -> str:
    """The model that a ``[training]`` table names; the first recipes named none.

    Raises
    ------
    OptionError
        There is no such model.
    """
    name = cast("dict[str, object]", table).get("model", Plan.model) if isinstance(table, dict) else Plan.model
    if not isinstance(name, str) or name not in PLANS:
        raise OptionError("model", name, f"must be one of {', '.join(PLANS)}")
    return name


def _plan(table: object) -> AnyPlan:
    """Check types and unknown keys by pydantic, ranges by the plan's own rules."""
    if isinstance(table, AnyPlan):
        return table
    name = model_of(table)
    given = PLAN_TABLES[name].model_validate(table)
    return PLANS[name](**{entry.name: getattr(given, entry.name) for entry in fields(PLANS[name])})


def _plain(value: Any) -> Any:
    """As TOML has it."""
    return list(cast("Sequence[Any]", value)) if isinstance(value, tuple | list) else value


class Recipe(BaseModel):
    """All that decides a run, every value explicit."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)

    version: Literal[1] = 1
    data: DataTable
    training: Annotated[AnyPlan, BeforeValidator(_plan)]
    run: RunTable = RunTable()

    def to_tables(self) -> dict[str, Any]:
        """The recipe as plain containers, as in the file."""
        plan = self.training
        return {
            "version": self.version,
            "data": self.data.model_dump(exclude_none=True),  # TOML has no word for nothing: the key is left out
            "training": {"model": plan.model} | {name: _plain(value) for name, value in asdict(plan).items()},
            "run": self.run.model_dump(),
        }

    def to_toml(self) -> str:
        """The text of the file."""
        import tomli_w

        return _HEADER + tomli_w.dumps(self.to_tables())
