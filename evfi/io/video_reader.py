"""Frames of a video file at their presentation times, one after the other in constant memory."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from numpy.typing import NDArray

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.frame_pieces import TimedImage, stacked
from evfi.types import Frames, SensorSize
from evfi.units import US_PER_S

log = logging.getLogger(__name__)
VIDEO_ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
_BITS = 8
# Without them decoders fill damaged places in silence; "explode" loses errors between the decoder's threads (FFmpeg 8)
_FIND_DAMAGE = {"err_detect": "crccheck+bitstream+buffer"}


@contextmanager
def opened_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first video stream; whatever FFmpeg says against it becomes one line.

    Raises:
        MissingInputError: no such file.
        InputFileError: no video, damaged.
    """
    if not path.is_file():
        raise MissingInputError(f"no video at {path}: check the path")
    try:
        with av.open(str(path)) as container:
            streams = container.streams.video
            # a stream without decoder would end the process (PyAV 18)
            if not streams or streams[0].codec_context is None:
                raise InputFileError(f"{path} has no video stream that can be decoded: check the path, or convert it")
            yield container, streams[0]
    except FFmpegError as error:
        raise InputFileError(
            f"{path} is not a video that can be read ({error.strerror}): convert it or copy it again"
        ) from error


@dataclass(frozen=True, eq=False, slots=True)
class VideoFacts:
    """What a video holds, told without decoding: t_us int64 (N,) presentation times; promised: frames by the header."""

    sensor_size: SensorSize
    t_us: NDArray[np.int64]
    promised: int
    codec: str


def video_facts(path: Path) -> VideoFacts:
    """Size, codec and presentation times of a video; packets are counted, not what the header promises.

    Raises:
        MissingInputError, InputFileError: no such file, no video, or no frame with a time.
    """
    with opened_video(path) as (container, stream):
        times = [packet.pts for packet in container.demux(stream) if packet.size and packet.pts is not None]
        context, base, promised = stream.codec_context, stream.time_base, stream.frames
        size, codec = SensorSize(height=context.height, width=context.width), context.name
    if not times or base is None:
        raise InputFileError(f"{path} holds no frame with a time: convert it or copy it again")
    return VideoFacts(size, np.array(sorted(round(pts * base * US_PER_S) for pts in times), np.int64), promised, codec)


class VideoReader:
    """The frames of a video file.

    Attributes:
        path: the file.
        promised: the number of frames that the header promises; None where it does not say.
        decoded: frames that the last `pieces()` found.
        repairs: frames_late: frames left out because their time was not after that of the frame before.
    """

    def __init__(self, path: Path, fps: float | None = None) -> None:
        if fps is not None and not 0 < fps < float("inf"):
            raise UserError(f"fps must be positive, got {fps}")
        self.path = path
        self._fps = None if fps is None else Fraction(fps).limit_denominator()
        with opened_video(path) as (_, stream):
            self.promised: int | None = stream.frames or None
        self.decoded = 0
        self.repairs = {"frames_late": 0}

    def pieces(self) -> Iterator[Frames]:
        """Frames uint8 (n, H, W) where the video is gray, else (n, H, W, 3) RGB; exposures are unknown.

        A frame's time is its presentation time, rounded to microseconds; with `fps`, its number over fps instead.
        A frame whose time is not after the one before is left out and counted. Where fewer frames decode than the
        header promises, a warning says both numbers.

        Raises:
            InputFileError: a frame cannot be decoded, has no time, another size than the first, or more than 8 bits
                a channel.
        """
        self.decoded, self.repairs = 0, {"frames_late": 0}
        yield from stacked(self._images())
        if self.repairs["frames_late"]:
            log.warning(
                "%s: %d frames left out, their times are not after those of the frames before",
                self.path, self.repairs["frames_late"],
            )  # fmt: skip
        if self.promised is not None and self.decoded < self.promised:
            log.warning(
                "%s: its header promises %d frames, %d decode: going on with these",
                self.path,
                self.promised,
                self.decoded,
            )

    def _images(self) -> Iterator[TimedImage]:
        latest = shape = None
        for frame in self._frames():
            t_us = self._time_us(frame)
            self.decoded += 1
            if latest is not None and t_us <= latest:
                self.repairs["frames_late"] += 1
                continue
            latest = t_us
            image = _pixels(frame, self.path)
            shape = shape or image.shape
            if image.shape != shape:
                raise InputFileError(
                    f"{self.path}: frame {self.decoded - 1} has shape {image.shape}, the first one {shape}: all frames "
                    "must share one size; cut the video where it changes"
                )
            yield image, t_us, t_us, t_us

    def _frames(self) -> Iterator[av.VideoFrame]:
        with opened_video(self.path) as (container, stream):
            stream.codec_context.options = _FIND_DAMAGE
            stream.thread_type = "AUTO"
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except FFmpegError as error:
                    raise self._unreadable(str(error.strerror)) from error
                for frame in frames:
                    if frame.is_corrupt:
                        raise self._unreadable("its data are damaged")
                    yield frame

    def _unreadable(self, reason: str) -> InputFileError:
        return InputFileError(
            f"{self.path}: a frame cannot be decoded after {self.decoded} good ones ({reason}): copy the file "
            "again, or cut the damaged part out"
        )

    def _time_us(self, frame: av.VideoFrame) -> int:
        if self._fps is not None:
            return round(self.decoded * US_PER_S / self._fps)
        if frame.pts is None or frame.time_base is None:
            raise InputFileError(
                f"{self.path}: frame {self.decoded} has no presentation time: give the frame rate (--fps)"
            )
        return round(frame.pts * frame.time_base * US_PER_S)


def _pixels(frame: av.VideoFrame, path: Path) -> NDArray[np.uint8]:
    if any(component.bits > _BITS for component in frame.format.components):
        raise InputFileError(
            f"{path} has more than {_BITS} bits a channel ({frame.format.name}): convert it to {_BITS} bits first"
        )
    pixels = "gray" if frame.format.name.startswith("gray") else "rgb24"
    return np.asarray(frame.to_ndarray(format=pixels), np.uint8)
