"""Which reader opens a recording: a table of kinds, asked in order. A new format is one line here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from evfi.errors import MissingInputError, UserError
from evfi.io.aedat4_header import MAGIC
from evfi.io.aedat4_reader import Aedat4Reader
from evfi.io.pieces import Piece
from evfi.types import SensorSize


class RecordingReader(Protocol):
    """What a reader of recordings offers; it need not inherit from this.

    Attributes:
        sensor_size: of events and frames alike.
        camera: its name, or None where the file names none.
        repairs: what the last `batches()` moved, scaled or left out, counted by name.
        lost: what the last `batches()` could not read of a damaged file: packets, bytes, gaps (pairs of the last time
            before and the first time after in µs, None: unknown); empty where nothing was lost.
    """

    @property
    def sensor_size(self) -> SensorSize: ...

    @property
    def camera(self) -> str | None: ...

    @property
    def repairs(self) -> dict[str, int]: ...

    @property
    def lost(self) -> dict[str, Any]: ...

    def batches(self) -> Iterator[Piece]:
        """Pieces in constant memory, each stream in its own time order. Starts anew every call."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of recording: how it is told by its path (and its first bytes), and what opens it.

    open takes the path and the name of the camera to read (None: the only one).
    """

    name: str
    accepts: Callable[[Path], bool]
    open: Callable[[Path, str | None], RecordingReader]


def _starts_with_magic(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


KINDS = (Kind("aedat4", lambda path: path.suffix.lower() == ".aedat4" or _starts_with_magic(path), Aedat4Reader),)


def kind_of(path: Path) -> Kind:
    """The kind of recording at `path`.

    Raises:
        MissingInputError: nothing is there.
        UserError: no reader knows it.
    """
    if not path.exists():
        raise MissingInputError(f"no recording at {path}: check the path")
    for kind in KINDS:
        if kind.accepts(path):
            return kind
    known = ", ".join(kind.name for kind in KINDS)
    raise UserError(f"{path} is no recording that evfi can read: expected one of {known}")


def open_reader(path: Path, camera: str | None = None) -> RecordingReader:
    """The reader of the recording at `path`; errors as `kind_of`, and those of the reader."""
    return kind_of(path).open(path, camera)
