"""Random words and elementary functions of one number, for numba to inline: the reference's numbers to the bit.

Nothing here may be contracted or reordered (no ``fastmath``): each line is one rounding, as in
:mod:`layerwise.kernels.reference`.
"""

# pyright: basic
from __future__ import annotations

import math

import numpy as np
from numba import njit, uint32, uint64

from layerwise.kernels import reference
from layerwise.randomness import GROUP, KEY_STEPS, MULTIPLIERS, ROUNDS

__all__ = ["quantile", "sigmoid_of", "unit", "words_of_group"]

F = np.float32
HALF, ONE, TWO = F(0.5), F(1), F(2)
M0, M1 = np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])
W0, W1 = np.uint32(KEY_STEPS[0]), np.uint32(KEY_STEPS[1])
UNIT = F(reference.UNIT)
LOG2_E, LN2_HIGH, LN2_LOW = F(reference.LOG2_E), F(reference.LN2_HIGH), F(reference.LN2_LOW)
LOWEST, HIGHEST = F(reference.EXP_RANGE[0]), F(reference.EXP_RANGE[1])
E0, E1, E2, E3, E4, E5 = (F(c) for c in reference.EXP)
LOG = tuple(F(c) for c in reference.LOG)
CENTRE = tuple(F(c) for c in reference.QUANTILE_CENTRE)
TAIL = tuple(F(c) for c in reference.QUANTILE_TAIL)
SQRT_HALF, SQRT_TWO = F(reference.SQRT_HALF), F(reference.SQRT_TWO)
BLOCKS = GROUP // 4


@njit(inline="always")
def _philox(c0, c1, c2, c3, k0, k1):
    for _ in range(ROUNDS):
        p0 = uint64(c0) * M0
        p1 = uint64(c2) * M1
        c0, c1, c2, c3 = (
            uint32(p1 >> uint64(32)) ^ c1 ^ k0,
            uint32(p1),
            uint32(p0 >> uint64(32)) ^ c3 ^ k1,
            uint32(p0),
        )
        k0 = uint32(k0 + W0)
        k1 = uint32(k1 + W1)
    return c0, c1, c2, c3


@njit(inline="always")
def words_of_group(words, group, row, position, seed):
    """The 64 words of one group of columns of one row."""
    row_low = uint32(row & uint64(0xFFFFFFFF))
    position_low = uint32(position & uint64(0xFFFFFFFF))
    high = uint32((row >> uint64(32)) + ((position >> uint64(32)) << uint64(16)))
    k0 = uint32(seed & uint64(0xFFFFFFFF))
    k1 = uint32(seed >> uint64(32))
    for i in range(BLOCKS):
        a, b, c, d = _philox(uint32(group * BLOCKS + i), row_low, position_low, high, k0, k1)
        words[i] = a
        words[BLOCKS + i] = b
        words[2 * BLOCKS + i] = c
        words[3 * BLOCKS + i] = d


@njit(inline="always")
def unit(word):
    """The word as an odd multiple of 2⁻²⁴."""
    return (F(np.int32(word >> uint32(9))) + HALF) * UNIT


@njit(inline="always")
def _exp(x):
    x = min(max(x, LOWEST), HIGHEST)
    power = F(math.floor(x * LOG2_E + HALF))
    rest = x - power * LN2_HIGH
    rest = rest - power * LN2_LOW
    value = E0 * rest + E1
    value = value * rest + E2
    value = value * rest + E3
    value = value * rest + E4
    value = value * rest + E5
    value = value * (rest * rest) + rest
    value = value + ONE
    return value * np.int32((np.int32(power) + np.int32(127)) << np.int32(23)).view(np.float32)


@njit(inline="always")
def sigmoid_of(x):
    """1 / (1 + exp(-x))."""
    return ONE / (ONE + _exp(-x))


@njit(inline="always")
def _log(x):
    bits = F(x).view(np.int32)
    power = F((bits >> np.int32(23)) - np.int32(126))
    fraction = np.int32((bits & np.int32(0x007FFFFF)) | np.int32(0x3F000000)).view(np.float32)
    if fraction < SQRT_HALF:
        power = power - ONE
        fraction = fraction + fraction
    t = fraction - ONE
    square = t * t
    value = LOG[0]
    for i in range(1, 9):
        value = value * t + LOG[i]
    value = value * t * square
    value = value + power * LN2_LOW
    value = value - HALF * square
    return t + value + power * LN2_HIGH


@njit(inline="always")
def quantile(u):
    """Quantile of the standard normal distribution at u."""
    x = TWO * u - ONE
    w = -_log((ONE - x) * (ONE + x))
    if w < F(5):
        w = w - F(2.5)
        value = CENTRE[0]
        for i in range(1, 9):
            value = value * w + CENTRE[i]
    else:
        w = F(math.sqrt(w)) - F(3)
        value = TAIL[0]
        for i in range(1, 9):
            value = value * w + TAIL[i]
    return value * x * SQRT_TWO
