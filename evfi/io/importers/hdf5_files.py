"""HDF5 recordings: DSEC's layout (events/{t,x,y,p}, ms_to_idx, t_offset) and HQF's (events/{ts,xs,ys,ps}, images/…).

Links to other files, external data and virtual data sets are refused: a file must not make evfi open another one.
So are data sets of more rows than were ever written, which would come out as zeros without end.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers Blosc, which DSEC's files are written with
import numpy as np
from numpy.typing import NDArray

from evfi.errors import InputFileError
from evfi.io.importers.layout import Layout
from evfi.io.importers.options import ImportOptions
from evfi.io.importers.raw_events import PIECE, RawEvents
from evfi.io.importers.time_units import as_microseconds
from evfi.types import Frames, SensorSize

_DSEC = {"x": "x", "y": "y", "t": "t", "p": "p"}
_HQF = {"x": "xs", "y": "ys", "t": "ts", "p": "ps"}
_FRAME_TIMES = ("t_us", "exposure_start_us", "exposure_end_us")
_IMAGES_A_PIECE = 16
_READ = ("/events/", "/frames/", "/images/")


def is_hdf5(path: Path) -> bool:
    """Whether a file has the signature of HDF5."""
    return path.is_file() and bool(h5py.is_hdf5(str(path)))


def is_dsec(path: Path) -> bool:
    """An HDF5 file with events/t, x, y and p."""
    return _has_events(path, _DSEC)


def is_hqf(path: Path) -> bool:
    """An HDF5 file with events/ts, xs, ys and ps."""
    return _has_events(path, _HQF)


def dsec_layout(path: Path, options: ImportOptions) -> Layout:
    """DSEC's layout; t_offset is added to the times (µs). Frames, where there are any, lie in `frames/`: image uint8
    (F, H, W[, 3]), t_us, and optionally exposure_start_us and exposure_end_us.

    The sensor's size is told by the attributes height and width of the file, else by the frames.

    Raises:
        InputFileError: not readable as HDF5, links to other files, columns absent or of unequal length.
    """
    with opened(path) as file:
        offset = int(np.asarray(file["t_offset"][()]).item()) if "t_offset" in file else 0
        has_frames = "frames" in file
        size = _attribute_size(file)
        frame_t_us = None
        if has_frames:
            for name in ("image", "t_us"):
                _require(f"frames/{name}" in file, path, f"frames/ without {name}")
            image = file["frames/image"]
            _require(
                image.ndim in (3, 4) and image.dtype == np.uint8, path, f"frames/image {image.dtype} {image.shape}"
            )
            size = size or SensorSize(height=image.shape[1], width=image.shape[2])
            frame_t_us = file["frames/t_us"][()].astype(np.int64)
    return Layout(
        format="dsec",
        files=(path,),
        raw_events=partial(_raw_events, path, _DSEC),
        frames=partial(_stacked_frames, path) if has_frames else None,
        frame_t_us=frame_t_us,
        sensor_size=size,
        time_unit="us",
        offset_us=offset,
        event_span=partial(_span, path, "t"),
    )


def hqf_layout(path: Path, options: ImportOptions) -> Layout:
    """HQF's layout: times in seconds (float64), images/image000000000 … with the attribute timestamp (seconds),
    sensor_resolution (height, width) as attribute of the file. Exposures are not kept in it: unknown.

    Raises: as `dsec_layout`.
    """
    with opened(path) as file:
        names = sorted(file["images"]) if "images" in file else []
        size, t_us = _attribute_size(file), None
        if names:
            for name in names:
                _require("timestamp" in file["images"][name].attrs, path, f"images/{name} without timestamp")
            times = np.array([float(file["images"][name].attrs["timestamp"]) for name in names])
            t_us = as_microseconds(times, options.frame_time_unit or "s", f"{path}, images")
            order = np.argsort(t_us, kind="stable")
            names, t_us = [names[k] for k in order], t_us[order]
            height, width = file["images"][names[0]].shape[:2]
            size = size or SensorSize(height=height, width=width)
    return Layout(
        format="hqf",
        files=(path,),
        raw_events=partial(_raw_events, path, _HQF),
        frames=partial(_single_frames, path, names, t_us) if t_us is not None else None,
        frame_t_us=t_us,
        sensor_size=size,
        time_unit="s",
        event_span=partial(_span, path, "ts"),
    )


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An HDF5 file for reading, once all its links and data sets were found to lie within it.

    Raises:
        InputFileError: it cannot be read, or reaches into other files.
    """
    try:
        with h5py.File(path, "r") as file:
            _refuse_reaching_out(file, path)
            yield file
    except (OSError, RuntimeError, KeyError) as error:
        if isinstance(error, InputFileError):
            raise
        raise InputFileError(f"{path} is damaged or cut off ({' '.join(str(error).split())}): copy it again") from error


