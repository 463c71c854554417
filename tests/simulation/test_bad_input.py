"""What the simulator refuses, in one line each."""

import numpy as np
import pytest

from evfi.errors import UserError
from evfi.simulation.options import SimulationOptions
from evfi.simulation.simulate import Simulator, simulate
from evfi.types import SensorSize

FRAME = np.zeros((4, 6), np.uint8)
ESIM = SimulationOptions(preset="esim_py")


def _with_nan():
    frames = np.full((3, 4, 6), 10.0, np.float32)
    frames[1, 2, 3] = np.nan
    return frames


@pytest.mark.parametrize(
    ("frames", "t_us", "said"),
    [
        ([FRAME], [0], "at least two frames, got 1"),
        ([], [], "at least two frames, got 0"),
        ([FRAME, FRAME[:, :5]], [0, 1], r"frame 1 has shape \(4, 5\), expected \(4, 6\)"),
        ([FRAME, np.zeros((4, 6, 3), np.uint8)[..., :2]], [0, 1], "frame 1 has shape"),
        (np.zeros((2, 6), np.uint8), [0, 1], r"expected frames of shape \(H, W\)"),
        ([FRAME, FRAME], [5, 5], r"increase: t_us\[1\] = 5 comes after 5"),
        ([FRAME, FRAME, FRAME], [0, 9, 3], r"increase: t_us\[2\] = 3 comes after 9"),
        ([FRAME, FRAME], [0, 1, 2], "2 frames need as many times"),
        ([FRAME, FRAME], [0.0, 0.5], "whole microseconds, got float64"),
        (np.zeros((2, 4, 6), np.uint16), [0, 1], "frame 0 is uint16.*expected uint8"),
        (np.zeros((2, 4, 6, 3), np.float32), [0, 1], "frame 0 is float32 of shape"),
        ([FRAME, FRAME.astype(np.float32)], [0, 1], "frame 1 is float32 and those before it uint8"),
        (_with_nan(), [0, 1, 2], "frame 1 has NaN"),
        (np.full((2, 4, 6), 255.5), [0, 1], r"frame 0 has values from 255.5.*\[0, 255\]"),
        (np.full((2, 4, 6), -1.0), [0, 1], "frame 0 has values from -1"),
        (np.zeros((2, 0, 6), np.uint8), [0, 1], "sensor of 6x0"),
        ([FRAME, FRAME + 1], [0, 2**31], "more than 2147483647 us apart"),
    ],
)
def test_video_that_cannot_be_simulated_is_refused(frames, t_us, said):
    with pytest.raises(UserError, match=said) as caught:
        simulate(frames, t_us, ESIM)
    assert "\n" not in str(caught.value)


def test_a_chunk_must_go_on_where_the_last_one_ended():
    simulator = Simulator(SensorSize(height=4, width=6), ESIM)
    simulator.feed([FRAME, FRAME], [10, 20])
    with pytest.raises(UserError, match=r"t_us\[0\] = 20 comes after 20"):
        simulator.feed([FRAME], [20])
    with pytest.raises(UserError, match="float32 and those before it uint8"):
        simulator.feed([FRAME.astype(np.float32)], [30])
    with pytest.raises(UserError, match=r"frame 0 has shape \(5, 6\)"):
        simulator.feed([np.zeros((5, 6), np.uint8)], [30])


def test_a_refused_chunk_changes_nothing():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, 4, 6), dtype=np.uint8)
    simulator = Simulator(SensorSize(height=4, width=6), ESIM)
    before = simulator.feed(frames[:2], [0, 1000])
    with pytest.raises(UserError):
        simulator.feed(frames[2:], [2000, 1500])
    after = simulator.feed(frames[2:], [2000, 3000])
    whole = simulate(frames, np.arange(4) * 1000, ESIM)
    np.testing.assert_array_equal(np.concatenate([before.t, after.t]), whole.t)


def test_a_sensor_too_large_for_its_coordinates_is_refused():
    with pytest.raises(UserError, match="65536 pixels"):
        Simulator(SensorSize(height=1, width=70_000), ESIM)
