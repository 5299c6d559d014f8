"""Which rows learn, which are watched, which are kept for the test: a pure function of the recipe, the data, the seed.

============  ==========================================================================================
part          used for
============  ==========================================================================================
learning      every layer learns from these rows; the network is fine-tuned on those that keep a label
monitored     the free-energy gap, and curves of held-out rows: neither rows nor labels are learned from
test          looked at when a course is done, and never before
============  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from layerwise.data.choices import counted
from layerwise.data.classes import UNLABELLED
from layerwise.data.column_tables import code_of, unit_scale
from layerwise.data.columns import TablePreparation
from layerwise.data.labelling import keep_labels, split
from layerwise.data.minibatches import Minibatches
from layerwise.data.preparation import PlainKind, Preparation
from layerwise.data.rows import Dataset, Rows
from layerwise.data.stored import StoredValues
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.runs.recipe import DataTable, Recipe
from layerwise.training.lessons import Lessons
from layerwise.training.ranks import ALONE, Ranks
from layerwise.training.target_scale import TargetScale

__all__ = ["Division", "divide", "division_of", "prepared_sample"]

MEASURED_ROWS = 1000
"""How many rows a measurement after an epoch is taken on."""
STREAM_TEST_ROWS = 10_000
"""Rows that a stream gives to the test at most: they tell an accuracy to half a point, and are held in memory."""


@dataclass(frozen=True, eq=False)
class Division:
    """The parts of one data set under one seed."""

    learning: Rows
    monitored: Rows | None
    test: Rows
    preparation: Preparation
    code: TablePreparation | None = None
    """How the columns of a table became the units that these rows are."""

    @property
    def units(self) -> Mapping[str, Any]:
        """What the visible units are made from."""
        return self.preparation.spec() if self.code is None else self.code.spec()

    @property
    def labelled(self) -> Rows | None:
        """The learning rows that keep a label; None where there is none."""
        return _labelled(self.learning)

    @property
    def scored(self) -> Rows | None:
        """The test rows that have a label; None where there is none."""
        return _labelled(self.test)

    def lessons(self, batch_size: int, seed: int, device: str, ranks: Ranks = ALONE) -> Lessons:
        """What a course learns from: one rank's part of every minibatch."""
        random = RandomStream(seed)
        place: dict[str, Any] = {"device": device, "rank": ranks.rank, "world_size": ranks.size}
        labelled = self.labelled
        stream, labelled_sample, scale = None, None, None
        if labelled is not None:
            order, targets = random.child("labelled order"), None
            if labelled.targets is not None:
                scale = TargetScale.of(labelled.targets[:, None])
                targets = scale.standard(labelled.targets[:, None])
            stream = Minibatches(labelled, self.preparation, batch_size, order, targets=targets, **place)
            labelled_sample = self._labelled_sample(_some(labelled, random.child("labelled sample")), device, scale)
        return Lessons(
            rows=Minibatches(self.learning, self.preparation, batch_size, random.child("order"), **place),
            labelled=stream,
            classes=len(self.learning.classes),
            sample=prepared_sample(_some(self.learning, random.child("sample")), self.preparation, device),
            held_out=None if self.monitored is None else prepared_sample(self.monitored, self.preparation, device),
            labelled_sample=labelled_sample,
            units=self.units,
            held_out_labelled=self._labelled_sample(self.monitored, device, scale),
            target_scale=scale,
            ranks=ranks,
        )

    def _labelled_sample(
        self, rows: Rows | None, device: str, scale: TargetScale | None
    ) -> tuple[Tensor, Tensor] | None:
        """Prepared rows that have a label, and the labels, or the scaled targets; None where there is none."""
        labelled = None if rows is None else _labelled(rows)
        if labelled is None:
            return None
        if scale is not None and labelled.targets is not None:
            told = scale.standard(labelled.targets[:, None])
        else:
            assert labelled.labels is not None
            told = torch.from_numpy(labelled.labels)
        return prepared_sample(labelled, self.preparation, device), told.to(device)


