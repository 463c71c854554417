"""`evfi.open`: any recording, ready to be read by time."""

import tempfile
import weakref
from pathlib import Path

from evfi.errors import MissingInputError
from evfi.io.ingest import ingest
from evfi.io.recording import Recording, open_recording


def open_path(path: Path | str) -> Recording:
    """The recording at `path`: a recording store (.zarr), or what `evfi ingest` takes.

    A file is read once into a temporary store, which lives as long as the recording; `evfi ingest` keeps one.

    Raises:
        MissingInputError: nothing is there.
        UserError: it is nothing that evfi knows.
        InputFileError: it is damaged.
    """
    place = Path(path)
    if not place.exists():
        raise MissingInputError(f"no recording at {place}: check the path")
    if place.suffix == ".zarr" or (place / "zarr.json").is_file():
        return open_recording(place)
    folder = tempfile.TemporaryDirectory(prefix="evfi-")
    store = Path(folder.name) / f"{place.stem}.zarr"
    ingest(place, store)
    recording = open_recording(store)
    weakref.finalize(recording, folder.cleanup)
    return recording
