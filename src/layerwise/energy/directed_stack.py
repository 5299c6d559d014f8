r"""What every deep belief network can do, whether its two directions share their couplings or not.

.. math:: p(v, h^1, \dots, h^L) = p(h^{L-1}, h^L) \prod_{l=0}^{L-2} p(h^l \mid h^{l+1}), \qquad h^0 = v

The top two layers are an RBM; below it one layer generates another, and a second set of conditionals, the recognition,
stands in for the posterior that nobody can compute. The top machine may have label units beside the layer below it:
then the model joins rows and labels, dreams of a wanted class and classifies by an exact free energy at the top.

References
----------
.. [1] G. E. Hinton, S. Osindero, Y.-W. Teh (2006). A fast learning algorithm for deep belief nets.
   Neural Computation 18.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from layerwise.energy.class_rbm import (
    class_log_probabilities,
    classes_of,
    gibbs_given_labels,
    join_labels,
    label_units,
    mean_h_from_features,
)
from layerwise.energy.conditional import Conditional
from layerwise.energy.gibbs import gibbs
from layerwise.energy.ladder import ladder, warn_if_coarse
from layerwise.energy.path import Path
from layerwise.energy.rbm import RBM
from layerwise.energy.tempering import start_tempering, temper
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import ClassBatch, Labels, VisibleBatch, VisibleChains
from layerwise.units import BernoulliUnits

__all__ = ["DirectedStack"]


class DirectedStack(nn.Module, ABC):
    """Directed layers under an RBM."""

    @property
    @abstractmethod
    def top(self) -> RBM:
        """The machine of the two uppermost layers."""

    @property
    @abstractmethod
    def recognition(self) -> list[Conditional]:
        """Each layer below the top given the one under it, from the data upwards."""

    @property
    @abstractmethod
    def generation(self) -> list[Conditional]:
        """Each layer below the top given the one above it, from the data upwards."""

    @property
    def classes(self) -> int:
        """How many classes the top's label units tell apart; 0 without them."""
        below = self.recognition
        return classes_of(self.top) if below and below[-1].units.size != self.top.visible.size else 0

    def up(self, v: VisibleBatch, depth: int | None = None) -> Tensor:
        """Carry rows up by means, through ``depth`` layers (all if None).

        Where the top has label units, its hidden units' mean is over the labels too: E[h | layer below].

        Returns
        -------
        Tensor of shape (batch, size of that layer)
        """
        below = self.recognition
        for layer in below[:depth]:
            v = layer.mean(v)
        if depth is not None and depth <= len(below):
            return v
        return mean_h_from_features(self.top, v) if self.classes else self.top.mean_h_from_v(v)

    def down(self, h: Tensor, depth: int | None = None) -> VisibleBatch:
        """Carry the units of layer ``depth`` (the top if None) down by means."""
        generation = self.generation
        if depth is None or depth > len(generation):
            h = self._without_labels(self.top.mean_v_from_h(h))
        for layer in reversed(generation[:depth]):
            h = layer.mean(h)
        return h

    def reconstruct(self, v: VisibleBatch, depth: int | None = None) -> VisibleBatch:
        """Up through ``depth`` layers and down again, by means."""
        return self.down(self.up(v, depth), depth)

    @torch.no_grad()
    def class_log_probabilities(self, v: VisibleBatch) -> ClassBatch:
        """``log p(k | h)`` of every class, in nats: exactly at the top, given the means that rows are carried up to.

        Raises
        ------
        OptionError
            The top has no label units.
        """
        return class_log_probabilities(self.top, self.up(v, len(self.recognition)))

    def classify(self, v: VisibleBatch) -> Labels:
        """The most probable class of each row, by :meth:`class_log_probabilities`."""
        return self.class_log_probabilities(v).argmax(1)

    @torch.no_grad()
    def sample(
        self,
        count: int,
        random: RandomStream,
        steps: int = 1000,
        start: VisibleBatch | None = None,
        label: int | Labels | None = None,
        replicas: int = 1,
        drawn: bool = False,
    ) -> VisibleChains:
        """Draw rows: chains in the top RBM, then one pass down.

        Parameters
        ----------
        count : int
            Number of rows.
        random : RandomStream
        steps : int
            Gibbs steps in the top RBM.
        start : Tensor of shape (count, visible), optional
            Rows that are carried up (by samples) to start the chains; noise if left out. Tempered chains start at noise
            of the mean of these rows, and may be given any number of them.
        label : int or Tensor of shape (count,), optional
            The class of all rows, or of each, held still in the top RBM.
        replicas : int
            Above 1 the top's chains are tempered, with so many replicas each: for machines whose modes lie far apart.
            They keep no label.
        drawn : bool
            Whether binary units are drawn as well.

        Returns
        -------
        Tensor of shape (count, visible)
            Of binary units, unless they are to be drawn, E[v | h¹] for a sampled h¹: the grey levels are probabilities
            of the last step. Of all other kinds v is drawn, too: their means alone would vary less than rows do.

        Raises
        ------
        OptionError, DataError

        Warns
        -----
        LadderWarning
            Neighbours among the replicas hardly swap: take more.
        """
        if count < 1:
            raise OptionError("count", count, "must be at least 1")
        labels = None if label is None else self._labels(label, count)
        x, h = self._chains(count, random, steps, start, labels, replicas)
        if not self.generation:
            grey = isinstance(self.top.visible, BernoulliUnits) and not drawn
            return self.top.mean_v_from_h(h) if grey else self.top.sample_v_from_h(h, random)
        return self.draw_down(x, random, drawn=drawn)

    @torch.no_grad()
    def draw_down(self, x: Tensor, random: RandomStream, *, drawn: bool = True) -> VisibleChains:
        """One pass down by draws, from the top's visible units; binary units are means unless they are to be drawn."""
        x, generation = self._without_labels(x), self.generation
        for layer in reversed(generation[1:]):
            x = layer.sample(x, random)
        if not generation:
            return x
        last = generation[0]
        grey = isinstance(last.units, BernoulliUnits) and not drawn
        return last.mean(x) if grey else last.sample(x, random)

    def _chains(
        self,
        count: int,
        random: RandomStream,
        steps: int,
        start: Tensor | None,
        labels: Tensor | None,
        replicas: int,
    ) -> tuple[Tensor, Tensor]:
        """Visible and hidden units of the top."""
        top = self.top
        if replicas > 1:
            if labels is not None:
                raise OptionError("replicas", replicas, "tempered chains keep no label", "leave one of the two out")
            mean = None if start is None else self.top_rows(start, None, random).mean(0)
            path = Path.from_mean(top, mean)
            tempered = temper(path, start_tempering(path, ladder(replicas), count, random), steps, random)
            betas, rates = ([float(x) for x in of_one] for of_one in (tempered.betas, tempered.rates))
            warn_if_coarse(betas, rates)
            return tempered.rows, top.sample_h_from_v(tempered.rows, random)
        x = top.visible.sample(top.visible.bias.expand(count, -1).contiguous(), random)
        if start is not None:
            x = self.top_rows(start, labels, random)
        elif labels is not None:
            x = join_labels(self._without_labels(x), labels, self.classes)
        return gibbs(top, x, steps, random) if labels is None else gibbs_given_labels(top, x, steps, random)

    def top_rows(self, v: VisibleBatch, labels: Labels | None, random: RandomStream, first_row: int = 0) -> Tensor:
        """Rows carried up by samples to the top's visible units; a label that is not given is drawn, too.

        Parameters
        ----------
        v : Tensor of shape (batch, visible)
        labels : Tensor of shape (batch,), int64, optional
            -1 where a row has none.
        random : RandomStream
        first_row : int

        Returns
        -------
        Tensor of shape (batch, visible units of the top)
        """
        for layer in self.recognition:
            v = layer.sample(v, random, first_row)
        return self.beside_labels(v, labels, random, first_row)

    def beside_labels(self, h: Tensor, labels: Labels | None, random: RandomStream, first_row: int = 0) -> Tensor:
        """Rows of the layer below the top and their labels beside them, as :meth:`top_rows` puts them together."""
        units = label_units(self.top)
        if not self.classes or units is None:
            return h
        if labels is None or bool((labels < 0).any()):
            drawn = units.sample(class_log_probabilities(self.top, h), random, first_row).argmax(1)
            labels = drawn if labels is None else torch.where(labels < 0, drawn, labels)
        return join_labels(h, labels, self.classes)

    def _labels(self, label: int | Tensor, count: int) -> Tensor:
        if not self.classes:
            rule = "the top has no label units, so no class can be asked for"
            raise OptionError("label", label, rule, "make the top with class_rbm")
        device = self.top.weights.device
        labels = torch.full((count,), label, device=device) if isinstance(label, int) else label.to(device)
        if len(labels) != count:
            raise DataError("label", tuple(labels.shape), f"must be one class, or one for each of {count} rows")
        return labels

    def _without_labels(self, x: Tensor) -> Tensor:
        return x[:, : x.shape[1] - self.classes]
