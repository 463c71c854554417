"""What files in the layouts of other programs hold: DSEC's HDF5 and the folders of HS-ERGB."""

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers Blosc, which such files are written with
import numpy as np

from evfi.errors import InputFileError
from evfi.io.describe_facts import Description, event_facts, exposure_facts, frame_facts, size_facts
from evfi.io.images import image_files, read_image
from evfi.io.sinks.hs_ergb import EVENTS_FOLDER, IMAGES_FOLDER, TIMES_FILE
from evfi.types import SensorSize

_COLUMNS = ("events/x", "events/y", "events/t", "events/p")


def describe_dsec(path: Path) -> Description:
    """An .h5 file in the layout of DSEC; only the ends of its columns are read.

    Raises:
        InputFileError: not HDF5, not of this layout, or it refers to other files.
    """
    try:
        with h5py.File(path, "r") as opened:
            file: Any = opened
            if not all(_own(file, name) for name in _COLUMNS):
                raise InputFileError(f"{path} lacks {', '.join(_COLUMNS)}: expected the layout of DSEC")
            offset_us = int(file["t_offset"][()]) if _own(file, "t_offset") else 0
            t = file["events/t"]
            events = event_facts(len(t), offset_us + int(t[0]), offset_us + int(t[-1])) if len(t) else None
            frames = None
            if _own(file, "frames/t_us"):
                start_us, end_us = (file[f"frames/exposure_{end}_us"][()] for end in ("start", "end"))
                colour = file["frames/image"].ndim == 4
                frames = {**frame_facts(file["frames/t_us"][()]), **exposure_facts(start_us, end_us), "colour": colour}
            found = [file.attrs.get(name) for name in ("height", "width")]
    except (OSError, KeyError) as error:
        if isinstance(error, InputFileError):
            raise
        raise InputFileError(f"{path} cannot be read as HDF5 ({error}): copy it again from its source") from error
    height, width = found
    sensor = None if height is None or width is None else size_facts(SensorSize(height=int(height), width=int(width)))
    kind = "events" if frames is None else "recording"
    return {"kind": kind, "format": "HDF5 (DSEC layout)", "sensor_size": sensor, "events": events, "frames": frames}


def _own(file: h5py.File, name: str) -> bool:
    """Whether the file itself holds a data set: links to other files are not followed."""
    parts = name.split("/")
    places = ["/".join(parts[: number + 1]) for number in range(len(parts))]
    return all(isinstance(file.get(place, getlink=True), h5py.HardLink) for place in places)


def is_hs_ergb(path: Path) -> bool:
    """Whether a folder has the two folders of HS-ERGB."""
    return (path / EVENTS_FOLDER).is_dir() and (path / IMAGES_FOLDER).is_dir()


def describe_hs_ergb(path: Path) -> Description:
    """A folder of numbered images with the events between them; one file of events at a time is in memory.

    Raises:
        InputFileError: a file of events is damaged, or there are no images.
    """
    images = image_files(path / IMAGES_FOLDER)
    if not images:
        raise InputFileError(f"{path / IMAGES_FOLDER} holds no images: expected the layout of HS-ERGB")
    image = read_image(images[0])
    ends: list[tuple[int, int]] = []
    count = 0
    for each in sorted((path / EVENTS_FOLDER).glob("*.npz")):
        t = _times(each)
        count += len(t)
        if len(t):
            ends.append((int(t[0]), int(t[-1])))
    times = next((folder / TIMES_FILE for folder in (path, images[0].parent) if (folder / TIMES_FILE).is_file()), None)
    frames: Description = {"count": len(images), "start_us": None, "end_us": None}
    if times is not None and all(line.strip().isdecimal() for line in times.read_text().splitlines()):
        frames = frame_facts(np.loadtxt(times, np.int64, ndmin=1)[: len(images)])
    return {
        "kind": "recording",
        "format": "HS-ERGB folder",
        "sensor_size": size_facts(SensorSize(height=image.shape[0], width=image.shape[1])),
        "events": event_facts(count, ends[0][0], ends[-1][1]) if ends else None,
        "frames": {**frames, "colour": image.ndim == 3},
    }


def _times(path: Path) -> Any:
    try:
        with np.load(path, allow_pickle=False) as data:
            return data["t"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputFileError(f"{path} is not an .npz file of events with the column t ({error})") from error
