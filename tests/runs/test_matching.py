"""Rows from elsewhere are brought under a model, or refused with the column, class or size at fault."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from layerwise.data import Preparation, Rows
from layerwise.energy import BeliefNet, bernoulli_rbm
from layerwise.errors import DataError, OptionError
from layerwise.runs.energy_model import EnergyModel
from layerwise.runs.matching import load_like, matched


def model_of(rows: Rows, classes: tuple[str, ...] = ()) -> EnergyModel:
    net = BeliefNet([bernoulli_rbm(rows.n_columns, 2)])
    preparation = Preparation.fit(rows, "bernoulli")
    return EnergyModel(
        preparation=preparation,
        net=net,
        classes=classes,
        columns=rows.columns,
        picture=rows.picture,
        full_scale=rows.full_scale,
    )


TABLE = Rows.from_arrays([[1.0, 2.0], [3.0, 4.0]], columns=("a", "b"))
BYTES = Rows.from_arrays(np.array([[[0, 255], [128, 7]]], dtype=np.uint8))


def test_columns_are_put_in_the_models_order() -> None:
    other = Rows.from_arrays([[20.0, 10.0]], columns=("b", "a"))
    found = matched(other, model_of(TABLE), "new")
    assert np.array_equal(np.asarray(found.values), [[10.0, 20.0]])
    assert found.columns == ("a", "b")


def test_columns_without_names_are_counted() -> None:
    assert matched(Rows.from_arrays([[5.0, 6.0]]), model_of(TABLE), "new").n_columns == 2
    with pytest.raises(DataError, match="columns of new = 3: must be 2"):
        matched(Rows.from_arrays([[5.0, 6.0, 7.0]]), model_of(TABLE), "new")


def test_missing_and_foreign_columns_are_named() -> None:
    with pytest.raises(DataError, match="must contain b as well"):
        matched(Rows.from_arrays([[1.0, 2.0]], columns=("a", "c")), model_of(TABLE), "new")
    with pytest.raises(DataError, match=r"kind is not among them; leave it out, or name it as --target"):
        matched(Rows.from_arrays([[1.0, 2.0, 3.0]], columns=("a", "b", "kind")), model_of(TABLE), "new")


def test_pictures_of_another_shape_are_refused() -> None:
    other = Rows.from_arrays(np.zeros((1, 1, 4), dtype=np.uint8))
    with pytest.raises(DataError, match="pictures of new = '1 × 4': must be 2 × 2 pixels"):
        matched(other, model_of(BYTES), "new")


def test_white_is_white_on_another_scale() -> None:
    model = model_of(BYTES)
    sixteen = replace(BYTES, values=np.array([[0, 16, 8, 4]], dtype=np.uint8), full_scale=16.0)
    prepared = model.preparation.prepare(matched(sixteen, model, "new").values)
    assert prepared.numpy() == pytest.approx(np.array([[0, 1, 0.5, 0.25]]))
    sparse = replace(sixteen, values=csr_array(np.array([[0, 16, 8, 4]], dtype=np.uint8)))
    assert model.preparation.prepare(matched(sparse, model, "new").values).numpy() == pytest.approx(prepared.numpy())
    assert matched(BYTES, model, "new").values is BYTES.values


def test_grey_levels_up_to_one_are_refused_where_white_is_255() -> None:
    with pytest.raises(DataError, match=r"greatest value of new = 0\.9.*255 is white; multiply the rows by 255"):
        matched(Rows.from_arrays([[0.0, 0.9, 0.5, 0.1]]), model_of(BYTES), "new")


def test_classes_are_matched_by_name() -> None:
    model = model_of(TABLE, ("cat", "dog", "owl"))
    found = matched(Rows.from_arrays([[1.0, 2.0], [1.0, 2.0]], ["owl", "cat"], columns=("a", "b")), model, "new")
    assert found.labels is not None
    assert (found.labels.tolist(), found.classes) == ([2, 0], ("cat", "dog", "owl"))
    with pytest.raises(DataError, match=r"'cow'.*known classes"):
        matched(Rows.from_arrays([[1.0, 2.0]], ["cow"]), model, "new")


def test_a_table_is_read_with_the_usual_target_where_it_has_it(tmp_path: Path) -> None:
    with_labels, without = tmp_path / "with.csv", tmp_path / "without.csv"
    with_labels.write_text("a,b,kind\n1,2,x\n3,4,y\n")
    without.write_text("a,b\n1,2\n")
    assert load_like(str(with_labels), None, "kind").train.classes == ("x", "y")
    assert load_like(str(without), None, "kind").train.labels is None
    with pytest.raises(OptionError, match="must be a column of"):
        load_like(str(without), "kind", "kind")
