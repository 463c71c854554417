"""Plain .npz files of events: x, y (uint16), t (int64 µs), p (bool), height, width."""

import zipfile
from pathlib import Path

import numpy as np

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.atomic import writing
from evfi.types import Events, SensorSize

_KEYS = ("x", "y", "t", "p", "height", "width")


def write_event_file(path: Path, events: Events) -> None:
    """Write events to `path` (.npz, compressed); equal events give equal bytes.

    Raises:
        UserError: another ending.
        OutputError: the place cannot be written.
    """
    if path.suffix != ".npz":
        raise UserError(f"events are written to a file that ends in .npz, got {path}")
    size = events.sensor_size
    with writing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            x=events.x,
            y=events.y,
            t=events.t,
            p=events.p,
            height=np.int64(size.height),
            width=np.int64(size.width),
        )


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
