"""Columns of an .npz archive, read in pieces without ever holding the whole file; pickles are refused."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from evfi.errors import InputFileError
from evfi.io.importers.raw_events import PIECE, RawEvents

_NAMES = {
    "x": ("x", "xs"),
    "y": ("y", "ys"),
    "t": ("t", "ts", "timestamp", "timestamps"),
    "p": ("p", "ps", "pol", "polarity", "polarities"),
}
_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


def npz_names(path: Path) -> list[str]:
    """Names of the arrays in an archive; none where it is no archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except (zipfile.BadZipFile, OSError):
        return []


def event_columns(names: list[str]) -> dict[str, str] | None:
    """Which array is x, y, t and p, by the usual names; None where one of them is absent or doubtful."""
    found = {}
    for role, spellings in _NAMES.items():
        present = [name for name in spellings if name in names]
        if len(present) != 1:
            return None
        found[role] = present[0]
    return found


def npz_events(path: Path, source: str | None = None, rows: int = PIECE) -> Iterator[RawEvents]:
    """The events of an archive in pieces of at most `rows`; one empty piece where it has none.

    Raises:
        InputFileError: no archive of events, damaged or cut off, pickled columns, or columns of unequal lengths.
    """
    name = source or str(path)
    for parts in _pieces(path, name, tuple(_NAMES), rows):
        yield RawEvents(**parts, source=name)


def npz_span(path: Path) -> tuple[float, float] | None:
    """Times of the first and the last event, in the file's unit; None without events. Errors as `npz_events`."""
    ends: list[float] = []
    for parts in _pieces(path, str(path), ("t",), PIECE):
        if len(parts["t"]):
            ends = [*ends[:1], float(parts["t"][0]), float(parts["t"][-1])]
    return (ends[0], ends[-1]) if ends else None


def _pieces(path: Path, name: str, roles: tuple[str, ...], rows: int) -> Iterator[dict[str, NDArray]]:
    """Rows of some of the columns of an archive of events, at most `rows` at once."""
    columns = event_columns(npz_names(path))
    if columns is None:
        raise InputFileError(
            f"{name} is not an .npz file of events: expected the arrays x, y, t (or timestamp), p (or polarity), got "
            f"{', '.join(npz_names(path)) or 'no archive'}"
        )
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            files = {role: stack.enter_context(archive.open(f"{columns[role]}.npy")) for role in roles}
            heads = {role: _head(file, f"{name}, {columns[role]}") for role, file in files.items()}
            lengths = {length for length, _ in heads.values()}
            if len(lengths) != 1:
                raise InputFileError(f"{name}: x, y, t, p have lengths {sorted(lengths)}, expected one: copy it again")
            left = lengths.pop()
            while True:
                count = min(left, rows)
                yield {role: _read(file, count, heads[role][1]) for role, file in files.items()}
                left -= count
                if not left:
                    return
        except InputFileError:
            raise
        except _DAMAGES as error:
            reason = " ".join(str(error).split())
            raise InputFileError(f"{name} is damaged or cut off ({reason}): copy it again") from error


def npz_number(path: Path, key: str) -> int | None:
    """A single whole number of an archive; None where it has no such number."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            value = data.get(key)
    except _DAMAGES:
        return None
    return int(value) if value is not None and value.ndim == 0 and value.dtype.kind in "iu" else None


def _head(file: IO[bytes], name: str) -> tuple[int, np.dtype]:
    """Length and dtype that a column's header tells."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise InputFileError(f"{name} has .npy version {version}, expected 1.0 or 2.0: write it again with numpy")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise InputFileError(f"{name} holds pickled objects, which can run code: refused; save plain numbers instead")
    if len(shape) != 1:
        raise InputFileError(f"{name} has shape {shape}, expected one column")
    return int(shape[0]), dtype


def _read(file: IO[bytes], count: int, dtype: np.dtype) -> NDArray:
    data = file.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise EOFError(f"{count} more rows expected, {len(data) // dtype.itemsize} there")
    return np.frombuffer(data, dtype)
