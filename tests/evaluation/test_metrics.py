"""Every metric against an implementation that is not ours, on random and on real images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from torch.nn.functional import conv3d, pad
from torchmetrics.functional.image import structural_similarity_index_measure

from evfi.errors import UserError
from evfi.evaluation.metrics import (
    PSNR_CEILING_DB,
    active_pixels,
    ie,
    ie_rms,
    psnr_active,
    psnr_float,
    psnr_u8,
    ssim_3d,
    ssim_gauss2d_mirror,
    ssim_gauss2d_valid,
)
from evfi.inference.quantise import quantised
from evfi.io.images import read_image
from evfi.types import Events, SensorSize


def noisy(target: np.ndarray, seed: int, level: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (target / 255 + rng.normal(0, level, target.shape)).astype(np.float32)


@pytest.fixture(params=["random", "real"])
def pair(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """A float frame that leaves [0, 1] here and there, and its uint8 target."""
    if request.param == "random":
        target = np.random.default_rng(3).integers(0, 256, (61, 83, 3), np.uint8)
        return noisy(target, 4), target
    folder: Path = request.getfixturevalue("real_data") / "vimeo90k" / "degraded" / "block"
    left, target = (read_image(folder / f"im000{number}.png") for number in (3, 4))
    return noisy(left, 5, 0.01), target


def test_psnr_float_equals_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    frame, target = pair
    expected = peak_signal_noise_ratio(target / 255, np.clip(frame.astype(np.float64), 0, 1), data_range=1)
    assert psnr_float(frame, target) == pytest.approx(expected, abs=1e-9)


def test_psnr_u8_equals_scikit_image_on_rounded_frames(pair: tuple[np.ndarray, np.ndarray]) -> None:
    frame, target = pair
    rounded = np.rint(np.clip(frame, 0, 1) * 255).astype(np.uint8)
    assert psnr_u8(frame, target) == pytest.approx(peak_signal_noise_ratio(target, rounded, data_range=255), abs=1e-6)


def test_ssim_equals_scikit_image_to_a_millionth(pair: tuple[np.ndarray, np.ndarray]) -> None:
    frame, target = pair
    expected = structural_similarity(
        target / 255,
        np.clip(frame.astype(np.float64), 0, 1),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        channel_axis=2,
    )
    assert ssim_gauss2d_valid(frame, target) == pytest.approx(expected, abs=1e-6)


def test_ssim_equals_torchmetrics_but_for_its_mirrored_border(pair: tuple[np.ndarray, np.ndarray]) -> None:
    frame, target = pair
    clamped = np.clip(frame.astype(np.float64), 0, 1)
    _, whole_map = structural_similarity_index_measure(
        torch.from_numpy(clamped).permute(2, 0, 1)[None],
        torch.from_numpy(target / 255).permute(2, 0, 1)[None],
        data_range=1.0,
        return_full_image=True,
    )
    inner = whole_map[..., 5:-5, 5:-5] if whole_map.shape[-2:] == target.shape[:2] else whole_map
    assert ssim_gauss2d_valid(frame, target) == pytest.approx(float(inner.mean()), abs=1e-6)


def test_mirrored_ssim_equals_torchmetrics_and_differs_from_the_cropped_one(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    frame, target = pair
    clamped = np.clip(frame.astype(np.float64), 0, 1)
    expected = structural_similarity_index_measure(
        torch.from_numpy(clamped).permute(2, 0, 1)[None],
        torch.from_numpy(target / 255).permute(2, 0, 1)[None],
        data_range=1.0,
    )
    assert ssim_gauss2d_mirror(frame, target) == pytest.approx(float(expected), abs=1e-6)
    assert ssim_gauss2d_mirror(frame, target) != pytest.approx(ssim_gauss2d_valid(frame, target), abs=1e-6)


def test_ssim_3d_equals_a_convolution_with_the_whole_cube(pair: tuple[np.ndarray, np.ndarray]) -> None:
    frame, target = (image[:60, :70] for image in pair)
    taps = torch.exp(-0.5 * (torch.arange(-5, 6, dtype=torch.float64) / 1.5) ** 2)
    cube = torch.einsum("i,j,k->ijk", taps, taps, taps)
    cube = (cube / cube.sum())[None, None]

    def mean(volume: torch.Tensor) -> torch.Tensor:
        return conv3d(pad(volume, (5,) * 6, mode="replicate"), cube)

    a, b = (
        torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None, None]
        for image in (np.clip(frame.astype(np.float64), 0, 1), target / 255)
    )
    u, v = mean(a), mean(b)
    contrast = (2 * (mean(a * b) - u * v) + 0.03**2) / (mean(a * a) - u * u + mean(b * b) - v * v + 0.03**2)
    expected = float(((2 * u * v + 0.01**2) / (u * u + v * v + 0.01**2) * contrast).mean())
    assert ssim_3d(frame, target) == pytest.approx(expected, abs=1e-6)


def test_ie_rms_is_the_root_of_scikit_images_mean_squared_error(pair: tuple[np.ndarray, np.ndarray]) -> None:
    frame, target = pair
    rounded = np.rint(np.clip(frame, 0, 1) * 255).astype(np.uint8)
    assert ie_rms(frame, target) == pytest.approx(np.sqrt(mean_squared_error(target, rounded)), abs=1e-9)


def test_ie_is_the_mean_absolute_8_bit_difference(pair: tuple[np.ndarray, np.ndarray]) -> None:
    frame, target = pair
    rounded = np.rint(np.clip(frame, 0, 1) * 255)
    assert ie(frame, target) == pytest.approx(np.abs(rounded - target.astype(float)).mean(), abs=1e-9)


def test_gray_as_three_channels_gives_the_figures_of_one(real_data: Path) -> None:
    left, target = (
        read_image(real_data / "vimeo90k" / "degraded" / "block" / f"im000{number}.png")[..., 1] for number in (3, 4)
    )
    three = [np.repeat(image[..., None], 3, axis=2) for image in (left, target)]
    one = structural_similarity(
        left / 255, target / 255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
    )
    assert ssim_gauss2d_valid(three[0] / 255, three[1]) == pytest.approx(one, abs=1e-6)
    assert psnr_float(three[0] / 255, three[1]) == pytest.approx(
        peak_signal_noise_ratio(target / 255, left / 255, data_range=1), abs=1e-9
    )


def test_a_gray_frame_on_a_coloured_target_is_measured_on_all_channels() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 256, (20, 20, 3), np.uint8)
    frame = np.repeat(rng.random((20, 20, 1)), 3, axis=2)
    expected = structural_similarity(
        target / 255,
        frame,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        channel_axis=2,
    )
    assert ssim_gauss2d_valid(frame, target) == pytest.approx(expected, abs=1e-6)


def test_a_frame_without_error_has_the_ceiling_and_ssim_one() -> None:
    target = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    assert psnr_float(target / 255, target) == PSNR_CEILING_DB
    assert psnr_u8(target / 255, target) == PSNR_CEILING_DB
    assert ssim_gauss2d_valid(target / 255, target) == pytest.approx(1.0)
    assert ie(target / 255, target) == 0


def test_values_outside_the_range_are_clamped_before_measuring() -> None:
    target = np.full((12, 12, 3), 255, np.uint8)
    assert psnr_float(np.full((12, 12, 3), 1.7), target) == PSNR_CEILING_DB


def test_8_bit_rounding_goes_to_the_nearest_level() -> None:
    levels = np.arange(256)
    assert (quantised(levels / 255 + 0.49 / 255) == np.minimum(levels, 255)).all()
    assert (quantised(levels / 255 - 0.49 / 255) == levels).all()
    assert quantised(np.array([-1.0, 2.0])).tolist() == [0, 255]


def test_frames_of_another_shape_are_refused() -> None:
    target = np.zeros((12, 12, 3), np.uint8)
    for frame in (np.zeros((12, 13, 3)), np.zeros((12, 12)), np.zeros((1, 12, 12, 3))):
        for metric in (psnr_float, psnr_u8, ie, ie_rms, ssim_gauss2d_valid, ssim_gauss2d_mirror, ssim_3d):
            with pytest.raises(UserError, match=r"\(H, W, 3\)"):
                metric(frame, target)


def test_ssim_refuses_frames_smaller_than_its_window() -> None:
    with pytest.raises(UserError, match="11x11"):
        ssim_gauss2d_valid(np.zeros((10, 40, 3)), np.zeros((10, 40, 3), np.uint8))


def events_at(x: list[int], y: list[int], size: SensorSize) -> Events:
    n = len(x)
    return Events(np.array(x, np.uint16), np.array(y, np.uint16), np.arange(n), np.ones(n, bool), size)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    places=st.lists(st.tuples(st.integers(0, 22), st.integers(0, 14)), max_size=12),
    radius=st.integers(0, 4),
)
def test_active_pixels_are_those_near_an_event(places: list[tuple[int, int]], radius: int) -> None:
    size = SensorSize(height=15, width=23)
    active = active_pixels(events_at([x for x, _ in places], [y for _, y in places], size), radius_px=radius)
    free = np.ones((15, 23), bool)
    for x, y in places:
        free[y, x] = False
    expected = distance_transform_edt(free) <= radius if places else np.zeros_like(free)
    np.testing.assert_array_equal(active, expected)


def test_psnr_active_looks_at_active_pixels_only() -> None:
    rng = np.random.default_rng(8)
    target = rng.integers(0, 256, (40, 50, 3), np.uint8)
    frame = noisy(target, 9)
    active = np.zeros((40, 50), bool)
    active[10:25, 5:30] = True
    elsewhere = frame.copy()
    elsewhere[~active] = 0
    inner = np.clip(frame[10:25, 5:30].astype(np.float64), 0, 1)
    expected = peak_signal_noise_ratio(target[10:25, 5:30] / 255, inner, data_range=1)
    assert psnr_active(elsewhere, target, active, min_pixels=100).value == pytest.approx(expected, abs=1e-9)


def test_psnr_active_with_too_few_pixels_is_not_applicable() -> None:
    target = np.zeros((40, 50, 3), np.uint8)
    active = np.zeros((40, 50), bool)
    active[0, :9] = True
    figure = psnr_active(target / 255, target, active, min_pixels=10)
    assert np.isnan(figure.value)
    assert figure.note == "9 pixels near an event, needs 10"