def divide(dataset: Dataset, table: DataTable, visible: str, seed: int) -> Division:
    """Divide a data set.

    Parameters
    ----------
    dataset : Dataset
    table : DataTable
        ``[data]`` of the recipe.
    visible : str
        Kind of the visible units.
    seed : int
        Of the course.

    Raises
    ------
    DataError
        Where there are too few rows, labels of one class only, or targets that are all the same.
    OptionError
        Where more labels are asked for than there are, or fewer than classes; where the test leaves a row a class.
    """
    random = RandomStream(seed)
    learning, test = dataset.train, dataset.test
    if test is None:
        if len(learning) < 2:
            rule = "must be at least 2, one to learn from and one for the test"
            raise DataError(f"rows of {dataset.name}", len(learning), rule, "give more rows")
        share = table.test_share
        if isinstance(learning.values, StoredValues):
            share = min(share, STREAM_TEST_ROWS / len(learning))
        learning, test = split(learning, share, random.child("test"))
        test = test.in_memory()
    monitored = None
    if (count := min(table.monitoring_rows, len(learning) // 10)) > 0:
        try:
            learning, monitored = split(learning, count / len(learning), random.child("monitored"))
        except DataError as problem:
            raise _none_to_watch(dataset, table, len(learning)) from problem
    if table.labels != "all":
        try:
            learning = keep_labels(learning, table.labels, random.child("labels"))
        except OptionError as problem:
            remedy = "the labels of test rows and of rows that are only watched are not used"
            raise OptionError("labels", table.labels, problem.rule, remedy) from problem
    _check_answers(learning, dataset.name)
    code = code_of(dataset)
    if code is not None:
        return Division(learning, monitored, test, unit_scale(learning, code), code)
    return Division(learning, monitored, test, _fitted(dataset, learning, visible))


def division_of(dataset: Dataset, recipe: Recipe, repeat: int = 0) -> Division:
    """What a recipe makes of its data set in one of its repeats."""
    return divide(dataset, recipe.data, recipe.training.visible, recipe.run.seed + repeat)


def _fitted(dataset: Dataset, learning: Rows, visible: str) -> Preparation:
    if visible != "categorical":
        return Preparation.fit(learning, cast("PlainKind", visible))
    # A code that happens to be in test rows alone has its unit.
    parts = [part for part in (dataset.train, dataset.test) if part is not None]
    categories = [max(counts) for counts in zip(*(counted(part, None) for part in parts), strict=True)]
    return Preparation.fit(learning, "categorical", categories=categories)


def prepared_sample(rows: Rows, preparation: Preparation, device: str | torch.device = "cpu") -> Tensor:
    """Rows as the visible units see them; for some thousand rows at most, which become dense at once."""
    return preparation.prepare(rows.values).to(device)


def _labelled(rows: Rows) -> Rows | None:
    if rows.n_labelled == len(rows):
        return rows  # not copied: it may be all of MNIST
    return rows.labelled() if rows.n_labelled else None


def _some(rows: Rows, random: RandomStream) -> Rows:
    """Up to ``MEASURED_ROWS`` of the rows, drawn: a file may be sorted by class."""
    if len(rows) <= MEASURED_ROWS:
        return rows
    return rows.select(np.sort(random.permutation(len(rows)).numpy()[:MEASURED_ROWS]))


def _none_to_watch(dataset: Dataset, table: DataTable, left: int) -> OptionError:
    """The rows that are left to learn from are the last ones of their classes."""
    name = "monitoring_rows" if dataset.test is not None else "test_share"
    rule = f"leaves {left} rows to learn from, one a class, and none that can be only watched"
    remedy = "give monitoring_rows = 0" if dataset.test is not None else "give a smaller share, such as 0.2"
    return OptionError(name, getattr(table, name), rule, remedy)


def _check_answers(learning: Rows, name: str) -> None:
    if learning.n_labelled == 0:
        return
    if learning.targets is not None:
        known = learning.targets[~np.isnan(learning.targets)]
        if known.min() == known.max():
            received = f"{len(known)} numbers, all of them {known[0]:g}"
            raise DataError(f"target of {name}", received, "must vary to be learned", "give rows with other targets")
        return
    assert learning.labels is not None
    present = np.unique(learning.labels[learning.labels != UNLABELLED])
    if len(present) < 2:
        received = f"{learning.n_labelled} labels, all of them {learning.classes[present[0]]!r}"
        remedy = "label rows of another class, or give the rows without labels to learn layers alone"
        raise DataError(f"labels of {name}", received, "must be of at least two classes", remedy)
