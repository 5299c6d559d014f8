"""What a run learned, with all that it needs to meet new rows: what every model has, whatever is inside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layerwise.data.columns import TablePreparation
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.errors import OptionError
from layerwise.training.plans import PLANS

__all__ = ["Model"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Model(ABC):
    """A trained model; :class:`~layerwise.runs.energy_model.EnergyModel` or a network.

    Parameters
    ----------
    preparation : Preparation
    classes : tuple of str
    columns : tuple of str or None
    picture : (height, width) or None
    full_scale : float or None
        What stood for white.
    provenance : dict
        Data, seed and version that it came from.
    kind : str
        Its name in a recipe.
    code : TablePreparation or None
        How the columns of a table become units, which ``preparation`` then scales.
    """

    preparation: Preparation
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    picture: tuple[int, int] | None = None
    full_scale: float | None = None
    provenance: dict[str, Any] = field(default_factory=dict[str, Any])
    kind: str = "dbn"
    code: TablePreparation | None = None

    @property
    def units(self) -> Mapping[str, Any]:
        """What units of the rows are made from."""
        return self.preparation.spec() if self.code is None else self.code.spec()

    @property
    def takes_missing(self) -> bool:
        """Whether rows may have missing values."""
        return PLANS[self.kind].takes_missing

    @property
    @abstractmethod
    def classifies(self) -> bool:
        """Whether :meth:`probabilities` has something to say."""

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """Size of each layer that has a code, from the data upwards."""

    @property
    def depth(self) -> int:
        """Number of these layers."""
        return len(self.sizes)

    @property
    @abstractmethod
    def n_parameters(self) -> dict[str, int]:
        """Number of parameters of each part."""

    def probabilities(self, rows: Rows) -> npt.NDArray[np.float32]:
        """What the model gives each class, of shape (rows, classes).

        Raises
        ------
        RunError
            It does not classify.
        """
        return torch.cat(list(self._class_probabilities(rows))).numpy()

    def answers(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Code of the most probable class of each row, of shape (rows,): of a stream no more than these is held.

        Raises
        ------
        RunError
            It does not classify.
        """
        return np.concatenate([part.numpy().argmax(1) for part in self._class_probabilities(rows)])

    @abstractmethod
    def _class_probabilities(self, rows: Rows) -> Iterator[Tensor]:
        """What it gives each class, some rows at a time."""

    def check_layer(self, depth: int | None) -> None:
        """Refuse a layer that is not there.

        Raises
        ------
        OptionError
        """
        if depth is not None and not 1 <= depth <= self.depth:
            raise OptionError("layer", depth, f"must be from 1 to {self.depth}", "leave it out for the top")

    def codes(self, rows: Rows, depth: int | None = None) -> npt.NDArray[np.float32]:
        """What a layer makes of rows; of an energy model E[h | row], missing values being drawn given the others.

        Parameters
        ----------
        rows : Rows
        depth : int, optional
            The layer, from 1; the top if left out.

        Returns
        -------
        ndarray of shape (rows, size of the layer)
        """
        self.check_layer(depth)
        depth = self.depth if depth is None else depth
        codes, first = np.empty((len(rows), self.sizes[depth - 1]), dtype=np.float32), 0
        for part in self.codes_in_parts(rows, depth):
            codes[first : first + len(part)] = part
            first += len(part)
        return codes

    def codes_in_parts(self, rows: Rows, depth: int) -> Iterator[npt.NDArray[np.float32]]:
        """The same codes as they come, some rows at a time."""
        for code in self._carried_up(rows, depth):
            yield code.numpy()

    @abstractmethod
    def _carried_up(self, rows: Rows, depth: int) -> Iterator[Tensor]:
        """Rows in their order at a layer, some at a time."""

    @abstractmethod
    def filters(self) -> npt.NDArray[np.float32]:
        """Weights between the data's units and each unit of the first layer, of shape (hidden, units)."""

    @abstractmethod
    def reconstructions(self, prepared: Tensor) -> dict[int, Tensor]:
        """Prepared rows as they come back, by how many layers they were carried up through."""

    def save(self, path: Path) -> None:
        """Write the model; the same model gives the same bytes.

        Raises
        ------
        StorageError
        """
        from layerwise.runs.model_file import write_model

        write_model(path, self)

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read a model back.

        Raises
        ------
        RunError
            The file is missing, damaged or no model.
        """
        from layerwise.runs.model_file import read_model

        return read_model(path)
