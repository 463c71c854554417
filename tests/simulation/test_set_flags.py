"""Which of many flags are set: found by bits as numpy finds them."""

import numpy as np
import pytest

from evfi.simulation.set_flags import BLOCK, SPARE, set_flags


@pytest.mark.parametrize("blocks", [1, 3, 32])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.1, 0.5, 0.99, 1.0])
def test_set_flags_are_found_in_order_however_dense_they_are(blocks, part):
    rng = np.random.default_rng(blocks)
    for _ in range(20):
        flags = (rng.random(blocks * BLOCK) < part) * rng.integers(1, 256, blocks * BLOCK)
        found = np.empty(flags.size + SPARE, np.uint32)
        number = set_flags(flags.astype(np.uint8), found)
        np.testing.assert_array_equal(found[:number], np.flatnonzero(flags))
