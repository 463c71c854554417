"""Which of many flags are set: 64 at once become the bits of one number.

Where set flags are rare and scattered, testing word by word costs a wrongly predicted branch for nearly every one that
is set. The instructions are LLVM's; numba has no name for them. Plain twin: numpy.flatnonzero
(tests/simulation/test_set_flags.py).
"""

import numpy as np
from llvmlite import ir
from numba import njit, types, uint64
from numba.extending import intrinsic

BLOCK = 64
"""The number of flags must be a multiple of it."""
SPARE = 4
"""So many are written at once: `found` needs as many places more than there are flags."""


@intrinsic
def _bits(_context, flags, first):
    """flags[first : first + 64] (uint8, unchecked) as a number: bit i is set where flag i is not 0."""

    def generate(context, builder, signature, arguments):
        block = ir.VectorType(ir.IntType(8), BLOCK)
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), block.as_pointer())
        is_set = builder.icmp_unsigned("!=", builder.load(place, align=1), ir.Constant(block, [0] * BLOCK))
        return builder.bitcast(is_set, ir.IntType(BLOCK))

    return types.uint64(flags, first), generate


@intrinsic
def _lowest(_context, bits):
    """Number of the lowest bit that is set; 64 where none is."""

    def generate(_context, builder, _signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(bits), generate


@intrinsic
def _count(_context, bits):
    """How many bits are set."""

    def generate(_context, builder, _signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(bits), generate


@njit(cache=True, nogil=True)
def set_flags(flags, found):
    """Places of the flags that are not 0, in order, into found (uint32); returns their number."""
    number = uint64(0)
    for block in range(0, flags.size, BLOCK):
        bits = _bits(flags, np.int64(block))  # pyright: ignore[reportCallIssue]
        count = _count(bits)
        done = uint64(0)
        while done < count:
            for spare in range(SPARE):
                found[number + done + uint64(spare)] = uint64(block) + _lowest(bits)
                bits &= bits - uint64(1)
            done += uint64(SPARE)
        number += count
    return np.int64(number)
