"""What a file, folder or store holds, as one dictionary of plain values (`evfi info PATH --json`)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.aedat4_header import MAGIC
from evfi.io.aedat4_reader import Aedat4Reader
from evfi.io.clips import CLIPS_SCHEMA, open_clips
from evfi.io.describe_facts import Description, event_facts, exposure_facts, frame_facts, size_facts
from evfi.io.describe_layouts import describe_dsec, describe_hs_ergb, is_hs_ergb
from evfi.io.event_files import read_event_file
from evfi.io.images import IMAGE_ENDINGS, TIMES_FILE, frame_folder_contents, image_files, read_image
from evfi.io.recording import RECORDING_SCHEMA, FrameStream, open_recording
from evfi.io.stores import open_any
from evfi.io.video_reader import VIDEO_ENDINGS, opened_video
from evfi.types import Events, SensorSize
from evfi.units import US_PER_S


def describe(path: Path) -> Description:
    """Say what `path` holds.

    Returns:
        kind ("recording", "clips", "video", "images" or "events"), format, sensor_size {height, width}, events and
        frames, each None where absent, else {count, start_us, end_us, …} with the times of the first and the last
        one in µs (None where the file gives no times); and more by kind.

    Raises:
        MissingInputError: nothing is there.
        InputFileError: it is damaged.
        UserError: it is nothing that evfi knows.
    """
    path = Path(path)
    if not path.exists():
        raise MissingInputError(f"nothing at {path}: check the path")
    return {"path": str(path), **_describer(path)(path)}


def _describer(path: Path) -> Callable[[Path], Description]:
    if path.is_dir():
        if path.suffix == ".zarr" or (path / "zarr.json").is_file():
            return _store
        if is_hs_ergb(path):
            return describe_hs_ergb
        if (path / TIMES_FILE).is_file() or image_files(path):
            return _frame_folder
    elif path.suffix.lower() == ".aedat4" or _starts_with(path, MAGIC):
        return _aedat4
    elif path.suffix.lower() == ".npz":
        return _event_file
    elif path.suffix.lower() in (".h5", ".hdf5"):
        return describe_dsec
    elif path.suffix.lower() in VIDEO_ENDINGS:
        return _video
    elif path.suffix.lower() in IMAGE_ENDINGS:
        return _image
    raise UserError(f"evfi does not know what {path} is: expected .aedat4, a .zarr store, a video, images, .h5 or .npz")


def _store(path: Path) -> Description:
    schema = open_any(path).attrs.get("schema")
    if schema == RECORDING_SCHEMA:
        return _recording(path)
    if schema == CLIPS_SCHEMA:
        return _clips(path)
    raise InputFileError(f"{path} is a Zarr store of kind {schema!r}, not one of evfi's: check the path")


def _recording(path: Path) -> Description:
    store = open_recording(path)
    events = None
    if store.event_count:
        events = event_facts(store.event_count, store.start_us, store.end_us - 1)
    return {
        "kind": "recording",
        "format": RECORDING_SCHEMA,
        "sensor_size": size_facts(store.sensor_size),
        "events": events,
        "frames": _stream(store.frames),
        "truth": _stream(store.truth),
        "source": store.attributes.get("source"),
        "repairs": store.attributes.get("repairs"),
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
        "format": CLIPS_SCHEMA,
        "sensor_size": size_facts(sizes.pop()) if len(sizes) == 1 else None,
        "events": events,
        "frames": {
            "count": sum(len(t) for t in times),
            "start_us": min((int(t[0]) for t in times), default=None),
            "end_us": max((int(t[-1]) for t in times), default=None),
        },
        "clips": len(store),
    }


def _aedat4(path: Path) -> Description:
    reader = Aedat4Reader(path)
    count, first_us, last_us = 0, 0, 0
    frames: list[tuple[int, int, int]] = []
    colour = False
    for piece in reader.batches():
        if isinstance(piece, Events):
            first_us = first_us if count else int(piece.t[0])
            last_us = int(piece.t[-1])
            count += len(piece)
        else:
            colour = piece.image.ndim == 4
            frames.append((int(piece.t_us[0]), int(piece.exposure_start_us[0]), int(piece.exposure_end_us[0])))
    found = None
    if frames:
        t_us, start_us, end_us = np.array(frames, np.int64).T
        found = {**frame_facts(t_us), **exposure_facts(start_us, end_us), "colour": colour}
    return {
        "kind": "recording",
        "format": "aedat4",
        "sensor_size": size_facts(reader.sensor_size),
        "events": event_facts(count, first_us, last_us) if count else None,
        "frames": found,
        "camera": reader.camera,
        "compression": reader.compression,
        "repairs": reader.repairs,
    }


def _event_file(path: Path) -> Description:
    events = read_event_file(path)
    found = event_facts(len(events), int(events.t[0]), int(events.t[-1])) if len(events) else None
    return {
        "kind": "events",
        "format": "npz",
        "sensor_size": size_facts(events.sensor_size),
        "events": found,
        "frames": None,
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
    """Counts packets, not what the header promises; times are presentation times."""
    with opened_video(path) as (container, stream):
        times = [packet.pts for packet in container.demux(stream) if packet.size and packet.pts is not None]
        size = SensorSize(height=stream.codec_context.height, width=stream.codec_context.width)
        codec, base, promised = stream.codec_context.name, stream.time_base, stream.frames
    if not times or base is None:
        raise InputFileError(f"{path} holds no frame with a time: convert it or copy it again")
    t_us = np.array(sorted(round(pts * base * US_PER_S) for pts in times), np.int64)
    return {
        "kind": "video",
        "format": path.suffix.lower().lstrip("."),
        "sensor_size": size_facts(size),
        "events": None,
        "frames": {**frame_facts(t_us), "promised_by_header": promised},
        "codec": codec,
    }


def _stream(stream: FrameStream | None) -> Description | None:
    if stream is None:
        return None
    exposure = exposure_facts(stream.exposure_start_us, stream.exposure_end_us)
    return {**frame_facts(stream.t_us), **exposure, "colour": len(stream.shape) == 3}


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
