"""What a run is told: the data, the course, the seed. A recipe is complete; a :class:`Draft` need not be.

A recipe is a TOML file of three tables. ``[training]`` has the fields of :class:`~layerwise.training.course.Plan`, each
under its own name. What a draft leaves out is chosen for the data by :func:`defaults_for`, and the recipe that is
written into a run's folder names every value, so that it makes the run again.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from layerwise.data.rows import Rows
from layerwise.errors import OptionError
from layerwise.training.course import Plan

__all__ = ["DataTable", "Draft", "Recipe", "RunTable", "defaults_for", "visible_for"]

# pydantic's words, and ours.
_WORDS = {
    "Input should be": "must be",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "a text",
    "greater than or equal to": "at least",
    "greater than": "above",
    "less than": "below",
}
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
_PLAN_FIELDS: dict[str, Any] = {
    entry.name: (get_type_hints(Plan)[entry.name], ... if entry.default is MISSING else entry.default)
    for entry in fields(Plan)
}
_PlanTable: type[BaseModel] = create_model("Plan", __config__=_STRICT, **_PLAN_FIELDS)


def _plan(table: object) -> Plan:
    """Check types and unknown keys by pydantic, ranges by the plan's own rules."""
    if isinstance(table, Plan):
        return table
    given = _PlanTable.model_validate(table)
    return Plan(**{name: getattr(given, name) for name in _PlanTable.model_fields})


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


@dataclass(frozen=True)
class Draft:
    """What a person wrote, in a file and on the command line; every key may be left out except the data's source.

    Parameters
    ----------
    tables : mapping
        Table name → key → value, as in the file. Beside a recipe's values ``run.device`` and ``training.visible`` may
        be ``"auto"``.
    file : Path or None
        The recipe file, for errors.
    flags : frozenset of (table, key)
        What came from the command line, for errors.
    """

    tables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    file: Path | None = None
    flags: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def from_file(cls, path: Path) -> Draft:
        """Read a recipe file.

        Raises
        ------
        OptionError
            There is no such file, or it is no TOML.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as problem:
            remedy = "give the path of a recipe, such as runs/digits-1/recipe.toml"
            raise OptionError("recipe", path, f"cannot be read: {problem.strerror or problem}", remedy) from problem
        except UnicodeDecodeError as problem:
            raise OptionError("recipe", path, "is no text in UTF-8", "write it again") from problem
        return cls.from_text(text, path)

    @classmethod
    def from_text(cls, text: str, path: Path) -> Draft:
        """Parse a recipe's text; a relative path in it starts at the file's folder."""
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as problem:
            raise OptionError("recipe", path, f"is no valid TOML ({problem})", "correct that line") from problem
        data = _table(tables.get("data"))
        if data is not None and isinstance(source := data.get("source"), str):
            data["source"] = located(source, path.parent)
        return cls(tables, path)

    def override(self, flags: Mapping[str, Mapping[str, Any]]) -> Draft:
        """Put the command line's values over the file's; None stands for a flag that was not given."""
        named = ((table, key, value) for table, keys in flags.items() for key, value in keys.items())
        given = {(table, key): value for table, key, value in named if value is not None}
        tables = self._copied()
        for (table, key), value in given.items():
            if (keys := _table(tables.setdefault(table, {}))) is not None:
                keys[key] = value
        if ("data", "target") in given and (data := _table(tables["data"])) is not None:
            data.pop("fingerprint", None)  # other labels are asked for
        return Draft(tables, self.file, self.flags | frozenset(given))

    def complete(self, rows: Rows | None = None, fingerprint: str | None = None) -> Recipe:
        """Fill in what was left out, and check everything.

        Parameters
        ----------
        rows : Rows, optional
            The data's training rows. Without them all that can be checked is checked, and the recipe's values are
            those for no data in particular.
        fingerprint : str, optional
            Of the data.

        Raises
        ------
        OptionError
            Naming the first key that is unknown, missing or not acceptable.
        """
        tables = self._copied()
        data, training, run = (_table(tables.setdefault(name, {})) for name in ("data", "training", "run"))
        labels = None if data is None else data.get("labels")
        if data is not None and fingerprint is not None:
            data["fingerprint"] = fingerprint
        if training is not None:
            if training.get("visible") == "auto":
                del training["visible"]
            chosen = defaults_for(rows, labels if type(labels) is int else None)
            tables["training"] = {**chosen, **training}
        if run is not None and run.get("device", "auto") == "auto":
            run["device"] = "cuda" if _cuda() else "cpu"
        try:
            return Recipe.model_validate(tables)
        except ValidationError as problem:
            raise self._one_line(problem) from problem

    def check_device(self, recipe: Recipe) -> None:
        """Refuse a GPU where there is none: a run from elsewhere can be looked at, but not gone on with.

        Raises
        ------
        OptionError
        """
        if recipe.run.device == "cuda" and not _cuda():
            rule = "needs a CUDA device, and torch finds none here"
            raise OptionError(self._name(("run", "device")), "cuda", rule, "give cpu, or auto to take what there is")

    def _copied(self) -> dict[str, Any]:
        tables = dict(self.tables)
        for name, value in tables.items():
            if (keys := _table(value)) is not None:
                tables[name] = dict(keys)
        return tables

    def _one_line(self, problem: ValidationError) -> OptionError:
        first = problem.errors()[0]
        place = tuple(str(part) for part in first["loc"])
        if problem.title == "Plan":
            place = ("training", *place)
        elif isinstance(cause := first.get("ctx", {}).get("error"), OptionError):
            key = _key_of(cause, first["input"])
            return OptionError(self._name(("training", key)), cause.received, cause.rule, cause.remedy)
        what, received = self._name(place[:2]), first["input"]
        if first["type"] == "missing":
            return OptionError(what, None, "must be given")
        if first["type"] == "extra_forbidden":
            known = _known(place[:-1])
            close = difflib.get_close_matches(place[-1], known, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
            return OptionError(what, received, "is not a key of a recipe", remedy)
        rule = first["msg"]
        for theirs, ours in _WORDS.items():
            rule = rule.replace(theirs, ours)
        if place[:2] == ("data", "labels"):
            rule = "must be a whole number, at least 1, or 'all'"
        elif place[:2] == ("training", "hidden"):
            rule = "must be a list of whole numbers, such as [500, 500, 2000]"
        elif first["type"] in ("model_type", "model_attributes_type", "dict_type"):
            rule = f"must be a table, [{place[-1]}] with keys of its own"
        return OptionError(what, received, rule)

    def _name(self, place: tuple[str, ...]) -> str:
        if place in self.flags:
            return "--" + place[-1].replace("_", "-")
        key = place[-1] if len(place) == 1 else f"[{place[0]}] {place[1]}"
        return key if self.file is None else f"{self.file.name}, {key}"


def located(source: str, folder: Path) -> str:
    """A built-in data set's name as it is, a path made absolute."""
    from layerwise.data.builtin import BUILT_IN

    return source if source in BUILT_IN else str((folder / Path(source).expanduser()).absolute())


