"""What a person wrote, in a recipe file and on the command line: checked, completed, its mistakes said in one line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError

from layerwise.data.builtin import BUILT_IN
from layerwise.data.column_tables import TABLES
from layerwise.data.limits import text_of, toml_of
from layerwise.data.rows import Rows
from layerwise.data.table_files import is_remote
from layerwise.errors import OptionError
from layerwise.runs.defaults import defaults_for, stream_for
from layerwise.runs.recipe import PLAN_TABLES, DataTable, Recipe, RunTable, model_of
from layerwise.training.memory import check_parameters

__all__ = ["Draft", "located"]

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
            text = text_of(path)
        except OSError as problem:
            remedy = "give the path of a recipe, such as runs/digits-1/recipe.toml"
            raise OptionError("recipe", path, f"cannot be read: {problem.strerror or problem}", remedy) from problem
        except UnicodeDecodeError as problem:
            raise OptionError("recipe", path, "is no text in UTF-8", "write it again") from problem
        except ValueError as problem:
            raise OptionError(
                "recipe", path, f"cannot be a recipe: {problem}", "name one that a run wrote"
            ) from problem
        return cls.from_text(text, path)

    @classmethod
    def from_text(cls, text: str, path: Path) -> Draft:
        """Parse a recipe's text; a relative path in it starts at the file's folder."""
        try:
            tables = toml_of(text)
        except ValueError as problem:
            raise OptionError("recipe", path, f"is no valid TOML ({problem})", "correct that line") from problem
        data, training = _table(tables.get("data")), _table(tables.get("training"))
        if data is not None and isinstance(source := data.get("source"), str):
            data["source"] = located(source, path.parent)
        if training is not None:
            training.setdefault("model", "dbn")  # the first recipes knew no other
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

    def says(self, table: str, key: str) -> bool:
        """Whether a person wrote this key."""
        return key in (_table(self.tables.get(table)) or {})

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
        if data is not None and "stream" not in data and stream_for(str(data.get("source", ""))):
            data["stream"] = True
        if training is not None:
            if training.get("visible") == "auto":
                del training["visible"]
            model, source = self._model(training), "" if data is None else str(data.get("source", ""))
            counted = labels if type(labels) is int else None
            streamed = data is not None and data.get("stream") is True
            chosen = defaults_for(rows, counted, model, "" if streamed else source, training)
            tables["training"] = {"model": model, **chosen, **training}
        if run is not None and run.get("device", "auto") == "auto":
            run["device"] = "cuda" if _cuda() else "cpu"
        try:
            recipe = Recipe.model_validate(tables)
        except ValidationError as problem:
            raise self._one_line(problem, tables) from problem
        is_table = Path(recipe.data.source).suffix.lower() in TABLES
        if recipe.training.visible == "mixed" and (recipe.data.stream or not is_table):
            what = "is a stream, whose columns are all of one kind" if is_table else "is none"
            rule = f"is for the columns of a table, {' or '.join(TABLES)}; {Path(recipe.data.source).name} {what}"
            raise OptionError(self._name(("training", "visible")), "mixed", rule, "give auto, or name one kind")
        return recipe

    def _model(self, training: Mapping[str, Any]) -> str:
        try:
            return model_of(training)
        except OptionError as problem:
            name = self._name(("training", "model"))
            raise OptionError(name, problem.received, problem.rule, problem.remedy) from None

    def check_device(self, recipe: Recipe) -> None:
        """Refuse a GPU where there is none: a run from elsewhere can be looked at, but not gone on with.

        Raises
        ------
        OptionError
        """
        if recipe.run.device == "cuda" and not _cuda():
            rule = "needs a CUDA device, and torch finds none here"
            raise OptionError(self._name(("run", "device")), "cuda", rule, "give cpu, or auto to take what there is")

    def check_memory(self, recipe: Recipe, visible: int) -> None:
        """Refuse layers that cannot fit into this machine, before a folder is made for them.

        Raises
        ------
        OptionError
        """
        check_parameters(self._name(("training", "hidden")), recipe.training.hidden, visible)

    def _copied(self) -> dict[str, Any]:
        tables = dict(self.tables)
        for name, value in tables.items():
            if (keys := _table(value)) is not None:
                tables[name] = dict(keys)
        return tables

    def _one_line(self, problem: ValidationError, tables: Mapping[str, Any]) -> OptionError:
        first, model = problem.errors()[0], model_of(tables.get("training"))
        place = tuple(str(part) for part in first["loc"])
        if problem.title == "Plan":
            place = ("training", *place)
        elif isinstance(cause := first.get("ctx", {}).get("error"), OptionError):
            key = _key_of(cause, first["input"], model)
            return OptionError(self._name(("training", key)), cause.received, cause.rule, cause.remedy)
        what, received = self._name(place[:2]), first["input"]
        if first["type"] == "missing":
            return OptionError(what, None, "must be given")
        if first["type"] == "extra_forbidden":
            others = [name for name, table in PLAN_TABLES.items() if place[-1] in table.model_fields]
            if place[0] == "training" and others:
                rule = f"belongs to the model {' or '.join(others)}, and the model here is {model}"
                return OptionError(what, received, rule, f"leave it out, or give --model {others[0]}")
            known = _known(place[:-1], model)
            close = difflib.get_close_matches(place[-1], known, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
            return OptionError(what, received, "is not a key of a recipe", remedy)
        rule = first["msg"]
        for theirs, ours in _WORDS.items():
            rule = rule.replace(theirs, ours)
        if place[:2] == ("data", "labels"):
            rule = "must be a whole number, at least 1, or 'all'"
        elif place[:2] == ("training", "hidden"):
            example = "[500, 500, 2000]" if model == "dbn" else "[500]"
            rule = f"must be a list of whole numbers, such as {example}"
        elif first["type"] in ("model_type", "model_attributes_type", "dict_type"):
            rule = f"must be a table, [{place[-1]}] with keys of its own"
        elif first["type"] == "literal_error":
            others = [name for name, table in PLAN_TABLES.items() if _takes(table, place[-1], received)]
            return OptionError(what, received, rule, f"or give --model {others[0]}, which takes it" if others else "")
        return OptionError(what, received, rule)

    def _name(self, place: tuple[str, ...]) -> str:
        if place in self.flags:
            return "--" + place[-1].replace("_", "-")
        key = place[-1] if len(place) == 1 else f"[{place[0]}] {place[1]}"
        return key if self.file is None else f"{self.file.name}, {key}"


def located(source: str, folder: Path) -> str:
    """A built-in data set's name, an address and nothing as they are, a path made absolute."""
    if source in BUILT_IN or is_remote(source) or not source.strip():
        return source
    return str((folder / Path(source).expanduser()).absolute())


def _table(value: object) -> dict[str, Any] | None:
    """A TOML table, or None where a file has something else in its place."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _key_of(cause: OptionError, table: Mapping[str, Any], model: str) -> str:
    """The plan's field that an error means: a part of the plan may know ``gibbs_steps`` as its ``steps``."""
    meant = [key for key in PLAN_TABLES[model].model_fields if key == cause.what or key.endswith(f"_{cause.what}")]
    given = [key for key in meant if key in table and repr(table[key]) == repr(cause.received)]
    return (given or meant or [cause.what])[0]


def _known(place: tuple[str, ...], model: str) -> list[str]:
    tables: dict[str, type[BaseModel]] = {"data": DataTable, "training": PLAN_TABLES[model], "run": RunTable}
    return list((tables[place[0]] if place and place[0] in tables else Recipe).model_fields)


def _takes(table: type[BaseModel], key: str, word: object) -> bool:
    """Whether one of the words that a key may hold is this."""
    entry = table.model_fields.get(key)
    return entry is not None and word in get_args(entry.annotation)


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()
