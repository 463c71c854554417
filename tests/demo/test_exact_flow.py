"""Exact flow against the motion that is seen in rendered pictures."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.demo.exact_flow import HIDDEN, OUTSIDE, VISIBLE, exact_flow
from evfi.demo.paths import Light, Waves
from evfi.demo.render import render
from evfi.demo.scene import Scene, draw_scene
from evfi.types import SensorSize

SIZE = SensorSize(height=96, width=128)
STILL = Waves(1.0, np.zeros(1), np.zeros(1), np.zeros(1))
NO_SLOPE = Waves(0.0, np.zeros(1), np.zeros(1), np.zeros(1))


def drawn(seed: int, split: str = "test") -> Scene:
    """A scene in steady light, so that a surface keeps its value."""
    scene = draw_scene(seed=seed, split=split, sensor_size=SIZE, duration_us=400_000, frames_per_second=30, gray=True)
    return dataclasses.replace(scene, light=Light(STILL, NO_SLOPE, NO_SLOPE))


def smoothed(scene: Scene) -> Scene:
    """The same scene with coarser surfaces (outlines unchanged), so that the test's own warp adds little error."""
    background = cv2.GaussianBlur(scene.background, (0, 0), 3)[..., None]
    blurred = np.stack([cv2.GaussianBlur(sprite, (0, 0), 3) for sprite in scene.sprites])
    alpha = scene.sprites[..., 1]
    colour = blurred[..., 0] / np.maximum(blurred[..., 1], 1e-6) * alpha
    return dataclasses.replace(scene, background=background, sprites=np.stack([colour, alpha], axis=-1))


def warped(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The picture read at p + flow."""
    y, x = np.mgrid[: SIZE.height, : SIZE.width].astype(np.float32)
    return cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC)


def away_from_edges(fate: np.ndarray) -> np.ndarray:
    """Visible pixels whose neighbourhood is visible too: at an outline a pixel mixes two surfaces."""
    return cv2.erode((fate == VISIBLE).astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=0).astype(bool)


def outlines(scene: Scene, t_us: float) -> np.ndarray:
    """Pixels near any sprite's outline, found by painting sprites white on black."""
    sprites = scene.sprites.copy()
    near = np.zeros((SIZE.height, SIZE.width), bool)
    for layer in range(len(sprites)):
        alpha = sprites[layer : layer + 1].copy()
        alpha[..., 0] = alpha[..., 1]
        alone = dataclasses.replace(
            scene, background=np.zeros_like(scene.background), sprites=alpha, paths=scene.paths[layer : layer + 1]
        )
        cover = render(alone, t_us)[..., 0]
        near |= cv2.dilate(((cover > 0.01) & (cover < 0.99)).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    return near


@pytest.mark.parametrize(("from_us", "to_us"), [(50_000, 83_333), (83_333, 50_000), (50_000, 250_000)])
@pytest.mark.parametrize(("seed", "split"), [(0, "train"), (1, "test"), (2, "test"), (3, "train")])
def test_warping_by_the_flow_gives_the_rendered_picture(seed, split, from_us, to_us):
    scene = smoothed(drawn(seed, split))
    there = exact_flow(scene, from_us, to_us)
    expected = render(scene, from_us)[..., 0]
    seen = warped(render(scene, to_us)[..., 0], there.flow)
    compared = away_from_edges(there.fate) & ~outlines(scene, from_us)
    compared &= ~(warped(outlines(scene, to_us).astype(np.float32), there.flow) > 0)
    error = np.abs(seen - expected)[compared] * 255
    without = np.abs(render(scene, to_us)[..., 0] - expected)[compared] * 255
    assert compared.mean() > 0.2
    assert np.percentile(error, 99) < 2
    assert error.mean() < 0.05 * without.mean()


@given(seed=st.integers(0, 30), from_us=st.integers(0, 400_000), to_us=st.integers(0, 400_000))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_going_there_and_back_ends_where_it_began(seed, from_us, to_us):
    scene = drawn(seed)
    there, back = exact_flow(scene, from_us, to_us), exact_flow(scene, to_us, from_us)
    y, x = np.mgrid[: SIZE.height, : SIZE.width].astype(np.float32)
    returned = np.dstack([warped(back.flow[..., k], there.flow) for k in (0, 1)])
    inner = away_from_edges(there.fate) & away_from_edges(back.fate)
    landed = warped(inner.astype(np.float32), there.flow) > 0.999
    sure = inner & landed & (x + there.flow[..., 0] < SIZE.width - 4) & (y + there.flow[..., 1] < SIZE.height - 4)
    off = np.hypot(*np.moveaxis(there.flow + returned, -1, 0))[sure]
    # Where an outline lies within the cubic kernel, the backward flow mixes two surfaces.
    assert off.size == 0 or np.median(off) < 1e-2


def test_no_time_between_gives_no_flow_and_everything_visible():
    same = exact_flow(drawn(5), 77_000, 77_000)
    np.testing.assert_allclose(same.flow, 0, atol=1e-4)
    assert (same.fate == VISIBLE).all()


def test_pixels_that_leave_the_picture_are_outside():
    for seed in range(4):
        there = exact_flow(drawn(seed), 0, 300_000)
        y, x = np.mgrid[: SIZE.height, : SIZE.width]
        x_to, y_to = x + there.flow[..., 0], y + there.flow[..., 1]
        gone = (x_to < -0.5) | (y_to < -0.5) | (x_to >= SIZE.width - 0.5) | (y_to >= SIZE.height - 0.5)
        np.testing.assert_array_equal(there.fate == OUTSIDE, gone)


def test_hidden_pixels_show_another_surface_at_the_other_time():
    different = []
    for seed in range(6):
        scene = drawn(seed)
        there = exact_flow(scene, 50_000, 150_000)
        hidden = there.fate == HIDDEN
        assert hidden.any()
        error = np.abs(warped(render(scene, 150_000)[..., 0], there.flow) - render(scene, 50_000)[..., 0])
        different.append(error[hidden].mean() / error[away_from_edges(there.fate)].mean())
    assert min(different) > 3
