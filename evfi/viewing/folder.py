"""Which recordings a viewer may show, and where they lie: never outside the folder it was started on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evfi.errors import EvfiError, InputFileError, UserError
from evfi.io.readers import check_there, is_recording
from evfi.io.recording import RECORDING
from evfi.io.stores import open_any

_DEEPEST, _MOST = 3, 500


@dataclass(frozen=True, slots=True)
class Shown:
    """A folder and the recordings in it, by their paths relative to it, with "/" between the parts."""

    root: Path
    names: tuple[str, ...]

    def path_of(self, name: str) -> Path:
        """Where a recording lies, symbolic links followed.

        Raises:
            UserError: the name leads out of the folder, or to nothing that is shown.
        """
        try:
            path = (self.root / name).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(f"no recording is named {name!r}") from error
        if not path.is_relative_to(self.root) or name not in self.names:
            raise UserError(f"no recording is named {name!r}")
        return path


def shown_at(path: Path) -> Shown:
    """The one recording at a path, or those in a folder and the folders in it.

    Raises:
        MissingInputError: nothing is there.
        UserError: there is no recording.
    """
    check_there(path)
    real = path.resolve()
    if _is_shown(real):
        return Shown(real.parent, (real.name,))
    found: list[str] = []
    if real.is_dir():
        for inner in _inside(real, real, _DEEPEST):
            found.append(inner.relative_to(real).as_posix())
            if len(found) == _MOST:
                break
    if not found:
        raise UserError(f"{path} is no recording, and holds none: `evfi info {path}` says what it is")
    return Shown(real, tuple(found))


def _inside(root: Path, folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.resolve().is_relative_to(root):
            continue
        if _is_shown(path):
            yield path
        elif path.is_dir() and path.suffix != ".zarr" and depth > 1 and not path.is_symlink():
            yield from _inside(root, path, depth - 1)


def _is_shown(path: Path) -> bool:
    try:
        if (path / "zarr.json").is_file():
            return open_any(path).attrs.get("schema") == RECORDING.schema
        return is_recording(path)
    except (EvfiError, InputFileError, OSError):
        return False