def visible_for(rows: Rows) -> Literal["bernoulli", "gaussian"]:
    """Binary units for pictures and for tables whose columns all lie within [0, 1], Gaussian units otherwise."""
    if rows.picture is not None or rows.full_scale is not None:
        return "bernoulli"
    return "bernoulli" if float(rows.values.min()) >= 0 and float(rows.values.max()) <= 1 else "gaussian"


FINE_TUNING_STEPS = 1500
"""Below so many minibatches the upper layers' small slopes keep the network from the labels (MNIST's last 10,000)."""


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
        chosen |= {"batch_size": 20, "momentum": 0.9, "epochs": 50}
    batches = -(-(labels or len(rows)) // chosen.get("batch_size", 100))
    chosen["fine_tune_epochs"] = max(30, min(300, FINE_TUNING_STEPS // batches))
    return chosen


def _table(value: object) -> dict[str, Any] | None:
    """A TOML table, or None where a file has something else in its place."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _key_of(cause: OptionError, table: Mapping[str, Any]) -> str:
    """The plan's field that an error means: a part of the plan may know ``gibbs_steps`` as its ``steps``."""
    meant = [key for key in _PLAN_FIELDS if key == cause.what or key.endswith(f"_{cause.what}")]
    given = [key for key in meant if key in table and repr(table[key]) == repr(cause.received)]
    return (given or meant or [cause.what])[0]


def _known(place: tuple[str, ...]) -> list[str]:
    tables: dict[str, type[BaseModel]] = {"data": DataTable, "training": _PlanTable, "run": RunTable}
    return list((tables[place[0]] if place and place[0] in tables else Recipe).model_fields)


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()
