"""From what a person wrote to what can be trained: all that can be known to be wrong before training is said here."""

from __future__ import annotations

from layerwise.data.rows import Dataset
from layerwise.errors import DataError, OptionError
from layerwise.runs.division import Division, division_of
from layerwise.runs.draft import Draft
from layerwise.runs.fingerprint import open_data
from layerwise.runs.recipe import Recipe
from layerwise.training.network_plan import MLPPlan
from layerwise.training.ranks import ALONE, Ranks

__all__ = ["settle"]

MANY_CLASSES = 20
"""Whole numbers in a target column that are taken for names of classes without asking."""


def settle(draft: Draft, ranks: Ranks = ALONE) -> tuple[Recipe, Dataset, Division]:
    """Check all that can be known before training: options, data, labels, device, memory.

    Parameters
    ----------
    draft : Draft
    ranks : Ranks
        Who is to train together.

    Returns
    -------
    recipe : Recipe
        Complete.
    dataset : Dataset
    division : Division
        Of the first repeat.

    Raises
    ------
    OptionError, DataError
    """
    first = draft.complete()
    if ranks.size > 1 and not first.training.divisible:
        rule = f"learns row after row, which {ranks.size} ranks cannot share"
        raise OptionError("model", first.training.model, rule, "train it in one process")
    dataset, found = open_data(first.data, first.training, undecided=not draft.says("training", "predicts"))
    _check_that_it_is_said(first, dataset, draft)
    recipe = draft.complete(dataset.train, found)
    draft.check_device(recipe)
    division = division_of(dataset, recipe)
    draft.check_memory(recipe, division.preparation.n_units)
    if recipe.training.needs_labels and division.labelled is None:
        rule = f"{recipe.training.model} learns from rows with labels, and no row has one"
        remedy = "name the column of a table as target, or learn an rbm or an autoencoder, which need none"
        raise DataError(f"labels of {dataset.name}", None, rule, remedy)
    return recipe, dataset, division


def _check_that_it_is_said(recipe: Recipe, dataset: Dataset, draft: Draft) -> None:
    """Whole numbers may be names of classes: not where nearly every row has another."""
    classes, rows = dataset.train.classes, dataset.train.n_labelled
    if not isinstance(recipe.training, MLPPlan) or draft.says("training", "predicts"):
        return
    if len(classes) > MANY_CLASSES and 3 * len(classes) > rows and all(name.lstrip("-").isdigit() for name in classes):
        rule = f"must be said: the target of {rows:,} rows has {len(classes):,} different whole numbers"
        raise OptionError("--predicts", None, rule, "give numbers to predict them, or classes if they are names")
