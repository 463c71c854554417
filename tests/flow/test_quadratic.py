from pathlib import Path

import numpy as np
import pytest

from evfi.flow.quadratic import flow_at


def test_motion_between_four_frames_is_that_of_the_released_fit(golden: Path) -> None:
    with np.load(golden / "wevi_motion.npz", allow_pickle=False) as stored:
        flows = {name: stored[name] for name in stored}
    for number, tau in enumerate(flows["times"]):
        ours0 = flow_at(float(tau), flows["flow_0_to_prev_xy"], flows["flow_0_to_1_xy"])
        ours1 = flow_at(1 - float(tau), flows["flow_1_to_next_xy"], flows["flow_1_to_0_xy"])
        np.testing.assert_allclose(ours0, flows["flow_0_to_t_xy"][number], atol=1e-5)
        np.testing.assert_allclose(ours1, flows["flow_1_to_t_xy"][number], atol=1e-5)


@pytest.mark.parametrize("tau", [0.0, 0.25, 1.0])
def test_constant_acceleration_is_followed_exactly(tau: float) -> None:
    velocity, acceleration = np.array([3.0, -2.0]), np.array([1.0, 0.5])

    def position(time: float) -> np.ndarray:
        return velocity * time + acceleration * time * time / 2

    found = flow_at(tau, position(-1), position(1))
    np.testing.assert_allclose(found, position(tau), atol=1e-5)


def test_without_a_previous_frame_the_velocity_is_constant() -> None:
    np.testing.assert_allclose(flow_at(0.25, None, np.array([4.0, -8.0])), [1.0, -2.0])
