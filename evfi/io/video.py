"""Frames into video files: MP4 (H.264, plays everywhere) and animated WebP (small loops in a page)."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image as PillowImage

from evfi.errors import UserError
from evfi.io.atomic import writing
from evfi.units import MS_PER_S

Image = NDArray[np.uint8]
# libx264's scale: 0 lossless, 18 hardly visible loss, 23 its default
VISUALLY_LOSSLESS = 18
_BT709 = 1  # the number of BT.709 for primaries and transfer in ITU-T H.273
_LARGEST_DENOMINATOR = 65535


def write_video(
    path: Path, frames: Iterable[Image], fps: float, *, quality: int = VISUALLY_LOSSLESS, threads: int = 1
) -> None:
    """Write frames uint8 (H, W) or (H, W, 3) RGB as MP4 (H.264, yuv420p, BT.709), one at a time.

    An odd height or width is filled up by repeating the last row or column, for yuv420p needs even ones.

    Args:
        fps: frames per second of playback.
        quality: libx264's crf, 0 (lossless) to 51.
        threads: of the encoder; another number gives other bytes.

    Raises:
        UserError: no frame, frames of differing shape, or fps not positive.
        OutputError: the place cannot be written.
    """
    _check_rate(fps)
    images = _checked(frames)
    first = next(images, None)
    if first is None:
        raise UserError(f"no frame to write into {path}: give at least one")
    height, width = (length + length % 2 for length in first.shape[:2])
    with (
        writing(path) as partial,
        av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container,
    ):
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(_LARGEST_DENOMINATOR))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(quality), "preset": "medium"}
        codec = stream.codec_context
        codec.thread_count = threads
        codec.colorspace, codec.color_primaries, codec.color_trc = Colorspace.ITU709, _BT709, _BT709
        codec.color_range = ColorRange.MPEG
        for image in chain([first], images):
            container.mux(stream.encode(_even_yuv(image)))
        container.mux(stream.encode())


def write_webp(path: Path, frames: Iterable[Image], fps: float, *, quality: int = 85) -> None:
    """Write frames uint8 (H, W) or (H, W, 3) RGB as an animated WebP that loops for ever; all are held in memory.

    Args:
        fps: frames per second; the format keeps whole milliseconds a frame.
        quality: 0 to 100.

    Raises:
        UserError: no frame, frames of differing shape, or fps not positive.
        OutputError: the place cannot be written.
    """
    _check_rate(fps)
    pictures = [PillowImage.fromarray(np.ascontiguousarray(image)).convert("RGB") for image in _checked(frames)]
    if not pictures:
        raise UserError(f"no frame to write into {path}: give at least one")
    with writing(path) as partial:
        pictures[0].save(
            partial,
            format="WEBP",
            save_all=True,
            append_images=pictures[1:],
            duration=max(1, round(MS_PER_S / fps)),
            loop=0,
            quality=quality,
        )


def _check_rate(fps: float) -> None:
    if not 0 < fps < float("inf"):
        raise UserError(f"a video needs a positive number of frames per second, got {fps}")


def _checked(frames: Iterable[Image]) -> Iterator[Image]:
    shape = None
    for number, image in enumerate(frames):
        shape = shape or image.shape
        if image.dtype != np.uint8 or image.shape != shape or image.shape[2:] not in ((), (3,)) or not image.size:
            raise UserError(
                f"a video needs uint8 frames (H, W) or (H, W, 3) of one shape, got {image.dtype} {image.shape} as "
                f"frame {number} after {shape}"
            )
        yield image


def _even_yuv(image: Image) -> av.VideoFrame:
    rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    odd = [(0, length % 2) for length in rgb.shape[:2]]
    even = np.ascontiguousarray(np.pad(rgb, [*odd, (0, 0)], mode="edge"))
    return av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
    )
