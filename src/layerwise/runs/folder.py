"""A run's folder: what lies in it, under which names.

==================== ======================================================================================
``recipe.toml``      all that the run was told
``metrics.jsonl``    one JSON object an epoch, and one for the result of each repeat
``checkpoint/``      where an interrupted run goes on
``model.safetensors`` what the first repeat learned: layers and network, or a machine
``report.html``      what the run came to, on one page
``.lock``            there while a process trains
==================== ======================================================================================
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from layerwise.errors import InputError, OptionError, RunError, StorageError
from layerwise.runs.draft import Draft
from layerwise.runs.recipe import Recipe

__all__ = ["RunFolder"]

_RUNS = Path("runs")


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @property
    def recipe_path(self) -> Path:
        """``recipe.toml``."""
        return self.path / "recipe.toml"

    @property
    def metrics_path(self) -> Path:
        """``metrics.jsonl``."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoint_path(self) -> Path:
        """``checkpoint/``."""
        return self.path / "checkpoint"

    @property
    def model_path(self) -> Path:
        """``model.safetensors``."""
        return self.path / "model.safetensors"

    @property
    def report_path(self) -> Path:
        """``report.html``."""
        return self.path / "report.html"

    @classmethod
    def create(cls, out: Path | None, name: str) -> RunFolder:
        """Make the folder of a new run.

        Parameters
        ----------
        out : Path or None
            Which; None takes the first of ``runs/NAME-1``, ``runs/NAME-2``, … that is not there yet.
        name : str
            Of the data.

        Raises
        ------
        OptionError
            The folder holds something already, or is a file.
        StorageError
            It cannot be made or written to.
        """
        try:
            if out is None:
                return cls(_fresh(name))
            if out.exists() and not out.is_dir():
                raise OptionError("--out", out, "must be a folder, and there is a file of that name", "name another")
            # Hidden ones are what a run leaves that was killed before it began.
            if out.is_dir() and any(not entry.name.startswith(".") for entry in out.iterdir()):
                known = (out / "recipe.toml").is_file()
                go_on = f"go on with it by `layerwise resume {out}` or " if known else ""
                what = "holds a run already" if known else "is not empty"
                raise OptionError("--out", out, what, f"{go_on}name another folder")
            out.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            reason = problem.strerror or problem
            raise StorageError(f"cannot write to {out or _RUNS}: {reason}; name another --out") from problem
        return cls(out)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The folder of a run that was begun.

        Raises
        ------
        RunError
            There is no run in it, or one of its files is a link: a run reads and writes nothing outside its folder.
        """
        if not path.is_dir():
            raise RunError("RUN", path, "must be a run's folder, as `layerwise train` makes it", _nearest(path))
        folder = cls(path)
        if not folder.recipe_path.is_file():
            raise RunError("RUN", path, "holds no recipe.toml, so it is no run's folder", _nearest(path))
        links = [own.name for own in folder._own() if own.is_symlink()]
        if links:
            rule = f"has the link {links[0]} where the run's own file must be"
            raise RunError("RUN", path, rule, "put the file itself in its place")
        return folder

    def _own(self) -> tuple[Path, ...]:
        return (self.recipe_path, self.metrics_path, self.checkpoint_path, self.model_path, self.report_path)

    def sweep(self) -> None:
        """Take away what a process that was killed had not finished writing.

        Raises
        ------
        StorageError
        """
        unfinished = [part for own in self._own() for part in self.path.glob(f".{own.name}.*.part")]
        try:
            for part in (*unfinished, *self.checkpoint_path.glob(".*.part")):
                part.unlink(missing_ok=True)
        except OSError as problem:
            raise StorageError(f"cannot write to {self.path}: {problem.strerror or problem}") from problem

    def recipe(self) -> Recipe:
        """What the run was told.

        Raises
        ------
        RunError
            The file is missing or damaged.
        """
        remedy = "put back the recipe that the run wrote"
        try:
            draft = Draft.from_file(self.recipe_path)
            recipe = draft.complete()
        except InputError as problem:
            raise RunError("recipe.toml", self.recipe_path, f"is damaged ({problem})", remedy) from problem
        if recipe.to_tables() != draft.tables:
            raise RunError("recipe.toml", self.recipe_path, "is damaged: keys that the run wrote are missing", remedy)
        return recipe


def _fresh(name: str) -> Path:
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    for number in itertools.count(1):
        path = _RUNS / f"{stem}-{number}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise AssertionError("numbers do not end")


def _nearest(path: Path) -> str:
    """Which runs lie beside the path that was meant."""
    places = [place for place in (path.parent, _RUNS) if place.is_dir()]
    runs = [entry.parent for place in places for entry in sorted(place.glob("*/recipe.toml"))]
    if not runs:
        return "make one with `layerwise train`"
    names = ", ".join(str(run) for run in dict.fromkeys(runs[:5]))
    return f"runs here: {names}"
