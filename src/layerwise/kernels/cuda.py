"""The draws on CUDA, compiled by Triton: one pass over the rows, the reference's numbers to the bit.

Nothing may be contracted or reordered: each line is one rounding, as in :mod:`layerwise.kernels.reference`, so every
launch forbids fused multiply-adds, and division and square root are the correctly rounded ones. The generator is
Triton's own Philox4x32-10; the counters are those of :mod:`layerwise.randomness`.

One program draws a tile of rows × counters. A counter's four words belong to four columns that lie sixteen apart, so
each of a tile's four loads and stores moves runs of sixteen neighbouring numbers.
"""

# pyright: basic, reportMissingImports=false, reportIndexIssue=false
from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from layerwise.kernels import reference
from layerwise.randomness import GROUP, ROUNDS, RandomStream

__all__ = ["bernoulli", "mean_and_bernoulli", "normal", "sigmoid", "uniform"]

COUNTERS_OF_GROUP = tl.constexpr(GROUP // 4)
COLUMNS_OF_GROUP = tl.constexpr(GROUP)
PHILOX_ROUNDS = tl.constexpr(ROUNDS)
UNIT = tl.constexpr(reference.UNIT)
LOG2_E = tl.constexpr(reference.LOG2_E)
LN2_HIGH, LN2_LOW = tl.constexpr(reference.LN2_HIGH), tl.constexpr(reference.LN2_LOW)
LOWEST, HIGHEST = tl.constexpr(reference.EXP_RANGE[0]), tl.constexpr(reference.EXP_RANGE[1])
EXP = tl.constexpr(reference.EXP)
LOG = tl.constexpr(reference.LOG)
CENTRE = tl.constexpr(reference.QUANTILE_CENTRE)
TAIL = tl.constexpr(reference.QUANTILE_TAIL)
SQRT_HALF, SQRT_TWO = tl.constexpr(reference.SQRT_HALF), tl.constexpr(reference.SQRT_TWO)

TILE = 512
"""Counters of one program: four warps, four counters a thread."""


@triton.jit
def _polynomial(t, coefficients: tl.constexpr, DEGREE: tl.constexpr):
    value = coefficients[0] * t + coefficients[1]
    for i in tl.static_range(2, DEGREE + 1):
        value = value * t + coefficients[i]
    return value


@triton.jit
def _exponential(x):
    # Comparisons, not min and max: these take the other operand for a NaN.
    x = tl.where(x < LOWEST, LOWEST, x)
    x = tl.where(x > HIGHEST, HIGHEST, x)
    power = tl.floor(x * LOG2_E + 0.5)
    rest = x - power * LN2_HIGH
    rest = rest - power * LN2_LOW
    value = _polynomial(rest, EXP, 5)
    value = value * (rest * rest) + rest
    value = value + 1.0
    whole = tl.where(x == x, power, 0.0).to(tl.int32)  # no integer is what becomes of a NaN
    return value * ((whole + 127) << 23).to(tl.float32, bitcast=True)


@triton.jit
def _logarithm(x):
    bits = x.to(tl.int32, bitcast=True)
    power = ((bits >> 23) - 126).to(tl.float32)
    fraction = ((bits & 0x007FFFFF) | 0x3F000000).to(tl.float32, bitcast=True)
    small = fraction < SQRT_HALF
    power = tl.where(small, power - 1.0, power)
    t = tl.where(small, fraction + fraction, fraction) - 1.0
    square = t * t
    value = _polynomial(t, LOG, 8)
    value = value * t * square
    value = value + power * LN2_LOW
    value = value - 0.5 * square
    return t + value + power * LN2_HIGH


@triton.jit
def _sigmoid(x):
    return tl.div_rn(1.0, 1.0 + _exponential(-x))


@triton.jit
def _unit(word):
    return ((word >> 9).to(tl.float32) + 0.5) * UNIT


@triton.jit
def _quantile(u):
    x = 2.0 * u - 1.0
    w = -_logarithm((1.0 - x) * (1.0 + x))
    value = tl.where(w < 5.0, _polynomial(w - 2.5, CENTRE, 8), _polynomial(tl.sqrt_rn(w) - 3.0, TAIL, 8))
    return value * x * SQRT_TWO


@triton.jit
def _tile(columns, ROWS: tl.constexpr, COUNTERS: tl.constexpr):
    """This program's rows, its counters, and the columns that the counters' first words belong to."""
    across = tl.cdiv(tl.cdiv(columns, COLUMNS_OF_GROUP) * COUNTERS_OF_GROUP, COUNTERS)
    row = (tl.program_id(0) // across) * ROWS + tl.arange(0, ROWS)[:, None]
    counter = (tl.program_id(0) % across) * COUNTERS + tl.arange(0, COUNTERS)[None, :]
    column = (counter // COUNTERS_OF_GROUP) * COLUMNS_OF_GROUP + counter % COUNTERS_OF_GROUP
    return row.to(tl.int64), counter, column.to(tl.int64)


@triton.jit
def _words(row, counter, seed, position, ROWS: tl.constexpr, COUNTERS: tl.constexpr):
    row, position = row.to(tl.uint64), position.to(tl.uint64)
    high = (row >> 32) + ((position >> 32) << 16)
    every = tl.zeros([ROWS, COUNTERS], tl.uint32)
    return tl.philox(
        seed.to(tl.uint64),
        every + counter.to(tl.uint32),
        every + (row & 0xFFFFFFFF).to(tl.uint32),
        every + (position & 0xFFFFFFFF).to(tl.uint32),
        every + (high & 0xFFFFFFFF).to(tl.uint32),
        PHILOX_ROUNDS,
    )


@triton.jit
def _draw(
    field,
    mean,
    sample,
    rows,
    columns,
    field_row,
    field_column,
    seed,
    position,
    first_row,
    KEEP_MEAN: tl.constexpr,
    ROWS: tl.constexpr,
    COUNTERS: tl.constexpr,
):
    row, counter, first = _tile(columns, ROWS, COUNTERS)
    words = _words(row + first_row, counter, seed, position, ROWS, COUNTERS)
    for w in tl.static_range(4):
        column = first + w * COUNTERS_OF_GROUP
        inside = (row < rows) & (column < columns)
        p = _sigmoid(tl.load(field + row * field_row + column * field_column, mask=inside, other=0.0))
        place = row * columns + column
        tl.store(sample + place, tl.where(_unit(words[w]) < p, 1.0, 0.0), mask=inside)
        if KEEP_MEAN:
            tl.store(mean + place, p, mask=inside)


@triton.jit
def _squash(field, mean, rows, columns, field_row, field_column, ROWS: tl.constexpr, COUNTERS: tl.constexpr):
    row, _, first = _tile(columns, ROWS, COUNTERS)
    for w in tl.static_range(4):
        column = first + w * COUNTERS_OF_GROUP
        inside = (row < rows) & (column < columns)
        p = _sigmoid(tl.load(field + row * field_row + column * field_column, mask=inside, other=0.0))
        tl.store(mean + row * columns + column, p, mask=inside)


@triton.jit
def _fill(
    out,
    rows,
    columns,
    seed,
    position,
    first_row,
    GAUSSIAN: tl.constexpr,
    ROWS: tl.constexpr,
    COUNTERS: tl.constexpr,
):
    row, counter, first = _tile(columns, ROWS, COUNTERS)
    words = _words(row + first_row, counter, seed, position, ROWS, COUNTERS)
    for w in tl.static_range(4):
        column = first + w * COUNTERS_OF_GROUP
        value = _unit(words[w])
        if GAUSSIAN:
            value = _quantile(value)
        tl.store(out + row * columns + column, value, mask=(row < rows) & (column < columns))


def _tiling(rows: int, columns: int) -> tuple[tuple[int], dict[str, int | bool]]:
    """The grid, and what every launch is told."""
    counters = -(-columns // GROUP) * (GROUP // 4)
    across = min(TILE, triton.next_power_of_2(counters))
    down = TILE // across
    programs = -(-rows // down) * -(-counters // across)
    return (programs,), {"ROWS": down, "COUNTERS": across, "enable_fp_fusion": False}


def _sampled(field: Tensor, mean: Tensor | None, random: RandomStream, first_row: int) -> Tensor:
    rows, columns = field.shape
    sample = torch.empty(rows, columns, device=field.device)
    position = random.take()
    if sample.numel():
        grid, options = _tiling(rows, columns)
        with torch.cuda.device_of(sample):
            _draw[grid](
                field,
                sample if mean is None else mean,
                sample,
                rows,
                columns,
                field.stride(0),
                field.stride(1),
                random.seed,
                position,
                first_row,
                KEEP_MEAN=mean is not None,
                **options,
            )
    return sample


def _filled(rows: int, columns: int, gaussian: bool, random: RandomStream, first_row: int, device: str) -> Tensor:
    out = torch.empty(rows, columns, device=device)
    position = random.take()
    if out.numel():
        grid, options = _tiling(rows, columns)
        with torch.cuda.device_of(out):
            _fill[grid](out, rows, columns, random.seed, position, first_row, GAUSSIAN=gaussian, **options)
    return out


def sigmoid(field: Tensor) -> Tensor:
    """See :func:`layerwise.kernels.sigmoid`."""
    rows, columns = field.shape
    mean = torch.empty(rows, columns, device=field.device)
    if mean.numel():
        grid, options = _tiling(rows, columns)
        with torch.cuda.device_of(mean):
            _squash[grid](field, mean, rows, columns, field.stride(0), field.stride(1), **options)
    return mean


def bernoulli(field: Tensor, random: RandomStream, first_row: int = 0) -> Tensor:
    """See :func:`layerwise.kernels.bernoulli`."""
    return _sampled(field, None, random, first_row)


def mean_and_bernoulli(field: Tensor, random: RandomStream, first_row: int = 0) -> tuple[Tensor, Tensor]:
    """See :func:`layerwise.kernels.mean_and_bernoulli`."""
    mean = torch.empty(field.shape, device=field.device)
    return mean, _sampled(field, mean, random, first_row)


def uniform(rows: int, columns: int, random: RandomStream, first_row: int = 0, device: str = "cuda") -> Tensor:
    """See :func:`layerwise.kernels.uniform`."""
    return _filled(rows, columns, False, random, first_row, device)


def normal(rows: int, columns: int, random: RandomStream, first_row: int = 0, device: str = "cuda") -> Tensor:
    """See :func:`layerwise.kernels.normal`."""
    return _filled(rows, columns, True, random, first_row, device)
