"""Between which gray values a pixel stays silent: the search by bins against looking at every entry of the table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.simulation.esim_kernels import entries_range, quiet_range
from evfi.simulation.intensity import log_table

TABLES = [(np.uint8, 1e-3, False), (np.uint16, 1e-3, False), (np.uint16, 1e-5, False), (np.uint16, 1e-4, True)]


def ranges(level, pos, neg, table):
    low, high = np.empty(level.shape, np.int64), np.empty(level.shape, np.int64)
    quiet_range(level, pos, neg, table.ladder, table.entries_below, table.bins_per_log, low, high)
    return low, high


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.sampled_from(TABLES), st.integers(0, 2**32 - 1), st.floats(0.001, 9), st.floats(0.001, 9))
def test_every_entry_inside_is_silent_and_both_neighbours_are_not(kind, seed, contrast_pos, contrast_neg):
    table = log_table(np.dtype(kind[0]), *kind[1:])
    rng = np.random.default_rng(seed)
    level = rng.choice(table.values, (4, 8)) + rng.choice([0.0, 0.01, -0.2, 12.0, -12.0], (4, 8))
    pos, neg = np.full(level.shape, contrast_pos), np.full(level.shape, contrast_neg)
    low, high = ranges(level, pos, neg, table)
    silent = (level - neg < table.values[:, None, None]) & (table.values[:, None, None] < level + pos)
    g = np.arange(table.values.size)[:, None, None]
    np.testing.assert_array_equal(silent, (low <= g) & (g <= high))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_one_search_an_entry_gives_what_one_a_pixel_gives(kind):
    table = log_table(np.dtype(kind), 1e-3)
    first = np.random.default_rng(0).integers(0, table.values.size, (20, 30)).astype(kind)
    level = table.values[first]
    low, high = np.empty(first.shape, np.int64), np.empty(first.shape, np.int64)
    search = table.ladder, table.entries_below, table.bins_per_log
    assert entries_range(level, first, 0.2, 0.3, *search, low, high)
    expected = ranges(level, np.full(level.shape, 0.2), np.full(level.shape, 0.3), table)
    np.testing.assert_array_equal([low, high], expected)
    level[19, 29] += 1e-9
    assert not entries_range(level, first, 0.2, 0.3, *search, low, high)
