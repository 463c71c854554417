"""The compiled splat equals the plain one bit for bit."""

import numpy as np
import pytest

from evfi.flow.splat_kernels import CELL, splat


def splat_plainly(flow01, flow10, trust0, trust1, tau):
    """Sums float32 (H, W, 3) of dx*w, dy*w and w at time tau; flows (H, W, 2), trust (H, W)."""
    height, width = trust0.shape
    sums, one = np.zeros((height + 2, width + 2, 3), np.float32), np.float32(1)
    for flow, trust, part, sign, weight in (
        (flow01, trust0, tau, one, one - tau),
        (flow10, trust1, one - tau, -one, tau),
    ):
        for y in range(height):
            for x in range(width):
                dx, dy = flow[y, x]
                to_x, to_y = np.float32(x) + part * dx + one, np.float32(y) + part * dy + one
                if not (0 <= to_x < width + 1 and 0 <= to_y < height + 1):
                    continue
                left, top = int(to_x), int(to_y)
                a, b = to_x - np.float32(left), to_y - np.float32(top)
                w = weight * trust[y, x]
                vector = np.array([sign * dx, sign * dy, one], np.float32)
                for row, w_row in ((top, w * (one - b)), (top + 1, w * b)):
                    for column, w_here in ((left, w_row * (one - a)), (left + 1, w_row * a)):
                        sums[row, column] += vector * w_here
    return sums[1:-1, 1:-1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (17, 30)])
@pytest.mark.parametrize("spread", [0.0, 0.4, 3.0, 40.0])
@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0])
def test_motion_is_carried_as_the_plain_loops_carry_it(shape, spread, tau):
    rng = np.random.default_rng(int(10 * spread))
    flows = [rng.normal(0, spread, (*shape, 2)).astype(np.float32) for _ in range(2)]
    trusts = [rng.random(shape, np.float32) for _ in range(2)]
    sums = np.full((shape[0] + 2, shape[1] + 2, CELL), 9, np.float32)
    planes = [np.ascontiguousarray(flow.transpose(2, 0, 1)) for flow in flows]
    splat(*planes, *trusts, np.float32(tau), sums)
    expected = splat_plainly(*flows, *trusts, np.float32(tau))
    np.testing.assert_array_equal(sums[1:-1, 1:-1, :3], expected)
    assert expected[..., 2].any() or spread > 1  # little frames may lose all of a large motion


def test_motion_far_beyond_the_image_leaves_no_trace():
    flow = np.full((2, 6, 8), 1e6, np.float32)
    sums = np.empty((8, 10, CELL), np.float32)
    splat(flow, -flow, np.ones((6, 8), np.float32), np.ones((6, 8), np.float32), np.float32(0.5), sums)
    assert not sums.any()
