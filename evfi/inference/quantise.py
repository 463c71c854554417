"""From float frames in [0, 1] to 8 bit and to gray: the one rounding that every output and metric shares."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evfi.samples.sample import Image, Sample, is_gray

FloatImage = NDArray[np.floating[Any]]
_SATURATED = 255


def quantised(frame: FloatImage) -> Image:
    """A frame in [0, 1] (clamped first) as uint8: rounded to the nearest of 256 levels."""
    return np.rint(np.clip(frame, 0.0, 1.0) * 255.0).astype(np.uint8)


def as_float(image: Image) -> NDArray[np.float32]:
    """An 8-bit image as float32 in [0, 1]."""
    return image.astype(np.float32) / np.float32(255)


def saturated_share(image: Image) -> float:
    """Which part of an image's pixels, 0 to 1, has no headroom left in any channel; (H, W) or (H, W, 3)."""
    return float(((image if image.ndim == 2 else image.min(axis=2)) == _SATURATED).mean())


def is_gray_sample(sample: Sample) -> bool:
    """Whether both boundary frames are gray, so that a result must be gray too."""
    return is_gray(sample.frame0) and is_gray(sample.frame1)


def averaged_channels(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the three channels in each of them: what a colour network says of a gray scene."""
    return np.repeat(frame.mean(axis=2, keepdims=True, dtype=np.float32), 3, axis=2)
