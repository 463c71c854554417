"""Frames from where there need be no events: a folder of images, a video file, or a recording; in constant memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evfi.errors import MissingInputError, UserError
from evfi.io.images import frame_folder_contents, frame_folder_pieces
from evfi.io.opening import opened
from evfi.io.readers import is_recording
from evfi.io.recording import Recording
from evfi.io.recording_pieces import frame_pieces
from evfi.io.stores import is_store, store_digests
from evfi.io.video_reader import VIDEO_ENDINGS, VideoReader, video_facts
from evfi.provenance import digest_file, digest_folder
from evfi.types import Frames
from evfi.units import US_PER_S

Times = NDArray[np.int64]


class FrameSource(Protocol):
    """Frames in pieces, in time order.

    expected: how many there are, or how many a header promises; None: nobody knows. t_us: their times, told before any
    is decoded; of a video some may turn out to be unusable. repairs: what the last `pieces()` left out, by name.
    """

    @property
    def expected(self) -> int | None: ...

    @property
    def t_us(self) -> Times: ...

    @property
    def repairs(self) -> dict[str, int]: ...

    def pieces(self) -> Iterator[Frames]: ...

    def facts(self) -> dict[str, Any]:
        """Name, format and digest, for the attributes of a store."""
        ...


@contextmanager
def open_frames(
    path: Path, *, fps: float | None = None, time_unit: str | None = None, beside: Path
) -> Iterator[FrameSource]:
    """The frames at `path`, for as long as the context lasts.

    Args:
        fps: frame rate of a folder without timestamps.txt; of a video: instead of its presentation times.
        time_unit: of a folder's timestamps.txt, as `read_frame_folder`.
        beside: the output; what has to be unpacked lies beside it.

    Raises:
        MissingInputError: nothing is there, or it has no frames.
        InputFileError: it is damaged.
        UserError: it is nothing that evfi takes frames from, or an argument does not go with it.
    """
    if not path.exists():
        raise MissingInputError(f"no frames at {path}: check the path")
    if is_store(path) or is_recording(path):
        if fps is not None or time_unit is not None:
            raise UserError(f"the frames of {path} have times: give neither a frame rate nor a time unit")
        with opened(path, beside=beside) as recording:
            yield RecordingFrames(path, recording)
    elif path.is_dir():
        yield FolderFrames(path, fps, time_unit)
    elif path.suffix.lower() in VIDEO_ENDINGS:
        if time_unit is not None:
            raise UserError(f"a time unit is for the timestamps.txt of a folder, {path} is a video")
        yield VideoFrames(path, fps)
    else:
        raise UserError(
            f"evfi takes frames from a folder of images, a video ({', '.join(VIDEO_ENDINGS)}), a recording store "
            f"(.zarr) or a recording such as .aedat4, not from {path}"
        )


class FolderFrames:
    """The images of a folder."""

    def __init__(self, path: Path, fps: float | None, time_unit: str | None) -> None:
        self.path = path
        self._fps, self._time_unit = fps, time_unit
        paths, self.t_us = frame_folder_contents(path, time_unit, fps=fps)
        self.expected = len(paths)
        self.repairs: dict[str, int] = {}

    def pieces(self) -> Iterator[Frames]:
        return frame_folder_pieces(self.path, self._time_unit, fps=self._fps)

    def facts(self) -> dict[str, Any]:
        return {"file": self.path.name, "sha256": digest_folder(self.path), "format": "image folder"}


class VideoFrames(VideoReader):
    """The frames of a video file."""

    @property
    def expected(self) -> int | None:
        return self.promised

    @property
    def t_us(self) -> Times:
        times = video_facts(self.path).t_us
        if self._fps is None:
            return times
        return np.array([round(number * US_PER_S / self._fps) for number in range(len(times))], np.int64)

    def facts(self) -> dict[str, Any]:
        return {"file": self.path.name, "sha256": digest_file(self.path), "format": "video"}


class RecordingFrames:
    """The frames of a recording."""

    def __init__(self, path: Path, recording: Recording) -> None:
        if recording.frames is None:
            raise MissingInputError(f"{path} has no frames, only events: give a recording that has frames")
        self.path, self._recording, self._frames = path, recording, recording.frames
        self.expected, self.t_us = len(recording.frames), recording.frames.t_us
        self.repairs: dict[str, int] = {}

    def pieces(self) -> Iterator[Frames]:
        return frame_pieces(self._frames)

    def facts(self) -> dict[str, Any]:
        digests = store_digests(self._recording.path)
        return {"file": self.path.name, "sha256": digests["frames/image"], "format": "recording"}
