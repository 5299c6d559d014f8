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

from layerwise.cli import main

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


@pytest.fixture(scope="module")
def folder_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a folder of tables, with windows of a MiB; not to be changed."""
    path = tmp_path_factory.mktemp("run")
    tables(path / "rows", bits(300, 12), 2)
    recipe = WINDOWS.format(source="rows").replace("stream", 'target = "kind"\nstream', 1)
    recipe = recipe.replace('"rbm"', '"dbn"').replace("epochs = 12", "epochs = 2\nfine_tune_epochs = 2")
    (path / "recipe.toml").write_text(recipe)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(path / "cache"))
        patch.setattr("layerwise.runs.job.render", lambda _: "<!doctype html>")
        assert main(["train", str(path / "recipe.toml"), "--out", str(path / "run")]) == 0
    return path / "run"


@pytest.mark.parametrize("ending", [".npy", ".npz", ".csv", ".parquet"])
def test_codes_of_a_stream_are_those_of_memory_to_the_byte(
    layerwise: Command, folder_run: Path, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = bits(ROWS, 12)
    whole = tables(tmp_path / "one", values, 1) / "0.parquet"
    turned = parquet.read_table(whole).select(["kind", *(f"c{place}" for place in reversed(range(12)))])
    (tmp_path / "turned").mkdir()
    for number in range(3):
        first = 7000 * number
        parquet.write_table(turned.slice(first, 7000), tmp_path / "turned" / f"{number}.parquet")
    assert layerwise("transform", folder_run, whole, "-o", f"held{ending}").code == 0
    monkeypatch.setattr("layerwise.data.stored._MOST_ROWS", 900)
    done = layerwise("transform", folder_run, "turned", "-o", f"streamed{ending}")
    assert (done.code, done.out) == (0, f"streamed{ending}: code of layer 1, 20,000 rows of 6 columns\n")
    assert Path(f"streamed{ending}").read_bytes() == Path(f"held{ending}").read_bytes()
    assert not list((tmp_path / "cache").rglob("stream-*"))


def test_a_stream_is_measured_as_memory_is(layerwise: Command, folder_run: Path, tmp_path: Path) -> None:
    held = tables(tmp_path / "one", bits(5000, 12), 1) / "0.parquet"
    streamed = tables(tmp_path / "many" / "0", bits(5000, 12), 3)
    expected, found = layerwise("evaluate", folder_run, held), layerwise("evaluate", folder_run, streamed)
    assert (found.code, found.out) == (0, expected.out)
    assert "5,000 rows, 5,000 of them labelled" in found.out
    asked = layerwise("evaluate", folder_run, held, "--stream", "--target", "kind")
    assert (asked.code, asked.out) == (0, expected.out)
    assert layerwise("evaluate", folder_run).code == 0
    np.save("rows.npy", bits(5000, 12))
    bare = layerwise("evaluate", folder_run, "rows.npy", "--stream")
    assert (bare.code, bare.out) == (0, layerwise("evaluate", folder_run, "rows.npy").out)


def test_pictures_of_another_white_are_streamed_as_in_memory(layerwise: Command, digits_run: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2000, 8, 8)).astype(np.uint8)
    np.save("pictures.npy", pictures)
    for how in ("--stream", "--no-stream"):
        assert layerwise("transform", digits_run, "pictures.npy", how, "-o", f"codes{how}.npy").code == 0
    assert np.array_equal(np.load("codes--stream.npy"), np.load("codes--no-stream.npy"))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads how much memory it took from /proc")
def test_codes_of_more_rows_than_memory_may_hold_take_little_of_it(
    layerwise: Command, folder_run: Path, tmp_path: Path
) -> None:
    """A tenth of the rows: 36 MiB would be their codes alone, and 18 MiB are the rows."""
    np.save("rows.npy", np.tile(bits(ROWS, 12), (80, 1)))

    def peak(reset: bool = False) -> int:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

    layerwise("transform", folder_run, "rows.npy", "--stream", "-o", "codes.npy")  # fills caches
    before = peak(reset=True)
    assert layerwise("transform", folder_run, "rows.npy", "--stream", "-o", "codes.npy").code == 0
    taken = peak() - before
    assert np.load("codes.npy", mmap_mode="r").shape == (80 * ROWS, 6)
    assert taken < Path("codes.npy").stat().st_size / 2


def test_what_cannot_be_streamed_is_refused_in_one_line(
    layerwise: Command, folder_run: Path, iris_table: Path, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    def refused(*command: object) -> str:
        done = layerwise(*command)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
        return done.err

    rows = tables(tmp_path / "rows", bits(300, 12), 1)
    for command in (("evaluate", folder_run, rows, "--no-stream"), ("likelihood", folder_run, rows)):
        told = refused(*command)
        assert (
            "is an address or a folder of tables, and its rows cannot come into memory at once; give one of its" in told
        )
    for how, said in (("--stream", "--stream = True"), ("--no-stream", "--no-stream = False")):
        assert f"{said}: says how to read DATA, which is not given" in refused("evaluate", folder_run, how)
    few = parquet.read_table(rows / "0.parquet").drop_columns(["c3"])
    parquet.write_table(few, rows / "0.parquet")
    assert "must contain c3 as well" in refused("transform", folder_run, rows, "-o", "codes.npy")
    options = ("--model", "mlp", "--hidden", "4", "--epochs", "1", "--device", "cpu")
    table = tmp_path / "iris.csv"
    table.write_bytes(iris_table.read_bytes())
    mixed = ("--target", "species", "--visible", "mixed", *options)
    assert layerwise("train", table, *mixed, "--out", "mixed").code == 0
    assert "takes the columns of a table each in its own way" in refused("evaluate", "mixed", table, "--stream")
    table.write_text("\n".join(line.rsplit(",", 1)[0] for line in iris_table.read_text().splitlines()))
    numbers = ("--target", "pw", "--predicts", "numbers", "--visible", "gaussian", *options)
    assert layerwise("train", table, *numbers, "--out", "numbers").code == 0
    assert "in which a column of numbers is the target" in refused("evaluate", "numbers", table, "--stream")
