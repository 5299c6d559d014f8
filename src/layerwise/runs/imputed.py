"""A file with missing values, filled by a run's RBM: what was known is written as it was read."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from layerwise.data.column_tables import TABLES, read_table
from layerwise.errors import DataError, OptionError, RunError
from layerwise.randomness import RandomStream
from layerwise.runs.division import prepared_sample
from layerwise.runs.filling import fill
from layerwise.runs.folder import RunFolder
from layerwise.runs.matching import load_like, matched
from layerwise.runs.model import Model
from layerwise.training.checkpoint import write_atomically

__all__ = ["impute_file"]


def impute_file(folder: RunFolder, model: Model, data: Path, output: Path, steps: int, seed: int) -> int:
    """Fill the missing values of a file; return how many there were.

    Raises
    ------
    RunError
        The run's model is no rbm.
    OptionError, DataError
        One of the two files is not acceptable.
    """
    if model.kind != "rbm":
        remedy = "train one on such rows: layerwise train DATA --model rbm"
        raise RunError("RUN", folder.path, f"is of a {model.kind}; only an rbm fills missing values", remedy)
    tables = model.code is not None
    wanted = TABLES if tables else (".npy",)
    for name, path in (("DATA", data), ("-o", output)):
        if path.suffix.lower() not in wanted:
            what = "a table's columns" if tables else "an array"
            raise OptionError(name, path, f"must end in {' or '.join(wanted)}: this run learned from {what}")
    random = RandomStream(seed)
    return _table(folder, model, data, output, steps, random) if tables else _array(model, data, output, steps, random)


def _table(folder: RunFolder, model: Model, data: Path, output: Path, steps: int, random: RandomStream) -> int:
    assert model.code is not None
    table: Any = read_table(data)
    target = folder.recipe().data.target
    labels = target if target in table.column_names else None
    asked: Any = table if labels is None else table.drop_columns([labels])
    rows = model.code.rows(asked, what=data.name)
    whole = model.preparation.restore(fill(model, prepared_sample(rows, model.preparation), random, steps))
    filled: Any = model.code.restore(whole, like=asked)
    if labels is not None:
        filled = filled.add_column(table.column_names.index(labels), labels, table.column(labels))
    file = io.BytesIO()
    csv = output.suffix.lower() == ".csv"
    writer: Any = importlib.import_module("pyarrow.csv" if csv else "pyarrow.parquet")
    (writer.write_csv if csv else writer.write_table)(filled, file)
    write_atomically(output, file.getvalue())
    return sum(int(asked.column(name).null_count) for name in asked.column_names)


def _array(model: Model, data: Path, output: Path, steps: int, random: RandomStream) -> int:
    rows = matched(load_like(str(data), None, None, model).train, model, data.name)
    if hasattr(rows.values, "toarray"):
        raise DataError("DATA", str(data), "is sparse, and misses no value")
    known: Any = np.asarray(rows.values)
    gaps = np.isnan(known)
    back = model.preparation.restore(fill(model, prepared_sample(rows, model.preparation), random, steps))
    whole = np.where(gaps, back, known).astype(known.dtype)
    file = io.BytesIO()
    np.save(file, whole.reshape(-1, *rows.picture) if rows.picture else whole, allow_pickle=False)
    write_atomically(output, file.getvalue())
    return int(gaps.sum())
