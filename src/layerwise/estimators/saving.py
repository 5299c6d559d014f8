"""A fitted estimator as a folder of safe files, and back. Nothing is pickled, and nothing unpickled.

=========================== ==================================================================================
``estimator.toml``          class, versions and parameters (:mod:`~layerwise.estimators.manifest`)
``model.safetensors``       all that was learned (:mod:`~layerwise.estimators.object_tree`)
``learning_curves.jsonl``   what was measured after each epoch; for people, not read back
``README.md``               the card (:mod:`~layerwise.estimators.card`); likewise
=========================== ==================================================================================

What was learned is whatever the estimator keeps beside its parameters, chains and optimiser included, so that a loaded
one goes on where the saved one stood. A later save into the same folder first writes the next model beside the last
one; the new ``estimator.toml``, which names its model by checksum, takes its name in one step and decides which of the
two counts. Whenever the machine stops, either save is whole.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import sklearn
from sklearn.base import BaseEstimator
from sklearn.utils import validation

from layerwise.errors import OptionError, RunError, StorageError
from layerwise.estimators.card import card_of, is_own_card
from layerwise.estimators.curves import curves_of, to_lines
from layerwise.estimators.manifest import Manifest, can_be_said
from layerwise.estimators.object_tree import from_tree, to_tree
from layerwise.training.checkpoint import checksum_of, read_tree, write_atomically, write_tree

__all__ = ["load", "save"]

MANIFEST, MODEL, CURVES, CARD = "estimator.toml", "model.safetensors", "learning_curves.jsonl", "README.md"
_NEXT = ".model.safetensors.next"
_KIND = "estimator"
_ROUTING = "_metadata_request"
_CALLBACKS = "_callbacks"


def save(estimator: BaseEstimator, path: str | os.PathLike[str], data: str = "", limits: str = "") -> Path:
    """Write an estimator's folder; :meth:`layerwise.estimators.estimator.Estimator.save` says the rest."""
    folder, kind = Path(path), type(estimator)
    if _kinds().get(kind.__name__) is not kind:
        rule = "is none of layerwise's own estimators, and code is not saved"
        raise OptionError("estimator", kind.__name__, rule, "save the layerwise one inside it")
    validation.check_is_fitted(estimator)
    parameters: dict[str, Any] = cast(Any, estimator).get_params(deep=False)
    said = {name: value for name, value in parameters.items() if can_be_said(value)}
    kept = {name: value for name, value in vars(estimator).items() if name not in {*said, _CALLBACKS}}
    if _ROUTING in kept:
        kept[_ROUTING] = _asked_for(kept[_ROUTING])
    tree = to_tree(kept)
    curves = curves_of(estimator)
    card = card_of(estimator, curves, folder.absolute().name, data, limits)
    _check_place(folder)
    _finish_earlier(folder)
    with _nothing_left(folder):
        model = write_tree(folder / _NEXT, tree, _KIND)
        write_atomically(folder / MANIFEST, Manifest(kind.__name__, said, model).to_text().encode())
    _finish_earlier(folder)
    write_atomically(folder / CURVES, to_lines(curves).encode())
    if is_own_card(folder / CARD):
        write_atomically(folder / CARD, card.encode())
    return folder


def load(path: str | os.PathLike[str]) -> Any:
    """Open a folder that an estimator's ``save`` made.

    Nothing in the folder is run: its files hold numbers and texts, and objects of known classes are made of them.

    Parameters
    ----------
    path : str or path-like
        The folder.

    Returns
    -------
    estimator
        Of the class that was saved, with its parameters and all that it had learned: its answers are the same to the
        bit, and ``partial_fit`` and ``warm_start`` go on from where it stood.

    Raises
    ------
    RunError
        There is no such folder; a file in it is missing, damaged, changed by hand or a link; it was written by a newer
        layerwise; or it is the folder of a run, which the command line opens.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import layerwise
    >>> X = np.eye(4)
    >>> machine = layerwise.BernoulliRBM(2, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = layerwise.load(machine.save(folder))
    >>> again
    BernoulliRBM(n_components=2, random_state=0)
    >>> bool((again.transform(X) == machine.transform(X)).all())
    True
    """
    folder = Path(path)
    if not folder.is_dir():
        rule = "must be the folder of a saved estimator"
        raise RunError("path", folder, rule, "name a folder that an estimator's save() made")
    if (folder / "recipe.toml").is_file() and not (folder / MANIFEST).exists():
        rule = "is a run's folder, which the command line opens"
        raise RunError("path", folder, rule, f"use `layerwise evaluate {folder}`, transform, sample or show")
    manifest = Manifest.read(folder / MANIFEST)
    kind = _kinds().get(manifest.estimator)
    if kind is None:
        rule = f"names the estimator {manifest.estimator!r}, which layerwise does not have"
        raise RunError(MANIFEST, folder, rule, "open it with the layerwise that wrote it")
    place = _model_of(folder, manifest)
    try:
        return _made(kind, dict(manifest.parameters), from_tree(read_tree(place, _KIND)))
    except RunError:
        raise
    except Exception as problem:  # constructors of fifty types refuse parts that do not fit
        rule = f"has parts that do not fit this layerwise ({' '.join(str(problem).split())})"
        raise RunError(MODEL, folder, rule, f"open it with layerwise {manifest.layerwise}, which wrote it") from problem


