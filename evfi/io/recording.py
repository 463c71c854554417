"""The recording store: events, a millisecond index, frames and optional held-out truth of one capture.

docs/formats.md is the contract of the layout.
"""

from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from evfi.errors import InputFileError, UserError
from evfi.io.event_columns import EventColumns, EventColumnsWriter
from evfi.io.opened import OpenedStore
from evfi.io.pieces import Imu, Piece, Triggers
from evfi.io.side_streams import SideWriter, read_side
from evfi.io.stores import ColumnWriter, StoreKind, array_of, codec, create_group, read_rows
from evfi.types import Events, Frames, SensorSize, check_window
from evfi.units import US_PER_MS

RECORDING = StoreKind("evfi.recording", version=1)
_MAX_INDEX_MS = 1 << 28  # three days; a jump beyond it is a broken clock, not a recording
FRAME_TIMES = ("t_us", "exposure_start_us", "exposure_end_us")
Times = NDArray[np.int64]


class RecordingWriter:
    """Writes a recording store piece by piece in constant memory; call `finish` last.

    Args:
        path: a new folder, usually the partial one of `atomic.writing`.
        sensor_size: of events and frames alike.
    """

    def __init__(self, path: Path, sensor_size: SensorSize) -> None:
        self.sensor_size = sensor_size
        self._group = create_group(path)
        self._events = EventColumnsWriter(self._group)
        self._index: ColumnWriter | None = None
        self._start_us = self._last_us = 0
        self._frames: dict[str, _FramesWriter] = {}
        self._side: dict[str, SideWriter] = {}

    def add(self, piece: Piece) -> str:
        """Append any piece; returns the name of its stream. Errors as `add_events`."""
        if isinstance(piece, Events):
            self.add_events(piece)
            return "events"
        if isinstance(piece, Frames):
            self.add_frames(piece)
            return "frames"
        stream = "imu" if isinstance(piece, Imu) else "triggers"
        if len(piece):
            if stream not in self._side:
                self._side[stream] = SideWriter(self._group, stream)
            self._side[stream].append(piece)
        return stream

    def add_events(self, events: Events) -> None:
        """Append events; times must not decrease, also from call to call.

        Raises:
            UserError: times decrease, or the sensor size differs.
            InputFileError: the times span more than three days.
        """
        if not len(events):
            return
        if events.sensor_size != self.sensor_size:
            raise UserError(f"events of a {events.sensor_size} sensor in a recording of {self.sensor_size}")
        first_us = int(events.t[0])
        if (self._events.length and first_us < self._last_us) or (np.diff(events.t) < 0).any():
            raise UserError("event times must not decrease: sort them, or drop the late ones")
        if self._index is None:
            self._start_us = first_us
            self._index = ColumnWriter(self._group, "events/ms_index", np.dtype(np.int64))
        self._extend_index(self._index, events.t)
        self._last_us = int(events.t[-1])
        self._events.append(events)

    def add_frames(self, frames: Frames) -> None:
        """Append frames; times must increase. Errors as `add_events`."""
        self._add("frames", frames)

    def add_truth(self, frames: Frames) -> None:
        """Append held-out reference frames (a faster camera, a renderer): evaluated against, never trained on."""
        self._add("truth", frames)

    def add_array(self, name: str, values: NDArray) -> None:
        """Write one more array, such as `simulation/contrast_pos`."""
        self._group.create_array(name, data=values, chunks=values.shape, compressors=codec(values.dtype))

    def finish(self, attributes: dict[str, Any] | None = None) -> None:
        """Write what is left, the end of the index, and the attributes (conventions are added)."""
        index = self._index or ColumnWriter(self._group, "events/ms_index", np.dtype(np.int64))
        index.append(np.array([self._events.length], np.int64))
        self._events.finish()
        index.finish()
        for stream in (*self._frames.values(), *self._side.values()):
            stream.finish()
        self._group.attrs.update(
            {
                **RECORDING.attributes,
                "sensor_size": {"height": self.sensor_size.height, "width": self.sensor_size.width},
                "conventions": {
                    "events": "x right, y down, t int64 microseconds not decreasing, p true = ON",
                    "frames": "uint8 gray or RGB; t_us is mid-exposure; exposure unknown: both ends equal t_us",
                    "imu": "degrees C, g, degrees a second, microtesla",
                    "ms_index": "entry k: number of events before first event time + k ms; the last entry: all",
                },
                **(attributes or {}),
            }
        )

    def _extend_index(self, index: ColumnWriter, t: Times) -> None:
        last_ms = (int(t[-1]) - self._start_us) // US_PER_MS
        if last_ms >= _MAX_INDEX_MS:
            raise InputFileError(
                f"event times run from {self._start_us} to {int(t[-1])} µs, more than three days: "
                "the clock of the recording is broken; cut the recording at the jump"
            )
        index.append(index_entries(t, self._events.length, self._start_us, index.length))

    def _add(self, stream: str, frames: Frames) -> None:
        if not len(frames):
            return
        if frames.sensor_size != self.sensor_size:
            raise UserError(f"{stream} of {frames.sensor_size} pixels in a recording of {self.sensor_size}")
        if stream not in self._frames:
            self._frames[stream] = _FramesWriter(self._group, stream, frames.image.shape[1:])
        self._frames[stream].append(frames)


