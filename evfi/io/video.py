"""Frames into video files: MP4 (H.264, plays everywhere) and animated WebP (small loops in a page)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
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
    with writing_video(path, fps, quality=quality, threads=threads) as writer:
        for image in frames:
            writer.add(image)


@contextmanager
def writing_video(
    path: Path, fps: float, *, quality: int = VISUALLY_LOSSLESS, threads: int = 1
) -> Iterator["VideoWriter"]:
    """A writer of the MP4 file `path`, which appears when the context ends well. Arguments, errors as `write_video`."""
    _check_rate(fps)
    with (
        writing(path) as partial,
        av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container,
    ):
        writer = VideoWriter(path, container, fps, quality, threads)
        yield writer
        writer.finish()


class VideoWriter:
    """Writes the frames of an MP4 file one at a time."""

    def __init__(self, path: Path, container: OutputContainer, fps: float, quality: int, threads: int) -> None:
        self.path = path
        self._container = container
        self._check = _ShapeCheck()
        self._stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(_LARGEST_DENOMINATOR))
        self._stream.options = {"crf": str(quality), "preset": "medium"}
        codec = self._stream.codec_context
        codec.thread_count = threads
        codec.colorspace, codec.color_primaries, codec.color_trc = Colorspace.ITU709, _BT709, _BT709
        codec.color_range = ColorRange.MPEG

    def add(self, image: Image) -> None:
        """Append a frame uint8 (H, W) or (H, W, 3) RGB.

        Raises:
            UserError: another shape than the first one's.
        """
        first = self._check.shape is None
        self._check(image)
        if first:
            height, width = (length + length % 2 for length in image.shape[:2])
            self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._container.mux(self._stream.encode(_even_yuv(image)))

    def finish(self) -> None:
        """Write what the encoder still holds.

        Raises:
            UserError: there was no frame.
        """
        if self._check.shape is None:
            raise UserError(f"no frame to write into {self.path}: give at least one")
        self._container.mux(self._stream.encode())


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
    pictures = [
        PillowImage.fromarray(np.ascontiguousarray(image)).convert("RGB") for image in map(_ShapeCheck(), frames)
    ]
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


class _ShapeCheck:
    """Refuses images that are no frames of one video."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] | None = None
        self._count = 0

    def __call__(self, image: Image) -> Image:
        shape = self.shape or image.shape
        if image.dtype != np.uint8 or image.shape != shape or image.shape[2:] not in ((), (3,)) or not image.size:
            raise UserError(
                f"a video needs uint8 frames (H, W) or (H, W, 3) of one shape, got {image.dtype} {image.shape} as "
                f"frame {self._count} after {self.shape}"
            )
        self.shape = shape
        self._count += 1
        return image


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
