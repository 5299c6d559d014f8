"""From what scikit-learn's callers hand over to what layerwise learns from, and back: rows, random states, devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import validation
from torch import Tensor

from layerwise.data.minibatches import Minibatches, taken
from layerwise.data.npy_rows import stored_memmap
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.data.stored import StoredValues
from layerwise.data.values import Values, checked_values
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream

__all__ = [
    "OwnPrecision",
    "as_tensor",
    "check_probabilities",
    "checked_rows",
    "column_names",
    "first_outside",
    "float_type",
    "parts",
    "result_type",
    "stored_rows",
    "stream_from",
    "training_device",
]

PART = 2**22
"""Numbers of one dense part: 16 MiB of float32."""
ROUNDING = 1e-6
"""scikit-learn's scalers miss 0 and 1 by a few roundings."""


def stream_from(random_state: object) -> RandomStream:
    """A random stream whose seed is drawn from what scikit-learn calls a random state.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState or None
        A RandomState moves on; None draws from NumPy's global one.

    Raises
    ------
    OptionError
    """
    try:
        state = validation.check_random_state(random_state)
    except ValueError as error:
        rule = "must be None, a whole number from 0 to 2³² - 1 or a numpy.random.RandomState"
        raise OptionError("random_state", random_state, rule, "give 0 for the same result every time") from error
    return RandomStream(int(state.randint(0, 2**63 - 1, dtype=np.int64)))