def index_entries(t: Times, before: int, start_us: int, entries: int) -> Times:
    """Entries of the millisecond index that a piece of events brings, int64.

    Args:
        t: its times; before: events before it; start_us: time of the recording's first event; entries: there so far.
    """
    ms = np.arange(entries, (int(t[-1]) - start_us) // US_PER_MS + 1, dtype=np.int64)
    return before + np.searchsorted(t, start_us + ms * US_PER_MS, side="left").astype(np.int64)


class _FramesWriter:
    def __init__(self, group: zarr.Group, stream: str, shape: tuple[int, ...]) -> None:
        group.create_group(stream)
        self.stream = stream
        self._image = ColumnWriter(group, f"{stream}/image", np.dtype(np.uint8), shape)
        self._times = {name: ColumnWriter(group, f"{stream}/{name}", np.dtype(np.int64)) for name in FRAME_TIMES}
        self._last_us: int | None = None

    def append(self, frames: Frames) -> None:
        if frames.image.dtype != np.uint8 or frames.image.shape[1:] != self._image.item_shape:
            raise UserError(
                f"{self.stream} must stay uint8 {self._image.item_shape}, got {frames.image.dtype} "
                f"{frames.image.shape[1:]}"
            )
        if (np.diff(frames.t_us) <= 0).any() or (self._last_us is not None and frames.t_us[0] <= self._last_us):
            raise UserError(f"the times of {self.stream} must increase: sort them, drop repeated ones")
        self._last_us = int(frames.t_us[-1])
        self._image.append(frames.image)
        for name, column in self._times.items():
            column.append(getattr(frames, name))

    def finish(self) -> None:
        self._image.finish()
        for column in self._times.values():
            column.finish()


def open_recording(path: Path) -> "Recording":
    """The recording store at `path`, for reading; errors as `OpenedStore.opened`."""
    return Recording.opened(path)


class Recording(OpenedStore):
    """A store of one recording, for reading."""

    kind = RECORDING

    @cached_property
    def _events(self) -> EventColumns:
        return EventColumns(self.group, self.path)

    @cached_property
    def _ms_index(self) -> Times:
        return self.rows("events/ms_index")

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """What the writer said: source, conventions, repairs."""
        return dict(self.group.attrs.asdict())

    @cached_property
    def sensor_size(self) -> SensorSize:
        size = self.attributes["sensor_size"]
        return SensorSize(height=int(size["height"]), width=int(size["width"]))

    @cached_property
    def event_count(self) -> int:
        return len(self._events)

    @cached_property
    def start_us(self) -> int:
        """Time of the first event (of the first frame where there are no events)."""
        if self.event_count:
            return int(self._events.rows(0, 1)[2][0])
        return int(self._first_frames.t_us[0])

    @cached_property
    def end_us(self) -> int:
        """One after the time of the last event (or frame): events(start_us, end_us) are all events."""
        if self.event_count:
            return int(self._events.rows(self.event_count - 1, self.event_count)[2][0]) + 1
        return int(self._first_frames.t_us[-1]) + 1

    def events(self, start_us: int, end_us: int) -> Events:
        """Events of the half-open window [start_us, end_us); beyond the recording there are none.

        Raises:
            UserError: the window is empty.
        """
        check_window(start_us, end_us)
        if not self.event_count:
            return Events.empty(self.sensor_size)
        index, origin = self._ms_index, self.start_us
        first_ms = (int(start_us) - origin) // US_PER_MS
        end_ms = -((origin - int(end_us)) // US_PER_MS)
        last = len(index) - 1
        first, end = int(index[min(max(first_ms, 0), last)]), int(index[min(max(end_ms, 0), last)])
        return self._events.events(first, end, self.sensor_size).window(start_us, end_us)

    @property
    def events_per_ms(self) -> Times:
        """Events in each millisecond from the first event on, int64."""
        return np.diff(self._ms_index)

    def event_rows(self, first: int, end: int) -> Events:
        """Events by their number: [first, end)."""
        return self._events.events(first, end, self.sensor_size)

    @cached_property
    def frames(self) -> "FrameStream | None":
        """The camera's frames; None where it has none."""
        return self._stream("frames")

    @cached_property
    def truth(self) -> "FrameStream | None":
        """Held-out reference frames, never used for training; None where there are none."""
        return self._stream("truth")

    @cached_property
    def other_streams(self) -> list[str]:
        """Names of what the store holds besides events, frames and truth."""
        return sorted(set(self.group.keys()) - {"events", "frames", "truth"})

    @cached_property
    def imu(self) -> Imu | None:
        """All inertial samples; None where there are none."""
        return read_side(self.group, "imu", Imu, self.path)

    @cached_property
    def triggers(self) -> Triggers | None:
        """All triggers; None where there are none."""
        return read_side(self.group, "triggers", Triggers, self.path)

    @property
    def _first_frames(self) -> "FrameStream":
        if self.frames is None:
            raise InputFileError(f"{self.path} holds neither events nor frames: nothing has a time in it")
        return self.frames

    def _stream(self, name: str) -> "FrameStream | None":
        return FrameStream.opened(self.group, name, self.path) if name in self.group else None


class FrameStream:
    """Frames of a store: len(), [number] and .at(t_us) give uint8 (H, W) gray or (H, W, 3) RGB."""

    def __init__(self, image: zarr.Array, times: dict[str, Times]) -> None:
        self._image = image
        self.t_us = times["t_us"]
        self.exposure_start_us = times["exposure_start_us"]
        self.exposure_end_us = times["exposure_end_us"]

    @classmethod
    def opened(cls, group: zarr.Group, name: str, path: Path) -> Self:
        """The stream `name` of a recording store."""
        times = {each: read_rows(array_of(group, f"{name}/{each}", path)) for each in FRAME_TIMES}
        return cls(array_of(group, f"{name}/image", path), times)

    def __len__(self) -> int:
        return len(self.t_us)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame."""
        return self._image.shape[1:]

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        place = number + len(self) if number < 0 else number
        if not 0 <= place < len(self):
            raise IndexError(f"frame {number} of {len(self)}")
        return read_rows(self._image, place, place + 1)[0]

    def at(self, t_us: int) -> NDArray[np.uint8]:
        """The frame nearest in time (mid-exposure); of two as near, the earlier."""
        return self[self.number_at(t_us)]

    def number_at(self, t_us: int) -> int:
        """The number of the frame that `at` gives."""
        after = int(np.searchsorted(self.t_us, t_us, side="left"))
        if after == 0:
            return 0
        if after == len(self) or t_us - self.t_us[after - 1] <= self.t_us[after] - t_us:
            return after - 1
        return after
