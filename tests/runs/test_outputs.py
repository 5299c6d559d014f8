"""Codes and samples are read back from every kind of file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
import torch
from PIL import Image

from layerwise.data import Preparation, Rows
from layerwise.energy import BeliefNet, bernoulli_rbm
from layerwise.errors import OptionError, StorageError
from layerwise.runs.code_files import check_codes, write_codes
from layerwise.runs.energy_model import EnergyModel
from layerwise.runs.outputs import check_samples, write_samples

CODES = np.random.default_rng(0).random((5, 3), dtype=np.float32)


def model_of(rows: Rows) -> EnergyModel:
    net = BeliefNet([bernoulli_rbm(rows.n_columns, 2)])
    return EnergyModel(
        preparation=Preparation.fit(rows, "bernoulli"),
        net=net,
        columns=rows.columns,
        picture=rows.picture,
        full_scale=rows.full_scale,
    )


PICTURES = model_of(Rows.from_arrays(np.array([[[0, 255, 255], [128, 7, 0]]], dtype=np.uint8)))
TABLE = model_of(Rows.from_arrays([[10.0, -1.0], [20.0, 1.0]]))


@pytest.mark.parametrize("name", ["codes.npy", "codes.npz", "codes.csv", "codes.PARQUET"])
def test_codes_are_read_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("what was there before is replaced")
    write_codes(path, [CODES[:2], CODES[2:]], CODES.shape, 3)
    if path.suffix == ".npy":
        found = np.load(path)
    elif path.suffix == ".npz":
        found = np.load(path)["X"]
    else:
        table = pyarrow.csv.read_csv(path) if path.suffix == ".csv" else pyarrow.parquet.read_table(path)
        assert table.column_names == ["layer3_0", "layer3_1", "layer3_2"]
        found = np.stack([column.to_numpy() for column in table.columns], axis=1)
    assert np.array_equal(found.astype(np.float32), CODES)


def test_samples_are_in_the_datas_own_units(tmp_path: Path) -> None:
    write_samples(tmp_path / "s.npy", torch.tensor([[0.0, 1.0], [0.5, 0.5]]), TABLE)
    assert np.load(tmp_path / "s.npy").tolist() == [[10.0, 1.0], [15.0, 0.0]]
    write_samples(tmp_path / "p.npy", torch.ones(4, 6), PICTURES)
    assert np.load(tmp_path / "p.npy").shape == (4, 2, 3)
    assert np.load(tmp_path / "p.npy").max() == pytest.approx(255)


def test_pictures_stand_row_major_in_a_grid(tmp_path: Path) -> None:
    samples = torch.zeros(3, 6)
    samples[1] = 1.0  # the second picture is white: right of the first
    write_samples(tmp_path / "s.png", samples, PICTURES)
    with Image.open(tmp_path / "s.png") as image:
        grid = np.asarray(image)
    scale = 19  # the longer side, 3 pixels, becomes at least 56
    height, width = 2 * scale, 3 * scale
    assert grid.shape == (2 * (height + scale) + scale, 2 * (width + scale) + scale)
    first = grid[scale : scale + height, scale : scale + width]
    second = grid[scale : scale + height, 2 * scale + width : 2 * (scale + width)]
    assert (first == 0).all()
    assert (second == 255).all()


def test_other_endings_and_folders_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"-o = .*: must end in \.npy, \.npz, \.csv or \.parquet"):
        check_codes(tmp_path / "codes.txt")
    with pytest.raises(OptionError, match=r"must end in \.png or \.npy"):
        check_samples(tmp_path / "s.gif", PICTURES)
    with pytest.raises(OptionError, match="the rows of this run are no pictures"):
        check_samples(tmp_path / "s.png", TABLE)
    (tmp_path / "f.npy").mkdir()
    with pytest.raises(OptionError, match="there is a folder of that name"):
        check_codes(tmp_path / "f.npy")


def test_a_place_that_cannot_be_written_to_is_a_matter_of_storage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        write_codes(tmp_path / "file" / "codes.npy", [CODES], CODES.shape, 1)
