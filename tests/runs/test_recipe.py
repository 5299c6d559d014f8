"""Recipes name every value; units and defaults suit the data."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from layerwise.data import Rows
from layerwise.runs.defaults import defaults_for, visible_for
from layerwise.runs.draft import Draft
from layerwise.training.plan import Plan

HERE = Path("somewhere/recipe.toml")
DATA = '[data]\nsource = "digits"\n'


def rows(low: float, high: float, columns: int = 4, count: int = 20, **options: object) -> Rows:
    values = np.random.default_rng(0).uniform(low, high, (count, columns))
    return Rows.from_arrays(values, **options)  # type: ignore[arg-type]


def test_the_recipe_names_every_value_of_the_plan_and_is_its_own_completion() -> None:
    recipe = Draft.from_text(DATA, HERE).complete(rows(-1, 1), "abc")
    text = recipe.to_toml()
    assert {entry.name for entry in fields(Plan)} | {"model"} == set(recipe.to_tables()["training"])
    again = Draft.from_text(text, HERE)
    assert again.complete() == recipe
    assert again.tables == recipe.to_tables()


def test_units_suit_the_data() -> None:
    assert visible_for(rows(0, 1)) == "bernoulli"
    assert visible_for(rows(-1, 1)) == "gaussian"
    assert visible_for(rows(0, 2)) == "gaussian"
    assert visible_for(rows(0, 200, picture=(2, 2), full_scale=255.0)) == "bernoulli"
    assert (
        Draft.from_text(DATA + '[training]\nvisible = "auto"', HERE).complete(rows(-1, 1)).training.visible
        == "gaussian"
    )


def test_defaults_grow_with_the_data_and_all_belong_to_the_plan() -> None:
    names = {entry.name for entry in fields(Plan)}
    for data in (None, rows(0, 1, 4), rows(0, 1, 64), rows(0, 1, 784)):
        assert set(defaults_for(data)) <= names
    assert defaults_for(rows(0, 1, 784))["hidden"] == [500, 500, 2000]
    assert sum(defaults_for(rows(0, 1, 4))["hidden"]) < sum(defaults_for(rows(0, 1, 64))["hidden"])
