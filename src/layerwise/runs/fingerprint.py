"""A short name of a data set's content, by which a recipe recognises its data when it is run again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from layerwise.data.column_tables import code_of, load_columns
from layerwise.data.rows import Dataset, Rows
from layerwise.data.sources import load
from layerwise.data.stored import StoredValues
from layerwise.data.target import TargetHolds
from layerwise.errors import DataError, OptionError
from layerwise.runs.recipe import DataTable
from layerwise.training.network_plan import MLPPlan
from layerwise.training.plans import AnyPlan

__all__ = ["fingerprint", "open_data", "refuse_missing", "target_holds"]


def open_data(table: DataTable, plan: AnyPlan | None = None, *, undecided: bool = False) -> tuple[Dataset, str]:
    """Load what ``[data]`` of a recipe names, and make sure that it is what the recipe was made for.

    Parameters
    ----------
    table : DataTable
    plan : optional
        A mixed layer takes a table column by column; some models learn from rows with missing values, some from
        numbers to be predicted.
    undecided : bool
        Whether nobody has said yet if a number is to be predicted: the target column says it then.

    Returns
    -------
    dataset : Dataset
    fingerprint : str

    Raises
    ------
    DataError
        Where the data are missing, damaged or have changed.
    OptionError
        Where a number is to be predicted, and the data are no table.
    """
    if plan is not None and table.stream and not plan.takes_streams:
        rule = f"has rows that stay on disk, and the model {plan.model} visits rows in memory"
        raise DataError("DATA", table.source, rule, "give --model mlp, or --no-stream where they fit")
    holds = "classes" if plan is None else target_holds(plan, undecided=undecided)
    missing = plan is not None and plan.takes_missing
    if table.stream:
        window = table.window_mib * 2**20
        dataset = load(table.source, target=table.target, missing=missing, stream=True, window=window)
    elif plan is not None and plan.visible == "mixed":
        dataset = load_columns(Path(table.source), table.target, holds)
    else:
        dataset = load(table.source, target=table.target, progress=True, missing=missing, target_holds=holds)
    if holds == "numbers" and dataset.train.targets is None:
        rule = "needs a column of numbers: the target of a table that is no stream"
        raise OptionError("predicts", "numbers", rule, "give a .csv or .parquet file, and --target COLUMN")
    if plan is not None and not plan.takes_missing:
        for rows in (dataset.train, dataset.test):
            if rows is not None:
                refuse_missing(rows, dataset.name, plan.model)
    found = fingerprint(dataset)
    if table.fingerprint not in (None, found):
        rule = "has changed since the recipe was written: its fingerprint is another"
        raise DataError("data", table.source, rule, "bring back the data as they were, or train a new run")
    return dataset, found


def target_holds(plan: AnyPlan, *, undecided: bool = False) -> TargetHolds:
    """What a model learns from the target column of a table."""
    if not isinstance(plan, MLPPlan):
        return "classes"
    return "either" if undecided else plan.predicts


def refuse_missing(rows: Rows, what: str, model: str) -> None:
    """Refuse rows with missing values; a sparse matrix misses none, and a stream may only where that was asked for.

    Raises
    ------
    DataError
    """
    values = rows.values
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or not np.isnan(values).any():
        return
    count = int(np.isnan(values).any(axis=1).sum())
    rule = f"has {count:,} rows that miss a value, and the model {model} cannot do without"
    raise DataError("DATA", what, rule, "fill the gaps first: layerwise train --model rbm, then layerwise impute")


def fingerprint(dataset: Dataset) -> str:
    """Hash of all rows, labels, targets, class names and column names: the same for the same data, wherever they lie.

    >>> from layerwise.data import Rows
    >>> rows = Rows.from_arrays([[0.0, 1.0]], ["yes"])
    >>> again = Rows.from_arrays([[0.0, 1.0]], ["no"])
    >>> fingerprint(Dataset("a", rows, None, "here")) == fingerprint(Dataset("b", rows, None, "there"))
    True
    >>> fingerprint(Dataset("a", rows, None, "here")) == fingerprint(Dataset("a", again, None, "here"))
    False
    """
    digest = hashlib.blake2b(digest_size=16)
    for rows in (dataset.train, dataset.test):
        if rows is None:
            continue
        values: Any = rows.values
        dense = isinstance(values, np.ndarray | StoredValues)
        arrays: list[Any] = [values] if dense else [values.data, values.indices, values.indptr]
        arrays += [told for told in (rows.labels, rows.targets) if told is not None]
        header = (rows.values.shape, rows.classes, rows.columns, rows.picture, rows.full_scale)
        digest.update(repr([*header, *(str(array.dtype) for array in arrays)]).encode())
        for array in arrays:
            for part in array.parts() if isinstance(array, StoredValues) else [array]:
                digest.update(np.ascontiguousarray(part).data)
    if (code := code_of(dataset)) is not None:
        digest.update(repr(code.to_tree()).encode())  # units do not say by how much a column was scaled
    return digest.hexdigest()
