"""Which reader opens a recording: a table of kinds, told by content. A new format is one line here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.aedat4_header import MAGIC
from evfi.io.aedat4_reader import Aedat4Reader
from evfi.io.importers.ergb_folders import bs_ergb_layout, hs_ergb_layout, is_bs_ergb, is_hs_ergb
from evfi.io.importers.event_tables import is_npz, is_text, npz_layout, text_layout
from evfi.io.importers.hdf5_files import dsec_layout, hqf_layout, is_dsec, is_hqf
from evfi.io.importers.layout import Layout, LayoutReader
from evfi.io.importers.options import ImportOptions
from evfi.io.importers.pairs import frames_beside, is_video, with_frames
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
    """One kind of recording: how it is told by its path (and its content), and what opens it.

    open takes the path, the name of the camera to read (None: the only one), and what the file leaves open.
    """

    name: str
    accepts: Callable[[Path], bool]
    open: Callable[[Path, str | None, ImportOptions], RecordingReader]


def _starts_with_magic(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _aedat4(path: Path, camera: str | None, options: ImportOptions) -> RecordingReader:
    given = ", ".join(sorted(set(options.model_dump(exclude_defaults=True)) - {"frame_shift_us"}))
    if given:
        raise UserError(f"{path} is an aedat4 file, which says all by itself: leave out {given}")
    return Aedat4Reader(path, camera)


def _imported(
    find: Callable[[Path, ImportOptions], Layout], *, frames_apart: bool = False
) -> Callable[[Path, str | None, ImportOptions], RecordingReader]:
    """What opens an imported layout; `frames_apart`: its frames may lie elsewhere."""

    def opened(path: Path, camera: str | None, options: ImportOptions) -> RecordingReader:
        if camera is not None:
            raise UserError(f"{path} names no cameras: leave out --camera {camera}")
        if options.frames is not None and not frames_apart:
            raise UserError(f"{path} has frames of its own: leave out --frames {options.frames}")
        layout = find(path, options)
        frames = options.frames
        if frames is None and layout.format == "dsec" and layout.frames is None:
            frames = frames_beside(path)
        return LayoutReader(path, layout if frames is None else with_frames(layout, frames), options)

    return opened


def _pair_in(path: Path) -> tuple[Path, Path] | None:
    """The one file of events and the one video of a folder; None where it is no such pair."""
    if not path.is_dir():
        return None
    files = sorted(each for each in path.iterdir() if each.is_file())
    videos = [each for each in files if is_video(each)]
    events = [each for each in files if is_npz(each) or is_text(each) or is_dsec(each)] if len(videos) == 1 else []
    return (events[0], videos[0]) if len(events) == 1 else None


def _pair(path: Path, camera: str | None, options: ImportOptions) -> RecordingReader:
    pair = _pair_in(path)
    if pair is None:
        raise InputFileError(f"{path} no longer holds one video and one file of events: check the folder")
    events, video = pair
    return open_reader(events, camera, options.replaced(frames=video))


KINDS = (
    Kind("aedat4", lambda path: path.suffix.lower() == ".aedat4" or _starts_with_magic(path), _aedat4),
    Kind("hs-ergb", is_hs_ergb, _imported(hs_ergb_layout)),
    Kind("bs-ergb", is_bs_ergb, _imported(bs_ergb_layout)),
    Kind("dsec", is_dsec, _imported(dsec_layout, frames_apart=True)),
    Kind("hqf", is_hqf, _imported(hqf_layout)),
    Kind("npz", is_npz, _imported(npz_layout, frames_apart=True)),
    Kind("text", is_text, _imported(text_layout, frames_apart=True)),
    Kind("pair", lambda path: _pair_in(path) is not None, _pair),
)


def check_there(path: Path) -> None:
    """Raises MissingInputError where there is nothing."""
    if not path.exists():
        raise MissingInputError(f"no recording at {path}: check the path")


def kind_of(path: Path) -> Kind:
    """The kind of recording at `path`.

    Raises:
        MissingInputError: nothing is there.
        UserError: no reader knows it, or several do.
    """
    check_there(path)
    fitting = [kind for kind in KINDS if kind.accepts(path)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = " and ".join(kind.name for kind in fitting)
        raise UserError(f"{path} looks like {names} at once: keep the files of one of them")
    known = ", ".join(kind.name for kind in KINDS)
    raise UserError(f"{path} is no recording that evfi can read: expected one of {known} (docs/formats.md)")


def is_recording(path: Path) -> bool:
    """Whether some reader takes what is at `path`."""
    return any(kind.accepts(path) for kind in KINDS)


def open_reader(path: Path, camera: str | None = None, options: ImportOptions | None = None) -> RecordingReader:
    """The reader of the recording at `path`; errors as `kind_of`, and those of the reader."""
    return kind_of(path).open(path, camera, options or ImportOptions())
