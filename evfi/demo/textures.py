"""Textures of the demo's scenes, cut from the photographs that scikit-image's wheel ships (nothing is downloaded).

A texture holds TEXELS_PER_PIXEL texels for each screen pixel at scale 1 and is low-passed to the pixel's footprint
beforehand, so that sampling it bilinearly at any sub-pixel place neither aliases nor flickers. A surface's radiance
is the photograph's 8-bit value, stretched to the same range for all photographs and lifted off black; so rendered
pictures look like the photographs, and frames are proportional to the radiance whose logarithm makes the events.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.errors import MissingInputError
from evfi.io.images import read_image

# Each split has its own photographs; motorcycle_right shows the same scene as motorcycle_left, so nobody gets it.
# The first ones of a split are detailed from edge to edge and serve as backgrounds too.
PHOTOGRAPHS: dict[str, tuple[str, ...]] = {
    "train": (
        "motorcycle_left.png",
        "astronaut.png",
        "gravel.png",
        "camera.png",
        "brick.png",
        "coins.png",
        "text.png",
        "moon.png",
    ),
    "test": ("chelsea.png", "coffee.png", "grass.png", "ihc.png", "rocket.jpg", "retina.jpg"),
}
BACKGROUNDS = {"train": PHOTOGRAPHS["train"][:6], "test": PHOTOGRAPHS["test"][:4]}
TEXELS_PER_PIXEL = 3
# Standard deviation of the low-pass in screen pixels, a good lens before square pixels: 29 % pass at the Nyquist rate,
# under 1 % where it would fold back to a coarse pattern (twice that rate).
_FOOTPRINT_PX = 0.5
# Never black, and never white under the brightest light that `drawing.draw_light` draws (a gain of 1.13).
_DARKEST, _BRIGHTEST = 0.08, 0.88
_RIM_PX = 5.0
_RIM_SHADE = 0.3

Texture = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Outline:
    """A smooth closed curve around the origin: radius(angle) = radius_px * (1 + sum a_k cos(k angle + phase_k))."""

    radius_px: float
    amplitude: tuple[float, ...]
    phase: tuple[float, ...]

    def reach_px(self) -> float:
        """A circle of this radius holds the curve."""
        return self.radius_px * (1 + sum(abs(a) for a in self.amplitude))

    def depth(self, x: NDArray, y: NDArray) -> NDArray:
        """How far inside the curve points lie, in pixels; negative outside (first-order distance)."""
        angle = np.arctan2(y, x)
        radius = np.full_like(angle, self.radius_px)
        slope = np.zeros_like(angle)
        for k, (amplitude, phase) in enumerate(zip(self.amplitude, self.phase, strict=True), start=2):
            radius += self.radius_px * amplitude * np.cos(k * angle + phase)
            slope -= self.radius_px * amplitude * k * np.sin(k * angle + phase)
        return (radius - np.hypot(x, y)) / np.hypot(1, slope / radius)


@lru_cache(maxsize=32)
def photograph(name: str, gray: bool) -> Texture:
    """One of PHOTOGRAPHS as radiance in (0, 1), float32 (H, W, 1) for gray, else (H, W, 3) RGB; read-only.

    Raises:
        MissingInputError: the installed scikit-image does not ship the picture.
    """
    place = resources.files("skimage") / "data" / name
    if not place.is_file():
        raise MissingInputError(
            f"the demo needs the photograph {name} that scikit-image's wheel ships, but {place} is absent: "
            "install scikit-image from its wheel (pip install --force-reinstall scikit-image)"
        )
    with resources.as_file(place) as path:
        picture = read_image(path)
    luminance = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
    if gray:
        picture = luminance[..., None]
    elif picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=-1)
    black, white = float(luminance.min()), float(luminance.max())
    gain = np.float32((_BRIGHTEST - _DARKEST) / (white - black))
    radiance = (picture.astype(np.float32) - np.float32(black)) * gain + np.float32(_DARKEST)
    np.clip(radiance, _DARKEST, _BRIGHTEST, out=radiance)
    radiance.setflags(write=False)
    return radiance


def background_texture(
    picture: Texture, photo_px_per_px: float, centre: tuple[float, float], half_width_px: float, half_height_px: float
) -> Texture:
    """The part of a photograph that a camera sees, mirrored where the photograph ends.

    Args:
        picture: float32 (H, W, C).
        photo_px_per_px: photograph pixels for one screen pixel at zoom 1.
        centre: (x, y) in photograph pixels that becomes the texture's centre.
        half_width_px, half_height_px: how far the texture reaches from its centre, in screen pixels.

    Returns:
        float32 (rows, columns, C), rows = 2 * ceil(half_height_px * TEXELS_PER_PIXEL), likewise columns.
    """
    smooth = _low_passed(picture, photo_px_per_px)
    rows = 2 * int(np.ceil(half_height_px * TEXELS_PER_PIXEL))
    columns = 2 * int(np.ceil(half_width_px * TEXELS_PER_PIXEL))
    return _resampled(smooth, photo_px_per_px / TEXELS_PER_PIXEL, centre, rows, columns)


def sprite_texture(
    picture: Texture, photo_px_per_px: float, centre: tuple[float, float], outline: Outline, side: int
) -> Texture:
    """A cut-out of a photograph with a soft edge and a slightly darker rim.

    Returns:
        float32 (side, side, C + 1): colour multiplied by alpha, then alpha; 0 outside the outline.
    """
    colour = _resampled(_low_passed(picture, photo_px_per_px), photo_px_per_px / TEXELS_PER_PIXEL, centre, side, side)
    place = (np.arange(side) - (side - 1) / 2) / TEXELS_PER_PIXEL
    depth = outline.depth(*np.meshgrid(place, place))
    # A straight edge behind the pixel's own footprint: a ramp about one pixel wide.
    alpha = 1 / (1 + np.exp(-np.clip(depth * 1.7 / _FOOTPRINT_PX, -60, 60)))
    alpha[alpha < 1e-3] = 0
    shade = 1 - _RIM_SHADE * np.exp(-np.clip(depth, 0, None) / _RIM_PX)
    return np.dstack([colour * (shade * alpha)[..., None], alpha]).astype(np.float32)


def _low_passed(picture: Texture, photo_px_per_px: float) -> Texture:
    sigma = _FOOTPRINT_PX * photo_px_per_px
    smooth = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth, np.float32).reshape(picture.shape)


def _resampled(picture: Texture, step: float, centre: tuple[float, float], rows: int, columns: int) -> Texture:
    """Texel (r, c) shows the picture at centre + step * (c - (columns - 1) / 2, r - (rows - 1) / 2)."""
    matrix = np.array(
        [
            [step, 0, centre[0] - step * (columns - 1) / 2],
            [0, step, centre[1] - step * (rows - 1) / 2],
        ]
    )
    out = cv2.warpAffine(
        picture,
        matrix,
        (columns, rows),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    # Cubic interpolation overshoots at edges.
    bounded = np.clip(np.asarray(out, np.float32), picture.min(), picture.max())
    return bounded.reshape(rows, columns, picture.shape[2])
