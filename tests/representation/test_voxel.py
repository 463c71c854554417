"""The compiled voxel grid against its plain twin and against values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import UserError
from evfi.representation.voxel import reversed_voxel_grid, voxel_grid, voxel_grid_plain, voxel_grids_around
from evfi.types import Events, SensorSize

SENSOR = SensorSize(height=5, width=7)
EPOCH_US = 1_700_000_000_000_000


def events_at(x, y, t, p, dtype=np.uint16) -> Events:
    return Events(np.array(x, dtype), np.array(y, dtype), np.array(t, np.int64), np.array(p, np.bool_), SENSOR)


@st.composite
def event_sets(draw, coordinates, dtype):
    """Events in and around a window, many of them on its ends and on bin centres."""
    bins = draw(st.integers(1, 6))
    length = draw(st.integers(1, 400)) * max(1, bins - 1)
    start = draw(st.sampled_from([0, -1000, EPOCH_US]))
    centres = [start + length * number // max(1, bins - 1) for number in range(bins)]
    times = st.one_of(
        st.sampled_from([start, start + length - 1, start + length, start - 1, *centres]),
        st.integers(start - 50, start + length + 50),
    )
    rows = draw(st.lists(st.tuples(coordinates, coordinates, times, st.booleans()), max_size=40))
    rows.sort(key=lambda row: row[2])
    x, y, t, p = zip(*rows, strict=True) if rows else ((), (), (), ())
    return events_at(x, y, t, p, dtype), bins, start, start + length


whole_pixels = event_sets(st.integers(0, 8), np.uint16)
sub_pixels = event_sets(
    st.one_of(st.floats(-2, 9, width=32), st.sampled_from([0.0, -0.0, 4.0, 6.0, -1.0, 7.0, 3.5])), np.float32
)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.one_of(whole_pixels, sub_pixels))
def test_the_compiled_grid_equals_the_plain_formula(case):
    events, bins, start, end = case
    fast = voxel_grid(events, bins=bins, start_us=start, end_us=end)
    plain = voxel_grid_plain(events, bins=bins, start_us=start, end_us=end)
    assert fast.dtype == np.float32
    assert fast.shape == (bins, 5, 7)
    np.testing.assert_allclose(fast, plain, rtol=0, atol=1e-5)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.one_of(whole_pixels, sub_pixels))
def test_reversing_a_grid_equals_the_grid_of_time_mirrored_events(case):
    events, bins, start, end = case
    grid = voxel_grid(events, bins=bins, start_us=start, end_us=end)
    # mirrored about the middle of [start, end]: t' = start + end - t, so t = start would leave the half-open window
    inside = events.take((events.t > start) & (events.t < end))
    mirrored = Events(inside.x, inside.y, start + end - inside.t, ~inside.p, SENSOR).take(slice(None, None, -1))
    at_start = events.take(events.t == start)
    expected = voxel_grid(mirrored, bins=bins, start_us=start, end_us=end)
    expected[-1] -= voxel_grid(at_start, bins=1, start_us=start, end_us=end)[0]
    np.testing.assert_allclose(reversed_voxel_grid(grid), expected, rtol=0, atol=1e-5)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.one_of(whole_pixels, sub_pixels), st.integers(1, 400))
def test_the_grids_around_a_moment_are_the_single_ones_bit_for_bit(case, more):
    events, bins, start, at = case
    end = at + more
    around = voxel_grids_around(events, bins=bins, start_us=start, at_us=at, end_us=end)
    before = voxel_grid(events, bins=bins, start_us=start, end_us=at)
    after = voxel_grid(events, bins=bins, start_us=at, end_us=end)
    for found, expected in zip(around, (before, reversed_voxel_grid(before), after), strict=True):
        assert found.flags.c_contiguous
        assert found.tobytes() == expected.tobytes()


def test_so_are_those_of_many_events_with_equal_times():
    rng = np.random.default_rng(5)
    n, size = 30_000, SensorSize(height=18, width=24)
    x, y = rng.integers(0, 26, n).astype(np.uint16), rng.integers(0, 20, n).astype(np.uint16)
    events = Events(x, y, EPOCH_US + np.sort(rng.integers(0, 900, n)), rng.random(n) < 0.5, size)
    around = voxel_grids_around(events, bins=5, start_us=EPOCH_US, at_us=EPOCH_US + 333, end_us=EPOCH_US + 900)
    before = voxel_grid(events, bins=5, start_us=EPOCH_US, end_us=EPOCH_US + 333)
    after = voxel_grid(events, bins=5, start_us=EPOCH_US + 333, end_us=EPOCH_US + 900)
    assert before.any()
    for found, expected in zip(around, (before, reversed_voxel_grid(before), after), strict=True):
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("at", "words"), [(7, r"\[7, 7\)"), (9, r"\[9, 9\)")])
def test_a_moment_at_either_end_is_refused(at, words):
    with pytest.raises(UserError, match=words):
        voxel_grids_around(Events.empty(SENSOR), start_us=7, at_us=at, end_us=9)


def test_a_thousand_random_events_equal_the_plain_formula_on_both_kinds_of_coordinates():
    rng = np.random.default_rng(3)
    n, start, end = 20_000, EPOCH_US, EPOCH_US + 40_000
    size = SensorSize(height=18, width=24)
    t = np.sort(rng.integers(start, end, n))
    for x, y in (
        (rng.integers(0, 24, n).astype(np.uint16), rng.integers(0, 18, n).astype(np.uint16)),
        (rng.uniform(-1, 25, n).astype(np.float32), rng.uniform(-1, 19, n).astype(np.float32)),
    ):
        events = Events(x, y, t, rng.random(n) < 0.5, size)
        window = {"bins": 5, "start_us": start, "end_us": end}
        np.testing.assert_allclose(voxel_grid(events, **window), voxel_grid_plain(events, **window), rtol=0, atol=1e-5)


def test_an_event_halfway_between_two_bins_counts_half_in_each():
    grid = voxel_grid(events_at([3], [2], [150], [True]), bins=5, start_us=100, end_us=500)
    assert grid[:, 2, 3].tolist() == [0.5, 0.5, 0, 0, 0]
    assert np.abs(grid).sum() == 1


def test_an_off_event_on_a_bin_centre_is_minus_one_in_that_bin():
    grid = voxel_grid(events_at([0], [4], [300], [False]), bins=5, start_us=100, end_us=500)
    assert grid[:, 4, 0].tolist() == [0, 0, -1, 0, 0]


def test_the_window_is_closed_on_the_left_and_open_on_the_right():
    grid = voxel_grid(events_at([1, 1, 1], [1, 1, 1], [99, 100, 500], [True] * 3), bins=5, start_us=100, end_us=500)
    assert grid[:, 1, 1].tolist() == [1, 0, 0, 0, 0]


def test_a_sub_pixel_event_at_the_border_keeps_only_its_neighbour_inside():
    grid = voxel_grid(events_at([-0.25], [0.5], [0], [True], np.float32), bins=2, start_us=0, end_us=10)
    np.testing.assert_allclose(grid[0, :2, 0], [0.375, 0.375])
    assert np.abs(grid).sum() == pytest.approx(0.75)


def test_coordinates_that_are_no_number_are_ignored():
    events = events_at([np.nan, np.inf], [1, -np.inf], [0, 1], [True, True], np.float32)
    assert not voxel_grid(events, start_us=0, end_us=10).any()


def test_a_window_without_events_is_a_grid_of_zeros():
    assert not voxel_grid(Events.empty(SENSOR), start_us=5, end_us=6).any()


@pytest.mark.parametrize("build", [voxel_grid, voxel_grid_plain])
def test_an_empty_window_is_refused(build):
    with pytest.raises(UserError, match=r"the window \[7, 7\) is empty"):
        build(Events.empty(SENSOR), start_us=7, end_us=7)


@pytest.mark.parametrize("build", [voxel_grid, voxel_grid_plain])
def test_a_grid_without_bins_is_refused(build):
    with pytest.raises(UserError, match="bins = 0"):
        build(Events.empty(SENSOR), bins=0, start_us=0, end_us=1)


def test_a_reversed_grid_is_a_copy():
    grid = voxel_grid(events_at([3], [2], [150], [True]), start_us=100, end_us=500)
    reversed_voxel_grid(grid)[:] = 9
    assert grid.max() == 0.5
