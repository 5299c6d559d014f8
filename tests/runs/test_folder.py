"""Folders of runs: fresh, refused, opened, damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layerwise.errors import OptionError, RunError, StorageError
from layerwise.runs.folder import RunFolder
from layerwise.runs.recipe import Recipe

RUNS_AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def test_the_usual_folder_is_the_first_free_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [RunFolder.create(None, "my data.v2").path for _ in range(3)]
    assert names == [Path("runs/my-data.v2-1"), Path("runs/my-data.v2-2"), Path("runs/my-data.v2-3")]
    assert RunFolder.create(None, "///").path == Path("runs/run-1")


def test_an_empty_folder_is_taken_and_a_full_one_is_refused(tmp_path: Path, recipe: Recipe) -> None:
    assert RunFolder.create(tmp_path / "a" / "b", "x").path.is_dir()
    folder = RunFolder.create(tmp_path / "a" / "b", "x")
    (folder.path / "mine.txt").write_text("mine")
    with pytest.raises(OptionError, match=r"--out = .*: is not empty; name another folder"):
        RunFolder.create(folder.path, "x")
    folder.recipe_path.write_text(recipe.to_toml())
    with pytest.raises(OptionError, match=r"holds a run already; go on with it by `layerwise resume"):
        RunFolder.create(folder.path, "x")
    with pytest.raises(OptionError, match="there is a file of that name"):
        RunFolder.create(folder.recipe_path, "x")


def test_a_folder_that_cannot_be_made_is_a_matter_of_storage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write to .*Not a directory"):
        RunFolder.create(tmp_path / "file" / "run", "x")


@pytest.mark.skipif(RUNS_AS_ROOT, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_a_matter_of_storage(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        RunFolder.create(tmp_path / "run", "x")


def test_what_is_no_run_is_refused_and_runs_beside_it_are_named(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the project's own runs/ is none of this test's business
    with pytest.raises(RunError, match=r"must be a run's folder.*make one with `layerwise train`"):
        RunFolder.open(tmp_path / "nothing")
    with pytest.raises(RunError, match=r"holds no recipe\.toml"):
        RunFolder.open(tmp_path)
    RunFolder.create(tmp_path / "good", "x").recipe_path.write_text(recipe.to_toml())
    with pytest.raises(RunError, match=r"runs here: .*good"):
        RunFolder.open(tmp_path / "god")


@pytest.mark.parametrize("name", ["recipe.toml", "metrics.jsonl", "checkpoint", "model.safetensors", "report.html"])
def test_a_link_in_the_place_of_a_file_is_refused(name: str, tmp_path: Path, recipe: Recipe) -> None:
    folder = RunFolder.create(tmp_path / "run", "x")
    folder.recipe_path.write_text(recipe.to_toml())
    RunFolder.open(folder.path)
    elsewhere = tmp_path / name
    elsewhere.mkdir() if name == "checkpoint" else elsewhere.write_text(recipe.to_toml())
    (folder.path / name).unlink(missing_ok=True)
    (folder.path / name).symlink_to(elsewhere)
    with pytest.raises(RunError, match=rf"has the link {name} where the run's own file must be"):
        RunFolder.open(folder.path)
    (tmp_path / "link").symlink_to(tmp_path / "real")  # the folder itself may lie anywhere
    (folder.path / name).unlink()
    folder.path.rename(tmp_path / "real")
    (tmp_path / "real" / "recipe.toml").write_text(recipe.to_toml())
    assert RunFolder.open(tmp_path / "link").recipe() == recipe


def test_what_a_killed_process_left_is_in_nobodys_way(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", "x")
    left = [folder.path / ".recipe.toml.77.part", folder.checkpoint_path / ".000003.safetensors.77.part"]
    others = [folder.path / ".hidden", folder.path / ".codes.npy.77.part", folder.checkpoint_path / "notes"]
    folder.checkpoint_path.mkdir()
    for path in (*left, *others):
        path.write_bytes(b"half")
    folder.sweep()
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others)
    for path in (folder.checkpoint_path / "notes", folder.checkpoint_path):
        path.unlink() if path.is_file() else path.rmdir()
    assert RunFolder.create(folder.path, "x") == folder  # of hidden files alone


def test_a_recipe_is_read_back_or_said_to_be_damaged(tmp_path: Path, recipe: Recipe) -> None:
    folder = RunFolder.create(tmp_path / "run", "x")
    folder.recipe_path.write_text(recipe.to_toml())
    assert RunFolder.open(folder.path).recipe() == recipe
    for damaged in ("[data", "", recipe.to_toml().replace("epochs", "epoks"), recipe.to_toml().replace("seed = 0", "")):
        folder.recipe_path.write_text(damaged)
        with pytest.raises(RunError, match=r"recipe\.toml = .* is damaged"):
            folder.recipe()
