"""Smooth paths of the camera and the sprites."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.demo.drawing import Speeds, draw_camera, draw_light, draw_sprite_path
from evfi.demo.paths import Waves
from evfi.types import SensorSize

SIZE = SensorSize(height=96, width=128)


def test_waves_are_sums_of_sines_in_seconds():
    waves = Waves(2.0, np.array([3.0, 0.5]), np.array([0.25, 2.0]), np.array([0.0, 0.7]))
    expected = 2 + 3 * np.sin(2 * np.pi * 0.25 * 1.5) + 0.5 * np.sin(2 * np.pi * 2 * 1.5 + 0.7)
    np.testing.assert_allclose(waves.at([1_500_000.0]), [expected])


@given(seed=st.integers(0, 10_000), t_us=st.floats(0, 6e6))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_motion_has_no_jumps(seed, t_us):
    rng = np.random.default_rng(seed)
    speeds = Speeds.drawn(rng, SIZE, 30)
    camera, sprite = draw_camera(rng, SIZE, speeds), draw_sprite_path(rng, SIZE, speeds, 0, 4)
    near = [t_us, t_us + 1_000]
    for maps in (camera.world_from_screen(near), sprite.screen_from_sprite(near)):
        corner = maps @ np.array([40.0, 30.0, 1.0])
        places = corner[:, :2] / corner[:, 2:]
        assert np.hypot(*(places[1] - places[0])) < 1.0


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_sprites_stay_in_or_near_the_picture(seed):
    rng = np.random.default_rng(seed)
    path = draw_sprite_path(rng, SIZE, Speeds.drawn(rng, SIZE, 30), 1, 4)
    maps = path.screen_from_sprite(np.linspace(0, 6e6, 200))
    assert np.abs(maps[:, 0, 2]).max() < SIZE.width / 2
    assert np.abs(maps[:, 1, 2]).max() < SIZE.height / 2


@given(seed=st.integers(0, 10_000), t_us=st.floats(0, 6e6))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_light_keeps_radiance_below_white(seed, t_us):
    level, slope_x, slope_y = draw_light(np.random.default_rng(seed)).at([t_us])[0]
    brightest = level + abs(slope_x) / 2 + abs(slope_y) / 2
    darkest = level - abs(slope_x) / 2 - abs(slope_y) / 2
    assert 0.6 < darkest < brightest < 1 / 0.88
