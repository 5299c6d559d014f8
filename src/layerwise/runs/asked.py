"""What a person asks a finished run: how probable rows are."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from layerwise.energy.class_rbm import join_labels
from layerwise.errors import DataError
from layerwise.randomness import RandomStream
from layerwise.runs.division import prepared_sample
from layerwise.runs.energy_model import EnergyModel
from layerwise.runs.folder import RunFolder
from layerwise.runs.likelihood import bound_of, likelihood_of, whole_rows
from layerwise.runs.matching import rows_asked_about
from layerwise.training.checkpoint import write_atomically

__all__ = ["Answer", "ask_likelihood", "write_nats"]


@dataclass(frozen=True, eq=False)
class Answer:
    """How probable rows are.

    Parameters
    ----------
    what : str
        The rows, in words.
    text : str
        The figure with its error, log Z and the bracket, in a sentence.
    lower, upper : float
        By backward and by forward annealing, in nats a row.
    left_out : int
        Rows that miss a value, or a label where one is asked for.
    per_row : ndarray of shape (rows,)
        Nats of each row; NaN where it was left out.
    """

    what: str
    text: str
    lower: float
    upper: float
    left_out: int
    per_row: npt.NDArray[np.float64]


def ask_likelihood(
    folder: RunFolder,
    model: EnergyModel,
    data: str | None,
    target: str | None,
    chains: int,
    temperatures: int,
    seed: int,
) -> Answer:
    """How probable rows are under a run's model; of a belief network, a lower bound.

    Raises
    ------
    DataError
        No row is whole, or has the label that a class-rbm asks for.
    """
    labelled, stream = model.kind == "class-rbm", None if data is None else False
    rows, what = rows_asked_about(folder, model, data, target, labels=labelled, stream=stream)
    prepared = prepared_sample(rows, model.preparation)
    kept = whole_rows(prepared)
    if model.kind == "class-rbm":
        labels = torch.full((len(rows),), -1) if rows.labels is None else torch.from_numpy(rows.labels)
        kept &= labels >= 0
        if bool(kept.any()):
            prepared = torch.cat([prepared, torch.zeros(len(rows), len(model.classes))], dim=1)
            features = prepared[kept][:, : -len(model.classes)]
            prepared[kept] = join_labels(features, labels[kept], len(model.classes))
    if not bool(kept.any()):
        rule = "has no row without a missing value" + (" that has a label" if model.kind == "class-rbm" else "")
        raise DataError("DATA", what, rule, "fill the gaps by `layerwise impute` of an rbm, or give other rows")
    per_row = np.full(len(rows), np.nan)
    options = {"chains": chains, "temperatures": temperatures, "random": RandomStream(seed)}
    if model.kind == "dbn":
        bound = bound_of(model.net, prepared[kept], **options)
        text, lower, upper = str(bound), bound.lower, bound.mean
        per_row[kept.numpy()] = bound.per_row.numpy()
    else:
        mean = model.mean if model.kind == "rbm" else None
        found = likelihood_of(model.machine, prepared[kept], mean, **options)
        text, lower, upper = str(found), found.lower, found.upper
        per_row[kept.numpy()] = found.per_row.numpy()
        if model.kind == "class-rbm":
            text += ", of row and label together"
    return Answer(what, text, lower, upper, len(rows) - int(kept.sum()), per_row)


def write_nats(path: Path, per_row: npt.NDArray[np.float64]) -> None:
    """Write a figure a row: an array, or a table with the column ``log_likelihood``.

    Raises
    ------
    StorageError
    """
    file = io.BytesIO()
    if path.suffix.lower() == ".npy":
        np.save(file, per_row, allow_pickle=False)
    else:
        lines = ["log_likelihood", *("" if np.isnan(value) else repr(float(value)) for value in per_row), ""]
        file.write("\n".join(lines).encode())
    write_atomically(path, file.getvalue())
