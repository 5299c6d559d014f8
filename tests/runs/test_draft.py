"""Drafts become complete recipes; every mistake is named in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from layerwise.data import Rows
from layerwise.errors import OptionError
from layerwise.runs.draft import Draft, located

HERE = Path("somewhere/recipe.toml")
DATA = '[data]\nsource = "digits"\n'


def rows(low: float, high: float, columns: int = 4, count: int = 20, **options: object) -> Rows:
    values = np.random.default_rng(0).uniform(low, high, (count, columns))
    return Rows.from_arrays(values, **options)  # type: ignore[arg-type]


def test_a_draft_that_names_only_its_data_is_completed() -> None:
    recipe = Draft.from_text(DATA, HERE).complete(rows(0, 1))
    assert recipe.data.labels == "all"
    assert recipe.training.visible == "bernoulli"
    assert recipe.run.device in ("cpu", "cuda")


@pytest.mark.parametrize(
    ("text", "what", "said"),
    [
        ("", "recipe.toml, [data] source", "must be given"),
        ("speed = 3\n" + DATA, "recipe.toml, speed", "known here: version, data, training, run"),
        ("data = 3", "recipe.toml, data", "must be a table"),
        ("[data]\nsource = 3", "recipe.toml, [data] source", "must be a text"),
        (DATA + "labls = 3", "recipe.toml, [data] labls", "did you mean 'labels'?"),
        (DATA + "labels = 0", "recipe.toml, [data] labels", "must be a whole number, at least 1, or 'all'"),
        (DATA + 'labels = "many"', "recipe.toml, [data] labels", "or 'all'"),
        (DATA + "test_share = 1.0", "recipe.toml, [data] test_share", "must be below 1"),
        (DATA + "[training]\nhiden = [3]", "recipe.toml, [training] hiden", "did you mean 'hidden'?"),
        (DATA + "[training]\nhidden = []", "recipe.toml, [training] hidden", "at least one layer"),
        (DATA + "[training]\nhidden = [0]", "recipe.toml, [training] hidden", "at least 1 unit"),
        (DATA + '[training]\nhidden = "500"', "recipe.toml, [training] hidden", "a list of whole numbers"),
        (DATA + "[training]\nhidden = [2.5]", "recipe.toml, [training] hidden", "a list of whole numbers"),
        (DATA + "[training]\nepochs = -1", "recipe.toml, [training] epochs", "must be at least 0"),
        (DATA + "[training]\nepochs = true", "recipe.toml, [training] epochs", "must be a whole number"),
        (DATA + "[training]\nbatch_size = 0", "recipe.toml, [training] batch_size", "at least 1"),
        (DATA + "[training]\nlearning_rate = nan", "recipe.toml, [training] learning_rate", "positive"),
        (DATA + "[training]\nfine_tune_learning_rate = 0.0", "[training] fine_tune_learning_rate", "positive"),
        (DATA + "[training]\ngibbs_steps = 0", "recipe.toml, [training] gibbs_steps", "at least 1"),
        (DATA + '[training]\nvisible = "spin"', "recipe.toml, [training] visible", "'bernoulli' or 'gaussian'"),
        (DATA + "[run]\nseed = -1", "recipe.toml, [run] seed", "must be at least 0"),
        (DATA + '[run]\ndevice = "tpu"', "recipe.toml, [run] device", "'cpu' or 'cuda'"),
        ("version = 2\n" + DATA, "recipe.toml, version", "must be 1"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_its_rule(text: str, what: str, said: str) -> None:
    with pytest.raises(OptionError) as problem:
        Draft.from_text(text, HERE).complete()
    assert what in str(problem.value)
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)


def test_text_that_is_no_toml_is_refused_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"is no valid TOML .*at line 2"):
        Draft.from_text("[data]\nsource = = 3\n", HERE)
    with pytest.raises(OptionError, match="cannot be read: No such file"):
        Draft.from_file(tmp_path / "recipe.toml")
    (tmp_path / "latin.toml").write_bytes(b"\xe9")
    with pytest.raises(OptionError, match="no text in UTF-8"):
        Draft.from_file(tmp_path / "latin.toml")


def test_flags_go_before_the_file_and_errors_name_the_flag() -> None:
    draft = Draft.from_text(DATA + "[training]\nepochs = 3\nbatch_size = 7\n", HERE)
    recipe = draft.override({"training": {"epochs": 5, "batch_size": None}}).complete()
    assert (recipe.training.epochs, recipe.training.batch_size) == (5, 7)
    with pytest.raises(OptionError, match=r"^--fine-tune-epochs = -2"):
        draft.override({"training": {"fine_tune_epochs": -2}}).complete()


def test_overriding_leaves_the_draft_as_it_was_and_another_target_asks_for_other_data() -> None:
    draft = Draft.from_text('[data]\nsource = "/x.csv"\ntarget = "a"\nfingerprint = "f"\n', HERE)
    other = draft.override({"data": {"target": "b"}}).complete()
    assert (other.data.target, other.data.fingerprint) == ("b", None)
    assert draft.complete().data.fingerprint == "f"
    assert draft.override({"data": {"labels": 9}}).complete().data.fingerprint == "f"


def test_a_relative_path_in_a_recipe_starts_at_its_folder(tmp_path: Path) -> None:
    text = '[data]\nsource = "sub/rows.npy"\n'
    assert Draft.from_text(text, tmp_path / "r.toml").complete().data.source == str(tmp_path / "sub" / "rows.npy")
    assert located("digits", tmp_path) == "digits"
    assert located(" ", tmp_path) == " "  # and not the folder itself


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_refused_only_where_it_is_needed() -> None:
    draft = Draft.from_text(DATA, HERE).override({"run": {"device": "cuda"}})
    recipe = draft.complete()
    with pytest.raises(OptionError, match=r"--device = 'cuda': needs a CUDA device"):
        draft.check_device(recipe)
