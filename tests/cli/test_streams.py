"""Rows that stay on disk, on the command line."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

Command = Any

pytestmark = pytest.mark.usefixtures("brief_portrait")

ROWS, COLUMNS = 20_000, 128
WINDOWS = """\
[data]
source = "{source}"
stream = true
window_mib = 1

[training]
model = "rbm"
hidden = [6]
epochs = 12
batch_size = 250
centred = false

[run]
device = "cpu"
"""
"""A MiB holds 8,192 of the rows."""


def bits(rows: int, columns: int) -> np.ndarray[Any, Any]:
    return (np.random.default_rng(0).random((rows, columns)) < 0.3).astype(np.uint8)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def tables(folder: Path, values: np.ndarray[Any, Any], files: int) -> Path:
    """A folder with the rows in several files, which have a column of classes."""
    folder.mkdir(parents=True)
    classes = np.array(["even", "odd"])[values[:, :3].sum(1) % 2]
    for number, rows in enumerate(np.array_split(np.arange(len(values)), files)):
        columns = {f"c{place}": values[rows, place] for place in range(values.shape[1])}
        parquet.write_table(pa.table({**columns, "kind": classes[rows]}), folder / f"{number}.parquet")
    return folder


def model_of(run: str) -> bytes:
    return Path(run, "model.safetensors").read_bytes()


@pytest.mark.parametrize(("model", "hidden"), [("rbm", "6"), ("autoencoder", "6,2")])
def test_an_array_that_one_window_holds_is_memory_to_the_bit(layerwise: Command, model: str, hidden: str) -> None:
    np.save("rows.npy", bits(300, 12))
    options = ("--model", model, "--hidden", hidden, "--epochs", "2", "--batch-size", "50", "--device", "cpu")
    for run, how in (("held", "--no-stream"), ("streamed", "--stream")):
        assert layerwise("train", "rows.npy", how, "--out", run, *options).code == 0
        assert f"stream = {str(how == '--stream').lower()}" in Path(run, "recipe.toml").read_text()
    assert model_of("held") == model_of("streamed")


@pytest.mark.parametrize(("model", "hidden"), [("dbn", "6,4"), ("class-rbm", "6"), ("mlp", "6")])
def test_a_folder_of_tables_is_streamed_by_itself_as_the_table_of_its_rows(
    layerwise: Command, tmp_path: Path, model: str, hidden: str
) -> None:
    whole = tables(tmp_path / "one", bits(300, 12), 1) / "0.parquet"
    held, streamed = whole.rename(tmp_path / "rows.parquet"), tables(tmp_path / "many" / "rows", bits(300, 12), 3)
    options = ("--target", "kind", "--model", model, "--hidden", hidden, "--visible", "bernoulli", "--epochs", "2")
    for run, source in (("held", held), ("streamed", streamed)):
        done = layerwise("train", source, "--out", run, *options, "--batch-size", "50", "--device", "cpu")
        assert done.code == 0, done.err
    assert "stream = true" in Path("streamed/recipe.toml").read_text()
    assert model_of("held") == model_of("streamed")
    assert not list((tmp_path / "cache").rglob("stream-*"))


@pytest.mark.parametrize(("number", "form"), [(signal.SIGTERM, "parquet"), (signal.SIGKILL, "npy")])
def test_a_streamed_run_that_is_stopped_goes_on_to_the_same_bits(
    layerwise: Command, begun: Any, tmp_path: Path, number: signal.Signals, form: str
) -> None:
    if form == "npy":
        np.save("rows.npy", bits(ROWS, COLUMNS))
    else:
        tables(tmp_path / "rows.parquet", bits(ROWS, COLUMNS), 3)
    recipe = WINDOWS.format(source=f"rows.{form}")
    Path("recipe.toml").write_text(recipe if form == "npy" else recipe.replace("stream", 'target = "kind"\nstream', 1))
    process: subprocess.Popen[str] = begun("run", "recipe.toml", lines=2)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL), (out, err)
    assert not Path("run/model.safetensors").exists()
    assert not list((tmp_path / "cache").rglob("stream-*"))
    assert layerwise("resume", "run").code == 0
    assert layerwise("train", "recipe.toml", "--out", "whole").code == 0
    assert model_of("run") == model_of("whole")
