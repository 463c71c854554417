"""HDF5 in the layout of DSEC: events/{x, y, t, p}, ms_to_idx, t_offset; frames in a group of their own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.io.atomic import writing
from evfi.io.recording import FRAME_TIMES, index_entries
from evfi.io.sinks.sink import NO_ARRAYS, Arrays, Heading, Sink
from evfi.io.stores import COLUMN_CHUNK
from evfi.provenance import canonical_json
from evfi.types import Events, Frames, SensorSize


@contextmanager
def dsec_sink(out: Path, heading: Heading) -> Iterator[Sink]:
    """Events and frames in one .h5 file (docs/formats.md has the layout)."""
    with writing(out) as partial, h5py.File(partial, "w") as file:
        writer = DsecWriter(file, heading.sensor_size)
        yield writer
        writer.finish()


class DsecWriter:
    """Writes the groups of an open HDF5 file piece by piece; memory holds one chunk of each column."""

    def __init__(self, file: h5py.File, sensor_size: SensorSize) -> None:
        self._file, self.sensor_size = file, sensor_size
        file.attrs.update({"height": sensor_size.height, "width": sensor_size.width})
        self._index = self._column("ms_to_idx", np.uint64)
        self._offset_us: int | None = None
        self._last_us = self._length = 0
        self._events: dict[str, h5py.Dataset] = {}
        self._image: h5py.Dataset | None = None
        self._frame_times: dict[str, h5py.Dataset] = {}

    def add_events(self, events: Events) -> None:
        """Append events; times must not decrease, also from call to call.

        Raises:
            UserError: they do, or the sensor size differs.
        """
        if not len(events):
            return
        if events.sensor_size != self.sensor_size:
            raise UserError(f"events of a {events.sensor_size} sensor in a file of {self.sensor_size}")
        if self._offset_us is None:
            self._offset_us = self._last_us = int(events.t[0])
        if int(events.t[0]) < self._last_us or (np.diff(events.t) < 0).any():
            raise UserError("event times must not decrease: sort them, or drop the late ones")
        entries = index_entries(events.t, self._length, self._offset_us, len(self._index))
        _append(self._index, entries.astype(np.uint64))
        self._start_columns(events)
        columns = {"x": events.x, "y": events.y, "t": events.t - self._offset_us, "p": events.p.astype(np.uint8)}
        for name, values in columns.items():
            _append(self._events[name], values)
        self._length += len(events)
        self._last_us = int(events.t[-1])

    def add_frames(self, frames: Frames) -> None:
        """Append frames uint8 of one shape."""
        if not len(frames):
            return
        if frames.sensor_size != self.sensor_size:
            raise UserError(f"frames of {frames.sensor_size} pixels in a file of {self.sensor_size}")
        if self._image is None:
            self._image = self._column("frames/image", np.uint8, frames.image.shape[1:])
            self._frame_times = {name: self._column(f"frames/{name}", np.int64) for name in FRAME_TIMES}
        _append(self._image, frames.image)
        for name, column in self._frame_times.items():
            _append(column, getattr(frames, name))

    def add_facts(self, facts: Mapping[str, Any], arrays: Arrays = NO_ARRAYS) -> None:
        """Kept as JSON in the attribute `evfi` of the file, and as data sets of their names."""
        self._file.attrs["evfi"] = canonical_json(dict(facts))
        for name, values in arrays.items():
            self._file[name] = values

    def finish(self) -> None:
        """Write the end of the index and the offset of the times."""
        self._start_columns(Events.empty(self.sensor_size))
        _append(self._index, np.array([self._length], np.uint64))
        self._file["t_offset"] = np.int64(self._offset_us or 0)

    def _start_columns(self, events: Events) -> None:
        if not self._events:
            kinds = {"x": events.x.dtype, "y": events.y.dtype, "t": np.int64, "p": np.uint8}
            self._events = {name: self._column(f"events/{name}", kind) for name, kind in kinds.items()}

    def _column(self, name: str, dtype: Any, item_shape: tuple[int, ...] = ()) -> h5py.Dataset:
        return self._file.create_dataset(
            name,
            shape=(0, *item_shape),
            maxshape=(None, *item_shape),
            dtype=dtype,
            chunks=(1 if item_shape else COLUMN_CHUNK, *item_shape),
            **hdf5plugin.Blosc(cname="zstd", clevel=1, shuffle=hdf5plugin.Blosc.SHUFFLE),
        )


def _append(dataset: h5py.Dataset, values: NDArray) -> None:
    start = dataset.shape[0]
    dataset.resize(start + len(values), axis=0)
    if len(values):
        dataset[start:] = values
