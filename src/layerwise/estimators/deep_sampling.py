"""Rows that a fitted deep belief network draws: free, of a class, given some cells, or in the place of missing ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils import validation
from torch import Tensor

from layerwise.energy import RBM, gibbs
from layerwise.energy.clamping import clamped_gibbs, draw_unknown
from layerwise.energy.class_rbm import features_of, gibbs_given_labels, join_labels
from layerwise.energy.conditioning import impute_given, sample_given
from layerwise.errors import OptionError
from layerwise.estimators.conversion import stream_from
from layerwise.estimators.dbn_networks import NetworkEstimator
from layerwise.estimators.dreams import clamped_rows, repeated, tempered_rows
from layerwise.estimators.labels import codes_among
from layerwise.estimators.options import Seed, Whole, choice, flag, whole_number
from layerwise.estimators.sampling import kept_chains
from layerwise.estimators.unit_rows import filled, filled_by
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveState
from layerwise.training.memory import enough_memory

__all__ = ["DeepSamplingEstimator"]

FREE_STEPS, GIVEN_STEPS = 1000, 100
"""Gibbs steps of the top, and sweeps through all layers, if nothing is said."""
GAP_STEPS = 100
"""Of the lowest machine, whose rows are what chains through all layers start from."""
ROWS_AT_ONCE = 256
"""Each with all its chains."""


class DeepSamplingEstimator(NetworkEstimator):
    """One whose fit also leaves the layers as they were learned one after the other, and the top's last State."""

    layers_: list[RBM]
    classes_: npt.NDArray[Any]
    _state: ContrastiveState
    _mean: Tensor
    _precision: np.dtype[Any]

    def sample(
        self,
        n_samples: Whole = 1,
        y: object = None,
        *,
        given: object = None,
        steps: Whole | None = None,
        tempered: bool = False,
        start: object = None,
        random_state: Seed = None,
    ) -> Any:
        r"""Draw rows from the network, of a class if asked for, or from its distribution given some of the cells.

        Free rows are Gibbs chains in the top machine, then one draw downwards. Given some cells,
        :math:`p(v_{unknown} \mid v_{known})` of the whole network is drawn from, or
        :math:`p(v_{unknown} \mid v_{known}, y)`: every unit of the layers below the top is drawn by itself, given all
        others [1]_. Such a sweep costs as much as the units of each layer times those of the layer below.

        Parameters
        ----------
        n_samples : int, default=1
        y : label or array-like of shape (n_samples,), optional
            The class of all rows, or of each; for a network with label units.
        given : dict, array-like or table, optional
            Cells that are held still: a dict from some columns to a value of each, or rows whose other cells are
            missing. Fewer rows than ``n_samples`` are used again and again.
        steps : int, optional
            Gibbs steps of every chain in the top, 1,000 if left out; with ``given`` sweeps through all layers, 100 if
            left out.
        tempered : bool, default=False
            Whether each chain of the top is kept at ten temperatures that trade places, which reaches modes that lie
            far apart.
        start : array-like, table or "chains", optional
            Where chains start: rows, or the persistent chains of the top's training. Independent units of the top by
            default; with ``given`` what the lowest machine fills in.
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray or table of shape (n_samples, n_features)
            A table of the library that was fitted; a matrix where a matrix was.

        References
        ----------
        .. [1] R. M. Neal (1992). Connectionist learning of belief networks. Artificial Intelligence 56.
        """
        validation.check_is_fitted(self)
        count = whole_number("n_samples", n_samples, least=1)
        usual = FREE_STEPS if given is None else GIVEN_STEPS
        steps = usual if steps is None else whole_number("steps", steps, least=1)
        labels = None if y is None else self._codes(np.full(count, y) if np.ndim(cast(Any, y)) == 0 else y, count)
        random = stream_from(random_state)
        if flag("tempered", tempered) and not (given is None and start is None and y is None):
            rule, remedy = "draws free rows, from nowhere in particular", "give tempered=False, or nothing else"
            raise OptionError("tempered", tempered, rule, remedy)
        with enough_memory({"n_samples": count}, "draw fewer rows at a time"):
            if tempered:
                drawn = self.net_.draw_down(tempered_rows(self.net_.top, self._mean, count, steps, random), random)
            elif given is None:
                drawn = self._free(count, labels, steps, start, random)
            else:
                known = repeated(self._coding.read_given(self, given).units(), count)
                drawn = self._given(known, labels, steps, start, random)
        return self._coding.restore(drawn, precision=self._precision)

    def impute(
        self, X: object, *, steps: Whole = 50, burn_in: Whole = 50, chains: Whole = 10, random_state: Seed = 0
    ) -> Any:
        r"""Fill missing cells by their means given the others, or by their most probable level.

        Of the distribution :math:`p(v_{unknown} \mid v_{known})` of the whole network, as :meth:`sample` draws from.

        Parameters
        ----------
        X : array-like or table of shape (n_samples, n_features)
            NaN, ``None`` and whatever else stands for a missing cell in its library.
        steps, burn_in, chains : int, default=50, 50, 10
            Sweeps through all layers that are averaged over, sweeps forgotten before, and independent chains a row.
        random_state : int, RandomState or None, default=0

        Returns
        -------
        ndarray or table of shape (n_samples, n_features)
            Of the type of ``X``; the cells that were known as they were.
        """
        rows, random = self._read(X), stream_from(random_state)
        options = {
            "steps": whole_number("steps", steps, least=1),
            "burn_in": whole_number("burn_in", burn_in, least=0),
            "chains": whole_number("chains", chains, least=1),
        }

        def fill(v: Tensor, first_row: int) -> Tensor:
            begun = self._by_the_lowest(v, random, first_row)
            steps, burn_in, chains = (options[name] for name in ("steps", "burn_in", "chains"))
            return impute_given(
                self.net_, v, random, steps=steps, burn_in=burn_in, chains=chains, start=begun, first_row=first_row
            )

        with enough_memory({"rows": len(rows), "chains": options["chains"]}, "give fewer"):
            if self.net_.generation:
                v = filled_by(fill, rows.units(), random, ROWS_AT_ONCE)
            else:
                v = filled(self.net_.top, rows.units(), random, **options)
        return self._coding.refill(v, X, rows)

    @property
    def _first(self) -> RBM:
        return self.layers_[0]

    def _free(self, count: int, labels: Tensor | None, steps: int, start: object, random: RandomStream) -> Tensor:
        net = self.net_
        if not isinstance(start, str):
            rows = None if start is None else self._whole(self._rows_of(start, count))
            return net.sample(count, random, steps, start=rows, label=labels, drawn=True)
        x = self._kept(start, count, random)
        if labels is None:
            return net.draw_down(gibbs(net.top, x, steps, random)[0], random)
        x = join_labels(x[:, : features_of(net.top)], labels, net.classes)
        return net.draw_down(gibbs_given_labels(net.top, x, steps, random)[0], random)

    def _given(self, known: Tensor, labels: Tensor | None, steps: int, start: object, random: RandomStream) -> Tensor:
        net, count = self.net_, len(known)
        begun = None
        if isinstance(start, str):
            begun = net.draw_down(self._kept(start, count, random), random)
        elif start is not None:
            begun = self._rows_of(start, count)
        if not net.generation:
            nowhere = torch.full_like(known, math.nan)
            return clamped_rows(net.top, nowhere if begun is None else begun, known, steps, random)
        begun = self._by_the_lowest(known, random, 0) if begun is None else begun
        return sample_given(net, known, steps, random, labels=labels, start=begun)

    def _by_the_lowest(self, v: Tensor, random: RandomStream, first_row: int) -> Tensor:
        """Rows whose gaps the lowest machine has drawn."""
        known = ~v.isnan()
        v = draw_unknown(self._first, v, known, random, first_row)
        return clamped_gibbs(self._first, v, known, GAP_STEPS, random, first_row)[0]

    def _rows_of(self, start: object, count: int) -> Tensor:
        return repeated(self._coding.read(self, cast("Mapping[Any, Any]", start)).units(), count)

    def _kept(self, start: str, count: int, random: RandomStream) -> Tensor:
        choice("start", start, "chains")
        kept = kept_chains(self.net_.top, self._state, random)
        if kept is None:
            rule = "needs a network that was trained with persistent chains"
            raise OptionError("start", start, rule, "train it with method='pcd', or start at rows")
        return repeated(kept, count)

    def _codes(self, y: object, count: int) -> Tensor:
        if not self.net_.classes:
            raise OptionError("y", y, "the network has no label units", "fit it with labels=True, or leave y out")
        return torch.from_numpy(codes_among(self.classes_, y, count))
