"""The main job: a recipe becomes courses, scores, a model and a report; what was interrupted goes on to the same bits.

A checkpoint holds the number of the repeat at hand, its course, how many lines of ``metrics.jsonl`` belong to it and
the seconds so far. It is written before each stage, after an epoch where the last one is ten seconds old, and when the
run is asked to stop.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from layerwise.data.rows import Dataset
from layerwise.errors import DivergenceError, Interrupted, OptionError, RunError
from layerwise.kernels.precision import products_at
from layerwise.randomness import RandomStream
from layerwise.runs.division import Division, division_of
from layerwise.runs.draft import Draft
from layerwise.runs.findings import Findings
from layerwise.runs.fingerprint import open_data
from layerwise.runs.folder import RunFolder
from layerwise.runs.metrics import Metrics
from layerwise.runs.model import Model
from layerwise.runs.outcome import Outcome
from layerwise.runs.portrait import outline, portray
from layerwise.runs.progress import Display
from layerwise.runs.recipe import Recipe
from layerwise.runs.report import render
from layerwise.runs.result import Result
from layerwise.runs.stopping import Stop
from layerwise.runs.watch import Follow, Watch
from layerwise.training.checkpoint import Checkpoints, write_atomically
from layerwise.training.course import Course
from layerwise.training.memory import enough_memory
from layerwise.training.ranks import ALONE, Ranks
from layerwise.warning import warn

__all__ = ["Job", "begin", "go_on"]


def begin(recipe: Recipe, dataset: Dataset, folder: RunFolder, ranks: Ranks = ALONE) -> Job:
    """A new run in an empty folder.

    Parameters
    ----------
    recipe : Recipe
    dataset : Dataset
    folder : RunFolder
        Only the first rank writes to it; the others need not see it.
    ranks : Ranks
        Who trains together.

    Raises
    ------
    OptionError
        Another process began one there in the meantime.
    StorageError
        The folder cannot be written to.
    """
    if ranks.first and folder.recipe_path.exists():
        raise OptionError("--out", folder.path, "holds a run already", "name another folder")
    return _from_the_start(recipe, dataset, folder, ranks)


def _from_the_start(recipe: Recipe, dataset: Dataset, folder: RunFolder, ranks: Ranks) -> Job:
    if ranks.first:
        write_atomically(folder.recipe_path, recipe.to_toml().encode())
        write_atomically(folder.metrics_path, b"")
    return Job(recipe, dataset, folder, Metrics(folder.metrics_path), ranks=ranks)


def go_on(folder: RunFolder, ranks: Ranks = ALONE) -> Job:
    """A run from its last checkpoint that can be read, on as many ranks as there are now.

    Only the first rank reads the folder; the others need not see it.

    Raises
    ------
    RunError
        The folder's files are damaged.
    DataError
        The data are no longer what they were.
    """
    with ranks.together():
        saved = _saved(folder) if ranks.first else None
    told = ranks.share(saved)
    with ranks.together():
        recipe = Draft.from_text(told["recipe"], folder.recipe_path).complete()
        Draft(file=folder.recipe_path).check_device(recipe)
        dataset, _ = open_data(recipe.data, recipe.training)
    if (tree := told["checkpoint"]) is None:
        return _from_the_start(recipe, dataset, folder, ranks)
    try:
        repeat, lines, seconds, course = int(tree["repeat"]), int(tree["lines"]), float(tree["seconds"]), tree["course"]
    except (KeyError, TypeError, ValueError) as problem:
        what = folder.checkpoint_path
        raise RunError("checkpoint", what, f"is damaged: it has no {problem}", "start again") from problem
    with ranks.together():
        metrics = Metrics.read(folder.metrics_path, lines) if ranks.first else Metrics(folder.metrics_path)
    return Job(recipe, dataset, folder, metrics, repeat, course, seconds, ranks)


def _saved(folder: RunFolder) -> dict[str, Any]:
    """What a folder says of its run: the recipe's text, and the newest checkpoint, None if it learned nothing yet.

    A warning tells of later checkpoints that cannot be read.
    """
    recipe, checkpoints = folder.recipe().to_toml(), Checkpoints(folder.checkpoint_path)
    begun = folder.checkpoint_path.exists() or folder.metrics_path.exists()
    if not begun or not (checkpoints.paths() or folder.model_path.exists() or Metrics.read(folder.metrics_path).lines):
        return {"recipe": recipe, "checkpoint": None}
    tree, problems = checkpoints.load()
    for problem in problems:
        warn(f"{problem}; the run goes on from the checkpoint before it")
    return {"recipe": recipe, "checkpoint": tree}


class Job:
    """A run under way.

    Parameters
    ----------
    recipe : Recipe
    dataset : Dataset
    folder : RunFolder
    metrics : Metrics
    repeat : int
        The first repeat that is not done.
    course : mapping or None
        Tree of its course, if it had begun.
    seconds : float
        Of earlier sittings.
    ranks : Ranks
        Who trains together. The first one measures, shows, scores and writes.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        folder: RunFolder,
        metrics: Metrics,
        repeat: int = 0,
        course: Mapping[str, Any] | None = None,
        seconds: float = 0.0,
        ranks: Ranks = ALONE,
    ) -> None:
        self.recipe, self.dataset, self.folder, self.metrics = recipe, dataset, folder, metrics
        self.repeat, self.ranks = repeat, ranks
        self._restored = course
        self._seconds, self._since = seconds, time.perf_counter()
        self._checkpoints = Checkpoints(folder.checkpoint_path)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.repeat >= self.recipe.run.repeats and self.folder.report_path.is_file()

    @property
    def results(self) -> list[Result]:
        """Of the repeats that are done."""
        return [Result.from_line(line) for line in self.metrics.results()]

    def run(self, display: Display, stop: Stop | None = None) -> Findings | None:
        """Do what is left to do.

        Returns
        -------
        Findings or None
            What the run came to; None where another rank looks at that.

        Raises
        ------
        Interrupted
            ``stop`` was asked; the checkpoint is written.
        DivergenceError
            Training left the finite numbers; the last line of the metrics says so.
        StorageError
            A file could not be written; what was written before is intact.
        OptionError
            Layers or minibatches need more memory than there is.
        RankError
            Another rank is gone.
        """
        stop = stop or Stop()
        self._since = time.perf_counter()
        try:
            with enough_memory(self._sizes(), "give smaller ones"):
                while self.repeat < self.recipe.run.repeats:
                    self._one_course(display, stop)
                if not self.ranks.first:
                    return None
                display.doing("writing the report")
                return self._report(stop)
        except KeyboardInterrupt:
            raise Interrupted(self.folder.checkpoint_path) from None
        except DivergenceError as problem:
            if self.ranks.first:
                self.metrics.append({"repeat": self.repeat, "diverged": str(problem)})
            raise

    def _sizes(self) -> dict[str, object]:
        """What decides how much memory training needs."""
        plan = self.recipe.training
        names = [name for name in ("hidden", "batch_size", "chains") if hasattr(plan, name)]
        return {name: getattr(plan, name) for name in names}

    def _one_course(self, display: Display, stop: Stop) -> None:
        repeat, run = self.repeat, self.recipe.run
        division = division_of(self.dataset, self.recipe, repeat)
        seed, plan = run.seed + repeat, self.recipe.training
        course = Course(plan, division.lessons(plan.batch_size, seed, run.device, self.ranks), RandomStream(seed))
        if self._restored is not None:
            self._restore(course)
        display.course_started(repeat, run.repeats, seed, course.stages, plan.hidden)
        # No name of this frame inside: a circle of references would keep rows and networks into the next repeat.
        save = partial(self._save, course)
        watch: Watch | Follow = Follow(stop, save)
        if self.ranks.first:
            watch = Watch(repeat, self.metrics, display, stop, self._total_seconds, save)
        with products_at(run.precision):
            while not course.advance(watch):
                watch.save_now()
                if self.ranks.any(stop.asked):
                    raise Interrupted(self.folder.checkpoint_path)
        watch.save_now()
        if self.ranks.first:
            self._score(division, course, seed, display, stop)
        self.repeat += 1
        self._save(None)
        if self.ranks.any(stop.asked) and self.repeat < run.repeats:
            raise Interrupted(self.folder.checkpoint_path)

    def _score(self, division: Division, course: Course, seed: int, display: Display, stop: Stop) -> None:
        """Write what a course came to on rows apart, and what the first one learned."""
        outcome = Outcome(self.recipe, self.dataset, division, course, seed)
        display.doing("scoring")
        with stop.at_once():
            result = self._result(outcome)
        if self.repeat == 0:
            outcome.model().save(self.folder.model_path)
        self.metrics.append({"repeat": self.repeat, "result": result.to_line()})

    def _restore(self, course: Course) -> None:
        try:
            course.restore(dict(self._restored or {}))
        except (KeyError, TypeError, ValueError, RuntimeError) as problem:
            what, rule = self.folder.checkpoint_path, f"does not fit the recipe ({' '.join(str(problem).split())})"
            raise RunError("checkpoint", what, rule, "start again with `layerwise train`") from problem
        self._restored = None

    def _save(self, course: Course | None) -> None:
        tree = {
            "repeat": self.repeat,
            "lines": len(self.metrics.lines),
            "seconds": self._total_seconds(),
            "course": None if course is None else course.to_tree(),  # all ranks' chains are in it
        }
        if self.ranks.first:
            self._checkpoints.save(tree)

    def _total_seconds(self) -> float:
        return self._seconds + time.perf_counter() - self._since

    def _result(self, outcome: Outcome) -> Result:
        division, accuracies, targets = outcome.division, outcome.accuracies(), outcome.targets()
        of_units = self.recipe.training.model != "dbn"
        return Result(
            seed=outcome.seed,
            data=self.dataset.source,
            rows=len(division.learning),
            columns=division.preparation.n_units if of_units else division.learning.n_columns,
            labelled=division.learning.n_labelled,
            scored=len(division.scored) if (accuracies or targets) and division.scored is not None else 0,
            layers=outcome.layers(),
            accuracies=accuracies,
            likelihood=outcome.likelihood(),
            errors=outcome.errors(),
            neurons=outcome.neurons(self.metrics.mistakes(self.repeat)),
            targets=targets,
            seconds=round(self._total_seconds(), 3),
        )

    def _report(self, stop: Stop) -> Findings:
        """The report is of the model as it was saved."""
        model = Model.load(self.folder.model_path)
        curves, flows, name = self.metrics.curves(), self.metrics.flows(), self.dataset.name
        findings = outline(self.recipe, self.results, curves, self.folder, name, flows)
        with stop.at_once():
            findings = portray(findings, model, division_of(self.dataset, self.recipe), self.recipe.run.seed)
            page = render(findings)
        write_atomically(self.folder.report_path, page.encode())
        return findings
