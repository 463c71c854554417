"""The background-activity filter against its plain twin, and against events whose fate is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import UserError
from evfi.representation.background import supported, supported_plain
from evfi.types import SensorSize

SIZE = SensorSize(height=5, width=6)


@settings(derandomize=True, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 60),
    span_us=st.integers(1, 400),
    within_us=st.integers(1, 100),
)
def test_the_kernel_agrees_with_the_definition(seed: int, count: int, span_us: int, within_us: int) -> None:
    rng = np.random.default_rng(seed)
    pixel = rng.integers(0, SIZE.height * SIZE.width, count)
    t = np.sort(rng.integers(-span_us, span_us, count)) + 1_700_000_000_000_000
    found = supported(pixel, t, SIZE, within_us=within_us)
    np.testing.assert_array_equal(found, supported_plain(pixel, t, SIZE, within_us=within_us))


def test_neighbours_in_space_and_time_support_and_nothing_else_does() -> None:
    """In order: alone; itself again; beside it in time; too late; across the sensor's edge, which is no neighbour."""
    places = [(0, 5), (0, 5), (1, 4), (2, 4), (1, 0)]
    pixel = np.array([y * SIZE.width + x for y, x in places])
    t = np.array([0, 10, 60, 111, 112])
    assert supported(pixel, t, SIZE, within_us=50).tolist() == [False, False, True, False, False]
    assert supported(pixel, t, SIZE, within_us=51).tolist() == [False, False, True, True, False]


def test_of_equal_times_the_earlier_in_order_supports_the_later() -> None:
    assert supported(np.array([0, 1]), np.array([7, 7]), SIZE, within_us=1).tolist() == [False, True]


@pytest.mark.parametrize("function", [supported, supported_plain])
def test_a_time_below_one_microsecond_is_refused(function) -> None:
    with pytest.raises(UserError, match="at least 1 µs, got 0"):
        function(np.array([0]), np.array([0]), SIZE, within_us=0)
