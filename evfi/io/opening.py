"""`evfi.open`: any recording, ready to be read by time."""

import tempfile
import weakref
from pathlib import Path

from evfi.errors import InputFileError, MissingInputError
from evfi.io.ingest import ingest
from evfi.io.recording import Recording, open_recording


def open_path(path: Path | str) -> Recording:
    """The recording at `path`: a recording store (.zarr), or an .aedat4 file.

    A file is read once into a temporary store, which lives as long as the recording; `evfi ingest` keeps one.

    Raises:
        MissingInputError: nothing is there.
        InputFileError: it is neither, or it is damaged.
    """
    place = Path(path)
    if not place.exists():
        raise MissingInputError(f"no recording at {place}: check the path")
    if place.is_dir():
        return open_recording(place)
    if place.suffix.lower() != ".aedat4":
        raise InputFileError(f"{place} is neither a recording store (.zarr) nor an .aedat4 file: give one of these")
    folder = tempfile.TemporaryDirectory(prefix="evfi-")
    store = Path(folder.name) / f"{place.stem}.zarr"
    ingest(place, store)
    recording = open_recording(store)
    weakref.finalize(recording, folder.cleanup)
    return recording
