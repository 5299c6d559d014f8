"""A file with missing values, filled by a run's machine: what was known is written as it was read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.data.column_tables import TABLES, read_table
from layerwise.data.frames import read_frame
from layerwise.data.rebuilding import Filled, build_table, keep_given
from layerwise.data.rows import Rows
from layerwise.data.tables import rows_from_table
from layerwise.errors import DataError, OptionError, RunError
from layerwise.randomness import RandomStream
from layerwise.runs.division import prepared_sample
from layerwise.runs.energy_model import EnergyModel
from layerwise.runs.filling import fill
from layerwise.runs.folder import RunFolder
from layerwise.runs.matching import load_like, matched
from layerwise.runs.outputs import check_output, write_table
from layerwise.training.checkpoint import write_atomically

__all__ = ["impute_file"]


def impute_file(folder: RunFolder, model: EnergyModel, data: Path, output: Path, steps: int, seed: int) -> int:
    """Fill the missing values of a file; return how many there were.

    A table gives a table and an array an array. Whole numbers and booleans stay what they are: they are filled with the
    nearest to what is expected.

    Raises
    ------
    RunError
        The run's model is no single machine.
    OptionError, DataError
        One of the two files is not acceptable.
    """
    if model.kind == "dbn":
        remedy = "train one on such rows: layerwise train DATA --model rbm"
        raise RunError("RUN", folder.path, "is of a dbn; only an rbm or a class-rbm fills missing values", remedy)
    of_table = data.suffix.lower() in TABLES
    if model.code is not None and not of_table:
        rule = f"must end in {' or '.join(TABLES)}: this run learned from a table's columns"
        raise OptionError("DATA", str(data), rule)
    if not of_table and data.suffix.lower() != ".npy":
        raise OptionError("DATA", str(data), f"must be a file that ends in {', '.join(TABLES)} or .npy")
    form, endings = ("a table", TABLES) if of_table else ("an array", (".npy",))
    check_output(output, endings, f": {data.name} is {form}")
    random = RandomStream(seed)
    return (_table if of_table else _array)(folder, model, data, output, steps, random)


def _table(folder: RunFolder, model: EnergyModel, data: Path, output: Path, steps: int, random: RandomStream) -> int:
    table: Any = read_table(data)
    target = folder.recipe().data.target
    labels = target if target in table.column_names else None
    asked: Any = table if labels is None else table.drop_columns([labels])
    filled: Any = (_columns if model.code is not None else _numbers)(model, asked, data.name, steps, random)
    if labels is not None:
        filled = filled.add_column(table.column_names.index(labels), labels, table.column(labels))
    write_table(output, filled)
    return sum(entry is None for cells in read_frame(asked, data.name).columns for entry in cells.entries)


def _columns(model: EnergyModel, table: Any, what: str, steps: int, random: RandomStream) -> Any:
    """Of a run that learned a table's columns."""
    assert model.code is not None
    rows = model.code.rows(table, what=what)
    return model.code.restore(_filled(model, rows, steps, random), like=table)


def _numbers(model: EnergyModel, table: Any, what: str, steps: int, random: RandomStream) -> Any:
    """Of a run whose visible units are of one kind, and whose columns are numbers."""
    rows = matched(rows_from_table(table, what=what, missing=True), model, what)
    back = _filled(model, rows, steps, random)
    frame, places = read_frame(table, what), rows.columns or ()
    columns: list[Filled] = []
    for cells in frame.columns:
        values = back[:, places.index(str(cells.name))]
        if cells.sort == "boolean":
            values = values >= 0.5
        elif model.preparation.kind == "spin" and cells.sort == "whole":
            values = np.where(values < 0, -1, 1)  # the nearest whole number would be no spin
        columns.append(keep_given(cells, values.tolist(), None, frame.backend))
    return build_table(frame.backend, columns)


def _array(folder: RunFolder, model: EnergyModel, data: Path, output: Path, steps: int, random: RandomStream) -> int:
    rows = matched(load_like(str(data), None, None, model).train, model, data.name)
    if hasattr(rows.values, "toarray"):
        raise DataError("DATA", str(data), "is sparse, and misses no value")
    known: npt.NDArray[Any] = np.asarray(rows.values)
    gaps = np.isnan(known)
    whole = np.where(gaps, _filled(model, rows, steps, random), known).astype(known.dtype)
    file = io.BytesIO()
    np.save(file, whole.reshape(-1, *rows.picture) if rows.picture else whole, allow_pickle=False)
    write_atomically(output, file.getvalue())
    return int(gaps.sum())


def _filled(model: EnergyModel, rows: Rows, steps: int, random: RandomStream) -> npt.NDArray[np.float64]:
    """Rows in the data's own units."""
    return model.preparation.restore(fill(model, prepared_sample(rows, model.preparation), random, steps))
