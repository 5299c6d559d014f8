r"""The classification RBM: a machine whose visible side holds what is seen and, beside it, the label.

The label is one site of categorical units, so that every algorithm for an RBM works with it. Summing the hidden units
away leaves one number a class, and with it the exact conditional

.. math:: p(y = k \mid x) = \frac{e^{-F(x, k)}}{\sum_l e^{-F(x, l)}}, \qquad
          -F(x, k) = -U(x) + d_k + \Gamma(x^\top W + U_k + b)

with the label's bias :math:`d` and couplings :math:`U`. The product with x is made once for all classes.

References
----------
.. [1] H. Larochelle, Y. Bengio (2008). Classification using discriminative restricted Boltzmann machines. ICML.
.. [2] H. Larochelle, M. Mandel, R. Pascanu, Y. Bengio (2012). Learning algorithms for the classification restricted
   Boltzmann machine. JMLR 13.
"""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from layerwise import kernels
from layerwise.energy.clamping import clamped_gibbs
from layerwise.energy.rbm import RBM
from layerwise.errors import DataError, OptionError
from layerwise.kernels import SparseRows
from layerwise.randomness import RandomStream
from layerwise.shapes import ClassBatch, HiddenBatch, Labels, PerRow, UnitBatch
from layerwise.units import BernoulliUnits, CategoricalUnits, MixedUnits, UnitKind

__all__ = [
    "FieldsByClass",
    "check_labels",
    "class_log_probabilities",
    "class_log_weights",
    "class_rbm",
    "classes_of",
    "features_of",
    "fields_by_class",
    "free_energy_of_features",
    "gibbs_given_labels",
    "join_labels",
    "label_units",
    "mean_h_from_features",
]

FieldsByClass = Float[Tensor, "batch class hidden"]
LARGEST_BLOCK = 2**21
"""Fields that are held at once while many rows are classified: 8 MiB, which a processor's cache still serves."""


def class_rbm(visible: UnitKind | int, hidden: UnitKind | int, classes: int) -> RBM:
    """An RBM with label units: its visible units are those of the data and one categorical site.

    Parameters
    ----------
    visible : UnitKind or int
        The units that meet the data; a number stands for so many binary ones. They become the machine's.
    hidden : UnitKind or int
    classes : int
        At least 2.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> import torch
    >>> rbm = class_rbm(6, 4, classes=3)
    >>> class_log_probabilities(rbm, torch.ones(1, 6)).exp()  # nothing is learned yet
    tensor([[0.3333, 0.3333, 0.3333]])
    """
    if classes < 2:
        raise OptionError("classes", classes, "must be at least 2")
    features = BernoulliUnits(visible) if isinstance(visible, int) else visible
    bias = features.bias.detach().clone()
    # Mixed units lie flat: a part has no bias, so it cannot be asked for its own parts.
    parts = [cast(UnitKind, part) for part in features.parts] if isinstance(features, MixedUnits) else [features]
    both = MixedUnits([*parts, CategoricalUnits((classes,)).to(bias)]).to(bias)
    both.bias[: features.size] = bias
    return RBM(both, BernoulliUnits(hidden) if isinstance(hidden, int) else hidden).to(bias)


def label_units(rbm: RBM) -> CategoricalUnits | None:
    """The label's site, the last of a machine's visible units; None if it has none."""
    parts = list(rbm.visible.parts) if isinstance(rbm.visible, MixedUnits) else []
    if len(parts) < 2 or not isinstance(parts[-1], CategoricalUnits) or len(parts[-1].categories) != 1:
        return None
    return parts[-1]


def classes_of(rbm: RBM) -> int:
    """How many classes the label units of a machine tell apart; 0 if it has none."""
    units = label_units(rbm)
    return 0 if units is None else units.size


def features_of(rbm: RBM) -> int:
    """How many visible units a machine has beside its label units."""
    return rbm.visible.size - classes_of(rbm)


def join_labels(x: UnitBatch, labels: Labels, classes: int) -> Tensor:
    """Rows with their labels beside them: what the visible units of a machine with labels are given.

    Parameters
    ----------
    x : Tensor of shape (batch, features)
    labels : Tensor of shape (batch,), int64
    classes : int

    Returns
    -------
    Tensor of shape (batch, features + classes)

    Raises
    ------
    DataError
        A label is not one of 0 … classes - 1.
    """
    check_labels(labels, classes)
    return torch.cat([x, torch.nn.functional.one_hot(labels, classes).to(x)], dim=1)


