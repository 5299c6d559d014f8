"""Threshold neurons as a stage of a course: a minibatch is all rows, visited one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layerwise.data.batches import Batch
from layerwise.data.minibatches import MinibatchStream
from layerwise.errors import DivergenceError
from layerwise.kernels.perceptron import Memory
from layerwise.networks import Network
from layerwise.randomness import RandomStream
from layerwise.training.course_observer import MistakesInfo
from layerwise.training.perceptron_rule import PerceptronLearning
from layerwise.training.perceptron_state import PerceptronInfo, PerceptronState, signed
from layerwise.training.task import Task

__all__ = ["Neurons", "NeuronsState", "PerceptronTask"]


@dataclass(frozen=True)
class NeuronsState:
    """Weights and all that the rule carries, and the mistakes of the last epoch, an entry for each neuron."""

    learned: PerceptronState
    mistakes: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Neurons:
    """Trains a neuron for each class against the rest, of two classes one, by a minibatch that is all rows.

    Parameters
    ----------
    rule : PerceptronLearning
    classes : int
    """

    rule: PerceptronLearning
    classes: int

    @property
    def count(self) -> int:
        """Number of neurons."""
        return 1 if self.classes == 2 else self.classes

    def init(self, columns: int, random: RandomStream) -> NeuronsState:
        """Weights of zero."""
        weights, intercept = np.zeros((columns, self.count), np.float32), np.zeros(self.count)
        return NeuronsState(self.rule.init(weights, intercept, random), np.zeros(self.count, np.int64))

    def step(self, state: NeuronsState, batch: Batch) -> tuple[NeuronsState, PerceptronInfo]:
        """Visit every row once."""
        assert batch.labels is not None  # labelled rows alone are learned from
        rows = signed(batch.values.cpu().numpy(), batch.labels.cpu().numpy(), self.classes)
        learned, info = self.rule.step(state.learned, rows)
        return NeuronsState(learned, info.mistakes), info

    def to_tree(self, state: NeuronsState) -> dict[str, Any]:
        """The State as plain containers of tensors and numbers, for a checkpoint."""
        learned, kept = state.learned, state.learned.kept
        return {
            "memory": {name: torch.from_numpy(values.copy()) for name, values in learned.memory._asdict().items()},
            "kept": None if kept is None else [torch.from_numpy(values.copy()) for values in kept],
            "random": [learned.random.seed, learned.random.position],
            "mistakes": torch.from_numpy(state.mistakes.copy()),
        }

    def from_tree(self, tree: dict[str, Any]) -> NeuronsState:
        """The State again."""
        memory = Memory(**{name: values.clone().numpy() for name, values in tree["memory"].items()})
        kept = None if tree["kept"] is None else (tree["kept"][0].numpy(), tree["kept"][1].numpy())
        learned = PerceptronState(memory, RandomStream(*tree["random"]), kept)
        return NeuronsState(learned, tree["mistakes"].numpy())


class PerceptronTask(Task):
    """Trains threshold neurons, and leaves a network of one layer that gives every class its neuron's answer.

    Parameters
    ----------
    neurons : Neurons
    network : Network
        Of one layer, where the answers are put.
    stream : MinibatchStream
        Of one minibatch an epoch.
    seen, unseen : (values, labels) or None
        Rows that are measured on: training rows, and rows held out.
    random : RandomStream
        Of the order of the rows.
    title : str
        How messages call the stage.
    """

    module: Network
    trainer: Neurons

    def __init__(
        self,
        neurons: Neurons,
        network: Network,
        stream: MinibatchStream,
        seen: tuple[Tensor, Tensor] | None,
        unseen: tuple[Tensor, Tensor] | None,
        random: RandomStream,
        title: str,
    ) -> None:
        super().__init__(neurons, stream, network)
        self._seen, self._unseen, self._random, self._title = seen, unseen, random, title

    def first_state(self) -> NeuronsState:
        """Weights of zero."""
        return self.trainer.init(self.stream.n_columns, self._random)

    def restored(self, tree: dict[str, Any]) -> NeuronsState:
        """The State that the trainer's ``to_tree`` gave."""
        return self.trainer.from_tree(tree)

    def measure(self, state: NeuronsState, seen: object) -> MistakesInfo:
        """Mistakes of the epoch, and the share told right by the weights at its end."""
        network = self.finish(state)
        if not all(bool(parameter.isfinite().all()) for parameter in network.parameters()):
            told = "the weights left the finite numbers; lower the learning rate"
            raise DivergenceError(f"{self._title}: {told}")
        mistakes = tuple(int(count) for count in state.mistakes)
        unseen = None if self._unseen is None else _accuracy(network, *self._unseen)
        seen = float("nan") if self._seen is None else _accuracy(network, *self._seen)
        return MistakesInfo(sum(mistakes), seen, unseen, mistakes)

    def enough(self, state: NeuronsState) -> bool:
        """An epoch without a mistake is the last one, but of the delta rule, which moves at every row."""
        return self.trainer.rule.rule != "delta" and not state.mistakes.any()

    @torch.no_grad()
    def finish(self, state: NeuronsState) -> Network:
        """The network: of two classes the second has the neuron's answer, and the first its opposite."""
        weights, intercept = (torch.from_numpy(part) for part in self.trainer.rule.learned(state.learned))
        if self.trainer.classes == 2:
            weights, intercept = torch.cat([-weights, weights], dim=1), torch.cat([-intercept, intercept])
        dense = self.module.layers[0].dense
        assert dense is not None
        assert dense.bias is not None
        dense.weight.copy_(weights.T)
        dense.bias.copy_(intercept)
        return self.module


@torch.no_grad()
def _accuracy(network: Network, values: Tensor, labels: Tensor) -> float:
    return float((network(values.cpu()).argmax(1) == labels.cpu()).double().mean())