def _kinds() -> dict[str, type[Any]]:
    """Every public estimator by its name."""
    from layerwise import estimators

    public = {name: getattr(estimators, name) for name in estimators.__all__}
    return {name: kind for name, kind in public.items() if isinstance(kind, type)}


def _made(kind: type[Any], parameters: dict[str, Any], kept: dict[str, Any]) -> Any:
    names = kind().get_params(deep=False)
    parameters |= {name: value for name, value in kept.items() if name in names}
    estimator = kind(**parameters)
    asked = kept.pop(_ROUTING, {})
    for name in [name for name in kept if name not in names]:
        of_kind = getattr(kind, name, None)
        if not name.isidentifier() or callable(of_kind) or isinstance(of_kind, property):
            raise ValueError(f"{kind.__name__} keeps no {name!r}")
        setattr(estimator, name, kept[name])
    with cast(Any, sklearn).config_context(enable_metadata_routing=True):
        for method, names in asked.items():
            getattr(estimator, f"set_{method}_request")(**names)
    return estimator


def _asked_for(routing: Any) -> dict[str, Any]:
    """What each method asks to be handed on to it: scikit-learn's own object holds the estimator."""
    of_methods = cast("dict[str, Any]", vars(routing))
    requests = {method: getattr(of_method, "requests", None) for method, of_method in of_methods.items()}
    return {method: dict(names) for method, names in requests.items() if names}


def _check_place(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier save and hidden files."""
    remedy = "name another folder"
    try:
        if folder.exists() and not folder.is_dir():
            raise OptionError("path", folder, "must be a folder, and there is a file of that name", remedy)
        links = [name for name in (MANIFEST, MODEL, CURVES, CARD) if (folder / name).is_symlink()]
        if links:
            raise OptionError("path", folder, f"holds the link {links[0]}, which a save would replace", remedy)
        if folder.is_dir() and not (folder / MANIFEST).is_file():
            strange = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
            if strange:
                raise OptionError("path", folder, f"is not empty, and no earlier save: it holds {strange[0]}", remedy)
    except OSError as problem:
        raise StorageError(f"cannot write to {folder}: {problem.strerror or problem}; {remedy}") from problem


def _model_of(folder: Path, manifest: Manifest) -> Path:
    """The file that the manifest belongs to.

    Raises
    ------
    RunError
        It is missing, damaged or a link.
    """
    for place in (folder / MODEL, folder / _NEXT):
        if not place.is_symlink() and place.is_file() and checksum_of(place) == manifest.model:
            return place
    place = folder / MODEL
    missing = place.is_symlink() or not place.is_file()
    rule = "is missing, or a link" if missing else "is damaged, or not the model that estimator.toml was saved with"
    raise RunError(MODEL, folder, rule, "use a copy of it")


def _finish_earlier(folder: Path) -> None:
    """Give the model that counts its name, where a save was stopped before that."""
    try:
        place = _model_of(folder, Manifest.read(folder / MANIFEST))
    except RunError:
        return  # there is no earlier save, or one that cannot be read anyway
    if place.name == _NEXT:
        try:
            os.replace(place, folder / MODEL)
        except OSError as problem:
            raise StorageError(f"cannot write {folder / MODEL}: {problem.strerror or problem}") from problem


@contextmanager
def _nothing_left(folder: Path) -> Generator[None]:
    """Take the next model away where what follows fails, unless it counts already."""
    try:
        yield
    except BaseException:
        with suppress(OSError, RunError):
            counts = (folder / MANIFEST).exists() and Manifest.read(folder / MANIFEST).model
            if counts != checksum_of(folder / _NEXT):
                (folder / _NEXT).unlink()
        raise
