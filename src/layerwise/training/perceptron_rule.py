r"""The rules of single threshold neurons: weights move at every row, by that row.

A neuron answers :math:`a = w \cdot x + b` and stands for the class :math:`y = 1` where that is positive, for
:math:`y = -1` elsewhere. All rules add a multiple of the row,

.. math:: w \leftarrow w + s\,x, \qquad b \leftarrow b + s.

* Rosenblatt's rule [1]_: :math:`s = \eta y` after a mistake, :math:`y a \le 0`, and 0 otherwise. Where a hyperplane
  separates the classes with margin :math:`\gamma`, it makes at most :math:`(R / \gamma)^2` mistakes [2]_; see
  :mod:`layerwise.training.separation`.
* The delta rule of Widrow and Hoff [3]_ [4]_: :math:`s = \eta\,(y - a) / (\lVert x \rVert^2 + 1)`, a step down the
  gradient of :math:`(y - a)^2 / 2` that corrects the share :math:`\eta` of the error,
  whatever the scale of the columns.
* The pocket [5]_: Rosenblatt's rule, and beside it the weights with the fewest mistakes on all rows among those that
  told the most rows right one after the other. They are exchanged only for better ones (the ratchet), so that it makes
  sense of classes that no hyperplane separates.
* The average [6]_ of the weights of Rosenblatt's rule after every visit, a row once told right counting like a mistake.

References
----------
.. [1] F. Rosenblatt (1958). The perceptron: a probabilistic model for information storage and organization in the
   brain. Psychological Review 65.
.. [2] A. B. J. Novikoff (1962). On convergence proofs on perceptrons. Symposium on the Mathematical Theory of Automata.
.. [3] B. Widrow, M. E. Hoff (1960). Adaptive switching circuits. IRE WESCON Convention Record 4.
.. [4] B. Widrow, M. A. Lehr (1990). 30 years of adaptive neural networks: perceptron, Madaline, and backpropagation.
   Proceedings of the IEEE 78.
.. [5] S. I. Gallant (1990). Perceptron-based learning algorithms. IEEE Transactions on Neural Networks 1.
.. [6] Y. Freund, R. E. Schapire (1999). Large margin classification using the perceptron algorithm. Machine Learning
   37.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from layerwise.errors import OptionError
from layerwise.kernels import perceptron as kernel
from layerwise.randomness import RandomStream
from layerwise.training.perceptron_state import PerceptronInfo, PerceptronState, SignedRows
from layerwise.training.pocket import offered, pocket_on
from layerwise.training.ranges import not_negative, positive

__all__ = ["PerceptronLearning"]

Rule = Literal["rosenblatt", "delta", "pocket", "averaged"]
Penalty = Literal["l2", "l1", "elasticnet"]

PROPOSALS = 8
"""How often in an epoch the pocket is offered the weights of now and those of the longest run since the last time."""


@dataclass(frozen=True)
class PerceptronLearning:
    r"""One of the rules, for any number of problems of two sides over the same rows.

    Parameters
    ----------
    rule : {"rosenblatt", "delta", "pocket", "averaged"}
    rate : float
        :math:`\eta`. Of the delta rule at most 1; a row's weight never makes it correct more than the whole error.
    penalty : {"l2", "l1", "elasticnet"}, optional
        What pulls the weights towards zero at every visit: ``alpha`` times half their square, times their absolute
        value, or ``1 - l1_ratio`` of the first and ``l1_ratio`` of the second. The absolute one is the truncated
        gradient of Tsuruoka et al. (2009). Not with the average.
    alpha, l1_ratio : float
    fit_intercept : bool
        Whether the intercept is learned.
    intercept_rate : float
        What its steps are multiplied with.
    shuffle : bool
        Whether the rows have a new order in every epoch.

    Raises
    ------
    OptionError
        A parameter breaks its rule.

    Examples
    --------
    Exclusive or: no line separates it, and the pocket keeps three of the four.

    >>> import numpy as np
    >>> from layerwise.training.perceptron_state import answers, signed
    >>> rows = signed(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0]), 2)
    >>> learning = PerceptronLearning("pocket")
    >>> state = learning.init(np.zeros((2, 1)), np.zeros(1), RandomStream(0))
    >>> for _ in range(20):
    ...     state, info = learning.step(state, rows)
    >>> int(((answers(rows.values, *learning.learned(state)) > 0) == (rows.signs > 0)).sum())
    3
    """

    rule: Rule = "rosenblatt"
    rate: float = 1.0
    penalty: Penalty | None = None
    alpha: float = 0.0001
    l1_ratio: float = 0.15
    fit_intercept: bool = True
    intercept_rate: float = 1.0
    shuffle: bool = True

    def __post_init__(self) -> None:
        positive("rate", self.rate)
        not_negative("alpha", self.alpha)
        if self.rule == "delta" and self.rate > 1:
            rule = "must be at most 1 with the delta rule: it is the share of the error that a row corrects"
            raise OptionError("rate", self.rate, rule, "start with 0.1")
        if self.rule == "averaged" and self.penalty is not None:
            rule = "must be None where the average is learned: it pulls at weights that are not the average"
            raise OptionError("penalty", self.penalty, rule, "leave it out")
        if not 0 <= self.l1_ratio <= 1:
            raise OptionError("l1_ratio", self.l1_ratio, "must be from 0 to 1")

    def init(self, weights: npt.NDArray[Any], intercept: npt.NDArray[Any], random: RandomStream) -> PerceptronState:
        """The first State.

        Parameters
        ----------
        weights : ndarray of shape (columns, problems), float32 or float64
            Where to start, copied; their type is that of the rows.
        intercept : ndarray of shape (problems,)
        random : RandomStream
            Of the order of the rows.
        """
        columns, problems = weights.shape
        started: npt.NDArray[Any] = np.array(weights, order="C")
        bias = np.array(intercept, dtype=np.float64)

        def beside(wanted: bool, rows: int, dtype: Any = np.float64) -> npt.NDArray[Any]:
            return np.zeros((rows if wanted else 0, problems), dtype)

        pocket = self.rule == "pocket"
        memory = kernel.Memory(
            weights=started,
            intercept=bias,
            scale=np.ones(problems),
            norms=np.stack([np.square(started).sum(0), np.abs(started).sum(0)]).astype(np.float64),
            owed=np.zeros(problems),
            paid=beside(self.penalty in ("l1", "elasticnet"), columns),
            visits=np.zeros(problems),
            run=np.zeros(problems, np.int64),
            longest=np.zeros(problems, np.int64),
            champion=beside(pocket, columns + 1, started.dtype),
            drift=beside(self.rule == "averaged", columns + 1),
        )
        return PerceptronState(memory, random, (started.copy(), bias.copy()) if pocket else None)

    def step(
        self, state: PerceptronState, rows: SignedRows, active: npt.NDArray[np.int64] | None = None
    ) -> tuple[PerceptronState, PerceptronInfo]:
        """Do one epoch: visit every row that is learned from once.

        Parameters
        ----------
        state : PerceptronState
            Must not be used again.
        rows : SignedRows
        active : ndarray of int64, optional
            The problems that still learn; all if left out.

        Returns
        -------
        PerceptronState, PerceptronInfo
        """
        order = rows.taught
        if self.shuffle:
            order = order[state.random.permutation(len(order)).numpy()]
        learning: npt.NDArray[np.int64] = np.arange(rows.signs.shape[1], dtype=np.int64) if active is None else active
        sides = rows.signs, rows.weights, rows.positive, rows.negative
        if state.kept is None:
            told = kernel.visit_rows(state.memory, self._steps(), rows.values, order, *sides, learning)
        else:
            counts, told = rows.counts(), np.zeros((3, rows.signs.shape[1]))
            kept = pocket_on(rows, counts, *self.learned(state))
            for part in np.array_split(order, min(PROPOSALS, len(order))):
                state.memory.longest[:] = 0
                told += kernel.visit_rows(state.memory, self._steps(), rows.values, part, *sides, learning)
                champion = state.memory.champion
                for weights, intercept in (_now(state.memory), (champion[:-1], champion[-1].astype(np.float64))):
                    kept = offered(kept, pocket_on(rows, counts, weights, intercept))
            state = replace(state, kept=(kept.weights, kept.intercept))
        mistakes, loss, objective = told
        return state, PerceptronInfo(mistakes.astype(np.int64), loss / len(order), objective / len(order))

    def learned(self, state: PerceptronState) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
        """What the rule has come to: the weights of now, those in the pocket, or the average.

        Returns
        -------
        weights : ndarray of shape (columns, problems)
        intercept : ndarray of shape (problems,), float64
        """
        if state.kept is not None:
            return state.kept
        memory = state.memory
        weights, intercept = _now(memory)
        if self.rule != "averaged":
            return weights, intercept
        drift = memory.drift / np.maximum(memory.visits, 1)
        return (weights - drift[:-1]).astype(weights.dtype), intercept - drift[-1]

    def _steps(self) -> kernel.Steps:
        return kernel.Steps(
            rule=kernel.DELTA if self.rule == "delta" else kernel.ROSENBLATT,
            rate=float(self.rate),
            penalised=self.penalty is not None,
            alpha=float(self.alpha),
            l1_ratio={"l2": 0.0, "l1": 1.0}.get(self.penalty or "", float(self.l1_ratio)),
            bias=self.fit_intercept,
            bias_rate=float(self.intercept_rate),
        )


def _now(memory: kernel.Memory) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    return (memory.weights * memory.scale).astype(memory.weights.dtype), memory.intercept.copy()
