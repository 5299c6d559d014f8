"""Rows that a fitted machine draws: free, given some cells, or in the place of missing ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from sklearn.utils import validation
from torch import Tensor

from layerwise.energy import RBM
from layerwise.errors import OptionError
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.dreams import clamped_rows, free_rows, repeated, tempered_rows
from layerwise.estimators.machine_estimator import MachineEstimator
from layerwise.estimators.options import Seed, Whole, choice, whole_number
from layerwise.estimators.unit_rows import filled
from layerwise.randomness import RandomStream
from layerwise.training.classification_state import ClassificationState
from layerwise.training.contrastive import ContrastiveState
from layerwise.training.memory import enough_memory

__all__ = ["SamplingEstimator", "kept_chains"]


class SamplingEstimator(MachineEstimator):
    """One whose fit also leaves the last State of training, with the chains that it kept."""

    _state: ContrastiveState | ClassificationState
    _mean: Tensor
    _precision: np.dtype[Any]

    def gibbs(self, X: object, steps: Whole = 1, *, random_state: Seed = None) -> Any:
        """Draw hidden units given the rows, then rows given those, so many times.

        Parameters
        ----------
        X : array-like, sparse or table of shape (n_samples, n_features)
            Where the chains start; what is missing is drawn.
        steps : int, default=1
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray or table of shape (n_samples, n_features)
        """
        rows, steps = self._read(X), whole_number("steps", steps, least=1)
        v = torch.cat([part for _, part in rows.parts()])
        drawn = free_rows(self.machine_, v, steps, stream_from(random_state))
        return self._coding.restore(drawn, precision=rows.precision)

    def sample(
        self,
        n_samples: Whole = 1,
        *,
        given: object = None,
        steps: Whole = 1000,
        tempered: bool = False,
        start: object = None,
        random_state: Seed = None,
    ) -> Any:
        """Draw rows from the machine, or from its distribution given some of the cells.

        Parameters
        ----------
        n_samples : int, default=1
        given : dict, array-like or table, optional
            Cells that are held still: a dict from some columns to a value of each, or rows whose other cells are
            missing. Fewer rows than ``n_samples`` are used again and again.
        steps : int, default=1000
            Gibbs steps of every chain.
        tempered : bool, default=False
            Whether each chain is kept at ten temperatures that trade places, which reaches modes that lie far apart.
        start : array-like, table or "chains", optional
            Where chains start: rows, or the persistent chains of training. Independent units by default.
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray or table of shape (n_samples, n_features)
            A table of the library that was fitted; a matrix where a matrix was.
        """
        validation.check_is_fitted(self)
        known = None if given is None else self._coding.read_given(self, given).units()
        drawn = self._drawn(n_samples, known, steps, tempered, start, random_state)
        return self._coding.restore(drawn, precision=self._precision)

    def impute(
        self,
        X: object,
        *,
        steps: Whole = 100,
        burn_in: Whole = 100,
        chains: Whole = 10,
        random_state: Seed = 0,
    ) -> Any:
        """Fill missing cells by their means given the others, or by their most probable level.

        Parameters
        ----------
        X : array-like or table of shape (n_samples, n_features)
            NaN, ``None`` and whatever else stands for a missing cell in its library.
        steps, burn_in, chains : int, default=100, 100, 10
            Of clamped Gibbs sampling: averaged, forgotten before, and independent chains a row.
        random_state : int, RandomState or None, default=0

        Returns
        -------
        ndarray or table of shape (n_samples, n_features)
            Of the type of ``X``; the cells that were known as they were.
        """
        rows = self._read(X)
        options = {
            "steps": whole_number("steps", steps, least=1),
            "burn_in": whole_number("burn_in", burn_in, least=0),
            "chains": whole_number("chains", chains, least=1),
        }
        with enough_memory({"rows": len(rows), "chains": options["chains"]}, "give fewer"):
            v = filled(self.machine_, rows.units(), stream_from(random_state), **options)
        return self._coding.refill(v, X, rows)

    def _drawn(
        self, n_samples: int, known: Tensor | None, steps: int, tempered: bool, start: object, random_state: Seed
    ) -> Tensor:
        """Rows of the machine; of ``known`` ones the units that are not NaN are held still."""
        count, steps = whole_number("n_samples", n_samples, least=1), whole_number("steps", steps, least=1)
        random = stream_from(random_state)
        if tempered and (known is not None or start is not None):
            rule, remedy = "draws free rows, from nowhere in particular", "give tempered=False, or nothing else"
            raise OptionError("tempered", tempered, rule, remedy)
        with enough_memory({"n_samples": count}, "draw fewer rows at a time"):
            if tempered:
                return tempered_rows(self.machine_, self._mean, count, steps, random)
            first = self._starts(start, count, random)
            if known is None:
                return free_rows(self.machine_, first, steps, random)
            return clamped_rows(self.machine_, first, repeated(known, count), steps, random)

    def _starts(self, start: object, count: int, random: RandomStream) -> Tensor:
        if start is None:
            return torch.full((count, self.machine_.visible.size), math.nan)
        if not isinstance(start, str):
            return repeated(self._coding.read(self, cast("Mapping[Any, Any]", start)).units(), count)
        choice("start", start, "chains")
        kept = self._chains(random)
        if kept is None:
            rule = "needs a machine that was trained with persistent chains"
            raise OptionError("start", start, rule, "train it with method='pcd', or start at rows")
        return repeated(kept, count)

    def _chains(self, random: RandomStream) -> Tensor | None:
        """The model's rows that training kept, if it kept any."""
        return kept_chains(self.machine_, self._state, random)


@torch.no_grad()
def kept_chains(machine: RBM, state: ContrastiveState | ClassificationState, random: RandomStream) -> Tensor | None:
    """A machine's rows that its training kept, if it kept any."""
    if isinstance(state, ContrastiveState) and state.tempering is not None:
        return state.tempering.chains.rows
    return None if state.chains is None else machine.sample_v_from_h(state.chains, random)
