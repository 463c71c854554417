"""What a file, folder or store holds, as one dictionary of plain values (`evfi info PATH --json`)."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.aedat4_header import MAGIC, read_header
from evfi.io.aedat4_reader import Aedat4Reader
from evfi.io.clips import CLIPS_SCHEMA, open_clips
from evfi.io.event_files import read_event_file
from evfi.io.images import TIMES_FILE, frame_folder_contents, read_image
from evfi.io.recording import RECORDING_SCHEMA, FrameStream, open_recording
from evfi.io.stores import open_any
from evfi.types import Events, Frames, SensorSize
from evfi.units import US_PER_S

Description = dict[str, Any]
Times = NDArray[np.int64]
_VIDEO_ENDINGS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"}
_IMAGE_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


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
        if (path / TIMES_FILE).is_file() or any(path.glob("*.png")):
            return _frame_folder
    elif path.suffix.lower() == ".aedat4" or _starts_with(path, MAGIC):
        return _aedat4
    elif path.suffix.lower() == ".npz":
        return _event_file
    elif path.suffix.lower() in _VIDEO_ENDINGS:
        return _video
    elif path.suffix.lower() in _IMAGE_ENDINGS:
        return _image
    raise UserError(
        f"evfi does not know what {path} is: expected .aedat4, a .zarr store, a video, a folder of PNGs, or .npz events"
    )


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
        events = _event_facts(store.event_count, store.start_us, store.end_us - 1)
    return {
        "kind": "recording",
        "format": RECORDING_SCHEMA,
        "sensor_size": _size(store.sensor_size),
        "events": events,
        "frames": _stream(store.frames),
        "truth": _stream(store.truth),
        "source": store.attributes.get("source"),
        "repairs": store.attributes.get("repairs"),
        "lost": store.attributes.get("lost"),
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
        "sensor_size": _size(sizes.pop()) if len(sizes) == 1 else None,
        "events": events,
        "frames": {
            "count": sum(len(t) for t in times),
            "start_us": min((int(t[0]) for t in times), default=None),
            "end_us": max((int(t[-1]) for t in times), default=None),
        },
        "clips": len(store),
    }


def _aedat4(path: Path) -> Description:
    """One camera's streams; of several cameras, those of each under `cameras`."""
    cameras = read_header(path).cameras
    if len(cameras) < 2:
        return _camera(path, None)
    streams = {"sensor_size": None, "events": None, "frames": None}
    return {
        "kind": "recording",
        "format": "aedat4",
        **streams,
        "cameras": {each: _camera(path, each) for each in cameras},
    }


def _camera(path: Path, name: str | None) -> Description:
    reader = Aedat4Reader(path, name)
    count, first_us, last_us = 0, 0, 0
    frames: list[tuple[int, int, int]] = []
    colour = False
    for piece in reader.batches():
        if isinstance(piece, Events):
            first_us = first_us if count else int(piece.t[0])
            last_us = int(piece.t[-1])
            count += len(piece)
        elif isinstance(piece, Frames):
            colour = piece.image.ndim == 4
            frames.append((int(piece.t_us[0]), int(piece.exposure_start_us[0]), int(piece.exposure_end_us[0])))
    found = None
    if frames:
        t_us, start_us, end_us = np.array(frames, np.int64).T
        found = {**_frame_facts(t_us), **_exposure(start_us, end_us), "colour": colour}
    return {
        "kind": "recording",
        "format": "aedat4",
        "sensor_size": _size(reader.sensor_size),
        "events": _event_facts(count, first_us, last_us) if count else None,
        "frames": found,
        "camera": reader.camera,
        "compression": reader.compression,
        "repairs": reader.repairs,
        "lost": reader.lost,
    }


def _event_file(path: Path) -> Description:
    events = read_event_file(path)
    found = _event_facts(len(events), int(events.t[0]), int(events.t[-1])) if len(events) else None
    return {
        "kind": "events",
        "format": "npz",
        "sensor_size": _size(events.sensor_size),
        "events": found,
        "frames": None,
    }


def _frame_folder(path: Path) -> Description:
    if (path / TIMES_FILE).is_file():
        paths, t_us = frame_folder_contents(path, None)
        frames = _frame_facts(t_us)
    else:
        paths = sorted(path.glob("*.png"))
        frames = {"count": len(paths), "start_us": None, "end_us": None}
    return {**_image(paths[0]), "format": "png folder", "frames": frames}


def _image(path: Path) -> Description:
    image = read_image(path)
    return {
        "kind": "images",
        "format": path.suffix.lower().lstrip("."),
        "sensor_size": _size(SensorSize(height=image.shape[0], width=image.shape[1])),
        "events": None,
        "frames": {"count": 1, "start_us": None, "end_us": None},
        "colour": image.ndim == 3,
    }


def _video(path: Path) -> Description:
    """Counts packets, not what the header promises; times are presentation times."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputFileError(f"{path} has no video stream: check the path")
            stream = container.streams.video[0]
            times = [packet.pts for packet in container.demux(stream) if packet.size and packet.pts is not None]
            size = SensorSize(height=stream.codec_context.height, width=stream.codec_context.width)
            codec, base, promised = stream.codec_context.name, stream.time_base, stream.frames
    except (FFmpegError, OSError) as error:
        if isinstance(error, InputFileError):
            raise
        raise InputFileError(
            f"{path} is not a video that can be read ({error}): convert it or copy it again"
        ) from error
    if not times or base is None:
        raise InputFileError(f"{path} holds no frame with a time: convert it or copy it again")
    t_us = np.array(sorted(round(pts * base * US_PER_S) for pts in times), np.int64)
    return {
        "kind": "video",
        "format": path.suffix.lower().lstrip("."),
        "sensor_size": _size(size),
        "events": None,
        "frames": {**_frame_facts(t_us), "promised_by_header": promised},
        "codec": codec,
    }


def _stream(stream: FrameStream | None) -> Description | None:
    if stream is None:
        return None
    exposure = _exposure(stream.exposure_start_us, stream.exposure_end_us)
    return {**_frame_facts(stream.t_us), **exposure, "colour": len(stream.shape) == 3}


def _event_facts(count: int, first_us: int, last_us: int) -> Description:
    span_us = last_us - first_us
    rate = round(count * US_PER_S / span_us, 1) if span_us else None
    return {"count": count, "start_us": first_us, "end_us": last_us, "per_second": rate}


def _frame_facts(t_us: Times) -> Description:
    gaps = [int(later - earlier) for earlier, later in pairwise(t_us)]
    return {
        "count": len(t_us),
        "start_us": int(t_us[0]),
        "end_us": int(t_us[-1]),
        "median_interval_us": int(np.median(gaps)) if gaps else None,
        "longest_interval_us": max(gaps, default=None),
    }


def _exposure(start_us: Times, end_us: Times) -> Description:
    """Shortest and longest exposure; None where unknown."""
    lengths = end_us - start_us
    known = bool((lengths > 0).any())
    return {"exposure_us": {"shortest": int(lengths.min()), "longest": int(lengths.max())} if known else None}


def _size(size: SensorSize) -> dict[str, int]:
    return {"height": int(size.height), "width": int(size.width)}


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
