"""One pass of a perceptron over its rows, compiled by numba: every row is looked at with the weights of that moment.

All problems (one class against the rest, each) go through the rows together: the entries of a row are read once, and
their products with the weights of all problems fill a vector register, while the sum over the columns keeps its order.
The order of all operations is that of scikit-learn's ``_sgd_fast``, so that the same rows in the same order give the
same weights. Its bookkeeping is kept, too: weights are stored divided by ``scale``, which lets a quadratic penalty
shrink all of them with one multiplication, and the norms that the objective asks for are those after the last addition,
over the entries that were added to.
"""

# pyright: basic
from __future__ import annotations

import numpy as np
from numba import njit

from layerwise.kernels.perceptron import DELTA

__all__ = ["learn_dense", "learn_sparse"]


@njit(cache=True)
def _crown(memory, c):
    """Keep the weights that told the most rows right one after the other."""
    last = memory.weights.shape[0]
    for j in range(last):
        memory.champion[j, c] = memory.weights[j, c] * memory.scale[c]
    memory.champion[last, c] = memory.intercept[c]
    memory.longest[c] = memory.run[c]


@njit(cache=True)
def _cut(memory, c, index, count):
    """Bring the weights of a row's columns nearer to zero, by what they owe and have not paid."""
    weights, paid, scale, owed = memory.weights, memory.paid, memory.scale[c], memory.owed[c]
    for s in range(count):
        j = index[s]
        before = weights[j, c]
        if scale * before > 0:
            weights[j, c] = max(0.0, before - (owed + paid[j, c]) / scale)
        elif scale * before < 0:
            weights[j, c] = min(0.0, before + (owed - paid[j, c]) / scale)
        paid[j, c] += scale * (weights[j, c] - before)


@njit(cache=True)
def _add(memory, c, index, value, count, step, steps):
    """Add a multiple of the row to the weights of one problem."""
    weights, part = memory.weights, step / memory.scale[c]
    square = absolute = 0.0
    for s in range(count):
        j = index[s]
        weights[j, c] += value[s] * part
        square += weights[j, c] * weights[j, c]
        absolute += abs(weights[j, c])
    memory.norms[0, c] = square * memory.scale[c] * memory.scale[c]
    memory.norms[1, c] = absolute * memory.scale[c]
    if memory.drift.shape[0] > 0:
        for s in range(count):
            memory.drift[index[s], c] += memory.visits[c] * step * value[s]
    if steps.bias:
        memory.intercept[c] += step * steps.bias_rate
        if memory.drift.shape[0] > 0:
            memory.drift[-1, c] += memory.visits[c] * step * steps.bias_rate


@njit(cache=True)
def _shrink(memory, c, factor, smallest):
    memory.scale[c] *= factor
    memory.norms[0, c] *= factor * factor
    memory.norms[1, c] *= factor
    if memory.scale[c] < smallest:
        for j in range(memory.weights.shape[0]):
            memory.weights[j, c] *= memory.scale[c]
        memory.scale[c] = 1.0


@njit(cache=True)
def _visit(memory, steps, index, value, count, signs, weight, active, answers, told):
    """Answer one row and learn from the answer; ``told`` counts mistakes, losses and objectives."""
    weights, problems = memory.weights, memory.weights.shape[1]
    for c in range(problems):
        answers[c] = 0.0
    square = 1.0 if steps.bias else 0.0
    for s in range(count):
        row, x = weights[index[s]], value[s]
        for c in range(problems):
            answers[c] += row[c] * x
    if steps.rule == DELTA:
        for s in range(count):
            square += value[s] * value[s]
    for c in active:
        y = float(signs[c])
        answer = answers[c] * memory.scale[c] + memory.intercept[c]
        wrong = answer * y <= 0
        told[0, c] += wrong
        step = 0.0
        if steps.rule == DELTA:
            error = y - answer
            loss = 0.5 * error * error
            if square > 0:
                step = min(1.0, steps.rate * weight[c]) * error / square
        else:
            loss = -answer * y if wrong else 0.0
            step = steps.rate * y * weight[c] if wrong else 0.0
        told[1, c] += loss
        told[2, c] += loss
        if steps.penalised:
            quadratic, absolute = 0.5 * memory.norms[0, c], memory.norms[1, c]
            told[2, c] += steps.alpha * ((1 - steps.l1_ratio) * quadratic + steps.l1_ratio * absolute)
        if memory.champion.shape[0] > 0:
            if wrong and memory.run[c] > memory.longest[c]:
                _crown(memory, c)
            memory.run[c] = 0 if wrong else memory.run[c] + 1
        if steps.penalised and steps.l1_ratio < 1:
            factor = max(0.0, 1.0 - (1.0 - steps.l1_ratio) * steps.rate * steps.alpha)
            _shrink(memory, c, factor, 1e-9 if weights.itemsize == 8 else 1e-6)
        if step != 0:
            _add(memory, c, index, value, count, step, steps)
        if steps.penalised and memory.paid.shape[0] > 0:
            memory.owed[c] += steps.l1_ratio * steps.rate * steps.alpha
            _cut(memory, c, index, count)
        memory.visits[c] += 1


@njit(cache=True)
def _crown_unbeaten(memory, active):
    """Longest runs that the end of the rows, no mistake, has interrupted."""
    if memory.champion.shape[0] > 0:
        for c in active:
            if memory.run[c] > memory.longest[c]:
                _crown(memory, c)


@njit(cache=True)
def _weigh(signs, weight, positive, negative, out):
    for c in range(len(signs)):
        out[c] = weight * (positive[c] if signs[c] > 0 else negative[c])


@njit(cache=True, nogil=True)
def learn_dense(memory, steps, values, order, signs, weights, positive, negative, active):
    """Visit the rows of a matrix."""
    columns, problems = values.shape[1], signs.shape[1]
    index, listed = np.empty(columns + 1, np.int64), np.empty(columns + 1, values.dtype)
    answers, weight, told = np.empty(problems), np.empty(problems), np.zeros((3, problems))
    for i in order:
        count = 0
        # Without a branch, as in kernels/sparse.py. A penalty speaks of all columns.
        for j in range(columns):
            index[count] = j
            listed[count] = values[i, j]
            count += 1 if steps.penalised or values[i, j] != 0 else 0
        _weigh(signs[i], weights[i], positive, negative, weight)
        _visit(memory, steps, index, listed, count, signs[i], weight, active, answers, told)
    _crown_unbeaten(memory, active)
    return told


@njit(cache=True, nogil=True)
def learn_sparse(memory, steps, data, indices, indptr, order, signs, weights, positive, negative, active):
    """Visit the rows of a CSR matrix."""
    problems = signs.shape[1]
    answers, weight, told = np.empty(problems), np.empty(problems), np.zeros((3, problems))
    for i in order:
        low, high = indptr[i], indptr[i + 1]
        _weigh(signs[i], weights[i], positive, negative, weight)
        _visit(memory, steps, indices[low:high], data[low:high], high - low, signs[i], weight, active, answers, told)
    _crown_unbeaten(memory, active)
    return told