def check_labels(labels: Labels, classes: int, least: int = 0) -> None:
    """Refuse a label outside least … classes - 1."""
    outside = (labels < least) | (labels >= classes)
    if bool(outside.any()):
        row = int(outside.nonzero()[0])
        rule = f"must be from {least} to {classes - 1}, one of the {classes} classes"
        remedy = "give labelled rows only" if int(labels[row]) < 0 else "correct the labels"
        raise DataError(f"labels, row {row}", int(labels[row]), rule, remedy)


def fields_by_class(rbm: RBM, x: UnitBatch | SparseRows) -> FieldsByClass:
    """What each row sends up together with each of the labels.

    Raises
    ------
    OptionError
        The machine has no label units.
    """
    features = rbm.visible.size - _classes(rbm)
    of_features = kernels.product(x, rbm.weights[:features], rbm.hidden.bias)
    return of_features[:, None, :] + rbm.weights[features:]


def class_log_weights(rbm: RBM, fields: FieldsByClass) -> ClassBatch:
    """``-F(x, k) + U(x)`` of every class k, in nats: log p(x, k) but for what is the same for all of them."""
    batch, classes, hidden = fields.shape
    cumulants = rbm.hidden.cumulant(fields.reshape(batch * classes, hidden)).reshape(batch, classes)
    return cumulants + rbm.visible.bias[-classes:]


def class_log_probabilities(rbm: RBM, x: UnitBatch) -> ClassBatch:
    """``log p(k | x)`` of every class, exactly, in nats.

    Parameters
    ----------
    rbm : RBM
        With label units, as :func:`class_rbm` makes it.
    x : Tensor of shape (batch, features)

    Returns
    -------
    Tensor of shape (batch, classes)

    Raises
    ------
    OptionError
        The machine has no label units.
    """
    return torch.log_softmax(_log_weights(rbm, x), dim=1)


def free_energy_of_features(rbm: RBM, x: UnitBatch) -> PerRow:
    """``-log Σ_k exp(-F(x, k))`` of each row, in nats: ``-log p(x) = this + log Z``, the label summed away."""
    alone = torch.cat([x, x.new_zeros(len(x), _classes(rbm))], dim=1)
    return rbm.visible.energy(alone) - torch.logsumexp(_log_weights(rbm, x), dim=1)


def mean_h_from_features(rbm: RBM, x: UnitBatch) -> HiddenBatch:
    """E[h | x], exactly: the mean over the labels that x leaves open."""
    blocks: list[Tensor] = []
    for rows in _blocks(rbm, x):
        fields = fields_by_class(rbm, rows)
        p = torch.softmax(class_log_weights(rbm, fields), dim=1)
        mean = rbm.hidden.mean(fields.flatten(0, 1)).reshape(fields.shape)
        blocks.append((p[:, :, None] * mean).sum(1))
    return torch.cat(blocks)


def gibbs_given_labels(
    rbm: RBM, v: UnitBatch, steps: int, random: RandomStream, first_row: int = 0
) -> tuple[Tensor, Tensor]:
    """Run Gibbs chains in which each row keeps the label it starts with; p(x, h | y) is invariant.

    Parameters
    ----------
    rbm : RBM
        With label units.
    v : Tensor of shape (chain, features + classes)
        Where the chains start, labels included: :func:`join_labels` puts them there.
    steps : int
        Full steps, at least 1.
    random : RandomStream
    first_row : int
        Global number of the first chain.

    Returns
    -------
    v : Tensor of shape (chain, features + classes)
    h : Tensor of shape (chain, hidden)
        The hidden units that v was drawn from.

    Raises
    ------
    OptionError
    """
    known = torch.arange(rbm.visible.size, device=v.device) >= rbm.visible.size - _classes(rbm)
    return clamped_gibbs(rbm, v, known.expand(len(v), -1), steps, random, first_row)


def _classes(rbm: RBM) -> int:
    classes = classes_of(rbm)
    if not classes:
        rule = "must end in one site of categorical units, the label"
        raise OptionError("rbm.visible", rbm.visible.name, rule, "make the machine with class_rbm")
    return classes


def _blocks(rbm: RBM, x: Tensor) -> tuple[Tensor, ...]:
    return torch.split(x, max(1, LARGEST_BLOCK // (_classes(rbm) * rbm.hidden.size)))


def _log_weights(rbm: RBM, x: Tensor) -> Tensor:
    return torch.cat([class_log_weights(rbm, fields_by_class(rbm, rows)) for rows in _blocks(rbm, x)])
