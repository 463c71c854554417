"""DIS flow behind the flow interface."""

import cv2
import numpy as np
import pytest

from evfi.errors import UserError
from evfi.flow.dis import DisFlow


def _texture(height, width, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8).reshape(height, width)


@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium", "fine"])
def test_a_shifted_picture_has_the_flow_of_its_shift_in_x_and_y(preset):
    wide = _texture(80, 100)
    a, b = wide[10:70, 10:90], wide[12:72, 7:87]  # what was at (x, y) is now at (x + 3, y - 2)
    flow = DisFlow(preset)(np.ascontiguousarray(a), np.ascontiguousarray(b))
    assert flow.shape == (60, 80, 2)
    assert flow.dtype == np.float32
    inner = np.median(flow[10:-10, 10:-10], axis=(0, 1))
    np.testing.assert_allclose(inner, [3, -2], atol=0.1)


def test_colour_frames_give_the_flow_of_their_luminance():
    a, b = _texture(48, 64, 1), _texture(48, 64, 2)
    colour = [np.repeat(image[..., None], 3, axis=2) for image in (a, b)]
    np.testing.assert_array_equal(DisFlow()(*colour), DisFlow()(a, b))


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (9, 200), (12, 30), (31, 17)])
def test_images_too_small_for_opencv_still_have_a_finite_flow(shape):
    flow = DisFlow()(_texture(*shape, seed=3), _texture(*shape, seed=4))
    assert flow.shape == (*shape, 2)
    assert np.isfinite(flow).all()


def test_views_of_images_work_too():
    a, b = _texture(48, 64, 1), _texture(48, 64, 2)
    colour = [np.repeat(image[..., None], 3, axis=2)[..., ::-1] for image in (a, b)]
    np.testing.assert_array_equal(DisFlow()(*colour), DisFlow()(a, b))
    small = [image[:, :20:2] for image in (a, b)]
    np.testing.assert_array_equal(DisFlow()(*small), DisFlow()(*(image.copy() for image in small)))


def test_the_same_frames_give_the_same_flow_whatever_was_computed_before():
    flow = DisFlow()
    a, b = _texture(64, 64, 5), _texture(64, 64, 6)
    first = flow(a, b)
    flow(b, a)
    np.testing.assert_array_equal(flow(a, b), first)


def test_frames_of_different_sizes_or_types_are_refused():
    with pytest.raises(UserError, match=r"one size.*\(8, 9\).*\(9, 8\)"):
        DisFlow()(np.zeros((8, 9), np.uint8), np.zeros((9, 8), np.uint8))
    with pytest.raises(UserError, match="uint16"):
        DisFlow()(np.zeros((8, 9), np.uint16), np.zeros((8, 9), np.uint8))  # pyright: ignore[reportArgumentType]


def test_an_unknown_preset_is_refused():
    with pytest.raises(UserError, match=r"preset.*'best'"):
        DisFlow("best")  # pyright: ignore[reportArgumentType]
