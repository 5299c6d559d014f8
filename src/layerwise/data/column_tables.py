"""A .csv or .parquet file whose columns are of different kinds, with gaps, as rows of units.

Kinds and levels are those of the whole file: they say what a column is, and a level that happens to occur in test rows
alone has its unit. Shift and scale of real columns are what is measured on rows to learn from (:func:`unit_scale`).
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from layerwise.data.columns import TablePreparation
from layerwise.data.parquet_files import read_parquet
from layerwise.data.preparation import Preparation
from layerwise.data.reading import reading, stem
from layerwise.data.rows import Dataset, Rows
from layerwise.data.tables import check_header
from layerwise.data.target import TargetHolds, read_target
from layerwise.errors import DataError, OptionError

__all__ = ["TABLES", "TableDataset", "code_of", "load_columns", "read_table", "unit_scale"]

TABLES = (".csv", ".parquet")
_SMALLEST = 1e-6


@dataclass(frozen=True, eq=False)
class TableDataset(Dataset):
    """A data set whose rows are the units of a table's columns.

    Parameters
    ----------
    code : TablePreparation
        How the columns became units.
    """

    code: TablePreparation


def code_of(dataset: Dataset) -> TablePreparation | None:
    """How the columns of a table became the rows' units; None where rows are no such units."""
    return dataset.code if isinstance(dataset, TableDataset) else None


def load_columns(path: Path, target: str | None = None, target_holds: TargetHolds = "classes") -> TableDataset:
    """Read a table column by column; see :class:`~layerwise.data.TablePreparation` for what a column becomes.

    Parameters
    ----------
    path : Path
    target : str, optional
        Column of the labels, which is none of the rows' columns.
    target_holds : {"classes", "numbers", "either"}
        See :func:`~layerwise.data.target.read_target`.

    Raises
    ------
    DataError
        Where the file is damaged, or a column or a cell is not acceptable.
    OptionError
        Where there is no column ``target``.
    """
    table = read_table(path)
    labels, targets = None, None
    if target is not None:
        entries, table = _target(table, target, path)
        labels, targets = read_target(entries, target_holds, f"{path.name}, column {target!r}")
    if not table.num_columns or not table.num_rows:
        received = f"{table.num_rows} rows, {table.num_columns} columns beside the target"
        raise DataError(path.name, received, "must hold at least one row and one column beside the target")
    code = TablePreparation.fit(table, what=path.name)
    rows = replace(code.rows(table, labels, what=path.name), targets=targets)
    return TableDataset(stem(path), rows, None, str(path), code)


def read_table(path: Path) -> Any:
    """A pyarrow table; an empty cell of a .csv file is a missing one, of whatever type its column is.

    Raises
    ------
    DataError
        Where the file is no table, cannot be read, or pyarrow is not installed.
    """
    ending = path.suffix.lower()
    if ending not in TABLES:
        raise DataError("DATA", str(path), f"must be a table, {' or '.join(TABLES)}")
    if not path.is_file():
        raise DataError("DATA", str(path), "is no file", "give the path of a table")
    try:
        module: Any = importlib.import_module("pyarrow.csv" if ending == ".csv" else "pyarrow.parquet")
    except ImportError as error:
        remedy = "install it with: pip install 'layerwise[data]'"
        raise DataError(path.name, ending, "needs the package pyarrow", remedy) from error
    with reading(path, f"a {ending} table"):
        if ending == ".csv":
            table: Any = module.read_csv(path, convert_options=module.ConvertOptions(strings_can_be_null=True))
        else:
            table = read_parquet(path)
        names = [str(name) for name in table.column_names]
    if ending == ".csv":
        check_header(names, path, table)
    return table


def unit_scale(rows: Rows, code: TablePreparation) -> Preparation:
    """Shift and scale of every unit, measured on rows of units: what is real gets mean 0 and standard deviation 1.

    Rectified units keep their zero; all others stay as they are.

    Raises
    ------
    DataError
        Where a column has no value in these rows.
    """
    values: npt.NDArray[Any] = np.asarray(rows.values, dtype=np.float64)
    shift, scale = np.zeros(code.n_units), np.ones(code.n_units)
    for column in code.columns:
        units = values[:, code.slices[column.name]]
        if bool(np.isnan(units).all()):
            rule = "has no value among the rows to learn from"
            raise DataError(f"column {column.name!r}", "every cell missing", rule, "leave the column out")
        if column.kind not in ("gaussian", "rectified"):
            continue
        spread = float(np.nanstd(units))
        place = code.slices[column.name].start
        shift[place] = float(np.nanmean(units)) if column.kind == "gaussian" else 0.0
        scale[place] = 1 / spread if spread > _SMALLEST else 1.0
    return Preparation("gaussian", torch.from_numpy(shift), torch.from_numpy(scale))


def _target(table: Any, target: str, path: Path) -> tuple[list[Any], Any]:
    names = [str(name) for name in table.column_names]
    if target not in names:
        close = difflib.get_close_matches(target, names, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "give one of them"
        listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        raise OptionError("target", target, f"must be a column of {path.name}, which has {listed}", remedy)
    return table.column(target).to_pylist(), table.drop_columns([target])
