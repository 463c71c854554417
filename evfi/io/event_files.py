"""Plain .npz files of events: x, y (uint16), t (int64 µs), p (bool), height, width."""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.atomic import writing_in_folder
from evfi.types import Events, SensorSize

_COLUMNS = ("x", "y", "t", "p")
_KEYS = (*_COLUMNS, "height", "width")
_COPIED_AT_ONCE = 1 << 20


def write_event_file(path: Path, events: Events) -> None:
    """Write events to `path` (.npz, compressed); equal events give equal bytes.

    Raises:
        UserError: another ending, or times that decrease.
        OutputError: the place cannot be written.
    """
    with writing_event_file(path, events.sensor_size) as writer:
        writer.add_events(events)


@contextmanager
def writing_event_file(path: Path, sensor_size: SensorSize) -> Iterator["EventFileWriter"]:
    """A writer of the file `path`, which appears when the context ends well. Errors as `write_event_file`."""
    if path.suffix != ".npz":
        raise UserError(f"events are written to a file that ends in .npz, got {path}")
    with writing_in_folder(path) as folder, ExitStack() as files:
        writer = EventFileWriter(folder / path.name, sensor_size, files)
        yield writer
        writer.finish()


class EventFileWriter:
    """Writes an event file piece by piece in constant memory: columns wait in files beside it until all are known.

    Args:
        path: the file.
        files: what closes the waiting columns.
    """

    def __init__(self, path: Path, sensor_size: SensorSize, files: ExitStack) -> None:
        self.path, self.sensor_size = path, sensor_size
        self._columns: dict[str, IO[bytes]] = {
            name: files.enter_context((path.parent / name).open("w+b")) for name in _COLUMNS
        }
        like = Events.empty(sensor_size)
        self._dtypes: dict[str, np.dtype] = {name: getattr(like, name).dtype for name in _COLUMNS}
        self._length, self._last_us = 0, 0

    def add_events(self, events: Events) -> None:
        """Append events; times must not decrease, also from call to call.

        Raises:
            UserError: they do, another sensor size, or another type of coordinates than before.
        """
        if not len(events):
            return
        if events.sensor_size != self.sensor_size:
            raise UserError(f"events of a {events.sensor_size} sensor in a file of {self.sensor_size}")
        if (self._length and int(events.t[0]) < self._last_us) or (np.diff(events.t) < 0).any():
            raise UserError("event times must not decrease: sort them, or drop the late ones")
        for name, file in self._columns.items():
            values = getattr(events, name)
            if not self._length:
                self._dtypes[name] = values.dtype
            elif values.dtype != self._dtypes[name]:
                raise UserError(f"event column {name} changes from {self._dtypes[name]} to {values.dtype} in one file")
            file.write(np.ascontiguousarray(values).data)
        self._length += len(events)
        self._last_us = int(events.t[-1])

    def finish(self) -> None:
        """Put the columns together."""
        sizes = {"height": self.sensor_size.height, "width": self.sensor_size.width}
        with zipfile.ZipFile(self.path, "w") as archive:
            for name, column in self._columns.items():
                column.seek(0)
                with _member(archive, name) as member:
                    _write_header(member, self._dtypes[name], (self._length,))
                    shutil.copyfileobj(column, member, _COPIED_AT_ONCE)
            for name, value in sizes.items():
                with _member(archive, name) as member:
                    _write_header(member, np.dtype(np.int64), ())
                    member.write(np.int64(value).tobytes())


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """A compressed array of the archive; the date is that of every one, so that equal events give equal bytes."""
    about = zipfile.ZipInfo(f"{name}.npy")
    about.compress_type = zipfile.ZIP_DEFLATED
    return archive.open(about, "w", force_zip64=True)


def _write_header(member: IO[bytes], dtype: np.dtype, shape: tuple[int, ...]) -> None:
    descr = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(member, {"descr": descr, "fortran_order": False, "shape": shape})


def read_event_file(path: Path) -> Events:
    """The events of an .npz file as `write_event_file` writes it; pickles in it are refused.

    Raises:
        MissingInputError: no such file.
        InputFileError: no npz, a key absent, another dtype, or times that decrease.
    """
    if not path.is_file():
        raise MissingInputError(f"no events at {path}: expected an .npz file with {', '.join(_KEYS)}")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            absent = [key for key in _KEYS if key not in data]
            if absent:
                raise InputFileError(f"{path} lacks {', '.join(absent)}: expected the keys {', '.join(_KEYS)}")
            x, y, t, p, height, width = (data[key] for key in _KEYS)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InputFileError):
            raise
        raise InputFileError(f"{path} is not an .npz file of events ({error}): write it again") from error
    columns = (x, y, t, p)
    if any(column.ndim != 1 or len(column) != len(t) for column in columns) or height.ndim or width.ndim:
        raise InputFileError(f"{path}: x, y, t, p must be columns of one length; height and width single numbers")
    if t.dtype != np.int64 or p.dtype != np.bool_ or x.dtype != y.dtype or x.dtype not in (np.uint16, np.float32):
        raise InputFileError(
            f"{path} has x {x.dtype}, y {y.dtype}, t {t.dtype}, p {p.dtype}: expected uint16 (or float32), the same, "
            "int64 microseconds and bool"
        )
    if (np.diff(t) < 0).any():
        raise InputFileError(f"{path}: event times must not decrease: sort the events by t")
    return Events(x, y, t, p, SensorSize(height=int(height), width=int(width)))
