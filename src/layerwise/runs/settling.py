"""From what a person wrote to what can be trained: all that can be known to be wrong before training is said here."""

from __future__ import annotations

from layerwise.data.rows import Dataset
from layerwise.errors import DataError
from layerwise.runs.division import Division, division_of
from layerwise.runs.draft import Draft
from layerwise.runs.fingerprint import open_data
from layerwise.runs.recipe import Recipe

__all__ = ["settle"]


def settle(draft: Draft) -> tuple[Recipe, Dataset, Division]:
    """Check all that can be known before training: options, data, labels, device, memory.

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
    dataset, found = open_data(first.data, first.training)
    recipe = draft.complete(dataset.train, found)
    draft.check_device(recipe)
    division = division_of(dataset, recipe)
    draft.check_memory(recipe, division.preparation.n_units)
    if recipe.training.needs_labels and division.labelled is None:
        rule = f"{recipe.training.model} learns from rows with labels, and no row has one"
        remedy = "name the column of a table as target, or learn an rbm or an autoencoder, which need none"
        raise DataError(f"labels of {dataset.name}", None, rule, remedy)
    return recipe, dataset, division
