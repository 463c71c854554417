"""Interpolation from flow alone."""

import cv2
import numpy as np
import pytest

from evfi.errors import UserError
from evfi.flow.dis import DisFlow
from evfi.flow.interpolate import interpolate_pair
from evfi.flow.interpolation_kernels import halve


def _texture(height, width, seed, channels=1):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5).reshape(height, width, channels)
    low, high = smooth.min(), smooth.max()
    image = ((smooth - low) / (high - low) * 255).astype(np.uint8)
    return image[..., 0] if channels == 1 else image


def _constant_flow(shape, dx, dy):
    return np.broadcast_to(np.float32([dx, dy]), (*shape[:2], 2)).copy()


def _psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))


class _Square:
    """A textured square that moves over a textured background, with its exact flow and frames at any tau."""

    size, top, left, step = 24, 20, 12, 16

    def __init__(self):
        self.background, self.texture = _texture(64, 96, 1), _texture(self.size, self.size, 2)

    def at(self, tau):
        frame = self.background.copy()
        left = self.left + round(self.step * tau)
        frame[self.top : self.top + self.size, left : left + self.size] = self.texture
        return frame

    def flow(self, tau, sign):
        flow = np.zeros((64, 96, 2), np.float32)
        left = self.left + round(self.step * tau)
        flow[self.top : self.top + self.size, left : left + self.size, 0] = sign * self.step
        return flow


@pytest.mark.parametrize("channels", [1, 3])
def test_a_moving_picture_is_found_where_it_is_in_between(channels):
    wide = _texture(40, 80, 3, channels)
    frame0, frame1, middle = (np.ascontiguousarray(wide[:, left : left + 64]) for left in (8, 0, 4))
    flow = _constant_flow(frame0.shape, 8, 0)
    found = interpolate_pair(frame0, frame1, flow, -flow, [0.5])
    assert found.shape == (1, *frame0.shape)
    assert found.dtype == np.float32
    assert np.abs(found[0] - middle)[:, 8:-8].max() < 1


def test_views_of_images_and_flows_work_too():
    frame0, frame1 = _texture(24, 32, 11, 3), _texture(24, 32, 12, 3)
    flow = np.random.default_rng(0).normal(0, 2, (24, 32, 2)).astype(np.float32)
    views = [array[::-1, ::-1] for array in (frame0, frame1, flow, -flow)]
    found = interpolate_pair(*views, [0.4])
    np.testing.assert_array_equal(found, interpolate_pair(*(view.copy() for view in views), [0.4]))


def test_at_the_ends_the_frames_themselves_come_back():
    frame0, frame1 = _texture(32, 48, 4), _texture(32, 48, 5)
    found = interpolate_pair(frame0, frame1, DisFlow()(frame0, frame1), DisFlow()(frame1, frame0), [0, 1], hedge=0)
    np.testing.assert_allclose(found, np.stack([frame0, frame1]), atol=0.01)


def test_swapping_the_frames_mirrors_time():
    scene = _Square()
    frame0, frame1, there, back = scene.at(0), scene.at(1), scene.flow(0, 1), scene.flow(1, -1)
    forward = interpolate_pair(frame0, frame1, there, back, [0.25])
    backward = interpolate_pair(frame1, frame0, back, there, [0.75])
    np.testing.assert_allclose(forward, backward, atol=0.01)


@pytest.mark.parametrize("tau", [0.25, 0.5, 0.75])
def test_ground_that_one_frame_hides_is_taken_from_the_other(tau):
    scene = _Square()
    found = interpolate_pair(scene.at(0), scene.at(1), scene.flow(0, 1), scene.flow(1, -1), [tau], hedge=0)[0]
    truth = scene.at(tau)
    rows = slice(scene.top + 2, scene.top + scene.size - 2)
    left, right = scene.left + round(scene.step * tau), scene.left + scene.size + round(scene.step * tau)
    uncovered, still_visible = (
        slice(scene.left + 1, left - 1),
        slice(right + 1, scene.left + scene.step + scene.size - 1),
    )
    plain = (1 - tau) * scene.at(0) + tau * scene.at(1)
    for part in (uncovered, still_visible):
        error, plain_error = (np.abs(image[rows, part] - truth[rows, part]).mean() for image in (found, plain))
        # the hidden frame keeps a share (the flow may be what is wrong), so the error does not vanish
        assert error < 0.6 * plain_error, f"{error:.1f} gray levels, plain blend {plain_error:.1f}"
    assert _psnr(found, truth) > _psnr(plain, truth) + 6


