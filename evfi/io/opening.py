"""`evfi.open`: any recording, ready to be read by time."""

import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from evfi.io.ingest import ingest
from evfi.io.readers import check_there
from evfi.io.recording import Recording, open_recording
from evfi.io.stores import is_store


def open_path(path: Path | str) -> Recording:
    """The recording at `path`: a recording store (.zarr), or what `evfi ingest` takes.

    A file is read once into a temporary store, which lives as long as the recording; `evfi ingest` keeps one.

    Raises:
        MissingInputError: nothing is there.
        UserError: it is nothing that evfi knows.
        InputFileError: it is damaged.
    """
    with ExitStack() as stack:
        recording = open_recording(stack.enter_context(_as_store(Path(path), None)))
        weakref.finalize(recording, stack.pop_all().close)
    return recording


@contextmanager
def opened(path: Path, *, beside: Path) -> Iterator[Recording]:
    """As `open_path`, for as long as the context lasts; a temporary store lies beside the output `beside`.

    (The system's folder for temporary files is often a small disk in memory.)
    """
    with _as_store(path, beside) as store:
        yield open_recording(store)


@contextmanager
def _as_store(path: Path, beside: Path | None) -> Iterator[Path]:
    """The store at `path`, or a temporary one with what the file there holds."""
    check_there(path)
    if is_store(path):
        yield path
        return
    prefix, parent = ("evfi-", None) if beside is None else (f".{beside.name}-", beside.parent)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as folder:
        store = Path(folder) / f"{path.stem}.zarr"
        ingest(path, store)
        yield store
