"""Rows from elsewhere under a trained model: the same columns, the same white, the same class names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from layerwise.data.column_tables import TABLES, TableDataset, read_table
from layerwise.data.columns import TablePreparation
from layerwise.data.rows import Dataset, Rows
from layerwise.data.sources import load
from layerwise.data.stored import WINDOW, StoredValues
from layerwise.data.streams import streams_by_itself
from layerwise.data.table_files import FORMATS
from layerwise.data.target import TargetHolds, read_target
from layerwise.errors import DataError, OptionError
from layerwise.runs.defaults import stream_for
from layerwise.runs.division import division_of
from layerwise.runs.fingerprint import open_data, refuse_missing
from layerwise.runs.folder import RunFolder
from layerwise.runs.model import Model
from layerwise.runs.network_model import NetworkModel

__all__ = ["load_like", "matched", "rows_asked_about"]


def rows_asked_about(
    folder: RunFolder,
    model: Model,
    data: str | None,
    target: str | None,
    *,
    labels: bool = True,
    stream: bool | None = None,
) -> tuple[Rows, str]:
    """The rows that a command measures: a run's own test part, or other data, of these the test part if there is one.

    Parameters
    ----------
    folder : RunFolder
    model : Model
        Of that folder.
    data, target : str or None
        As a person gave them.
    labels : bool
        Whether labels are asked for; otherwise they may be of any classes.
    stream : bool or None
        As of :func:`load_like`; None where ``data`` is None.

    Returns
    -------
    rows : Rows
        As :func:`matched` makes them.
    what : str
        The rows, in words.

    Raises
    ------
    OptionError
        A target is named, or it is said how to read ``data``, and there are none.
    """
    recipe = folder.recipe()
    if data is None:
        for name, given in (("--target", target), ("--stream" if stream else "--no-stream", stream)):
            if given is not None:
                told = "names a column of" if name == "--target" else "says how to read"
                raise OptionError(name, given, f"{told} DATA, which is not given", "give DATA as well")
        dataset, _ = open_data(recipe.data, recipe.training)
        rows = division_of(dataset, recipe).test
    else:
        window = recipe.data.window_mib * 2**20
        dataset = load_like(data, target, recipe.data.target, model, stream=stream, window=window)
        rows = dataset.train if dataset.test is None else dataset.test
    what = dataset.name if rows is dataset.train else f"test part of {dataset.name}"
    return matched(rows if labels else replace(rows, labels=None, classes=()), model, what), what


def load_like(
    data: str,
    target: str | None,
    usual_target: str | None,
    model: Model | None = None,
    *,
    stream: bool | None = False,
    window: int = WINDOW,
) -> Dataset:
    """Load a data set for a model: in a table the column that held the labels in training is not one of its columns.

    A model of a table's columns takes a table alone, and makes its rows the units that it knows.

    Parameters
    ----------
    data : str
    target : str or None
        Asked for; an error where it is not there.
    usual_target : str or None
        Of the run's recipe; the table may have it or not.
    model : Model, optional
        Some models' rows may have missing values.
    stream : bool or None
        Whether the rows stay on disk; None leaves it to :func:`~layerwise.runs.defaults.stream_for`.
    window : int
        Bytes of a stream's rows that are held in memory at once.

    Raises
    ------
    OptionError, DataError
    """
    streamed = stream_for(data) if stream is None else stream
    if not streamed and streams_by_itself(data):
        rule = "is an address or a folder of tables, and its rows cannot come into memory at once"
        remedy = "give one of its files, or a command that streams, such as evaluate without --no-stream"
        raise DataError("DATA", data, rule, remedy)
    holds: TargetHolds = "numbers" if isinstance(model, NetworkModel) and model.regresses else "classes"
    tables = Path(data).suffix.lower() in (FORMATS if streamed else TABLES) or (streamed and streams_by_itself(data))
    if streamed:
        _check_streams(data, model, holds, tables)
    elif model is not None and model.code is not None:
        return _table_like(Path(data).expanduser(), target, usual_target, model.code, holds)
    how: dict[str, Any] = {"progress": True, "missing": model is not None and model.takes_missing}
    how |= {"stream": True, "window": window} if streamed else {"target_holds": holds}
    if target is None and usual_target is not None and tables:
        try:
            return load(data, target=usual_target, **how)
        except OptionError:
            pass
    return load(data, target=target, **how)


def _check_streams(data: str, model: Model | None, holds: TargetHolds, tables: bool) -> None:
    """Refuse a stream to models that take more of a table than its numbers, one type for all columns."""
    rule = "the columns of a table each in its own way" if model is not None and model.code is not None else ""
    if holds == "numbers" and tables:
        rule = "a table in which a column of numbers is the target"
    if rule:
        remedy = "leave --stream out, and give a file that fits into memory"
        raise DataError("DATA", data, f"is a stream, and the run's model takes {rule}, in memory", remedy)


def _table_like(
    path: Path, target: str | None, usual_target: str | None, code: TablePreparation, holds: TargetHolds
) -> TableDataset:
    table: Any = read_table(path)
    names = [str(name) for name in table.column_names]
    if target is not None and target not in names:
        raise OptionError("target", target, f"must be a column of {path.name}, which has {_listed(names)}")
    asked = target or (usual_target if usual_target in names else None)
    labels, targets = None, None
    if asked is not None:
        entries, table = table.column(asked).to_pylist(), table.drop_columns([asked])
        labels, targets = read_target(entries, holds, f"{path.name}, column {asked!r}")
    rows = replace(code.rows(table, labels, what=path.name), targets=targets)
    return TableDataset(path.stem, rows, None, str(path), code)


def matched(rows: Rows, model: Model, what: str) -> Rows:
    """Bring rows into the form that a model was trained on.

    Parameters
    ----------
    rows : Rows
    model : Model
    what : str
        How an error names the rows.

    Returns
    -------
    Rows
        Columns in the model's order, values on the model's scale, labels as codes into the model's classes.

    Raises
    ------
    DataError
        Where columns are missing or too many, pictures have another size, a class is unknown, or a cell is missing
        and the model cannot do without.
    """
    if not model.takes_missing:
        refuse_missing(rows, what, model.kind)
    rows = _scaled(_with_columns(rows, model, what), model, what)
    return rows.with_classes(model.classes) if rows.labels is not None and model.classes else rows


def _with_columns(rows: Rows, model: Model, what: str) -> Rows:
    if rows.columns is not None and model.columns is not None and set(rows.columns) != set(model.columns):
        missing = [name for name in model.columns if name not in rows.columns]
        extra = [name for name in rows.columns if name not in model.columns]
        if missing:
            raise DataError(f"columns of {what}", _listed(rows.columns), f"must contain {_listed(missing)} as well")
        rule = f"must be those that the run was trained on; {_listed(extra)} is not among them"
        raise DataError(f"columns of {what}", _listed(rows.columns), rule, "leave it out, or name it as --target")
    if rows.n_columns != model.preparation.n_columns:
        rule = f"must be {model.preparation.n_columns}, as in the run's own data"
        raise DataError(f"columns of {what}", rows.n_columns, rule)
    if rows.picture is not None and model.picture is not None and rows.picture != model.picture:
        rule = f"must be {model.picture[0]} × {model.picture[1]} pixels, as in the run's own data"
        raise DataError(f"pictures of {what}", f"{rows.picture[0]} × {rows.picture[1]}", rule)
    if rows.columns is None or model.columns is None or rows.columns == model.columns:
        return rows
    places, values = np.array([rows.columns.index(name) for name in model.columns]), rows.values
    taken = values.with_columns(places) if isinstance(values, StoredValues) else values[:, places]
    return replace(rows, values=taken, columns=model.columns)


def _scaled(rows: Rows, model: Model, what: str) -> Rows:
    """White is white: 255 in one source may be 16 in another."""
    ours, theirs = model.full_scale, rows.full_scale
    if ours is None or ours == theirs:
        return rows
    if theirs is not None:
        values, factor = rows.values, np.float32(ours / theirs)
        stored = isinstance(values, StoredValues)
        scaled = values.times(float(factor)) if stored else (values * factor).astype(np.float32)
        return replace(rows, values=scaled, full_scale=ours)
    greatest = float(rows.values.max())
    if ours > 1 and rows.values.dtype.kind == "f" and greatest <= 1:
        rule = f"must be on the scale of the run's own data, where {ours:g} is white"
        raise DataError(f"greatest value of {what}", greatest, rule, f"multiply the rows by {ours:g}")
    return rows


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
