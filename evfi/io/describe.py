"""What a file, folder or store holds, as one dictionary of plain values (`evfi info PATH --json`)."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.aedat4_header import read_header
from evfi.io.aedat4_reader import Aedat4Reader
from evfi.io.clips import CLIPS, open_clips
from evfi.io.describe_facts import Description, Span, Times, event_facts, exposure_facts, frame_facts, size_facts
from evfi.io.flow_arrays import FLOWS, flow_shapes
from evfi.io.images import IMAGE_ENDINGS, TIMES_FILE, frame_folder_contents, image_files, read_image
from evfi.io.importers.options import ImportOptions
from evfi.io.pieces import Imu, Triggers
from evfi.io.readers import Kind, is_recording, kind_of
from evfi.io.recording import RECORDING, FrameStream, open_recording
from evfi.io.scenes import SCENES, open_scenes
from evfi.io.stores import is_store, open_any, open_group
from evfi.io.video_reader import VIDEO_ENDINGS, video_facts
from evfi.types import Events, Frames, SensorSize

_EVENTS_ALONE = ("npz", "text", "dsec")


def describe(path: Path, options: ImportOptions | None = None) -> Description:
    """Say what `path` holds.

    Args:
        options: what the files of a recording leave open.

    Returns:
        kind ("recording", "clips", "flows", "video", "images" or "events"), format, sensor_size {height, width},
        events and frames, each None where absent, else {count, start_us, end_us, …} with the times of the first and
        the last one in µs (None where the file gives no times); and more by kind.

    Raises:
        MissingInputError: nothing is there.
        InputFileError: it is damaged.
        UserError: it is nothing that evfi knows.
    """
    path = Path(path)
    if not path.exists():
        raise MissingInputError(f"nothing at {path}: check the path")
    return {"path": str(path), **_describer(path, options or ImportOptions())(path)}


def _describer(path: Path, options: ImportOptions) -> Callable[[Path], Description]:
    if path.is_dir():
        if is_store(path):
            return _store
        if is_recording(path):
            return partial(_recording_file, options=options)
        if (path / TIMES_FILE).is_file() or image_files(path):
            return _frame_folder
    elif is_recording(path):
        return partial(_recording_file, options=options)
    elif path.suffix.lower() in VIDEO_ENDINGS:
        return _video
    elif path.suffix.lower() in IMAGE_ENDINGS:
        return _image
    raise UserError(
        f"evfi does not know what {path} is: expected a recording (docs/formats.md), a .zarr store, a video, or images"
    )


def _store(path: Path) -> Description:
    schema = str(open_any(path).attrs.get("schema"))
    described = {
        RECORDING.schema: _recording,
        CLIPS.schema: _clips,
        SCENES.schema: _scenes,
        FLOWS.schema: _flows,
    }
    if schema not in described:
        raise InputFileError(f"{path} is a Zarr store of kind {schema!r}, not one of evfi's: check the path")
    return described[schema](path)


def _recording(path: Path) -> Description:
    store = open_recording(path)
    events = None
    if store.event_count:
        events = event_facts(store.event_count, store.start_us, store.end_us - 1)
    return {
        "kind": "recording",
        "format": RECORDING.schema,
        "sensor_size": size_facts(store.sensor_size),
        "events": events,
        "frames": _stream(store.frames),
        "truth": _stream(store.truth),
        "imu": Span.of(store.imu).facts(),
        "triggers": Span.of(store.triggers).facts(),
        "source": store.attributes.get("source"),
        "repairs": store.attributes.get("repairs"),
        "lost": store.attributes.get("lost"),
    }


def _scenes(path: Path) -> Description:
    store = open_scenes(path)
    numbers = range(len(store))
    sizes = {store.sensor_size(number) for number in numbers}
    times = [store.t_us(number) for number in numbers]
    return {
        "kind": "scenes",
        "format": SCENES.schema,
        "sensor_size": size_facts(sizes.pop()) if len(sizes) == 1 else None,
        "events": None,
        "frames": {
            "count": sum(len(t) for t in times),
            "start_us": min((int(t[0]) for t in times), default=None),
            "end_us": max((int(t[-1]) for t in times), default=None),
        },
        "scenes": len(store),
    }


def _clips(path: Path) -> Description:
    store = open_clips(path)
    numbers = range(len(store))
    sizes = {store.sensor_size(number) for number in numbers}
    ends = [t[[0, -1]] for t in (store.events(number).t for number in numbers) if len(t)]
    times = [store.t_us(number) for number in numbers]
    events = None
    if ends:
        first, last = np.stack(ends).T
        events = {"count": store.event_count, "start_us": int(first.min()), "end_us": int(last.max())}
    return {
        "kind": "clips",
        "format": CLIPS.schema,
        "sensor_size": size_facts(sizes.pop()) if len(sizes) == 1 else None,
        "events": events,
        "frames": {
            "count": sum(len(t) for t in times),
            "start_us": min((int(t[0]) for t in times), default=None),
            "end_us": max((int(t[-1]) for t in times), default=None),
        },
        "clips": len(store),
    }


def _flows(path: Path) -> Description:
    group = open_group(path, FLOWS)
    found = flow_shapes(group)
    sizes = [SensorSize(height=height, width=width) for height, width in found]
    return {
        "kind": "flows",
        "format": FLOWS.schema,
        "sensor_size": size_facts(sizes[0]) if len(sizes) == 1 else None,
        "events": None,
        "frames": None,
        "flows": {str(size): count for size, count in zip(sizes, found.values(), strict=True)},
        "provider": group.attrs.get("provider"),
        "stores": group.attrs.get("stores"),
    }


def _recording_file(path: Path, options: ImportOptions) -> Description:
    """A file or folder that has to be read whole to be told; of several cameras, each under `cameras`."""
    kind = kind_of(path)
    cameras = read_header(path).cameras if kind.name == "aedat4" else []
    if len(cameras) < 2:
        return _camera(path, kind, None, options)
    streams = {"sensor_size": None, "events": None, "frames": None}
    found = {each: _camera(path, kind, each, options) for each in cameras}
    return {"kind": "recording", "format": kind.name, **streams, "cameras": found}


def _camera(path: Path, kind: Kind, camera: str | None, options: ImportOptions) -> Description:
    reader = kind.open(path, camera, options)
    spans = {kind: Span() for kind in (Events, Imu, Triggers)}
    times: list[Times] = []
    colour = False
    for piece in reader.batches():
        if isinstance(piece, Frames):
            colour = piece.image.ndim == 4
            times.append(np.stack([piece.t_us, piece.exposure_start_us, piece.exposure_end_us]))
        else:
            spans[type(piece)] += Span.of(piece)
    events = spans[Events]
    found = None
    if times:
        t_us, start_us, end_us = np.concatenate(times, axis=1)
        found = {**frame_facts(t_us), **exposure_facts(start_us, end_us), "colour": colour}
    return {
        "kind": "events" if kind.name in _EVENTS_ALONE and found is None else "recording",
        "format": kind.name,
        "sensor_size": size_facts(reader.sensor_size),
        "events": event_facts(events.count, events.first_us, events.last_us) if events.count else None,
        "frames": found,
        "imu": spans[Imu].facts(),
        "triggers": spans[Triggers].facts(),
        "camera": reader.camera,
        "compression": reader.compression if isinstance(reader, Aedat4Reader) else None,
        "repairs": reader.repairs,
        "lost": reader.lost,
    }


def _frame_folder(path: Path) -> Description:
    if (path / TIMES_FILE).is_file():
        paths, t_us = frame_folder_contents(path, None)
        frames = frame_facts(t_us)
    else:
        paths = image_files(path)
        frames = {"count": len(paths), "start_us": None, "end_us": None}
    return {**_image(paths[0]), "format": "image folder", "frames": frames}


def _image(path: Path) -> Description:
    image = read_image(path)
    return {
        "kind": "images",
        "format": path.suffix.lower().lstrip("."),
        "sensor_size": size_facts(SensorSize(height=image.shape[0], width=image.shape[1])),
        "events": None,
        "frames": {"count": 1, "start_us": None, "end_us": None},
        "colour": image.ndim == 3,
    }


def _video(path: Path) -> Description:
    found = video_facts(path)
    return {
        "kind": "video",
        "format": path.suffix.lower().lstrip("."),
        "sensor_size": size_facts(found.sensor_size),
        "events": None,
        "frames": {**frame_facts(found.t_us), "promised_by_header": found.promised},
        "codec": found.codec,
    }


def _stream(stream: FrameStream | None) -> Description | None:
    if stream is None:
        return None
    exposure = exposure_facts(stream.exposure_start_us, stream.exposure_end_us)
    return {**frame_facts(stream.t_us), **exposure, "colour": len(stream.shape) == 3}