def training_device(name: object) -> torch.device:
    """The device that a ``device`` parameter asks for; ``"auto"`` is the GPU where there is one.

    Raises
    ------
    OptionError
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rule, remedy = "must be 'auto', 'cpu' or 'cuda'", "leave it at 'auto'"
    try:
        device = torch.device(name)  # type: ignore[arg-type]  # anything may have been stored
    except (RuntimeError, TypeError) as error:
        raise OptionError("device", name, rule, remedy) from error
    if device.type not in ("cpu", "cuda"):
        raise OptionError("device", name, rule, remedy)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise OptionError("device", name, "torch finds no such GPU on this machine", remedy)
    return device


def checked_rows(estimator: BaseEstimator, X: object, *, reset: bool) -> Values:
    """Check rows by scikit-learn's rules and by layerwise's, and store them compactly.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` and ``feature_names_in_`` are set, or compared with.
    X : array-like, data frame or scipy sparse of shape (rows, columns)
    reset : bool
        Whether the columns are learned (True) or compared (False).

    Returns
    -------
    ndarray or csr_array of shape (rows, columns), uint8, float32 or float64
        Row by row in memory; the caller's own memory where nothing has to be changed.

    Raises
    ------
    ValueError, TypeError
        scikit-learn's; a :class:`~layerwise.errors.DataError` is a ValueError.
    """
    validate = cast(Any, validation).validate_data
    if (stored := stored_rows(estimator, X, reset=reset)) is not None:
        return stored
    valid = validate(estimator, X, reset=reset, accept_sparse="csr", dtype="numeric", order="C")
    return checked_values(valid, "X", column_names(estimator))


def stored_rows(estimator: BaseEstimator, X: object, *, missing: bool = False, reset: bool) -> StoredValues | None:
    """Rows on disk, and None of all others: those that ``load(..., stream=True)`` gives, or a large memmap.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` is set, or compared with.
    X : object
    missing : bool
        Whether NaN may stay.
    reset : bool
        Whether the columns are learned (True) or compared (False).

    Raises
    ------
    DataError, ValueError
    """
    stored = stored_memmap(cast(Any, X), missing=missing) if isinstance(X, np.memmap) else X
    if not isinstance(stored, StoredValues):
        return None
    if not missing and not stored.complete:
        rule, remedy = "misses values, and this estimator cannot do without", "fill them first, or take RBM or DBN"
        raise DataError("X", stored.file.name, rule, remedy)
    return cast(Any, validation).validate_data(estimator, stored, reset=reset, skip_check_array=True)


def column_names(estimator: BaseEstimator) -> list[str] | None:
    """The names of the columns that an estimator was fitted on, where they have names."""
    names: npt.NDArray[Any] | None = getattr(estimator, "feature_names_in_", None)
    return None if names is None else names.tolist()


def check_probabilities(values: Values, columns: list[str] | None) -> None:
    """Refuse rows with an entry outside [0, 1], but for rounding.

    Raises
    ------
    DataError
        Naming the first such entry.
    """
    found = first_outside(values, -ROUNDING, 1 + ROUNDING)
    if found is None:
        return
    row, column, value = found
    name = column if columns is None else repr(columns[column])
    rule = "must be from 0 to 1, the probability that a unit is on"
    raise DataError(
        f"X, row {row}, column {name}",
        value,
        # The words that scikit-learn's callers know.
        f"Negative values in data; they {rule}" if value < 0 else rule,
        "scale the columns first, with sklearn.preprocessing.MinMaxScaler(clip=True) for instance",
    )


def first_outside(values: Values, low: float, high: float) -> tuple[int, int, float] | None:
    """Row, column and value of the first entry outside an interval; None where there is none. NaN is not outside."""
    if isinstance(values, StoredValues):
        if values.min() >= low and values.max() <= high:
            return None
        first = 0
        for part in values.parts():
            if (found := first_outside(part, low, high)) is not None:
                return first + found[0], found[1], found[2]
            first += len(part)
        return None
    entries: npt.NDArray[Any] = values if isinstance(values, np.ndarray) else values.data
    with np.errstate(invalid="ignore"):
        if entries.size == 0 or (entries.min() >= low and entries.max() <= high):
            return None
    outside = (entries < low) | (entries > high)
    place = int(np.argmax(outside))
    if not outside.flat[place]:
        return None
    if isinstance(values, np.ndarray):
        row, column = divmod(place, int(values.shape[1]))
    else:
        row, column = int(np.searchsorted(values.indptr, place, side="right")) - 1, int(values.indices[place])
    return row, column, float(entries.flat[place])


def float_type(values: Values) -> torch.dtype:
    """The precision that answers to these rows: float64 for float64, float32 for everything else."""
    return torch.float64 if values.dtype == np.float64 else torch.float32


def result_type(values: Values) -> np.dtype[Any]:
    """The same as NumPy names it."""
    return np.dtype(np.float64 if values.dtype == np.float64 else np.float32)


def as_tensor(values: Values, dtype: torch.dtype) -> Tensor:
    """Dense numbers in a tensor that may be written to."""
    dense: npt.NDArray[Any] = values if isinstance(values, np.ndarray) else values.toarray()
    # A tensor over a read-only array would warn, and a step that wrote to it would write to the caller's data.
    return torch.from_numpy(dense.astype(np.dtype(str(dtype).removeprefix("torch.")), order="C", copy=True))


def parts(values: Values) -> Iterator[slice]:
    """Runs of rows that are small enough to be made dense one after the other."""
    n_rows, n_columns = values.shape
    step = max(1, PART // n_columns)
    for first in range(0, n_rows, step):
        yield slice(first, min(first + step, n_rows))


class OwnPrecision(Minibatches):
    """Minibatches of rows that need no preparation: float64 stays float64, everything else becomes float32.

    Parameters
    ----------
    values : ndarray or csr_array of shape (rows, columns)
    batch_size : int
    random : RandomStream
    labels : ndarray of shape (rows,), int64, optional
    dtype : dtype of torch, optional
        Another precision.
    **options
        As for :class:`~layerwise.data.Minibatches`.
    """

    def __init__(
        self,
        values: Values,
        batch_size: int,
        random: RandomStream,
        *,
        labels: npt.NDArray[np.int64] | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        columns = int(values.shape[1])
        as_it_is = Preparation("bernoulli", torch.zeros(columns), torch.ones(columns))
        super().__init__(Rows(values, labels), as_it_is, batch_size, random, **options)
        self._dtype = dtype

    def _gather(self, held: Any, places: Tensor) -> Tensor:
        raw = taken(held, places)
        dtype = self._dtype or (raw.dtype if raw.is_floating_point() else torch.float32)
        return raw.to(self.device, dtype)
