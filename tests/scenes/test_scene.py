"""Scenes as pure functions of their seed: what they show, how far things move, and what lies between their frames."""

import numpy as np
import pytest

from evfi.demo.render import render_moments
from evfi.demo.textures import PHOTOGRAPHS
from evfi.io.scenes import WHITE
from evfi.scenes.masks import draw_mask
from evfi.scenes.options import SceneOptions
from evfi.scenes.pictures import PATTERNS, SCENE_PHOTOGRAPHS, draw_picture
from evfi.scenes.render import rendered
from evfi.scenes.scene import SceneSpec, drawn_scene, most_motion
from tests.scenes.conftest import SMALL


def spec(number: int, split: str = "train", **changes) -> SceneSpec:
    return SceneSpec.numbered(7, split, number, SMALL.replaced(**changes))


def test_the_same_seed_gives_the_same_scene_and_another_number_another() -> None:
    one, again, other = rendered(spec(3)), rendered(spec(3)), rendered(spec(4))
    np.testing.assert_array_equal(one.frames, again.frames)
    np.testing.assert_array_equal(one.moments, again.moments)
    assert one.seed == again.seed != other.seed
    assert one.frames.shape != other.frames.shape or (one.frames != other.frames).any()


def test_a_scene_can_be_looked_at_any_moment_and_a_frame_without_blur_is_that_moment() -> None:
    scene, timing, first_us = drawn_scene(spec(1, camera_px=(0.01, 0.02), layer_px=(0.01, 0.02)))
    assert timing.steps == 2
    assert timing.half_exposure == 0
    frames = rendered(spec(1, camera_px=(0.01, 0.02), layer_px=(0.01, 0.02))).frames
    seen = render_moments(scene, first_us + timing.frame_us.astype(np.float64))
    np.testing.assert_array_equal(frames, np.clip(np.rint(seen * np.float32(255)), 0, 255).astype(np.uint8))


def test_no_point_in_sight_moves_by_much_more_than_a_pixel_between_two_moments() -> None:
    """Events between moments lie on straight lines of log intensity: moments further apart would be wrong."""
    ways = []
    for number in range(12):
        scene, timing, first_us = drawn_scene(spec(number))
        at_us = (first_us + timing.frame_us).astype(np.float64)
        fine_us = (first_us + timing.moment_us).astype(np.float64)
        assert most_motion(scene, at_us) <= 2 * SMALL.layer_px[1] + SMALL.max_steps
        if timing.steps < SMALL.max_steps:
            ways.append(most_motion(scene, fine_us))
    assert len(ways) > 5
    assert max(ways) < 2
    assert np.mean(ways) < 1


def test_a_frame_is_the_mean_of_the_moments_around_it() -> None:
    numbers = (number for number in range(40) if drawn_scene(spec(number, gray_share=1))[1].half_exposure > 0)
    found = rendered(spec(next(numbers), gray_share=1))
    steps = int(np.searchsorted(found.moment_us, found.t_us[1]))
    half = int(found.exposure_us // (found.moment_us[1] - found.moment_us[0])) // 2
    around = found.moments[3 * steps - half : 3 * steps + half + 1]
    mean = around.mean(axis=0) / 256
    inside = (around < WHITE).all(axis=0)
    assert inside.mean() > 0.9
    assert np.abs(found.frames[3, ..., 0] - mean)[inside].max() < 0.51


def test_scenes_are_gray_and_coloured_of_several_sizes_still_and_moving_bright_and_dim() -> None:
    found = [rendered(spec(number)) for number in range(24)]
    assert {each.frames.shape[3] for each in found} == {1, 3}
    assert {each.frames.shape[1:3] for each in found} == set(SMALL.sizes)
    changes = [float(np.abs(np.diff(each.moments.astype(np.int64), axis=0)).mean()) for each in found]
    assert max(changes) > 10 * min(changes)
    levels = [float(each.frames.mean()) for each in found]
    assert max(levels) > 2 * min(levels)
    assert len({int(each.t_us[1]) for each in found}) > 12


def test_scenes_to_measure_with_have_sizes_of_their_own() -> None:
    for split in ("validation", "test"):
        assert {rendered(spec(number, split)).frames.shape[1:3] for number in range(3)} == set(SMALL.measured_sizes)


def test_motion_is_not_uniform_in_time() -> None:
    scene, _, first_us = drawn_scene(spec(2, still_camera_share=0, camera_px=(1.0, 1.5)))
    x = scene.camera.x.at(first_us * np.arange(1, 18))
    speed = np.abs(np.diff(x))
    assert speed.max() > 1.1 * speed.min()


def test_training_validation_and_test_share_no_photograph() -> None:
    train, validation, test = (set(SCENE_PHOTOGRAPHS[split]) for split in ("train", "validation", "test"))
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert validation | test == set(PHOTOGRAPHS["test"])  # which the demo's networks never saw either
    assert set(PHOTOGRAPHS["train"]) < train


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_scene_to_measure_with_shows_a_held_out_photograph_behind_everything(split: str) -> None:
    for number in range(6):
        scene, _, _ = drawn_scene(spec(number, split, procedural_share=1.0))
        assert scene.photographs[0] in SCENE_PHOTOGRAPHS[split]
        assert set(scene.photographs[1:]) <= set(PATTERNS)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_pattern_is_radiance_with_something_to_see(name: str, channels: int) -> None:
    pictures = [PATTERNS[name](np.random.default_rng(seed), channels) for seed in range(4)]
    assert all(picture.shape[2] == channels and picture.dtype == np.float32 for picture in pictures)
    assert all(np.isfinite(picture).all() for picture in pictures)
    assert max(float(picture.std()) for picture in pictures) > 0.05


def test_pictures_stay_in_the_range_of_radiance() -> None:
    rng = np.random.default_rng(0)
    for procedural in (True, False) * 10:
        picture, _ = draw_picture(rng, "train", 3, procedural)
        assert picture.min() > 0
        assert picture.max() < 1


def test_every_mask_covers_something_and_leaves_its_border_empty() -> None:
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(40):
        mask = draw_mask(rng, 120)
        assert mask.max() > 0.3
        assert not mask[[0, -1]].any()
        assert not mask[:, [0, -1]].any()
        shares.append(float(mask.mean()))
    assert min(shares) < 0.08 < 0.3 < max(shares)


def test_transparent_layers_let_the_background_through() -> None:
    scene, _, _ = drawn_scene(spec(0, transparent_share=1.0))
    assert all(0.1 < layer[..., -1].max() <= 0.81 for layer in scene.sprites)


def test_options_whose_bounds_are_exchanged_are_refused() -> None:
    with pytest.raises(ValueError, match=r"camera_px: 2.0 must not exceed 1.0"):
        SceneOptions(camera_px=(2.0, 1.0))
