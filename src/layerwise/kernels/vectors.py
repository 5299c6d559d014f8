"""Primitives for numba: a matrix by its address, sums of its rows, a square of it turned, where a row is not zero.

Handing a tensor to numba as an array costs more than a small kernel; an address and a row stride cost nothing.

numba's own loop vectoriser keeps such a sum in memory and picks half the register width; written as LLVM instructions
on 16-lane vectors the same loop runs about twice as fast and still compiles for any processor (LLVM splits the vectors
where the registers are shorter).
"""

# pyright: basic, reportCallIssue=false
from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from layerwise.kernels.layout import TILE

__all__ = ["LANES", "add_rows", "bits_set", "first_bit", "matrix_at", "nonzero_bits", "turn_square"]

LANES = 16
VECTORS = TILE // LANES
"""Four 16-lane accumulators hide the latency of an addition."""


@intrinsic
def _pointer(context, address):
    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@njit(inline="always")
def matrix_at(address, rows, row):
    """The float32 matrix that lies at an address: ``rows`` rows of ``row`` numbers."""
    return carray(_pointer(address), (rows, row), np.float32)


@intrinsic
def turn_square(context, out, row, column, source, source_row, source_column):
    """``out[row:row+16, column:column+16]`` becomes that square of ``source``, rows for columns."""
    signature = types.void(out, types.intp, types.intp, source, types.intp, types.intp)

    def generate(context, builder, signature, arguments):
        out, row, column, source, source_row, source_column = arguments
        vector, half = ir.VectorType(ir.FloatType(), LANES), ir.IntType(32)

        def places(array, kind, row, column):
            matrix = context.make_array(kind)(context, builder, array)
            length = cgutils.unpack_tuple(builder, matrix.shape, 2)[1]
            for k in range(LANES):
                at = builder.add(builder.mul(builder.add(row, ir.Constant(row.type, k)), length), column)
                yield builder.bitcast(builder.gep(matrix.data, [at]), vector.as_pointer())

        lines = []
        for place in places(source, signature.args[3], source_row, source_column):
            loaded = builder.load(place)
            loaded.align = 4
            lines.append(loaded)
        # Off-diagonal halves trade places, then those of each quarter, down to single numbers.
        for step in (8, 4, 2, 1):
            low = [lane if not lane & step else LANES + lane - step for lane in range(LANES)]
            high = [lane + step if not lane & step else LANES + lane for lane in range(LANES)]
            masks = [ir.Constant(ir.VectorType(half, LANES), lanes) for lanes in (low, high)]
            for k in range(LANES):
                if not k & step:
                    pair = lines[k], lines[k + step]
                    lines[k], lines[k + step] = (builder.shuffle_vector(*pair, mask) for mask in masks)
        for line, place in zip(lines, places(out, signature.args[0], row, column), strict=True):
            builder.store(line, place).align = 4
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def nonzero_bits(context, row, at):
    """Bit k of 64 says whether ``row[at + k]`` is not zero; a NaN is not."""

    def generate(context, builder, signature, arguments):
        row, at = arguments
        data = context.make_array(signature.args[0])(context, builder, row).data
        word, vector = ir.IntType(64), ir.VectorType(ir.FloatType(), LANES)
        zeros = ir.Constant(vector, [0.0] * LANES)
        bits = ir.Constant(word, 0)
        for k in range(VECTORS):
            place = builder.gep(data, [builder.add(at, ir.Constant(word, k * LANES))])
            loaded = builder.load(builder.bitcast(place, vector.as_pointer()))
            loaded.align = 4
            some = builder.bitcast(builder.fcmp_unordered("!=", loaded, zeros), ir.IntType(LANES))
            bits = builder.or_(bits, builder.shl(builder.zext(some, word), ir.Constant(word, k * LANES)))
        return bits

    return types.uint64(row, types.intp), generate


@intrinsic
def bits_set(context, word):
    """How many bits of 64 are set."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@intrinsic
def first_bit(context, word):
    """The place of the lowest bit set, of which there must be one."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic
def add_rows(context, out, start, at, source, column, index, value, low, high):
    """``out[at:at+64] = start[at:at+64] + Σ_{s=low}^{high-1} value[s] · source[index[s], column:column+64]``."""
    signature = types.void(out, start, types.intp, source, types.intp, index, value, types.intp, types.intp)

    def generate(context, builder, signature, arguments):
        out, start, at, source, column, index, value, low, high = arguments
        kinds = signature.args
        out, start, source, index, value = (
            context.make_array(kinds[k])(context, builder, array)
            for k, array in ((0, out), (1, start), (3, source), (5, index), (6, value))
        )
        lane, word, half = ir.FloatType(), ir.IntType(64), ir.IntType(32)
        vector = ir.VectorType(lane, LANES)
        nothing = ir.Constant(vector, ir.Undefined)
        everywhere = ir.Constant(ir.VectorType(half, LANES), [0] * LANES)

        def place(pointer, k):
            return builder.bitcast(builder.gep(pointer, [ir.Constant(word, k * LANES)]), vector.as_pointer())

        def load(pointer, k):
            loaded = builder.load(place(pointer, k))
            loaded.align = 4
            return loaded

        row_length = cgutils.unpack_tuple(builder, source.shape, 2)[1]
        source_column = builder.gep(source.data, [column])
        start_column = builder.gep(start.data, [at])
        out_column = builder.gep(out.data, [at])

        before = builder.block
        first = [load(start_column, k) for k in range(VECTORS)]
        loop = builder.append_basic_block("loop")
        after = builder.append_basic_block("after")
        builder.cbranch(builder.icmp_signed("<", low, high), loop, after)

        builder.position_at_end(loop)
        s = builder.phi(word)
        total = [builder.phi(vector) for _ in range(VECTORS)]
        row = builder.zext(builder.load(builder.gep(index.data, [s])), word)
        weight = builder.load(builder.gep(value.data, [s]))
        weights = builder.shuffle_vector(
            builder.insert_element(nothing, weight, ir.Constant(half, 0)), nothing, everywhere
        )
        pointer = builder.gep(source_column, [builder.mul(row, row_length)])
        fused = ("contract",)
        grown = [
            builder.fadd(builder.fmul(weights, load(pointer, k), flags=fused), total[k], flags=fused)
            for k in range(VECTORS)
        ]
        following = builder.add(s, ir.Constant(word, 1))
        s.add_incoming(low, before)
        s.add_incoming(following, loop)
        for k in range(VECTORS):
            total[k].add_incoming(first[k], before)
            total[k].add_incoming(grown[k], loop)
        builder.cbranch(builder.icmp_signed("<", following, high), loop, after)

        builder.position_at_end(after)
        results = [builder.phi(vector) for _ in range(VECTORS)]
        for k, result in enumerate(results):
            result.add_incoming(first[k], before)
            result.add_incoming(grown[k], loop)
        for k, result in enumerate(results):
            builder.store(result, place(out_column, k)).align = 4
        return context.get_dummy_value()

    return signature, generate
