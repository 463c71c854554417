"""Compiled forward splatting of flow: motion carried to a time in between, bilinearly, weighted by trust.

A row's cells and weights are computed in loops that compile to SIMD; then each pixel adds four floats at once (dx*w,
dy*w, w, 0) to its four cells, by an instruction of its own, as the compiler does not find it. Plain twin, equal bit for
bit: tests/flow/test_splat_kernels.py.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

CELL = 4
"""Floats of one cell of sums; the last is padding."""


@intrinsic
def _add_scaled(_context, sums, at, vectors, vector, weights, weight):
    """sums[at : at + 4] += vectors[vector : vector + 4] * weights[weight], all flat float32, unchecked."""

    def generate(context, builder, signature, arguments):
        four = ir.VectorType(ir.FloatType(), CELL)
        data = [context.make_array(signature.args[k])(context, builder, arguments[k]).data for k in (0, 2, 4)]
        place, vector_at, weight_at = (
            builder.gep(pointer, [arguments[k]]) for pointer, k in zip(data, (1, 3, 5), strict=True)
        )
        cell, addend = (builder.bitcast(pointer, four.as_pointer()) for pointer in (place, vector_at))
        scale, factor = ir.Constant(four, ir.Undefined), builder.load(weight_at)
        for lane in range(CELL):
            scale = builder.insert_element(scale, factor, ir.Constant(ir.IntType(32), lane))
        product = builder.fmul(builder.load(addend, align=4), scale)
        builder.store(builder.fadd(builder.load(cell, align=4), product), cell, align=4)
        return context.get_dummy_value()

    return types.void(sums, at, vectors, vector, weights, weight), generate


@njit(cache=True, nogil=True)
def splat(flow01, flow10, trust0, trust1, tau, sums):
    """Both flows carried to tau, into sums (H + 2, W + 2, 4) of dx*w, dy*w, w, 0; motion counted from frame 0 to 1.

    Flows are planes, float32 (2, H, W). The outermost rows and columns of sums are a margin; what lies in them is of no
    use.
    """
    sums[:] = 0
    one = np.float32(1)
    _splat(flow01, trust0, tau, one, one - tau, sums)
    _splat(flow10, trust1, one - tau, -one, tau, sums)


@njit(cache=True, nogil=True)
def _splat(flow, trust, part, sign, weight, sums):
    """Add each pixel bilinearly to its four neighbours, row by row."""
    height, width = trust.shape
    at, inside = np.empty(width, np.int32), np.empty(width, np.float32)
    place, weights = np.empty((2, width), np.float32), np.empty((4, width), np.float32)
    vectors = np.empty((width, CELL), np.float32)
    vectors[:, 2], vectors[:, 3] = 1, 0
    for y in range(height):
        _carry(flow[0, y], flow[1, y], y, part, place)
        _cells(place, trust[y], weight, height, sums.shape[1], inside, at)
        _bilinear(place, inside, weights)
        for x in range(width):
            vectors[x, 0], vectors[x, 1] = sign * flow[0, y, x], sign * flow[1, y, x]
        _add_row(sums.reshape(-1), CELL * sums.shape[1], at, vectors.reshape(-1), weights.reshape(-1))


@njit(cache=True, nogil=True)
def _carry(dx, dy, y, part, place):
    """Where a row's pixels go, in cells of sums."""
    one, row = np.float32(1), np.float32(y)
    for x in range(dx.size):
        place[0, x] = np.float32(x) + part * dx[x] + one
        place[1, x] = row + part * dy[x] + one


@njit(cache=True, nogil=True)
def _cells(place, trust, weight, height, stride, inside, at):
    """First float of each pixel's upper left cell, into at; the fractions beyond it, into place; its weight, into
    inside: none where it leaves the image."""
    width = at.size
    nothing, right, bottom = np.float32(0), np.float32(width + 1), np.float32(height + 1)
    for x in range(width):
        to_x, to_y = place[0, x], place[1, x]
        within = (to_x >= nothing) & (to_x < right) & (to_y >= nothing) & (to_y < bottom)
        to_x = to_x if within else nothing
        to_y = to_y if within else nothing
        inside[x] = weight * trust[x] if within else nothing
        left, top = np.int32(to_x), np.int32(to_y)
        place[0, x] = to_x - np.float32(left)
        place[1, x] = to_y - np.float32(top)
        at[x] = (top * np.int32(stride) + left) * np.int32(CELL)


@njit(cache=True, nogil=True)
def _bilinear(place, inside, weights):
    """Weights of the four cells: upper left, upper right, lower left, lower right."""
    one = np.float32(1)
    for x in range(inside.size):
        a, b = place[0, x], place[1, x]
        upper, lower = inside[x] * (one - b), inside[x] * b
        weights[0, x], weights[1, x] = upper * (one - a), upper * a
        weights[2, x], weights[3, x] = lower * (one - a), lower * a


@njit(cache=True, nogil=True)
def _add_row(sums, down, at, vectors, weights):
    width, cell = np.uint64(at.size), np.uint64(CELL)
    for column in range(at.size):
        x = np.uint64(column)
        here, vector = np.uint64(at[x]), x * cell
        _add_scaled(sums, here, vectors, vector, weights, x)  # pyright: ignore[reportCallIssue]
        _add_scaled(sums, here + cell, vectors, vector, weights, x + width)  # pyright: ignore[reportCallIssue]
        here += np.uint64(down)
        _add_scaled(sums, here, vectors, vector, weights, x + width + width)  # pyright: ignore[reportCallIssue]
        _add_scaled(sums, here + cell, vectors, vector, weights, x + width + width + width)  # pyright: ignore[reportCallIssue]
