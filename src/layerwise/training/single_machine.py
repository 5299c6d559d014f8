"""One machine as a course of one layer: its first State, its minibatches, and what is measured of it.

Rows may have missing values: visible units start from the values that are there, and a measurement fills the others by
clamped Gibbs steps with a stream of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from layerwise.data.drawn import bits_of
from layerwise.data.minibatches import MinibatchStream
from layerwise.energy.class_rbm import class_log_probabilities, class_rbm, free_energy_of_features, mean_h_from_features
from layerwise.energy.enumeration import exact_log_partition, state_count
from layerwise.energy.rbm import RBM
from layerwise.errors import DivergenceError
from layerwise.randomness import RandomStream
from layerwise.training.classification_rbm import ClassificationLearning, ClassificationState
from layerwise.training.contrastive import ContrastiveLearning, ContrastiveState
from layerwise.training.held_out import pseudo_log_likelihood
from layerwise.training.phases import complete
from layerwise.training.ranks import ALONE, Ranks
from layerwise.training.schedules import Linear
from layerwise.training.vigilance import TrainingWarning, diagnose, diagnose_growth
from layerwise.units import BernoulliUnits, UnitKind, kind_from
from layerwise.warning import warn

__all__ = [
    "ClassInfo",
    "MachineInfo",
    "OneClassMachine",
    "OneMachine",
    "as_bits",
    "filled",
    "measure_class_machine",
    "moments",
]

COUNTED = 2**14
"""States that are summed after every epoch: some milliseconds."""
FILLING_STEPS = 20


@dataclass(frozen=True)
class MachineInfo:
    """What is measured of an RBM after an epoch.

    Parameters
    ----------
    reconstruction_error : float
        Mean over rows of the summed squared difference between a row and its reconstruction.
    free_energy_gap : float
        Mean free energy of held-out rows less that of training rows, in nats; NaN where nothing was held out.
    hidden_activity : float
        Mean of E[h | v] over units and rows.
    held_out_log_likelihood : float
        Mean log p of held-out rows in nats, exact; NaN where neither side has few enough states to be summed.
    held_out_pseudo_likelihood : float
        Mean pseudo-log-likelihood of held-out rows in nats; NaN where visible units take real values.
    """

    reconstruction_error: float
    free_energy_gap: float
    hidden_activity: float
    held_out_log_likelihood: float
    held_out_pseudo_likelihood: float


@dataclass(frozen=True)
class ClassInfo:
    """What is measured of a machine with labels after an epoch; reconstruction and gap are of the rows alone.

    Parameters
    ----------
    reconstruction_error, free_energy_gap, hidden_activity : float
        As in :class:`MachineInfo`, the label summed away.
    loss : float
        Mean of -log p(label | row) of labelled training rows, in nats.
    accuracy : float
        Share of them whose most probable class is their label.
    """

    reconstruction_error: float
    free_energy_gap: float
    hidden_activity: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class OneMachine:
    """How an RBM is learned.

    Parameters
    ----------
    units : mapping
        What :func:`~layerwise.units.kind_from` makes the visible layer from.
    hidden : int
    trainer : ContrastiveLearning
    epochs : int
        The learning rate falls in a straight line and reaches zero at their end.
    """

    units: Mapping[str, Any]
    hidden: int
    trainer: ContrastiveLearning
    epochs: int

    @torch.no_grad()
    def begin_layer(
        self, below: Sequence[RBM], stream: MinibatchStream, sample: Tensor, random: RandomStream, ranks: Ranks = ALONE
    ) -> tuple[ContrastiveLearning, ContrastiveState, MinibatchStream]:
        """A trainer, its first State and its minibatches; ``below`` is empty."""
        rbm = RBM(_started(self.units, sample), BernoulliUnits(self.hidden)).to(sample.device)
        rbm.scatter_weights(random)
        trainer = replace(self.trainer, schedule=Linear(self.epochs * stream.n_batches), ranks=ranks)
        return trainer, trainer.init(rbm, random), stream

    @torch.no_grad()
    def measure(
        self, state: ContrastiveState, rows: Tensor, held_out: Tensor | None, labelled: object, title: str
    ) -> MachineInfo:
        """Measure the machine; nothing is changed.

        Raises
        ------
        DivergenceError
            What :func:`~layerwise.training.vigilance.diagnose` finds fatal.

        Warns
        -----
        TrainingWarning
            What else it finds.
        """
        rbm = state.rbm
        for symptom in diagnose(state, rows):
            if symptom.fatal:
                raise DivergenceError(f"{title}: {symptom}; what was saved before is intact")
            warn(f"{title}: {symptom}", TrainingWarning)
        known, rows = ~rows.isnan(), filled(rbm, rows)
        hidden = rbm.mean_h_from_v(rows)
        error = ((rows - rbm.mean_v_from_h(hidden)) * known).square().sum(1).mean()
        gap = exact = pseudo = math.nan
        if held_out is not None and len(held_out):
            held_out = filled(rbm, held_out)
            gap = float(rbm.free_energy(held_out).double().mean() - rbm.free_energy(rows).double().mean())
            bits = as_bits(rbm.visible, held_out)
            if min(state_count(rbm.visible), state_count(rbm.hidden)) <= COUNTED:
                exact = -float(rbm.free_energy(bits).double().mean()) - exact_log_partition(rbm)
            if rbm.visible.states() is not None:
                pseudo = float(pseudo_log_likelihood(rbm, bits, RandomStream(0)).double().mean())
        return MachineInfo(float(error), gap, float(hidden.mean()), exact, pseudo)


@dataclass(frozen=True)
class OneClassMachine:
    """How a machine of rows and labels is learned.

    Parameters
    ----------
    units : mapping
        What the visible layer is made from, labels left out.
    hidden, classes : int
    trainer : callable
        From the number of minibatches in all to the trainer.
    epochs : int
    """

    units: Mapping[str, Any]
    hidden: int
    classes: int
    trainer: Callable[[int], ClassificationLearning]
    epochs: int

    @torch.no_grad()
    def begin_layer(
        self, below: Sequence[RBM], stream: MinibatchStream, sample: Tensor, random: RandomStream, ranks: Ranks = ALONE
    ) -> tuple[ClassificationLearning, ClassificationState, MinibatchStream]:
        """A trainer, its first State and its minibatches; ``below`` is empty."""
        rbm = class_rbm(_started(self.units, sample), self.hidden, self.classes).to(sample.device)
        rbm.scatter_weights(random)
        trainer = replace(self.trainer(self.epochs * stream.n_batches), ranks=ranks)
        return trainer, trainer.init(rbm, random), stream

    @torch.no_grad()
    def measure(
        self,
        state: ClassificationState,
        rows: Tensor,
        held_out: Tensor | None,
        labelled: tuple[Tensor, Tensor] | None,
        title: str,
    ) -> ClassInfo:
        """Measure the machine; nothing is changed.

        Raises
        ------
        DivergenceError
            Parameters are no numbers, or couplings explode.
        """
        if (growth := diagnose_growth(state.rbm)) is not None:
            raise DivergenceError(f"{title}: {growth}; what was saved before is intact")
        return measure_class_machine(state.rbm, rows, held_out, labelled)


@torch.no_grad()
def measure_class_machine(
    rbm: RBM, rows: Tensor, held_out: Tensor | None, labelled: tuple[Tensor, Tensor] | None
) -> ClassInfo:
    """Measure a machine with labels on rows, on held-out rows and on labelled ones (values, labels)."""
    known, rows = ~rows.isnan(), filled(rbm, rows)
    hidden = mean_h_from_features(rbm, rows)
    error = ((rows - rbm.mean_v_from_h(hidden)[:, : rows.shape[1]]) * known).square().sum(1).mean()
    gap = loss = accuracy = math.nan
    if held_out is not None and len(held_out):
        energies = [free_energy_of_features(rbm, some).double().mean() for some in (filled(rbm, held_out), rows)]
        gap = float(energies[0] - energies[1])
    if labelled is not None:
        log_p, labels = class_log_probabilities(rbm, filled(rbm, labelled[0])), labelled[1]
        loss = -float(log_p.gather(1, labels[:, None]).double().mean())
        accuracy = float((log_p.argmax(1) == labels).double().mean())
    return ClassInfo(float(error), gap, float(hidden.mean()), loss, accuracy)


def filled(rbm: RBM, rows: Tensor) -> Tensor:
    """Rows whose missing values are drawn from the machine given the others, the same ones every time.

    The label of a machine that has one is drawn with them, and left out.
    """
    if not bool(rows.isnan().any()):
        return rows
    columns = rows.shape[1]
    seen = torch.nn.functional.pad(rows, (0, rbm.visible.size - columns), value=torch.nan)
    return complete(rbm, seen, FILLING_STEPS, RandomStream(0), 0)[:, :columns]


def as_bits(visible: UnitKind, rows: Tensor) -> Tensor:
    """Grey levels of binary units drawn as bits, the same ones every time; other rows as they are.

    A likelihood is that of a state: at a grey level the free energy is a number, but no probability.
    """
    if not isinstance(visible, BernoulliUnits) or not bool(((rows > 0) & (rows < 1)).any()):
        return rows
    return bits_of(rows, RandomStream(0).child("bits of grey levels"))


def moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of every column over the values that are there; of none, 0."""
    mean = rows.nanmean(0).nan_to_num(0.0)
    return mean, (rows - mean).square().nanmean(0).nan_to_num(0.0)


def _started(units: Mapping[str, Any], sample: Tensor) -> UnitKind:
    """Visible units that have, without couplings, the mean and variance of the rows."""
    visible = kind_from(units).to(sample.device)
    visible.start_from(*moments(sample))
    return visible
