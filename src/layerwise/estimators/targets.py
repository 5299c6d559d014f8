"""Numbers that a regressor is to predict, as scikit-learn's callers write them; NaN marks a row without one."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from sklearn.utils import validation

from layerwise.errors import DataError

__all__ = ["checked_targets", "r2_of_known"]

Targets = npt.NDArray[np.float64]
_MARK = "mark rows without target with NaN"


def checked_targets(y: object, n_rows: int) -> tuple[Targets, npt.NDArray[np.bool_]]:
    """Find each row's targets, and which rows have them.

    Parameters
    ----------
    y : array-like of shape (rows,) or (rows, outputs)
        Numbers; NaN, and ``None`` or NA in a column of objects, in all outputs of a row without target.
    n_rows : int
        Number of rows of X.

    Returns
    -------
    targets : ndarray of shape (rows, outputs), float64
    present : ndarray of shape (rows,), bool

    Raises
    ------
    DataError, ValueError
        Where ``y`` is missing, too short or too long, holds no numbers, an infinite one, or no target at all; or where
        a row has some of its targets only.
    """
    if y is None:
        rule = "the estimator requires y to be passed, but the target y is None"
        raise DataError("y", None, rule, _MARK)
    try:
        told = cast(Any, validation).check_array(
            y, dtype=np.float64, ensure_2d=False, ensure_all_finite="allow-nan", ensure_min_samples=0, input_name="y"
        )
    except TypeError as error:
        raise DataError("y", type(y).__name__, f"must hold numbers ({error})", _MARK) from error
    targets: Targets = np.array(told, dtype=np.float64, order="C")
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = cast(Any, validation).column_or_1d(targets, warn=True)
    if targets.ndim not in (1, 2):
        raise DataError("y.shape", targets.shape, "must be (rows,) or (rows, outputs)")
    if len(targets) != n_rows:
        raise DataError("len(y)", len(targets), f"must be {n_rows}, one target for each row of X", _MARK)
    targets = targets.reshape(n_rows, -1)
    missing = np.isnan(targets)
    torn = missing.any(1) & ~missing.all(1)
    if torn.any():
        row = int(np.argmax(torn))
        raise DataError(f"y, row {row}", targets[row].tolist(), "must have all of its targets or none", _MARK)
    if missing.all():
        rule = "Input y contains NaN alone: some rows must have a target"
        remedy = "to learn from rows without targets alone, use DBN"
        raise DataError("y", f"{n_rows} rows without target", rule, remedy)
    return targets, ~missing[:, 0]


def r2_of_known(predicted: npt.NDArray[Any], y: object, sample_weight: object = None) -> float:
    """R² of the rows that have a target, the mean over outputs; the others are left out.

    Raises
    ------
    DataError, ValueError
        No row has a target, or rows and targets do not fit.
    """
    from sklearn import metrics  # heavy

    targets, present = checked_targets(y, len(predicted))
    weights = None if sample_weight is None else np.asarray(sample_weight)[present]
    found = predicted.reshape(len(predicted), -1)[present]
    return float(cast(Any, metrics).r2_score(targets[present], found, sample_weight=weights))
