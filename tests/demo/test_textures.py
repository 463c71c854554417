"""Textures cut from scikit-image's photographs."""

import numpy as np
import pytest

from evfi.demo import textures
from evfi.demo.textures import BACKGROUNDS, PHOTOGRAPHS, TEXELS_PER_PIXEL, Outline, background_texture, photograph
from evfi.errors import MissingInputError


def test_no_photograph_serves_both_splits():
    assert not set(PHOTOGRAPHS["train"]) & set(PHOTOGRAPHS["test"])
    scenes = [{name.split("_")[0] for name in PHOTOGRAPHS[split]} for split in ("train", "test")]
    assert not scenes[0] & scenes[1]


@pytest.mark.parametrize("split", ["train", "test"])
def test_backgrounds_are_photographs_of_their_split(split):
    assert set(BACKGROUNDS[split]) <= set(PHOTOGRAPHS[split])


@pytest.mark.parametrize("name", [name for split in PHOTOGRAPHS.values() for name in split])
def test_every_photograph_is_shipped_and_keeps_off_black_and_white(name):
    colour, gray = photograph(name, False), photograph(name, True)
    assert colour.shape == (*gray.shape[:2], 3)
    assert min(colour.min(), gray.min()) >= 0.08 - 1e-6
    assert max(colour.max(), gray.max()) <= 0.88 + 1e-6
    assert gray.std() > 0.03


def test_a_photograph_that_is_not_shipped_is_named():
    with pytest.raises(MissingInputError, match=r"nowhere\.png.*install scikit-image"):
        photograph("nowhere.png", True)


def test_a_background_larger_than_its_photograph_is_mirrored_without_borders():
    picture = np.full((20, 20, 1), 0.5, np.float32)
    texture = background_texture(picture, 1.0, (9.5, 9.5), 60.0, 40.0)
    assert texture.shape == (2 * 40 * TEXELS_PER_PIXEL, 2 * 60 * TEXELS_PER_PIXEL, 1)
    np.testing.assert_allclose(texture, 0.5, atol=1e-6)


def test_detail_finer_than_a_pixel_is_averaged_away():
    stripes = np.tile(np.array([0.2, 0.8], np.float32), (64, 32))[..., None]
    texture = background_texture(stripes, 2.0, (31.5, 31.5), 12.0, 12.0)
    np.testing.assert_allclose(texture, 0.5, atol=0.02)


def test_an_outlines_depth_is_positive_inside_and_negative_outside():
    outline = Outline(radius_px=10, amplitude=(0.1, 0.05), phase=(0.3, 1.0))
    angle = np.linspace(-3, 3, 50)
    radius = 10 * (1 + 0.1 * np.cos(2 * angle + 0.3) + 0.05 * np.cos(3 * angle + 1.0))
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    np.testing.assert_allclose(outline.depth(x, y), 0, atol=1e-9)
    assert (outline.depth(0.9 * x, 0.9 * y) > 0.5).all()
    assert (outline.depth(1.1 * x, 1.1 * y) < -0.5).all()
    assert np.hypot(x, y).max() <= outline.reach_px()


def test_a_sprite_is_opaque_inside_clear_outside_and_soft_at_its_edge():
    outline = Outline(radius_px=10, amplitude=(), phase=())
    picture = np.full((60, 60, 3), 0.5, np.float32)
    sprite = textures.sprite_texture(picture, 1.0, (30, 30), outline, 84)
    colour, alpha = sprite[..., :3], sprite[..., 3]
    assert alpha[42, 42] > 0.999
    assert alpha[0].max() == 0
    assert (colour <= alpha[..., None] * 0.5 + 1e-6).all()
    edge = alpha[42, 42:]
    assert (np.diff(edge) <= 1e-6).all()
    soft_px = ((edge > 0.1) & (edge < 0.9)).sum() / TEXELS_PER_PIXEL
    assert 0.5 <= soft_px <= 2
