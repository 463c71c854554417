"""Metrics of one frame against its target: named variants, never a bare "PSNR" or "SSIM" (definitions: cards.py).

A frame is float (H, W, 3) RGB in [0, 1], clamped here; a target is uint8 (H, W, 3). Gray is three equal channels, so
that every figure equals that of the one channel.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.inference.quantise import quantised
from evfi.representation.transforms import count_per_pixel
from evfi.samples.sample import Image
from evfi.types import Events

FloatImage = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Window = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# A frame without error has an infinite PSNR, which would swallow every mean; 8-bit rounding alone gives 59 dB.
PSNR_CEILING_DB = 100.0
_SSIM_RADIUS = 5
_SSIM_SIGMA = 1.5
_SSIM_K1, _SSIM_K2 = 0.01, 0.03


class Figure(NamedTuple):
    """A measured value; NaN where it does not apply, with the reason in `note`."""

    value: float
    note: str = ""


def not_applicable(reason: str) -> Figure:
    """A figure that cannot be given, with its reason."""
    return Figure(float("nan"), reason)


def psnr_float(frame: FloatImage, target: Image) -> float:
    """PSNR in dB over all pixels and channels of the clamped float frame; at most PSNR_CEILING_DB."""
    return _psnr(_clamped(frame, target) - _unit(target))


def psnr_u8(frame: FloatImage, target: Image) -> float:
    """PSNR in dB after the frame is rounded to 8 bit; at most PSNR_CEILING_DB."""
    _check_shapes(frame, target)
    return _psnr(_unit(quantised(frame)) - _unit(target))


def ie(frame: FloatImage, target: Image) -> float:
    """Interpolation error: the mean absolute difference in 8-bit levels, after rounding."""
    _check_shapes(frame, target)
    return float(np.abs(quantised(frame).astype(np.int16) - target.astype(np.int16)).mean())


def ie_rms(frame: FloatImage, target: Image) -> float:
    """Interpolation error: the root of the mean squared difference in 8-bit levels, after rounding."""
    _check_shapes(frame, target)
    return float(np.sqrt(np.square(quantised(frame).astype(np.float64) - target).mean()))


def ssim_gauss2d_valid(frame: FloatImage, target: Image) -> float:
    """SSIM with an 11x11 Gaussian of sigma 1.5, per channel, borders cropped, population covariance, data range 1.

    Raises:
        UserError: the frame is smaller than the 11x11 window.
    """
    a, b = _ssim_pair(frame, target)
    return float(_ssim_map(a, b, _windowed).mean())


def ssim_gauss2d_mirror(frame: FloatImage, target: Image) -> float:
    """As ssim_gauss2d_valid, averaged over the whole map of frames mirrored at their edges (torchmetrics).

    Raises:
        UserError: the frame is smaller than the 11x11 window.
    """
    a, b = _ssim_pair(frame, target)
    return float(_ssim_map(a, b, _mirrored).mean())


def ssim_3d(frame: FloatImage, target: Image) -> float:
    """SSIM with one 11x11x11 Gaussian over columns, rows and channels; edges repeated (IFRNet's ssim_matlab)."""
    return float(_ssim_map(_clamped(frame, target), _unit(target), _in_three_directions).mean())


def psnr_active(frame: FloatImage, target: Image, active: Mask, *, min_pixels: int) -> Figure:
    """psnr_float over the active pixels (see `active_pixels`); not applicable with fewer than `min_pixels` of them."""
    count = int(active.sum())
    if count < min_pixels:
        return not_applicable(f"{count} pixels near an event, needs {min_pixels}")
    return Figure(_psnr(_clamped(frame, target)[active] - _unit(target)[active]))


def active_pixels(events: Events, *, radius_px: int) -> Mask:
    """Pixels (H, W) with an event within a Euclidean distance of `radius_px`."""
    hit = np.any(count_per_pixel(events), axis=0).view(np.uint8)
    offsets = np.arange(-radius_px, radius_px + 1)
    disc = (offsets[:, None] ** 2 + offsets**2 <= radius_px**2).astype(np.uint8)
    return cv2.dilate(hit, disc).astype(np.bool_)


def _psnr(difference: NDArray[np.float64]) -> float:
    error = float(np.mean(np.square(difference)))
    if error <= 10 ** (-PSNR_CEILING_DB / 10):
        return PSNR_CEILING_DB
    return -10.0 * float(np.log10(error))


def _clamped(frame: FloatImage, target: Image) -> NDArray[np.float64]:
    _check_shapes(frame, target)
    return np.clip(frame.astype(np.float64), 0.0, 1.0)


def _unit(image: Image) -> NDArray[np.float64]:
    return image.astype(np.float64) / 255.0


def _one_channel(image: NDArray[np.float64]) -> bool:
    return bool((image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all())


def _gaussian() -> NDArray[np.float64]:
    taps = np.exp(-0.5 * np.square(np.arange(-_SSIM_RADIUS, _SSIM_RADIUS + 1) / _SSIM_SIGMA))
    return taps / taps.sum()


def _ssim_pair(frame: FloatImage, target: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The clamped frame and the target in [0, 1]; one channel of each where both are gray."""
    a, b = _clamped(frame, target), _unit(target)
    if min(a.shape[:2]) < 2 * _SSIM_RADIUS + 1:
        raise UserError(f"SSIM needs frames of at least 11x11 pixels, got {a.shape[1]}x{a.shape[0]}")
    if _one_channel(a) and _one_channel(b):
        return a[..., 0], b[..., 0]
    return a, b


def _ssim_map(a: NDArray[np.float64], b: NDArray[np.float64], windowed: Window) -> NDArray[np.float64]:
    mean_a, mean_b = windowed(a), windowed(b)
    variance_a = windowed(a * a) - mean_a * mean_a
    variance_b = windowed(b * b) - mean_b * mean_b
    covariance = windowed(a * b) - mean_a * mean_b
    c1, c2 = _SSIM_K1**2, _SSIM_K2**2
    return ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a * mean_a + mean_b * mean_b + c1) * (variance_a + variance_b + c2)
    )


def _windowed(image: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = slice(_SSIM_RADIUS, -_SSIM_RADIUS)
    return _filtered(image, cv2.BORDER_REFLECT)[inner, inner]


def _mirrored(image: NDArray[np.float64]) -> NDArray[np.float64]:
    return _filtered(image, cv2.BORDER_REFLECT_101)


def _in_three_directions(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over columns and rows, then over the channels, of which the first and the last are repeated."""
    channels = image.shape[2]
    mix = np.zeros((channels, channels))
    for place in range(channels):
        source = np.clip(np.arange(place - _SSIM_RADIUS, place + _SSIM_RADIUS + 1), 0, channels - 1)
        np.add.at(mix[place], source, _gaussian())
    return _filtered(image, cv2.BORDER_REPLICATE) @ mix.T


def _filtered(image: NDArray[np.float64], border: int) -> NDArray[np.float64]:
    taps = _gaussian()
    return np.asarray(cv2.sepFilter2D(image, cv2.CV_64F, taps, taps, borderType=border), np.float64)


def _check_shapes(frame: FloatImage, target: Image) -> None:
    if frame.shape != target.shape or frame.ndim != 3 or frame.shape[2] != 3:
        raise UserError(f"a frame and its target must both be (H, W, 3), got {frame.shape} and {target.shape}")
