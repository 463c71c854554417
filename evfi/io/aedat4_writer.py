"""The project's only aedat4 writer, through dv-processing's MonoCameraWriter. Equal input gives equal bytes."""

import logging
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import dv_processing as dv
import numpy as np

from evfi.errors import OutputError, UserError
from evfi.io.atomic import writing
from evfi.types import Events, Frames, SensorSize

log = logging.getLogger(__name__)
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
    if path.suffix != ".aedat4":
        raise UserError(f"an aedat4 file must be named *.aedat4, got {path}")
    with writing(path) as partial:
        # dv-processing aborts the process where the name does not end in .aedat4 or the file cannot be opened
        named = partial / path.name
        partial.mkdir()
        named.write_bytes(b"")
        _write(named, sensor_size, _merged(events, frames, sensor_size), name)
        finished = partial.with_name(partial.name + ".done")
        named.rename(finished)
        partial.rmdir()
        finished.rename(partial)


def _write(path: Path, size: SensorSize, pieces: Iterable[Events | Frames], name: str) -> None:
    resolution = (size.width, size.height)
    config = dv.io.MonoCameraWriter.Config(name)
    config.addEventStream(resolution)
    config.addFrameStream(resolution)
    writer = dv.io.MonoCameraWriter(str(path), config)
    for piece in pieces:
        _require_space(path, piece)
        if isinstance(piece, Events):
            writer.writeEvents(_event_store(piece))
        else:
            writer.writeFrame(_frame(piece))
    # the file is finished by the destructor
    del writer


def _merged(events: Iterable[Events], frames: Iterable[Frames], size: SensorSize) -> Iterator[Events | Frames]:
    """Packets of events and single frames in the order of the file."""
    singles = _singles(frames, size)
    frame = next(singles, None)
    for packet in _packets(events, size):
        while frame is not None and int(frame.exposure_end_us[0]) <= int(packet.t[0]):
            yield frame
            frame = next(singles, None)
        yield packet
    while frame is not None:
        yield frame
        frame = next(singles, None)


def _packets(pieces: Iterable[Events], size: SensorSize) -> Iterator[Events]:
    latest = None
    for piece in pieces:
        if piece.sensor_size != size:
            raise UserError(f"events of a {piece.sensor_size} sensor in a recording of {size}")
        if piece.x.dtype.kind not in "ui" or piece.y.dtype.kind not in "ui":
            raise UserError(f"aedat4 holds whole pixels, got coordinates of type {piece.x.dtype}: round them first")
        if len(piece) and (
            (latest is not None and int(piece.t[0]) < latest)
            or (np.diff(piece.t) < 0).any()
            or max(int(piece.x.max()), int(piece.y.max())) > _LARGEST_COORDINATE
        ):
            raise UserError("event times must not decrease, and coordinates must fit 15 bits, in an aedat4 file")
        for first in range(0, len(piece), EVENTS_A_PACKET):
            yield piece.take(slice(first, first + EVENTS_A_PACKET))
        if len(piece):
            latest = int(piece.t[-1])


def _singles(pieces: Iterable[Frames], size: SensorSize) -> Iterator[Frames]:
    latest = None
    for piece in pieces:
        if piece.sensor_size != size or piece.image.dtype != np.uint8:
            raise UserError(f"frames uint8 of {piece.sensor_size} pixels in a recording of {size}")
        for number in range(len(piece)):
            t_us = int(piece.t_us[number])
            if latest is not None and t_us <= latest:
                raise UserError(f"frame times must increase, got {t_us} after {latest} µs")
            latest = t_us
            yield piece.take(slice(number, number + 1))


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


def _require_space(path: Path, piece: Events | Frames) -> None:
    """dv-processing writes in a thread of its own, where a full disk would abort the process."""
    wanted = len(piece) * _EVENT_BYTES if isinstance(piece, Events) else piece.image.nbytes
    if shutil.disk_usage(path.parent).free < wanted + _FREE_BYTES:
        raise OutputError(f"no space left on the disk while writing {path}: free some space and run it again")
