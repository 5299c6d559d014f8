"""Real tables, with columns of different kinds and missing cells, as the rows of one layer of units, and back.

Bernoulli units come first, then spins, Gaussian, rectified and categorical ones, whatever the order of the columns:
each kind is computed once for all of its columns. A missing cell is NaN in each of its units; a model infers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from layerwise.data.cells import Cells, Name
from layerwise.data.codes import KINDS, ColumnCode
from layerwise.data.column_kinds import fit_column, wanted_kinds
from layerwise.data.frames import BACKENDS, Backend, Frame, read_frame
from layerwise.data.rebuilding import Filled, build_table, keep_given
from layerwise.data.rows import Rows
from layerwise.errors import DataError, RunError

__all__ = ["TablePreparation"]


@dataclass(frozen=True)
class TablePreparation:
    """The code of every column of a table; :meth:`fit` finds it.

    Parameters
    ----------
    columns : tuple of ColumnCode
        In the order of the table.
    backend : {"pandas", "polars", "pyarrow", "numpy", "dict"}
        Whose tables :meth:`restore` makes.

    Examples
    --------
    >>> table = {"age": [30.0, None, 50.0], "smokes": [True, False, None], "city": ["Ulm", "Bonn", "Ulm"]}
    >>> preparation = TablePreparation.fit(table)
    >>> preparation.prepare(table)
    tensor([[ 1., -1.,  0.,  1.],
            [ 0., nan,  1.,  0.],
            [nan,  1.,  0.,  1.]])
    >>> preparation.unit_names
    ('smokes', 'age', 'city=Bonn', 'city=Ulm')
    >>> preparation.restore(torch.tensor([[0.2, 0.5, 0.9, 0.1]]))
    {'age': array([45.]), 'smokes': array([False], dtype=object), 'city': array(['Bonn'], dtype='<U4')}
    """

    columns: tuple[ColumnCode, ...]
    backend: Backend
    slices: dict[Name, slice] = field(init=False, repr=False, compare=False)
    """The units of each column."""

    def __post_init__(self) -> None:
        slices: dict[Name, slice] = {}
        first = 0
        for column in self._by_kind():
            slices[column.name] = slice(first, first + column.size)
            first += column.size
        object.__setattr__(self, "slices", slices)

    @classmethod
    def fit(
        cls, table: object, visible: Mapping[Any, str] | str | None = None, *, what: str = "table"
    ) -> TablePreparation:
        """Find the code of every column; :mod:`layerwise.data.column_kinds` has the rules.

        Parameters
        ----------
        table : pandas, polars or pyarrow table, ndarray of shape (rows, columns), or dict of arrays of shape (rows,)
            Training rows. The columns of a matrix are named 0, 1, 2, …
        visible : dict from column name to kind, or one kind for all columns, optional
            ``"bernoulli"``, ``"spin"``, ``"gaussian"``, ``"rectified"`` or ``"categorical"``, where the kind that the
            values suggest is not the one that is wanted.
        what : str
            How an error names the table.

        Raises
        ------
        OptionError
            Where ``visible`` names no column or no kind.
        DataError
            Naming the column and the cell that is not acceptable, or the column that has no value at all.
        """
        frame = read_frame(table, what)
        wanted = wanted_kinds(visible, frame.names)
        codes = tuple(fit_column(cells, wanted.get(cells.name), what) for cells in frame.columns)
        return cls(codes, frame.backend)

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.columns)

    @property
    def n_units(self) -> int:
        """Number of units of a row."""
        return sum(column.size for column in self.columns)

    @property
    def unit_names(self) -> tuple[str, ...]:
        """A name for each unit."""
        return tuple(name for column in self._by_kind() for name in column.unit_names)

    def spec(self) -> dict[str, Any]:
        """The layer of units that the rows are for, as ``layerwise.units.kind_from`` takes it.

        Several kinds are the parts of a mixed layer; one kind alone is that kind.
        """
        parts: list[dict[str, Any]] = []
        for kind in KINDS:
            sizes = [column.size for column in self.columns if column.kind == kind]
            if sizes and kind == "categorical":
                parts.append({"kind": kind, "categories": sizes})
            elif sizes:
                parts.append({"kind": kind, "size": len(sizes)})
        return parts[0] if len(parts) == 1 else {"kind": "mixed", "parts": parts}

    def prepare(self, table: object, *, what: str = "table") -> Float[Tensor, "rows units"]:
        """Turn a table into rows of units.

        Parameters
        ----------
        table : as for :meth:`fit`
            With the same columns, in any order; of any library. A matrix, which has no names, has them in the order of
            the fitted table; and where a matrix was fitted, so has any table.
        what : str
            How an error names the table.

        Returns
        -------
        Tensor of shape (rows, units), float32
            NaN in every unit of a missing cell.

        Raises
        ------
        DataError
            Naming the columns that are missing or too many, or the cell that the column's kind does not accept.
        """
        frame = read_frame(table, what)
        cells = self._matched(frame, what)
        units = np.empty((frame.n_rows, self.n_units), dtype=np.float32)
        for column in self.columns:
            units[:, self.slices[column.name]] = column.prepare(cells[column.name], what)
        return torch.from_numpy(units)

    def rows(self, table: object, labels: object = None, *, what: str = "table") -> Rows:
        """What :meth:`prepare` gives, ready for minibatches with :meth:`layerwise.data.Preparation.unchanged`.

        Parameters
        ----------
        table, what : as for :meth:`prepare`
        labels : array-like of shape (rows,), optional
            As for :meth:`layerwise.data.Rows.from_arrays`.
        """
        values = self.prepare(table, what=what).numpy()
        return Rows.from_arrays(values, labels, columns=self.unit_names, missing=True, name=what)

    def restore(
        self, units: Tensor | npt.NDArray[np.floating[Any]], like: object = None, *, what: str = "table"
    ) -> Any:
        """Turn rows of units, or what a model made of them, back into a table.

        Parameters
        ----------
        units : Tensor or ndarray of shape (rows, units)
            Means, samples or modes. NaN gives a missing cell.
        like : table, optional
            The table that was prepared: its cells are kept as they are, to the last digit, and only the missing ones
            are filled. The result has its library, its column order and its types.
        what : str
            How an error names ``like``.

        Returns
        -------
        table
            Of the library that ``like`` is of, or that was fitted, with the column types of that table.

        Raises
        ------
        DataError
            Where the rows have another number of units, or ``like`` other columns or rows.
        """
        values = units.detach().cpu().numpy() if isinstance(units, Tensor) else np.asarray(units)
        if values.ndim != 2 or values.shape[1] != self.n_units:
            raise DataError("units.shape", tuple(values.shape), f"must be (rows, {self.n_units}), one for each unit")
        infinite = np.isinf(values).any(axis=1)
        if infinite.any():
            where = f"units, row {int(np.argmax(infinite))}"
            raise DataError(where, "an infinite number", "must be finite, or NaN where missing")
        values = values.astype(np.float64)
        restored = {column.name: column.restore(values[:, self.slices[column.name]]) for column in self.columns}
        if like is None:
            filled = [Filled(c.name, restored[c.name], c.dtype, c.levels) for c in self.columns]
            return build_table(self.backend, filled)
        frame = read_frame(like, what)
        fitted = {id(cells): name for name, cells in self._matched(frame, what).items()}
        if frame.n_rows != len(values):
            raise DataError("units.shape", tuple(values.shape), f"must have the {frame.n_rows} rows of {what}")
        dtypes = {c.name: c.dtype for c in self.columns} if frame.backend == self.backend else {}
        pairs = [(cells, fitted[id(cells)]) for cells in frame.columns]
        given = [keep_given(cells, restored[name], dtypes.get(name), frame.backend) for cells, name in pairs]
        return build_table(frame.backend, given, frame.index)

    def to_tree(self) -> dict[str, Any]:
        """Give the whole state as plain numbers and texts, for a safe file."""
        return {"backend": self.backend, "columns": [column.to_tree() for column in self.columns]}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> TablePreparation:
        """Make a preparation from what :meth:`to_tree` gave.

        Raises
        ------
        RunError
            Where the tree is damaged or of something else.
        """
        try:
            codes = tuple(ColumnCode.from_tree(saved) for saved in tree["columns"])
            if not codes or tree["backend"] not in BACKENDS:
                raise ValueError("it has no column, or an unknown backend")
        except Exception as error:
            rule = f"must be what a table preparation gave as its tree ({error})"
            raise RunError("preparation", sorted(tree), rule, "the file is damaged: use a copy of it") from error
        return cls(codes, tree["backend"])

    def _by_kind(self) -> list[ColumnCode]:
        return sorted(self.columns, key=lambda column: KINDS.index(column.kind))

    def _matched(self, frame: Frame, what: str) -> dict[Name, Cells]:
        """The columns by the names that were fitted, if they are those columns."""
        names = [column.name for column in self.columns]
        if "numpy" in (frame.backend, self.backend) and len(frame.columns) == len(names):
            return dict(zip(names, frame.columns, strict=True))
        cells = {column.name: column for column in frame.columns}
        missing, extra = [n for n in names if n not in cells], [n for n in cells if n not in self.slices]
        if missing:
            rule = f"lacks {_listed(missing)}, which the preparation was fitted on"
            remedy = "add a column of missing cells where nothing is known"
            raise DataError(f"{what}, columns", _listed(list(cells)), rule, remedy)
        if extra:
            rule = f"must have only the columns that were fitted: {_listed(names)}"
            raise DataError(f"{what}, columns", _listed(extra), rule, "leave them out")
        return cells


def _listed(names: list[Name]) -> str:
    return ", ".join(str(name) for name in names[:20]) + (", …" if len(names) > 20 else "")
