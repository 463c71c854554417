"""Transformed events give the transformed voxel grid; nothing is lost or gained."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import UserError
from evfi.representation.transforms import (
    count_per_pixel,
    crop,
    flip_horizontal,
    flip_vertical,
    reverse_time,
    signed_sum,
    transpose,
)
from evfi.representation.voxel import reversed_voxel_grid, voxel_grid
from evfi.types import Events, SensorSize

SIZE = SensorSize(height=6, width=9)
START, END = 1_700_000_000_000_000, 1_700_000_000_010_000
stable = settings(deadline=None, derandomize=True, max_examples=60)


def random_events(seed: int, subpixel: bool, n: int = 200) -> Events:
    rng = np.random.default_rng(seed)
    if subpixel:
        x, y = (rng.uniform(-0.9, length - 0.1, n).astype(np.float32) for length in (SIZE.width, SIZE.height))
    else:
        x, y = (rng.integers(0, length, n).astype(np.uint16) for length in (SIZE.width, SIZE.height))
    # few distinct times, as real recordings have
    t = np.sort(rng.integers(0, 40, n)) * 250 + START
    return Events(x, y, t, rng.random(n) < 0.5, SIZE)


def grid(events: Events) -> np.ndarray:
    return voxel_grid(events, start_us=START, end_us=END)


event_sets = st.builds(random_events, st.integers(0, 10_000), st.booleans())


@stable
@given(event_sets, st.integers(0, 3), st.integers(0, 5), st.integers(1, 3), st.integers(1, 4))
def test_the_grid_of_a_crop_is_the_crop_of_the_grid(events, top, left, height, width):
    cropped = crop(events, top, left, height, width)
    assert cropped.sensor_size == SensorSize(height=height, width=width)
    assert cropped.x.dtype == events.x.dtype
    np.testing.assert_allclose(grid(cropped), grid(events)[:, top : top + height, left : left + width], atol=1e-5)


@stable
@given(event_sets)
def test_the_grid_of_flipped_events_is_the_flipped_grid(events):
    np.testing.assert_allclose(grid(flip_horizontal(events)), grid(events)[:, :, ::-1], atol=1e-5)
    np.testing.assert_allclose(grid(flip_vertical(events)), grid(events)[:, ::-1], atol=1e-5)


@stable
@given(event_sets)
def test_the_grid_of_transposed_events_is_the_transposed_grid(events):
    turned = transpose(events)
    assert turned.sensor_size == SensorSize(height=9, width=6)
    np.testing.assert_allclose(grid(turned), grid(events).transpose(0, 2, 1), atol=1e-5)


@stable
@given(event_sets)
def test_reversing_time_twice_gives_the_same_rows(events):
    once = reverse_time(events, START, END)
    assert (np.diff(once.t) >= 0).all()
    assert ((once.t >= START) & (once.t < END)).all()
    twice = reverse_time(once, START, END)
    for name in ("x", "y", "t", "p"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(events, name))


@stable
@given(event_sets)
def test_reversed_time_gives_the_reversed_grid_up_to_one_microsecond(events):
    one_us = 5 / (END - START) * 200
    np.testing.assert_allclose(grid(reverse_time(events, START, END)), reversed_voxel_grid(grid(events)), atol=one_us)


def test_reversing_time_leaves_out_events_beyond_the_window():
    t = np.array([START - 1, START, END - 1, END], np.int64)
    ones = np.ones(4, np.uint16)
    back = reverse_time(Events(ones, ones, t, np.array([True, True, False, True]), SIZE), START, END)
    assert back.t.tolist() == [START, END - 1]
    assert back.p.tolist() == [True, False]


@stable
@given(event_sets)
def test_flips_and_crops_do_not_change_the_given_events(events):
    before = [getattr(events, name).copy() for name in ("x", "y", "t", "p")]
    crop(events, 1, 1, 2, 2), flip_horizontal(events), flip_vertical(events), reverse_time(events, START, END)
    for name, column in zip(("x", "y", "t", "p"), before, strict=True):
        np.testing.assert_array_equal(getattr(events, name), column)


def test_counts_are_off_first_then_on():
    events = Events(
        np.array([0, 8, 8], np.uint16),
        np.array([0, 5, 5], np.uint16),
        np.arange(3, dtype=np.int64),
        np.array([False, True, True]),
        SIZE,
    )
    counts = count_per_pixel(events)
    assert counts.dtype == np.int32
    assert counts.shape == (2, 6, 9)
    assert (counts[0, 0, 0], counts[1, 5, 8], counts.sum()) == (1, 2, 3)


def test_the_signed_sum_weighs_each_polarity_with_its_threshold():
    events = Events(
        np.array([1, 1, 1], np.uint16),
        np.array([2, 2, 2], np.uint16),
        np.arange(3, dtype=np.int64),
        np.array([True, False, True]),
        SIZE,
    )
    total = signed_sum(events, contrast_pos=0.2, contrast_neg=0.5)
    assert total.dtype == np.float32
    assert total[2, 1] == pytest.approx(2 * 0.2 - 0.5)
    assert np.count_nonzero(total) == 1


@pytest.mark.parametrize("rectangle", [(-1, 0, 2, 2), (0, 0, 7, 2), (0, 8, 2, 2), (0, 0, 0, 2)])
def test_a_crop_beyond_the_sensor_is_refused(rectangle):
    with pytest.raises(UserError, match="a crop must lie on the sensor of 9x6 pixels"):
        crop(Events.empty(SIZE), *rectangle)
