"""Sorting events as numbers = sorting them by their columns."""

import numpy as np
import pytest

from evfi.simulation.event_keys import LONGEST_US, in_canonical_order, sorted_keys
from evfi.types import Events, SensorSize


def _events(count, duration_us, start_us=0, seed=0):
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, 1 << 16, count).astype(np.uint16) for _ in range(2))
    t = start_us + rng.integers(0, duration_us, count)
    return Events(x, y, t, rng.random(count) < 0.5, SensorSize(height=1 << 16, width=1 << 16))


@pytest.mark.parametrize("duration_us", [1, 50, 100_000, LONGEST_US, 10 * LONGEST_US])
@pytest.mark.parametrize("count", [0, 1, 3_000])
def test_keys_sort_as_columns_do(count, duration_us):
    events = _events(count, duration_us, start_us=-(10**12))
    for name in ("t", "y", "x", "p"):
        np.testing.assert_array_equal(
            getattr(in_canonical_order(events), name), getattr(events.in_canonical_order(), name)
        )


def test_on_and_off_of_one_pixel_in_one_microsecond_come_in_canonical_order():
    pixel = np.uint64((5 << 33) | (7 << 17) | (9 << 1))
    keys = pixel + np.array([1, 0, 1, 0], np.uint64)
    np.testing.assert_array_equal(sorted_keys(keys, 10) & np.uint64(1), [0, 0, 1, 1])


@pytest.mark.parametrize("duration_us", [1, 2, 8_192, 8_193, 1 << 20, LONGEST_US])
def test_the_counting_sort_sorts_for_every_number_of_passes(duration_us):
    rng = np.random.default_rng(1)
    keys = (rng.integers(0, duration_us, 5_000).astype(np.uint64) << np.uint64(33)) | np.sort(
        rng.integers(0, 1 << 33, 5_000).astype(np.uint64)
    )
    np.testing.assert_array_equal(sorted_keys(keys.copy(), duration_us), np.sort(keys))
