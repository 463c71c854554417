"""Pictures as they stand in the page: fitted, coded as WebP data URIs; error maps; loops through tau."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from evfi.errors import UserError
from evfi.representation.drawing import OFF_COLOUR, ON_COLOUR

Image = NDArray[np.uint8]
_ERROR_COLOURS = "inferno"
_SHORTEST_FRAME_MS = 40


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in the page: its data URI, its size in pixels, and what it shows in words."""

    uri: str
    width: int
    height: int
    alt: str


def picture(image: Image, *, alt: str, side: int, quality: int | None) -> Picture:
    """Code an image, uint8 (H, W) or (H, W, 3), as WebP; `quality` None is lossless.

    An image whose longer side is above `side` is made smaller (Lanczos); none is made larger.
    """
    fitted = _fitted(image, side)
    buffer = io.BytesIO()
    if quality is None:
        fitted.save(buffer, "WEBP", lossless=True, quality=60, method=4)
    else:
        fitted.save(buffer, "WEBP", quality=quality, method=4)
    return Picture(_data_uri("image/webp", buffer.getvalue()), fitted.width, fitted.height, alt)


def loop(
    images: Sequence[Image], taus: Sequence[float], *, alt: str, side: int, quality: int, duration_ms: int
) -> Picture:
    """An endless animated WebP there and back through `images`, which belong to the times `taus`, rising in [0, 1].

    A step lasts as long as its share of `duration_ms`, so that motion keeps its speed.

    Raises:
        UserError: there are fewer than two images, or not one tau for each.
    """
    if len(images) < 2 or len(images) != len(taus):
        raise UserError(f"a loop needs two images or more and a tau for each, got {len(images)} and {len(taus)}")
    steps = [max(_SHORTEST_FRAME_MS, round(float(step) * duration_ms)) for step in np.diff(np.asarray(taus))]
    forth = [_fitted(image, side) for image in images]
    frames = [*forth, *reversed(forth[1:-1])]
    durations = [*steps, *reversed(steps)]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        quality=quality,
        method=4,
    )
    return Picture(_data_uri("image/webp", buffer.getvalue()), frames[0].width, frames[0].height, alt)


def error_map(image: Image, target: Image, scale: int) -> Image:
    """|image - target|, mean over channels, coloured: uint8 (H, W, 3); black is 0, the brightest `scale` and above.

    Raises:
        UserError: the two differ in height or width.
    """
    if image.shape[:2] != target.shape[:2]:
        raise UserError(f"an error map needs two images of one size, got {image.shape[:2]} and {target.shape[:2]}")
    difference = np.abs(_colour(image).astype(np.int16) - _colour(target)).mean(axis=2)
    return _colour_table()[np.clip(np.rint(difference * (255 / scale)), 0, 255).astype(np.uint8)]


def coloured(levels: NDArray[np.uint8]) -> Image:
    """Levels 0 to 255 (H, W) in the colours of an error map: uint8 (H, W, 3)."""
    return _colour_table()[levels]


def event_overlay(drawn: Image) -> Image:
    """What `representation.drawing` drew, without the picture under it: uint8 (H, W, 4), clear where no event is."""
    is_event = (drawn == ON_COLOUR).all(axis=2) | (drawn == OFF_COLOUR).all(axis=2)
    return np.dstack([np.where(is_event[..., None], drawn, 0), np.where(is_event, 255, 0)]).astype(np.uint8)


def error_gradient(stops: int = 9) -> str:
    """The error map's colour scale as a CSS gradient, left to right."""
    table = _colour_table()[np.linspace(0, 255, stops).round().astype(int)]
    return "linear-gradient(to right," + ",".join(f"rgb({r},{g},{b})" for r, g, b in table.tolist()) + ")"


def _colour_table() -> Image:
    colours = matplotlib.colormaps[_ERROR_COLOURS](np.arange(256), bytes=True)
    return np.asarray(colours, dtype=np.uint8)[:, :3]


def _colour(image: Image) -> Image:
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def _fitted(image: Image, side: int) -> PillowImage.Image:
    fitted = PillowImage.fromarray(_colour(image))
    fitted.thumbnail((side, side), PillowImage.Resampling.LANCZOS)
    return fitted


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
