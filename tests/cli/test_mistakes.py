"""Whatever a user gets wrong is one clear line on stderr and exit code 2."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

Command = Any


def refused(done: Any, *said: str) -> None:
    assert done.code == 2, done
    assert done.err.startswith("layerwise: ")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    for text in said:
        assert text in done.err


def test_a_network_does_not_take_letters_for_numbers(layerwise: Command) -> None:
    Path("family.fasta").write_text(">a\nACDE\n>b\nACDF\n>c\nGCDE\n")
    refused(layerwise("train", "family.fasta"), "'dbn': learns numbers, and the letters of an alignment are none")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("trian", "No such command 'trian'. Did you mean 'train'?"),
        ("train --label 3", "No such option: --label"),
        ("train digits mnist", "unexpected extra argument"),
        ("train --labels ten", "--labels = 'ten': must be a whole number, at least 1, or 'all'"),
        ("train --learning-rate abc", "--learning-rate = 'abc': must be a number"),
        ("train --epochs 1.5", "--epochs = '1.5': must be a whole number"),
        ("train --epochs -1", "--epochs = -1: must be at least 0"),
        ("train --batch-size 0", "--batch-size = 0: must be at least 1"),
        ("train --learning-rate nan", "--learning-rate = nan: must be a positive number"),
        ("train --learning-rate 0", "--learning-rate = 0.0: must be a positive number"),
        ("train --hidden 5,x", "--hidden = '5,x': must be whole numbers with commas between them"),
        ("train --hidden 5,0", "--hidden = 0: every layer must have at least 1 unit"),
        ("train --seed -1", "--seed = -1: must be at least 0"),
        ("train --repeats 0", "--repeats = 0: must be at least 1"),
        ("train --device tpu", "--device = 'tpu': must be one of 'auto', 'cpu', 'cuda'"),
        ("train --visible round", "--visible = 'round': must be one of 'auto', 'bernoulli'"),
        ("train --visible spin", "--visible = 'spin': must be 'bernoulli' or 'gaussian'; or give --model rbm, which"),
        ("train --model dbm", "--model = 'dbm': must be one of 'dbn', 'perceptron', 'mlp', 'autoencoder', "),
        ("train --model rbm --hidden 5,4", "--hidden = [5, 4]: must be one size: this machine has one hidden layer"),
        ("train --model rbm --hidden 0", "--hidden = 0: the layer must have at least 1 unit"),
        ("train --model rbm --epochs 0", "--epochs = 0: must be at least 1"),
        ("train --model rbm --gibbs-steps 0", "--gibbs-steps = 0: must be at least 1"),
        (
            "train --model rbm --fine-tune-epochs 3",
            "--fine-tune-epochs = 3: belongs to the model dbn or stacked-autoencoder, and",
        ),
        ("train --model rbm --generative 1", "--generative = 1.0: belongs to the model class-rbm"),
        ("train --model rbm --visible mixed", "--visible = 'mixed': is for the columns of a table"),
        ("train negative.npy --model rbm --visible rectified", "must not be negative in rectified rows"),
        ("train negative.npy --model rbm --visible categorical", "must be one of the codes"),
        ("train mixed.csv", "must not be missing"),
        ("train mixed.csv --model rbm --target kind", "target = 'kind': must be a column of mixed.csv"),
        ("train mixed.csv --model class-rbm", "class-rbm learns from rows with labels, and no row has one"),
        ("train empty.csv --model rbm", "column 'b' = 'every cell missing'"),
        ("train --centred", "--centred = True: belongs to the model rbm, and the model here is dbn"),
        ("train --method pt", "--method = 'pt': must be 'cd' or 'pcd'"),
        ("train --model class-rbm --method pt", "--method = 'pt': must be 'cd' or 'pcd'"),
        ("train --model class-rbm --generative -1", "--generative = -1.0: must be at least 0"),
        ("train --labels 3", "labels = 3: must be from 10 (one label a class) to 1295"),
        ("train --labels 0", "--labels = 0: must be a whole number, at least 1, or 'all'"),
        ("train --target x", "target = 'x': names a column of a table"),
        ("train digitz", "did you mean 'digits'?"),
        ("train nothing.toml", "recipe = nothing.toml: cannot be read"),
        ("train one.npz", "at least two classes"),
        ("train nan.npy", "nan.npy, row 2, column 1 = nan"),
        ("train broken.npz", "cannot be read as an .npz file"),
        ("train --out full", "--out = full: is not empty"),
        ("train --out full/file", "there is a file of that name"),
        ("train --out full/file/run", "cannot write to full/file/run"),
        ("resume", "Missing argument 'RUN'"),
        ("resume nowhere", "RUN = nowhere: must be a run's folder"),
        ("show full", "holds no recipe.toml"),
        ("evaluate RUN nowhere.npy", "neither a built-in data set"),
        ("evaluate RUN --target x", "--target = 'x': names a column of DATA"),
        ("transform RUN digits", "Missing option"),
        ("transform RUN digits -o codes.txt", "-o = codes.txt: must end in .npy, .npz, .csv or .parquet"),
        ("transform RUN digits -o codes.npy --layer 3", "layer = 3: must be from 1 to 2"),
        ("transform RUN digits -o full/file/codes.npy", "cannot write full/file/codes.npy"),
        ("sample RUN -o s.gif", "-o = s.gif: must end in .png or .npy"),
        ("sample RUN -o s.npy --count 0", "--count = 0: must be at least 1"),
        ("sample RUN -o s.npy --steps 0", "--steps = 0: must be at least 1"),
        ("sample RUN -o s.npy --seed -5", "--seed = -5: must be at least 0"),
        (f"sample RUN -o s.npy --seed {2**62}", f"--seed = {2**62}: must be at least 0 and below"),
        (f"sample RUN -o s.npy --steps 1 --count {10**12}", f"--count = {10**12}: needs more memory than there is"),
        (f"sample RUN -o s.npy --steps 1 --count {10**20}", f"--count = {10**20}: needs more memory than there is"),
        ("train --hidden 9999999999", "--hidden = [9999999999]: needs more memory than there is"),
        (f"train --model rbm --hidden {10**20}", "--hidden = [100000000000000000000]: needs more memory"),
        ("sample TABLE -o s.png", "the rows of this run are no pictures"),
    ],
)
def test_one_line(layerwise: Command, digits_run: Path, iris_run: Path, arguments: str, said: str) -> None:
    rows = np.random.default_rng(0).random((30, 3))
    np.savez("one.npz", X=rows, y=["a"] * 30)
    np.savez("good.npz", X=rows)
    Path("broken.npz").write_bytes(Path("good.npz").read_bytes()[:300])
    np.save("negative.npy", rows - 0.5)
    rows[2, 1] = np.nan
    np.save("nan.npy", rows)
    lines = [f"{x:.3f},{'Ulm' if x > 0.5 else 'Bonn'},{'' if x < 0.1 else 1}" for x in rows[:, 0]]
    Path("mixed.csv").write_text("\n".join(["x,town,yes", ",Bonn,1", *lines, ""]))
    Path("empty.csv").write_text("a,b\n1,\n2,\n3,\n")
    Path("full").mkdir()
    Path("full/file").write_text("")
    places = {"RUN": digits_run, "TABLE": iris_run}
    refused(layerwise(*(places.get(word, word) for word in arguments.split())), said)
    assert not Path("runs").exists()  # nothing was begun


def test_no_data_is_not_the_current_folder(layerwise: Command) -> None:
    refused(layerwise("train", ""), "DATA = '': must be")


def test_a_recipes_mistake_names_file_table_and_key(layerwise: Command) -> None:
    Path("mine.toml").write_text('[data]\nsource = "digits"\n[training]\nhiden = [3]\n')
    refused(layerwise("train", "mine.toml"), "mine.toml, [training] hiden", "did you mean 'hidden'?")


@pytest.mark.parametrize("model", ["dbn", "rbm", "class-rbm"])
def test_divergence_is_one_line_that_says_what_to_run(layerwise: Command, model: str) -> None:
    short = ("--hidden", 5, "--batch-size", 200, "--device", "cpu", "--epochs", 1)
    done = layerwise("train", "--model", model, *short, "--learning-rate", 1e30, "--out", "run")
    refused(done, "lower the learning rate", "layerwise train run/recipe.toml --learning-rate 1e+29")
    shown = layerwise("show", "run")
    assert shown.code == 0
    assert "diverged: " in shown.out
    assert shown.out.endswith("layerwise train run/recipe.toml --learning-rate 1e+29\n")
    refused(layerwise("resume", "run"), "lower the learning rate", "--learning-rate 1e+29")
    assert Path("run/metrics.jsonl").read_text().count("diverged") == 1
    if model == "dbn":
        again = layerwise("train", "run/recipe.toml", "--learning-rate", 0.01, "--out", "again")
        assert (again.code, again.err) == (0, "")


def test_fine_tuning_that_diverges_has_its_own_rate(layerwise: Command) -> None:
    text = '[data]\nsource = "digits"\n[training]\nhidden = [5]\nepochs = 1\nfine_tune_learning_rate = 1e38\n'
    Path("mine.toml").write_text(text)
    done = layerwise("train", "mine.toml", "--out", "run")
    refused(done, "a smaller fine_tune_learning_rate in a copy of the recipe", "layerwise train run/recipe.toml")


@pytest.mark.parametrize(("command", "method"), [("evaluate", "measure"), ("transform", "codes_in_parts")])
def test_rows_that_fit_into_no_memory_are_one_line(
    layerwise: Command, digits_run: Path, monkeypatch: pytest.MonkeyPatch, command: str, method: str
) -> None:
    def too_many(*_: object) -> NoReturn:
        raise MemoryError

    monkeypatch.setattr(f"layerwise.runs.energy_model.EnergyModel.{method}", too_many)
    output = ("-o", "codes.npy") if command == "transform" else ()
    refused(layerwise(command, digits_run, "digits", *output), "DATA = ", "needs more memory than there is")


@pytest.mark.parametrize("name", ["model.safetensors", "recipe.toml", "metrics.jsonl"])
def test_a_damaged_run_says_which_file(layerwise: Command, digits_run: Path, name: str) -> None:
    shutil.copytree(digits_run, "run")
    path = Path("run") / name
    path.write_bytes(path.read_bytes()[:100])
    refused(layerwise("show", "run"), name, "damaged")
    path.unlink()
    refused(layerwise("resume", "run")) if name != "model.safetensors" else None


def test_a_full_disk_is_one_line_and_what_was_there_stays(
    layerwise: Command, digits_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("codes.npy").write_bytes(b"earlier")

    def full(handle: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    refused(layerwise("transform", digits_run, "digits", "-o", "codes.npy"), "No space left on device")
    refused(layerwise("train", "--out", "run"), "No space left on device")
    assert Path("codes.npy").read_bytes() == b"earlier"


def test_a_terminal_that_knows_no_signs_gets_question_marks(digits_run: Path) -> None:
    import subprocess
    import sys

    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "layerwise", "show", str(digits_run)]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"this network" in done.stdout
