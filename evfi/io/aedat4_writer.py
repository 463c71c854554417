"""The project's only aedat4 writer, through dv-processing's MonoCameraWriter. Equal input gives equal bytes."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dv_processing as dv
import numpy as np

from evfi.errors import OutputError, UserError
from evfi.io.atomic import writing_in_folder
from evfi.types import Events, Frames, SensorSize

EVENTS_A_PACKET = 8192
_LARGEST_COORDINATE = (1 << 15) - 1  # aedat4 holds int16
_EVENT_BYTES = 16
_FREE_BYTES = 8 << 20


def write_aedat4(
    path: Path,
    sensor_size: SensorSize,
    events: Iterable[Events],
    frames: Iterable[Frames],
    name: str = "DAVIS240C",
) -> None:
    """Write a recording with an event and a frame stream (LZ4), readable by dv-processing and DV.

    Args:
        events: pieces in time order; times int64 µs that do not decrease.
        frames: pieces in time order; gray or RGB of the sensor's size; the exposure's start and end are kept. A frame
            stands in the file after the events before its exposure's end, as a camera delivers it.
        name: the camera's name in the file.

    Raises:
        UserError: times decrease, a size differs, coordinates are sub-pixel, or path does not end in .aedat4.
        OutputError: the place cannot be written, or the disk is full.
    """
    with writing_aedat4(path, sensor_size, name) as writer:
        for piece in _merged(events, frames):
            if isinstance(piece, Events):
                writer.add_events(piece)
            else:
                writer.add_frames(piece)


@contextmanager
def writing_aedat4(
    path: Path, sensor_size: SensorSize, name: str, *, with_frames: bool = True
) -> Iterator["Aedat4Writer"]:
    """A writer of the recording `path`, which appears when the context ends well. Errors as `write_aedat4`."""
    if path.suffix != ".aedat4":
        raise UserError(f"an aedat4 file must be named *.aedat4, got {path}")
    with writing_in_folder(path) as folder:
        # dv-processing aborts the process where the name does not end in .aedat4 or the file cannot be opened
        (folder / path.name).write_bytes(b"")
        writer = Aedat4Writer(folder / path.name, sensor_size, name, with_frames=with_frames)
        try:
            yield writer
        finally:
            writer.finish()  # also after an error, whose traceback would keep dv-processing's busy thread alive


class Aedat4Writer:
    """Writes an aedat4 file piece by piece, in constant memory and in the order that the pieces come in.

    Args:
        path: of an existing empty file that ends in .aedat4.
        name: the camera's name.
        with_frames: whether the file has a frame stream.
    """

    def __init__(self, path: Path, sensor_size: SensorSize, name: str, *, with_frames: bool = True) -> None:
        self.path, self.sensor_size = path, sensor_size
        self._last_event_us: int | None = None
        self._last_frame_us: int | None = None
        resolution = (sensor_size.width, sensor_size.height)
        config = dv.io.MonoCameraWriter.Config(name)
        config.addEventStream(resolution)
        if with_frames:
            config.addFrameStream(resolution)
        self._writer: dv.io.MonoCameraWriter | None = dv.io.MonoCameraWriter(str(path), config)

    def add_events(self, events: Events) -> None:
        """Append events; times must not decrease, also from call to call.

        Raises:
            UserError: they do, another sensor size, sub-pixel coordinates, or coordinates beyond 15 bits.
            OutputError: the disk is full.
        """
        _check_events(events, self.sensor_size, self._last_event_us)
        for packet in _packets(events):
            self._require_space(len(packet) * _EVENT_BYTES)
            self._open.writeEvents(_event_store(packet))
            self._last_event_us = int(packet.t[-1])

    def add_frames(self, frames: Frames) -> None:
        """Append frames; times must increase. Errors as `add_events`."""
        if frames.sensor_size != self.sensor_size or frames.image.dtype != np.uint8:
            raise UserError(f"frames uint8 of {frames.sensor_size} pixels in a recording of {self.sensor_size}")
        for frame in _singles(frames):
            t_us = int(frame.t_us[0])
            if self._last_frame_us is not None and t_us <= self._last_frame_us:
                raise UserError(f"frame times must increase, got {t_us} after {self._last_frame_us} µs")
            self._require_space(frame.image.nbytes)
            self._open.writeFrame(_frame(frame))
            self._last_frame_us = t_us

    def finish(self) -> None:
        """Write what waits and the data table."""
        # dv-processing does so where its writer is destroyed
        self._writer = None

    @property
    def _open(self) -> dv.io.MonoCameraWriter:
        if self._writer is None:
            raise UserError(f"{self.path} is finished: nothing can be added")
        return self._writer

    def _require_space(self, wanted: int) -> None:
        """dv-processing writes in a thread of its own, where a full disk would abort the process."""
        if shutil.disk_usage(self.path.parent).free < wanted + _FREE_BYTES:
            raise OutputError(f"no space left on the disk while writing {self.path}: free some space and run it again")


def _merged(events: Iterable[Events], frames: Iterable[Frames]) -> Iterator[Events | Frames]:
    """Packets of events and single frames in the order of the file."""
    singles = (single for piece in frames for single in _singles(piece))
    frame = next(singles, None)
    for packet in (packet for piece in events for packet in _packets(piece)):
        while frame is not None and int(frame.exposure_end_us[0]) <= int(packet.t[0]):
            yield frame
            frame = next(singles, None)
        yield packet
    while frame is not None:
        yield frame
        frame = next(singles, None)


def _packets(events: Events) -> Iterator[Events]:
    for first in range(0, len(events), EVENTS_A_PACKET):
        yield events.take(slice(first, first + EVENTS_A_PACKET))


def _singles(frames: Frames) -> Iterator[Frames]:
    for number in range(len(frames)):
        yield frames.take(slice(number, number + 1))


def _check_events(events: Events, size: SensorSize, latest: int | None) -> None:
    if events.sensor_size != size:
        raise UserError(f"events of a {events.sensor_size} sensor in a recording of {size}")
    if events.x.dtype.kind not in "ui" or events.y.dtype.kind not in "ui":
        raise UserError(f"aedat4 holds whole pixels, got coordinates of type {events.x.dtype}: round them first")
    if len(events) and (
        (latest is not None and int(events.t[0]) < latest)
        or (np.diff(events.t) < 0).any()
        or max(int(events.x.max()), int(events.y.max())) > _LARGEST_COORDINATE
    ):
        raise UserError("event times must not decrease, and coordinates must fit 15 bits, in an aedat4 file")


def _event_store(events: Events) -> dv.EventStore:
    store = dv.EventStore()
    push = store.push_back
    for t, x, y, p in zip(events.t.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist(), strict=True):
        push(t, x, y, p)
    return store


def _frame(frame: Frames) -> dv.Frame:
    start, end = int(frame.exposure_start_us[0]), int(frame.exposure_end_us[0])
    image = frame.image[0]
    bgr = np.ascontiguousarray(image if image.ndim == 2 else image[..., ::-1])
    return dv.Frame(start, end - start, 0, 0, bgr, dv.FrameSource.SENSOR)
