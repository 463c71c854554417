"""Whether a store is what its receipt says, and keeps the promises of docs/formats.md (`evfi verify`)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from evfi.errors import CheckFailed, InputFileError, MissingInputError
from evfi.io.clips import CLIPS, ClipStore
from evfi.io.event_columns import EventColumns
from evfi.io.flow_arrays import FLOWS, flow_problems
from evfi.io.recording import RECORDING, Recording, index_entries
from evfi.io.scenes import SCENES, scene_problems
from evfi.io.store_files import REST, digests_of_files
from evfi.io.stores import array_of, arrays_of, digest_rows, open_any, read_rows, receipt_path
from evfi.types import SensorSize

_EVENTS_AT_ONCE = 1 << 22
_NAMED = 3
Receipt = dict[str, Any]
Problems = Iterator[str]


def verify_store(path: Path) -> dict[str, int]:
    """Check files, decoded values and invariants of a store of any schema of evfi's, in constant memory.

    Returns:
        arrays and values: how many were checked.

    Raises:
        MissingInputError, InputFileError: nothing, or a file, is there.
        CheckFailed: something is wrong; the line names the array.
    """
    path = Path(path)
    if path.is_file():
        raise InputFileError(f"{path} is a file, and a store is a folder: `evfi info {path}` says what it is")
    if not path.is_dir():
        raise MissingInputError(f"no store at {path}: check the path")
    receipt = _receipt(path)
    _raise_for(path, _changed_files(path, receipt))
    try:
        group = open_any(path)
        _raise_for(path, _changed_values(group, receipt))
        invariants = _INVARIANTS.get(group.attrs.get("schema"))  # pyright: ignore[reportArgumentType]
        if invariants is None:
            raise CheckFailed(f"{path} is a store of kind {group.attrs.get('schema')!r}, which verify does not know")
        _raise_for(path, invariants(path, group))
    except (InputFileError, IndexError, KeyError) as error:
        raise CheckFailed(f"{path} is damaged: {error}") from error
    sizes = [int(np.prod(array["shape"])) for array in receipt["arrays"].values()]
    return {"arrays": len(sizes), "values": sum(sizes)}


def _receipt(path: Path) -> Receipt:
    place = receipt_path(path)
    try:
        receipt = json.loads(place.read_text())
        for array in receipt["arrays"].values():
            _ = array["dtype"], array["shape"], array["sha256"], array["files_sha256"]
        _ = receipt["schema"], receipt["version"], receipt["groups_sha256"]
    except FileNotFoundError as error:
        raise CheckFailed(f"{path} has no receipt {place.name} beside it: make the store again") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckFailed(
            f"{place} is no whole receipt of this version ({type(error).__name__}: {error}): make the store again"
        ) from error
    return receipt


def _raise_for(path: Path, problems: Problems) -> None:
    found = list(problems)
    if found:
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise CheckFailed(f"{path} is damaged: {'; '.join(found[:_NAMED])}{more}: make the store again")


def _changed_files(path: Path, receipt: Receipt) -> Problems:
    found = digests_of_files(path, receipt["arrays"])
    expected = {name: array["files_sha256"] for name, array in receipt["arrays"].items()}
    for name, digest in {**expected, REST: receipt["groups_sha256"]}.items():
        if found[name] != digest:
            yield f"the files of {name} are not those that were written"


def _changed_values(group: zarr.Group, receipt: Receipt) -> Problems:
    found = dict(arrays_of(group))
    for name, array in receipt["arrays"].items():
        if name not in found:
            yield f"{name} is absent"
        elif (is_now := _kind(found[name])) != (said := f"{array['dtype']} {array['shape']}"):
            yield f"{name} is {is_now}, its receipt says {said}"
        elif digest_rows(found[name]) != array["sha256"]:
            yield f"the values of {name} are not those of its receipt"
    attributes = group.attrs.asdict()
    for key in sorted({"source", "repairs", "lost", "schema", "version"} & receipt.keys() & attributes.keys()):
        if receipt[key] != attributes[key]:
            yield f"{key} differs between the receipt and the store"


def _kind(array: zarr.Array) -> str:
    return f"{array.dtype} {list(array.shape)}"


def _recording(path: Path, group: zarr.Group) -> Problems:
    recording = Recording(path)
    columns = EventColumns(group, path)
    yield from _event_lengths(group, path)
    index = read_rows(array_of(group, "events/ms_index", path))
    entries = 0
    start_us = recording.start_us if len(columns) else 0
    latest = start_us
    for first in range(0, len(columns), _EVENTS_AT_ONCE):
        x, y, t, _ = columns.rows(first, min(first + _EVENTS_AT_ONCE, len(columns)))
        yield from _beyond(x, y, recording.sensor_size)
        if t[0] < latest or (t[1:] < t[:-1]).any():
            yield "events/t decreases"
            return
        latest = t[-1]
        expected = index_entries(t, first, start_us, entries)
        if not np.array_equal(index[entries : entries + len(expected)], expected):
            yield "events/ms_index does not lead to the times that it names"
            return
        entries += len(expected)
    if len(index) != entries + 1 or index[-1] != len(columns):
        yield f"events/ms_index has {len(index)} entries up to {index[-1]}, expected {entries + 1} up to {len(columns)}"
    for name in ("frames", "truth"):
        yield from _frames(group, name, path)
    for name in ("imu", "triggers"):
        yield from _side(group, name, path)


def _clips(path: Path, group: zarr.Group) -> Problems:
    store = ClipStore(path)
    yield from _event_lengths(group, path)
    events, frames = (read_rows(array_of(group, f"clips/{name}_offset", path)) for name in ("event", "frame"))
    paths = group["frames"].attrs["paths"]
    ends = {"event": len(EventColumns(group, path)), "frame": array_of(group, "frames/t_us", path).shape[0]}
    for name, offsets in (("event", events), ("frame", frames)):
        if len(offsets) != len(store) + 1 or offsets[0] != 0 or (np.diff(offsets) < 0).any():
            yield f"clips/{name}_offset does not rise from 0 over {len(store)} clips"
        elif offsets[-1] != ends[name]:
            yield f"clips/{name}_offset ends at {offsets[-1]}, expected {ends[name]}"
    if not len(paths) * 32 == array_of(group, "frames/sha256", path).shape[0] == ends["frame"] * 32:  # pyright: ignore
        yield f"frames/sha256 does not hold one digest for each of {ends['frame']} frames and {len(paths)} paths"  # pyright: ignore
    for number in range(len(store)):
        clip = store.events(number)
        yield from (f"{problem} (clip {number})" for problem in _beyond(clip.x, clip.y, store.sensor_size(number)))
        if (clip.t[1:] < clip.t[:-1]).any():
            yield f"events/t decreases within clip {number}"
        if (np.diff(store.t_us(number)) <= 0).any():
            yield f"frames/t_us does not increase within clip {number}"


def _event_lengths(group: zarr.Group, path: Path) -> Problems:
    lengths = {name: array_of(group, f"events/{name}", path).shape[0] for name in ("x", "y", "t", "p")}
    if len(set(lengths.values())) != 1:
        yield f"the columns of events differ in length: {lengths}"


def _beyond(x: NDArray, y: NDArray, size: SensorSize) -> Problems:
    for name, values, limit in (("x", x, size.width), ("y", y, size.height)):
        # sub-pixel coordinates may lie half a pixel outside, as their importers leave them
        if values.dtype.kind == "u" and len(values) and values.max() >= limit:
            yield f"events/{name} reaches {values.max()}, beyond the sensor of {size}"


def _frames(group: zarr.Group, name: str, path: Path) -> Problems:
    if name not in group:
        return
    t, start, end = (
        read_rows(array_of(group, f"{name}/{each}", path)) for each in ("t_us", "exposure_start_us", "exposure_end_us")
    )
    images = array_of(group, f"{name}/image", path).shape[0]
    if not len(t) == len(start) == len(end) == images:
        yield f"{name} has {images} images and {len(t)}, {len(start)}, {len(end)} times"
    elif (np.diff(t) <= 0).any():
        yield f"{name}/t_us does not increase"
    elif not ((start <= t) & (t <= end)).all():
        yield f"{name}/t_us lies outside of its exposure"


def _side(group: zarr.Group, name: str, path: Path) -> Problems:
    columns = {key: array for key, array in arrays_of(group) if key.startswith(f"{name}/")}
    if not columns:
        return
    lengths = {array.shape[0] for array in columns.values()}
    if len(lengths) != 1:
        yield f"the columns of {name} differ in length"
    elif (np.diff(read_rows(array_of(group, f"{name}/t_us", path))) < 0).any():
        yield f"{name}/t_us decreases"


_INVARIANTS: dict[Any, Callable[[Path, zarr.Group], Problems]] = {
    RECORDING.schema: _recording,
    CLIPS.schema: _clips,
    SCENES.schema: scene_problems,
    FLOWS.schema: flow_problems,
}