def test_the_hedge_moves_doubtful_pixels_towards_the_plain_blend():
    frame0, frame1 = _texture(48, 48, 6), _texture(48, 48, 7)  # nothing in one is found in the other
    flow01, flow10 = DisFlow()(frame0, frame1), DisFlow()(frame1, frame0)
    plain = (frame0.astype(np.float32) + frame1) / 2
    distances = [
        np.abs(interpolate_pair(frame0, frame1, flow01, flow10, [0.5], hedge=hedge)[0] - plain).mean()
        for hedge in (0, 0.35, 1)
    ]
    assert distances[0] > distances[1] > distances[2]


def test_values_stay_between_black_and_white():
    frame0, frame1 = (np.where(_texture(32, 32, seed) > 127, 255, 0).astype(np.uint8) for seed in (8, 9))
    found = interpolate_pair(frame0, frame1, DisFlow()(frame0, frame1), DisFlow()(frame1, frame0), [0.3, 0.6])
    assert found.min() >= 0
    assert found.max() <= 255


@pytest.mark.parametrize("shape", [(2, 2), (4, 6), (16, 28), (34, 50)])
def test_sums_are_halved_bit_for_bit_as_opencv_does_it(shape):
    rng = np.random.default_rng(0)
    sums = (rng.normal(0, 1, (*shape, 4)) * rng.choice([1e-8, 1, 100], (*shape, 1))).astype(np.float32)
    found = np.empty((shape[0] // 2, shape[1] // 2, 3), np.float32)
    halve(sums, found)
    expected = cv2.resize(np.ascontiguousarray(sums[..., :3]), found.shape[1::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(found, expected.reshape(found.shape))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (2, 3)])
def test_tiny_frames_work(shape):
    frame = np.full(shape, 100, np.uint8)
    flow = _constant_flow(shape, 0.5, -0.5)
    np.testing.assert_allclose(interpolate_pair(frame, frame, flow, -flow, [0.5]), 100, atol=1e-3)


def test_motion_out_of_the_picture_is_filled_from_the_frame_that_shows_it():
    wide = _texture(40, 96, 10)
    frame0, frame1, middle = (np.ascontiguousarray(wide[:, left : left + 64]) for left in (24, 0, 12))
    flow = _constant_flow(frame0.shape, 24, 0)
    found = interpolate_pair(frame0, frame1, flow, -flow, [0.5])[0]
    assert np.abs(found - middle)[:, :12].mean() < 2  # not in frame0
    assert np.abs(found - middle)[:, -12:].mean() < 2  # not in frame1


def test_a_strip_that_leaves_the_picture_is_carried_out_though_nothing_confirms_its_motion():
    ground, strip = _texture(40, 80, 13), _texture(40, 24, 14)
    frame0, middle = ground.copy(), ground.copy()
    frame0[:, :24], middle[:, :12] = strip, strip[:, 12:]
    flow01 = _constant_flow(frame0.shape, 0, 0)
    flow01[:, :24, 0] = -24
    found = interpolate_pair(frame0, ground, flow01, np.zeros_like(flow01), [0.5], hedge=0)[0]
    assert np.abs(found - middle)[:, 1:11].mean() < 2


def test_real_frames_come_back_better_than_by_blending(real_data):
    folder = real_data / "gopro240"
    images = [cv2.imread(str(folder / f"{number:06d}.png")) for number in range(1, 10)]
    small = [cv2.cvtColor(cv2.resize(i, (480, 270), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB) for i in images]
    flow = DisFlow()
    taus = [k / 8 for k in range(1, 8)]
    found = interpolate_pair(small[0], small[8], flow(small[0], small[8]), flow(small[8], small[0]), taus)
    by_flow = np.mean([_psnr(frame, truth) for frame, truth in zip(found, small[1:8], strict=True)])
    by_blend = np.mean(
        [_psnr((1 - tau) * small[0] + tau * small[8], truth) for tau, truth in zip(taus, small[1:8], strict=True)]
    )
    assert by_flow > by_blend + 6, f"flow {by_flow:.2f} dB, blend {by_blend:.2f} dB"


def test_shapes_that_do_not_belong_together_and_flows_that_are_not_finite_are_refused():
    frame, flow = np.zeros((8, 9), np.uint8), np.zeros((8, 9, 2), np.float32)
    with pytest.raises(UserError, match=r"two frames.*\(8, 9\), \(9, 8\)"):
        interpolate_pair(frame, frame.T, flow, flow, [0.5])
    with pytest.raises(UserError, match=r"flows \(8, 9, 2\)"):
        interpolate_pair(frame, frame, flow[:7], flow, [0.5])
    for value in (np.nan, np.inf):
        broken = flow.copy()
        broken[3, 4, 1] = value
        with pytest.raises(UserError, match="no numbers"):
            interpolate_pair(frame, frame, flow, broken, [0.5])
    with pytest.raises(UserError, match=r"tau.*1\.5"):
        interpolate_pair(frame, frame, flow, flow, [1.5])
    with pytest.raises(UserError, match="hedge"):
        interpolate_pair(frame, frame, flow, flow, [0.5], hedge=2)
