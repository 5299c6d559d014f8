r"""Learning to classify with an RBM: discriminatively, generatively, or both at once, with and without labels.

What is raised is a mean over the rows of a minibatch, in which a labelled row counts

.. math:: \delta \log p(y \mid x) + \alpha \log p(x, y)

and one without label :math:`\beta \log p(x)`. Every one of these is a sum of free energies over the classes, so the
data's part of the gradient is exact and in closed form: with :math:`w_k` the weight of class k in a row,

.. math:: \sum_k w_k \frac{\partial (-F(x, k))}{\partial \theta}, \qquad
          w_k = \delta\,(1_{k=y} - p(k \mid x)) + \alpha\, 1_{k=y} \quad\text{or}\quad w_k = \beta\, p(k \mid x).

Only the partition function needs chains, and only where :math:`\alpha` or :math:`\beta` asks for it: CD-k or PCD-k over
rows and labels together.

References
----------
.. [1] H. Larochelle, Y. Bengio (2008). Classification using discriminative restricted Boltzmann machines. ICML.
.. [2] H. Larochelle, M. Mandel, R. Pascanu, Y. Bengio (2012). Learning algorithms for the classification restricted
   Boltzmann machine. JMLR 13.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from layerwise import kernels
from layerwise.data.minibatches import Batch
from layerwise.energy.class_rbm import check_labels, class_log_weights, fields_by_class, label_units
from layerwise.energy.gibbs import gibbs
from layerwise.energy.rbm import RBM
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.training.class_gradient import gradient_of_fields
from layerwise.training.classification_state import ClassificationInfo, ClassificationState
from layerwise.training.label_units import beside
from layerwise.training.phases import complete, relative_weights
from layerwise.training.ranges import at_least, not_negative, positive, share
from layerwise.training.ranks import ALONE, Ranks
from layerwise.training.schedules import Linear
from layerwise.units import CategoricalUnits

__all__ = ["ClassificationLearning"]


MISSING_STEPS = 5
"""Gibbs steps that draw missing values given the others."""


@dataclass(frozen=True)
class ClassificationLearning:
    """Gradient ascent on a mix of log p(y | x), log p(x, y) and log p(x).

    Parameters
    ----------
    steps : int, optional
        Minibatches in all: the learning rate falls linearly and reaches zero after the last. It does not fall
        if they are left out.
    discriminative, generative : float
        What ``log p(y | x)`` and ``log p(x, y)`` of a labelled row count: 1 and 0 is discriminative, 0 and 1 generative
        training, both above zero hybrid.
    unlabelled : float
        What ``log p(x)`` of a row without label (-1) counts. At zero every row must have one.
    method : {"cd", "pcd"}
        Where the model's rows start: at the data, or at the chains kept from the last step.
    gibbs_steps : int
    chains : int
        Number of persistent chains.
    optimiser : {"sgd", "adam"}
        Stochastic gradient ascent with momentum, or Adam with ``momentum`` as its first coefficient.
    learning_rate : float
        Of the first step.
    momentum : float
    weight_decay : float
        L2 penalty, on the couplings alone; decoupled from the gradient with Adam.
    ranks : Ranks
        Processes that train together: each does its part of every minibatch and has its part of the chains.
    """

    steps: int | None = None
    discriminative: float = 1.0
    generative: float = 0.01
    unlabelled: float = 0.0
    method: Literal["cd", "pcd"] = "pcd"
    gibbs_steps: int = 1
    chains: int = 100
    optimiser: Literal["sgd", "adam"] = "adam"
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    ranks: Ranks = ALONE

    def __post_init__(self) -> None:
        at_least("gibbs_steps", self.gibbs_steps, 1)
        at_least("chains", self.chains, 1 if self.method == "cd" else self.ranks.size, ", one for each rank")
        if self.steps is not None:
            at_least("steps", self.steps, 1)
        for name in ("discriminative", "generative", "unlabelled", "weight_decay"):
            not_negative(name, getattr(self, name))
        positive("learning_rate", self.learning_rate, "start with 0.01 for Adam, with 0.5 for SGD")
        share("momentum", self.momentum)
        if self.discriminative == self.generative == self.unlabelled == 0:
            rule = "something must be learned"
            raise OptionError("discriminative", 0.0, rule, "give a weight above 0 to one of the three")
        if self.method not in ("cd", "pcd"):
            raise OptionError("method", self.method, "must be 'cd' or 'pcd'")
        if self.optimiser not in ("sgd", "adam"):
            raise OptionError("optimiser", self.optimiser, "must be 'sgd' or 'adam'")

    @property
    def needs_chains(self) -> bool:
        """Whether the partition function enters at all."""
        return self.generative > 0 or self.unlabelled > 0

    def init(self, rbm: RBM, random: RandomStream) -> ClassificationState:
        """The first State; persistent chains start at the independent units that the biases describe.

        Raises
        ------
        OptionError
            The machine has no label units.
        """
        self._label_units(rbm)
        chains = None
        if self.needs_chains and self.method == "pcd":
            first, end = self.ranks.part(self.chains)
            chains = rbm.hidden.sample(rbm.hidden.bias.expand(end - first, -1).contiguous(), random, first)
        return ClassificationState(rbm, self._optimiser(rbm), chains, 0, random)

    @staticmethod
    def _label_units(rbm: RBM) -> CategoricalUnits:
        units = label_units(rbm)
        if units is None:
            rule = "must end in one site of categorical units, the label"
            raise OptionError("rbm.visible", rbm.visible.name, rule, "make the machine with class_rbm")
        return units

    def _optimiser(self, rbm: RBM) -> torch.optim.Optimizer:
        rest = [parameter for name, parameter in rbm.named_parameters() if name != "weights"]
        groups = [{"params": [rbm.weights], "weight_decay": self.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        # Not fused: torch's fused loops read couplings, whose rows begin on cache lines, as if they were contiguous.
        if self.optimiser == "sgd":
            return torch.optim.SGD(groups, self.learning_rate, self.momentum, maximize=True, fused=False)
        return torch.optim.AdamW(groups, self.learning_rate, (self.momentum, 0.999), maximize=True, fused=False)

    @torch.no_grad()
    def step(self, state: ClassificationState, batch: Batch) -> tuple[ClassificationState, ClassificationInfo]:
        """Do one minibatch of rows, whose labels the batch carries.

        Raises
        ------
        DataError
            Rows have no labels, or labels that the machine does not know, or weights that are none.
        """
        batch, part = self.ranks.own(batch)
        rbm, rows = state.rbm, max(1, len(batch.values))
        labels = self._labels(batch, self._label_units(rbm).size)
        x = self._complete(state, batch, labels)
        labelled = (labels >= 0).to(x.dtype)
        counts = relative_weights(batch, self.ranks)
        fields = fields_by_class(rbm, kernels.compress(x))
        log_p = torch.log_softmax(class_log_weights(rbm, fields), dim=1)
        p = log_p.exp()
        chosen = torch.zeros_like(p).scatter_(1, labels.clamp_min(0)[:, None], labelled[:, None])
        generative = self.generative * labelled + self.unlabelled * (1 - labelled)
        of_data = torch.where(labelled[:, None] > 0, chosen, p)  # the label, or what is known of it
        discriminative = self.discriminative * labelled[:, None] * (chosen - p)
        share_of_row = torch.full_like(labelled, part / rows) if counts is None else counts[:, 0] * (part / rows)
        generative = generative * share_of_row
        weights = discriminative * share_of_row[:, None] + generative[:, None] * of_data
        gradient = gradient_of_fields(rbm, x, fields, weights, generative)
        chains = state.chains
        if self.needs_chains:
            chains = self._subtract_model(state, gradient, x, of_data, generative, batch.first_row)
        self.ranks.average_(*gradient.values())

        fallen = 1.0 if self.steps is None else Linear(self.steps)(state.steps_done)
        for group in state.optimiser.param_groups:
            group["lr"] = self.learning_rate * fallen
        for name, parameter in rbm.named_parameters():
            parameter.grad = gradient[name]
        state.optimiser.step()
        state.optimiser.zero_grad(set_to_none=True)
        rbm.visible.confine()
        rbm.hidden.confine()
        after = ClassificationState(rbm, state.optimiser, chains, state.steps_done + 1, state.random)
        return after, ClassificationInfo(log_p, labels)

    def _labels(self, batch: Batch, classes: int) -> Tensor:
        if batch.labels is None:
            if self.unlabelled == 0:
                remedy = "or let rows without one count: unlabelled > 0"
                raise DataError("labels", None, "every row needs a label", remedy)
            return torch.full((len(batch.values),), -1, dtype=torch.int64, device=batch.values.device)
        check_labels(batch.labels, classes, -1 if self.unlabelled else 0)
        return batch.labels

    @staticmethod
    def _complete(state: ClassificationState, batch: Batch, labels: Tensor) -> Tensor:
        """The rows, their missing values drawn given all that is known of them, the label included."""
        x, rbm = batch.values, state.rbm
        if not bool(x.sum().isnan()):
            return x
        both = beside(x, labels, rbm.visible.size - x.shape[1])
        return complete(rbm, both, MISSING_STEPS, state.random, batch.first_row)[:, : x.shape[1]]

    def _subtract_model(
        self,
        state: ClassificationState,
        gradient: dict[str, Tensor],
        x: Tensor,
        of_data: Tensor,
        weight: Tensor,
        first_row: int,
    ) -> Tensor | None:
        """Take the model's statistics off the gradient; each row of the model counts ``weight``."""
        rbm, random = state.rbm, state.random
        if state.chains is None:
            label = self._label_units(rbm).sample(of_data.log(), random, first_row)
            h = rbm.sample_h_from_v(torch.cat([x, label], dim=1), random, first_row)
        else:
            h, first_row = state.chains, self.ranks.part(self.chains)[0]
            whole, chains = weight.sum(), weight.new_tensor(float(len(h)))
            self.ranks.sum_(whole, chains)
            weight = (whole / chains).expand(len(h))
        v = rbm.sample_v_from_h(h, random, first_row)
        if self.gibbs_steps > 1:
            v, _ = gibbs(rbm, v, self.gibbs_steps - 1, random, first_row)
        field = rbm.field_of_hidden(kernels.compress(v))
        mean = rbm.hidden.mean(field)
        gradient["weights"] -= v.T @ (mean * weight[:, None])
        for name, values in rbm.hidden.expected_statistics(field, mean).items():
            gradient[f"hidden.{name}"] -= weight @ values
        for name, values in rbm.visible.statistics(v).items():
            gradient[f"visible.{name}"] -= weight @ values
        return None if state.chains is None else rbm.hidden.sample(field, random, first_row)

    def to_tree(self, state: ClassificationState) -> dict[str, Any]:
        """The State as plain containers of tensors and numbers, for a checkpoint; all ranks ask for it together."""
        return {
            "rbm": dict(state.rbm.state_dict()),
            "optimiser": state.optimiser.state_dict(),
            "chains": None if state.chains is None else self.ranks.rows(state.chains, self.chains),
            "steps_done": state.steps_done,
            "random": [state.random.seed, state.random.position],
        }

    def from_tree(self, rbm: RBM, tree: dict[str, Any]) -> ClassificationState:
        """The State again: ``rbm`` is overwritten with the saved parameters."""
        rbm.load_state_dict(tree["rbm"])
        optimiser = self._optimiser(rbm)
        optimiser.load_state_dict(tree["optimiser"])
        chains = tree["chains"]
        if chains is not None:
            chains = chains[slice(*self.ranks.part(len(chains)))].to(rbm.weights.device)
        return ClassificationState(rbm, optimiser, chains, int(tree["steps_done"]), RandomStream(*tree["random"]))
