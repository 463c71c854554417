"""Requested times and the frames around them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import UserError
from evfi.inference.windows import Window, capture_rate, times_of_factor, windows_at

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


@settings(max_examples=60, deadline=None, derandomize=True)
@given(times=frame_times, factor=st.integers(2, 40))
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
    with pytest.raises(UserError, match="100 µs and after it are 3 µs apart"):
        times_of_factor(np.array([0, 100, 103]), 4)


def test_the_capture_rate_is_that_of_the_median_gap() -> None:
    assert capture_rate(np.array([0, 40_000, 80_000, 500_000])) == 25
    with pytest.raises(UserError, match="two frames"):
        capture_rate(np.array([1]))
