"""What the course of an autoencoder does: all layers at once, or one after the other and then together."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, cast

from torch import Tensor, nn

from layerwise.data.minibatches import MinibatchStream
from layerwise.errors import OptionError
from layerwise.networks.autoencoder import Autoencoder
from layerwise.networks.reconstruction import Reconstruction
from layerwise.randomness import RandomStream
from layerwise.training.corruption import corruption_named, corruption_of
from layerwise.training.course_observer import Stage
from layerwise.training.descent_task import DescentTask, RowsGauge
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.lessons import Lessons
from layerwise.training.machine_plan import MachineVisible
from layerwise.training.network_plan import NetworkPlan
from layerwise.training.ranges import at_least, positive, under_its_own_name
from layerwise.training.ranks import Ranks
from layerwise.training.schedules import Linear
from layerwise.training.stacking import Stacking, stacked, upwards
from layerwise.training.task import Task
from layerwise.units import UnitKind, activation_named, kind_from

__all__ = ["AutoencoderPlan", "Corruption", "StackedAutoencoderPlan"]

Corruption = Literal["none", "gaussian", "masking", "salt_and_pepper"]


@dataclass(frozen=True)
class AutoencoderPlan(NetworkPlan):
    """An autoencoder: layers down to a code and back, trained to give all rows back, whether labelled or not.

    Parameters
    ----------
    hidden : sequence of int
        Size of each layer of the encoder, from the data upwards; the last is the code.
    visible : str
        Kind of units that the rows are prepared for, and come back as.
    activation, code_activation : str
        Of the hidden layers and of the code.
    tied : bool
        Whether the decoder uses the encoder's weights the other way round.
    corruption : {"none", "gaussian", "masking", "salt_and_pepper"}
        What is done to rows before the network is shown them.
    corruption_amount : float
        Standard deviation of the noise, or the share of the values.
    initialisation : str
        See :func:`~layerwise.networks.initialise`.
    epochs, batch_size : int
    learning_rate : float
        Of the first minibatch; it falls linearly and reaches zero after the last.
    weight_decay : float
    """

    model: ClassVar[str] = "autoencoder"
    needs_labels: ClassVar[bool] = False

    hidden: Sequence[int]
    visible: MachineVisible = "bernoulli"
    activation: str = "relu"
    code_activation: str = "identity"
    tied: bool = False
    corruption: Corruption = "none"
    corruption_amount: float = 0.25
    initialisation: str = "he_uniform"
    epochs: int = 20
    batch_size: int = 100
    learning_rate: float = 0.001
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        with under_its_own_name("code_activation"):
            activation_named(self.code_activation)
        with under_its_own_name("corruption_amount"):
            corruption_named("masking" if self.corruption == "none" else self.corruption, self.corruption_amount)
        if self.corruption == "none" and self.corruption_amount != AutoencoderPlan.corruption_amount:
            rule = "is for a corruption, and none was asked for"
            raise OptionError("corruption_amount", self.corruption_amount, rule, "give corruption = 'masking'")

    def descent(self, steps: int) -> GradientDescent:
        """The trainer, whose learning rate reaches zero after so many steps."""
        schedule = Linear(max(1, steps))
        return GradientDescent(learning_rate=self.learning_rate, schedule=schedule, weight_decay=self.weight_decay)

    def stacking(self) -> Stacking:
        """Which layers there are."""
        code = activation_named(self.code_activation)
        sizes = tuple(self.hidden)
        return Stacking(sizes, activation_named(self.activation), code, self.tied, self.initialisation)

    def network(self, units: Mapping[str, Any], classes: int, random: RandomStream) -> Autoencoder:
        """The whole autoencoder with random weights."""
        return self.stacking().whole(kind_from(units), random)

    def task(self, stage: Stage, learned: Mapping[str, nn.Module], lessons: Lessons, random: RandomStream) -> Task:
        """Begin it."""
        visible, rows = kind_from(lessons.units), _Rows.of(lessons)
        network = self.network(lessons.units, lessons.classes, random.child("weights"))
        Reconstruction.of(visible).start_from(network, rows.sample.mean(0).cpu())
        return self._task(stage, network, visible, rows, random.child("draws"))

    def _task(
        self,
        stage: Stage,
        network: Autoencoder,
        kind: UnitKind,
        rows: _Rows,
        random: RandomStream,
        *,
        rate: float | None = None,
        corrupted: bool = True,
    ) -> Task:
        """Train an autoencoder to give rows of a kind of units back."""
        device = rows.sample.device
        back = Reconstruction.of(kind.to(device))
        trainer = self.descent(stage.epochs * rows.stream.n_batches)
        rate = rate or trainer.learning_rate
        trainer = replace(trainer, loss=back.loss, aim="values", learning_rate=rate, ranks=rows.ranks)
        if corrupted and self.corruption != "none":
            corruption = corruption_of(self.corruption, self.corruption_amount, kind.name, rows.sample)
            trainer = replace(trainer, corruption=corruption)
        gauge = RowsGauge(back, rows.sample, rows.held_out)
        return DescentTask(network.to(device), trainer, rows.stream, gauge, random, stage.title)


@dataclass(frozen=True)
class StackedAutoencoderPlan(AutoencoderPlan):
    """Autoencoders stacked: each layer learns to give back the code of the layer below, then all are trained together.

    Parameters
    ----------
    hidden, visible, activation, code_activation, tied, corruption, corruption_amount, initialisation
        As of :class:`AutoencoderPlan`; only layers learn from corrupted rows.
    epochs : int
        Passes over all rows, for each layer.
    batch_size, learning_rate, weight_decay
        Likewise.
    fine_tune_epochs : int
        Passes over all rows with all layers together; 0 leaves them as they were learned.
    fine_tune_learning_rate : float
    twin : bool
        Whether the same network is also trained from random weights, with the same fine-tuning, for comparison.
    """

    model: ClassVar[str] = "stacked-autoencoder"

    # Of digits, 64-128-64-8: pretrained tanh units gained 10 % on random weights, and rectified ones lost 47 %.
    activation: str = "tanh"
    fine_tune_epochs: int = 20
    fine_tune_learning_rate: float = 0.001
    twin: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("fine_tune_epochs", self.fine_tune_epochs, 0)
        positive("fine_tune_learning_rate", self.fine_tune_learning_rate, "start with 0.001")

    def stages(self, lessons: Lessons) -> list[Stage]:
        """A stage a layer, all of them together, and the twin where it is asked for."""
        depth = len(self.hidden)
        stages = [Stage("layer", number, self.epochs, "rows") for number in range(depth)]
        stages.append(Stage("fine-tuning", depth, self.fine_tune_epochs, "rows"))
        if self.twin and self.fine_tune_epochs:
            stages.append(Stage("twin", depth, self.fine_tune_epochs, "rows"))
        return stages

    def task(self, stage: Stage, learned: Mapping[str, nn.Module], lessons: Lessons, random: RandomStream) -> Task:
        """Begin a stage."""
        visible, rows, own = kind_from(lessons.units), _Rows.of(lessons), random.child(stage.title)
        layers = [cast(Autoencoder, module) for title, module in learned.items() if title.startswith("layer")]
        if stage.kind == "layer":
            network, back = self.stacking().layer(stage.depth + 1, visible, own.child("weights"))
            rows = rows.carried(layers)
            back.start_from(network, rows.sample.mean(0).cpu())
            return self._task(stage, network, back.kind, rows, own.child("draws"))
        if stage.kind == "fine-tuning":
            network = stacked(copy.deepcopy(layers))
        else:
            network = self.network(lessons.units, lessons.classes, own.child("weights"))
            Reconstruction.of(visible).start_from(network, rows.sample.mean(0).cpu())
        rate, draws = self.fine_tune_learning_rate, random.child("draws")
        return self._task(stage, network, visible, rows, draws, rate=rate, corrupted=False)


@dataclass(frozen=True)
class _Rows:
    """What an autoencoder learns to give back: rows, or what layers below it make of them."""

    stream: MinibatchStream
    sample: Tensor
    held_out: Tensor | None
    ranks: Ranks

    @classmethod
    def of(cls, lessons: Lessons) -> _Rows:
        """The rows themselves."""
        return cls(lessons.rows, lessons.sample, lessons.held_out, lessons.ranks)

    def carried(self, layers: Sequence[Autoencoder]) -> _Rows:
        """What layers make of them."""
        carry = upwards(layers, self.sample.device)
        if carry is None:
            return self
        held_out = None if self.held_out is None else carry(self.held_out)
        return _Rows(self.stream.map(carry), carry(self.sample), held_out, self.ranks)