def _refuse_reaching_out(group: Any, path: Path) -> None:
    for name in group:
        link = group.get(name, getlink=True)
        place = f"{group.name.rstrip('/')}/{name}"
        if isinstance(link, h5py.ExternalLink):
            raise InputFileError(
                f"{path}: {place} is an external link to {link.filename!r}, refused: copy the data into the file"
            )
        if isinstance(link, h5py.SoftLink):
            # its target is a member too, and is looked at there
            continue
        member = group[name]
        if isinstance(member, h5py.Group):
            _refuse_reaching_out(member, path)
        elif isinstance(member, h5py.Dataset) and (member.external or member.is_virtual):
            raise InputFileError(f"{path}: {place} keeps its data in other files, refused: copy the data into the file")
        elif isinstance(member, h5py.Dataset) and place.startswith(_READ):
            _refuse_unwritten(member, place, path)


def _refuse_unwritten(data: h5py.Dataset, place: str, path: Path) -> None:
    if not data.ndim or not data.shape[0]:
        return
    if data.chunks is None:
        written = data.shape[0] if data.id.get_storage_size() else 0
    else:
        across = math.prod(-(-side // chunk) for side, chunk in zip(data.shape[1:], data.chunks[1:], strict=True))
        written = data.id.get_num_chunks() // max(1, across) * data.chunks[0]
    if written < data.shape[0]:
        raise InputFileError(
            f"{path}: {place} promises {data.shape[0]} rows, of which at most {written} were written: copy it again"
        )


def _has_events(path: Path, columns: dict[str, str]) -> bool:
    if not is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            link: Any = file.get("events", getlink=True)
            # a linked group counts: it is refused by name when it is opened
            if isinstance(link, h5py.ExternalLink):
                return columns is _DSEC
            events = file["events"]
            return isinstance(events, h5py.Group) and set(columns.values()) <= set(events)
    except (OSError, RuntimeError, KeyError):
        return False


def _raw_events(path: Path, columns: dict[str, str]) -> Iterator[RawEvents]:
    with opened(path) as file:
        events = file["events"]
        lengths = {name: events[name].shape for name in columns.values()}
        _require(
            len(set(lengths.values())) == 1 and len(events[columns["t"]].shape) == 1, path, f"columns of {lengths}"
        )
        for first in range(0, events[columns["t"]].shape[0], PIECE):
            rows = slice(first, first + PIECE)
            yield RawEvents(**{role: events[name][rows] for role, name in columns.items()}, source=str(path))


def _span(path: Path, name: str) -> tuple[float, float] | None:
    with opened(path) as file:
        t = file["events"][name]
        return (float(t[0]), float(t[-1])) if t.shape[0] else None


def _stacked_frames(path: Path) -> Iterator[Frames]:
    with opened(path) as file:
        group = file["frames"]
        image = group["image"]
        times = [np.asarray(group[name if name in group else "t_us"][()], np.int64) for name in _FRAME_TIMES]
        _require(len({len(image), *map(len, times)}) == 1, path, "frames/ with columns of unequal length")
        for first in range(0, len(image), _IMAGES_A_PIECE):
            rows = slice(first, first + _IMAGES_A_PIECE)
            yield Frames(image[rows], *(time[rows] for time in times))


def _single_frames(path: Path, names: list[str], t_us: NDArray[np.int64]) -> Iterator[Frames]:
    with opened(path) as file:
        for name, time in zip(names, t_us, strict=True):
            image = np.asarray(file["images"][name])
            _require(image.dtype == np.uint8, path, f"images/{name} of {image.dtype}")
            if image.ndim == 3 and image.shape[2] == 1:
                image = image[..., 0]
            yield Frames.without_exposure(image[None], np.array([time], np.int64))


def _attribute_size(file: Any) -> SensorSize | None:
    if "height" in file.attrs and "width" in file.attrs:
        return SensorSize(height=int(file.attrs["height"]), width=int(file.attrs["width"]))
    if "sensor_resolution" in file.attrs:
        height, width = np.asarray(file.attrs["sensor_resolution"]).ravel()[:2]
        return SensorSize(height=int(height), width=int(width))
    return None


def _require(holds: bool, path: Path, found: str) -> None:
    if not holds:
        raise InputFileError(f"{path} has {found}: not the layout that docs/formats.md describes; write it again")
