"""The compiled renderer against a plain one, and what makes its pictures right."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.demo.paths import CameraPath, Light, Waves
from evfi.demo.render import render, render_exposure, render_moments, to_uint8
from evfi.demo.scene import Scene, draw_scene
from evfi.errors import UserError
from evfi.types import SensorSize

SIZE = SensorSize(height=36, width=48)


def drawn(seed: int, gray: bool = False, split: str = "test") -> Scene:
    return draw_scene(seed=seed, split=split, sensor_size=SIZE, duration_us=1_000_000, frames_per_second=30, gray=gray)


def still(value: float) -> Waves:
    return Waves(value, np.zeros(1), np.zeros(1), np.zeros(1))


def plain_picture(scene: Scene, t_us: float) -> np.ndarray:
    """Layer by layer, in float64, with NumPy's own means only."""
    y, x = np.mgrid[: SIZE.height, : SIZE.width].astype(np.float64)
    out = np.zeros(())
    layers = [scene.background, *scene.sprites]
    for m, texture in zip(scene.texture_from_screen(t_us)[0], layers, strict=True):
        u, v, w = np.moveaxis(np.stack([x, y, np.ones_like(x)], -1) @ m.T, -1, 0)
        texels = plain_bilinear(texture.astype(np.float64), u / w, v / w)
        out = texels if texture is scene.background else out * (1 - texels[..., -1:]) + texels[..., :-1]
    level, slope_x, slope_y = scene.light.at([t_us])[0]
    gain = level + slope_x * (x - (SIZE.width - 1) / 2) / SIZE.width
    gain += slope_y * (y - (SIZE.height - 1) / 2) / SIZE.height
    return out * gain[..., None]


def plain_bilinear(texture: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    rows, columns = texture.shape[:2]
    inside = (u >= 0) & (v >= 0) & (u < columns - 1) & (v < rows - 1)
    u, v = np.where(inside, u, 0), np.where(inside, v, 0)
    c, r = u.astype(int), v.astype(int)
    right, low = (u - c)[..., None], (v - r)[..., None]
    top = texture[r, c] * (1 - right) + texture[r, c + 1] * right
    bottom = texture[r + 1, c] * (1 - right) + texture[r + 1, c + 1] * right
    return (top * (1 - low) + bottom * low) * inside[..., None]


@given(seed=st.integers(0, 200), t_us=st.floats(0, 1e6), gray=st.booleans())
@settings(max_examples=15, deadline=None, derandomize=True)
def test_the_compiled_renderer_equals_the_plain_one(seed, t_us, gray):
    scene = drawn(seed, gray)
    np.testing.assert_allclose(render(scene, t_us), plain_picture(scene, t_us), atol=2e-5)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_camera_never_sees_the_end_of_its_texture(split):
    y, x = np.array([[0, 0], [0, SIZE.width - 1], [SIZE.height - 1, 0], [SIZE.height - 1, SIZE.width - 1]]).T
    for seed in range(10):
        scene = drawn(seed, split=split)
        rows, columns = scene.background.shape[:2]
        for m in scene.texture_from_screen(np.linspace(0, scene.duration_us, 97))[:, 0]:
            u, v, w = m @ np.stack([x, y, np.ones_like(x)])
            assert (u / w).min() >= 0
            assert (v / w).min() >= 0
            assert (u / w).max() < columns - 1
            assert (v / w).max() < rows - 1


def test_pictures_are_neither_black_nor_clipped():
    for seed in range(5):
        picture = render(drawn(seed), 300_000)
        assert picture.min() > 0.03
        assert picture.max() < 1.0


def test_equal_seeds_give_equal_pictures_and_other_seeds_others():
    first, again, other = (render(drawn(seed), 123_456) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.02


def test_an_exposure_is_the_mean_of_its_moments():
    scene = drawn(3)
    blurred = render_exposure(scene, 100_000, 104_000)
    moments = render_moments(scene, np.array([100_500.0, 101_500.0, 102_500.0, 103_500.0]))
    np.testing.assert_allclose(blurred, moments.mean(axis=0), atol=1e-6)


def test_the_moments_of_an_exposure_are_dense_enough():
    scene = drawn(6)
    blurred = render_exposure(scene, 200_000, 210_000)
    dense = render_moments(scene, np.linspace(200_025, 209_975, 200)).mean(axis=0)
    assert np.abs(blurred - dense).max() < 1.5 / 255


def test_an_empty_exposure_is_refused():
    with pytest.raises(UserError, match=r"\[5, 5\) is empty"):
        render_exposure(drawn(1), 5, 5)


def test_sharpness_does_not_depend_on_the_sub_pixel_phase():
    scene = drawn(2, gray=True)
    sharpness = []
    for shift in np.arange(0, 1, 0.125):
        camera = CameraPath(still(shift), still(shift), still(0.0), still(0.0), still(0.0), still(0.0))
        alone = dataclasses.replace(scene, camera=camera, sprites=scene.sprites[:0], paths=())
        picture = render(alone, 0)[..., 0]
        sharpness.append(np.abs(np.diff(picture, axis=1)).mean())
    assert np.ptp(sharpness) < 0.04 * np.mean(sharpness)


def test_a_nearer_sprite_hides_a_farther_one():
    scene = drawn(7)
    sheets = np.ones((2, 400, 400, 4), np.float32)
    sheets[1, ..., :3] = 0.25
    both = dataclasses.replace(
        scene, sprites=sheets, paths=scene.paths[:2], light=Light(still(1.0), still(0.0), still(0.0))
    )
    np.testing.assert_allclose(render(both, 0)[SIZE.height // 2, SIZE.width // 2], 0.25, atol=1e-6)


def test_eight_bits_round_to_nearest_after_the_noise_and_clip():
    picture = np.array([[[0.5], [0.0], [1.0]]], np.float32)
    assert to_uint8(picture).ravel().tolist() == [128, 0, 255]
    noise = np.array([[[2.0], [-3.0], [4.0]]], np.float32)
    assert to_uint8(picture, noise).ravel().tolist() == [130, 0, 255]
