"""Requested times and the frames around them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import UserError
from evfi.inference.windows import Window, capture_rate, frames_between, times_of_factor, times_of_rate, windows_at

frame_times = st.lists(st.integers(50, 60_000), min_size=1, max_size=8).map(
    lambda gaps: 1_700_000_000_000_000 + np.cumsum([0, *gaps]).astype(np.int64)
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(times=frame_times, data=st.data())
def test_a_window_holds_the_time_between_neighbouring_frames(times: np.ndarray, data: st.DataObject) -> None:
    asked = data.draw(st.lists(st.integers(int(times[0]), int(times[-1])), min_size=1, max_size=10))
    for t, window in zip(asked, windows_at(times, np.array(asked, np.int64)), strict=True):
        assert window.t_us == t
        if window.is_frame:
            assert times[window.frame0] == t
        else:
            assert window.frame1 == window.frame0 + 1
            assert times[window.frame0] < t < times[window.frame1]
            assert window.before == window.frame0 - 1
            assert window.after == (window.frame1 + 1 if window.frame1 + 1 < len(times) else -1)


def test_each_frame_time_is_that_frame() -> None:
    times = np.array([10, 20, 35], np.int64)
    assert [window.frame0 for window in windows_at(times, times)] == [0, 1, 2]
    assert all(window.is_frame for window in windows_at(times, times))
    assert [*windows_at(times, np.array([34]))] == [Window(t_us=34, frame0=1, frame1=2, before=0, after=-1)]


@pytest.mark.parametrize("t", [9, 36, -1])
def test_a_time_outside_the_frames_is_refused_at_the_call(t: int) -> None:
    with pytest.raises(UserError, match=f"the time {t} µs lies outside"):
        windows_at(np.array([10, 20, 35], np.int64), np.array([15, t]))


def test_no_frames_are_an_error() -> None:
    with pytest.raises(UserError, match="no frames"):
        windows_at(np.empty(0, np.int64), np.array([1]))


regular_times = st.lists(st.integers(40_000, 58_000), min_size=1, max_size=8).map(
    lambda gaps: 1_700_000_000_000_000 + np.cumsum([0, *gaps]).astype(np.int64)
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(times=regular_times, factor=st.integers(2, 40))
def test_a_factor_keeps_every_frame_time_and_spaces_the_rest_evenly(times: np.ndarray, factor: int) -> None:
    made = times_of_factor(times, factor)
    assert len(made) == (len(times) - 1) * factor + 1
    np.testing.assert_array_equal(made[::factor], times)
    assert (np.diff(made) > 0).all()
    for gap in range(len(times) - 1):
        exact = times[gap] + np.arange(factor) * (int(times[gap + 1] - times[gap]) / factor)
        assert np.abs(made[gap * factor : (gap + 1) * factor] - exact).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("factor", [1, 0, -3])
def test_a_factor_that_inserts_nothing_is_refused(factor: int) -> None:
    with pytest.raises(UserError, match="at least 2"):
        times_of_factor(np.array([0, 100]), factor)


def test_one_frame_and_gaps_too_short_are_refused() -> None:
    with pytest.raises(UserError, match="at least two frames, got 1"):
        times_of_factor(np.array([5]), 2)
    with pytest.raises(UserError, match="3 µs and after it are 3 µs apart"):
        times_of_factor(np.array([0, 4, 7, 10]) - 1, 4)


def test_dropped_frames_are_made_up_for_so_that_the_pace_stays() -> None:
    made = times_of_factor(np.array([0, 1000, 2000, 5000, 6000, 6200]), 4)
    assert np.diff(made).tolist() == [250] * 24 + [200]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(times=frame_times, factor=st.integers(2, 40))
def test_irregular_gaps_keep_every_frame_and_a_step_near_that_of_the_median_gap(times: np.ndarray, factor: int) -> None:
    median = float(np.median(np.diff(times)))
    if np.diff(times).min() < 1.5 * factor or median < 2 * factor:
        return
    made = times_of_factor(times, factor)
    assert set(times.tolist()) <= set(made.tolist())
    steps = np.diff(made)
    assert steps.min() > 0
    assert steps.max() <= 1.5 * median / factor + 1


def test_a_rate_is_a_uniform_grid_from_the_first_frame_whatever_the_frames() -> None:
    times = times_of_rate(np.array([7_000, 47_000, 180_000]), 100)
    assert np.diff(times).tolist() == [10_000] * 17
    assert times[0] == 7_000


def test_a_grid_time_close_to_a_frame_becomes_the_frames_own() -> None:
    times = times_of_rate(np.array([0, 40_010, 79_990, 120_600]), 100)
    assert [int(t) for t in times if t % 10_000] == [40_010, 79_990]


@pytest.mark.parametrize("fps", [0, -1, float("nan"), 2e6])
def test_an_impossible_rate_is_refused(fps: float) -> None:
    with pytest.raises(UserError, match="frame rate"):
        times_of_rate(np.array([0, 100]), fps)


def test_a_part_is_counted_from_the_first_frame_and_holds_both_ends() -> None:
    times = np.array([500, 600, 700, 800])
    assert frames_between(times, 100, 200).tolist() == [600, 700]
    assert frames_between(times, None, 100).tolist() == [500, 600]
    assert frames_between(times, None, None).tolist() == times.tolist()
    with pytest.raises(UserError, match="1 frames lie between start and end"):
        frames_between(times, 250, None)


def test_the_capture_rate_is_that_of_the_median_gap() -> None:
    assert capture_rate(np.array([0, 40_000, 80_000, 500_000])) == 25
    with pytest.raises(UserError, match="two frames"):
        capture_rate(np.array([1]))
