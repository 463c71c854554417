"""Plain files of events: .npz with x, y, t, p, and text with one event a line (.csv, .txt)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evfi.errors import InputFileError, UserError
from evfi.io.importers.layout import Layout
from evfi.io.importers.npz_columns import event_columns, npz_events, npz_names, npz_number, npz_span
from evfi.io.importers.options import COLUMNS, ImportOptions, TimeUnit
from evfi.io.importers.raw_events import PIECE, RawEvents
from evfi.types import SensorSize

_ROLES = {
    "x": "x", "y": "y", "t": "t", "p": "p", "xs": "x", "ys": "y", "ts": "t", "ps": "p", "time": "t", "timestamp": "t",
    "pol": "p", "polarity": "p",
}  # fmt: skip
_UNIT = re.compile(r"[_ \[(]+(s|ms|us|µs|ns)[\])]?$")
_ENDINGS = (".csv", ".txt", ".tsv")
_TAIL_BYTES = 1 << 12
_LONGEST_LINE = 1 << 12


def is_npz(path: Path) -> bool:
    """An archive with one array each for x, y, t and p."""
    return path.is_file() and event_columns(npz_names(path)) is not None


def npz_layout(path: Path, options: ImportOptions) -> Layout:
    """An .npz file; with height and width in it, evfi's own, whose times are µs."""
    height, width = npz_number(path, "height"), npz_number(path, "width")
    size = None if height is None or width is None else SensorSize(height=height, width=width)
    return Layout(
        format="npz",
        files=(path,),
        raw_events=partial(npz_events, path),
        sensor_size=size,
        time_unit=None if size is None else "us",
        coordinate_scale=None if size is None else 1,
        event_span=partial(npz_span, path),
    )


def is_text(path: Path) -> bool:
    """A file that ends in .csv, .txt or .tsv and whose first lines are four or more numbers, or name x, y, t and p."""
    if not path.is_file() or path.suffix.lower() not in _ENDINGS:
        return False
    try:
        return _read_head(path).is_table
    except (OSError, UnicodeDecodeError):
        return False


def text_layout(path: Path, options: ImportOptions) -> Layout:
    """A text file. The columns are named by --columns, or by a header; a first line "width height" tells the sensor.

    Raises:
        UserError: neither says which column is which.
    """
    head = _read_head(path)
    columns = options.columns or head.columns
    if columns is None:
        raise UserError(
            f"{path} has no header that names its columns: say which is which by --columns, e.g. --columns t,x,y,p "
            f"(its first line: {head.first[:60]!r})"
        )
    read = partial(_text_events, path, columns, head)
    return Layout(
        format="text",
        files=(path,),
        raw_events=read,
        sensor_size=head.sensor_size,
        time_unit=head.time_unit,
        event_span=partial(_text_span, path, columns, head),
    )


@dataclass(frozen=True, slots=True)
class _Head:
    """What the first lines say: how many come before the events, the separator, and what they name."""

    lines: int
    separator: str
    columns: tuple[str, ...] | None
    time_unit: TimeUnit | None
    sensor_size: SensorSize | None
    first: str
    is_table: bool


def _read_head(path: Path) -> _Head:
    columns = unit = size = None
    with path.open(encoding="utf-8") as file:
        lines = 0
        while line := file.readline(_LONGEST_LINE):
            text = line.strip()
            words = text.lstrip("#%").strip()
            separator = next((mark for mark in (",", ";", "\t") if mark in words), " ")
            parts = [part.strip() for part in (words.split() if separator == " " else words.split(separator))]
            if text and not text.startswith(("#", "%")) and _are_numbers(parts):
                if len(parts) == 2 and size is None and all(part.isdigit() for part in parts):
                    size = SensorSize(width=int(parts[0]), height=int(parts[1]))
                else:
                    return _Head(lines, separator, columns, unit, size, text, len(parts) >= len(COLUMNS))
            elif named := _named(parts):
                columns, unit = named
            elif text and not text.startswith(("#", "%")):
                return _Head(lines, separator, columns, unit, size, text, columns is not None)
            lines += 1
    return _Head(lines, ",", columns, unit, size, "", columns is not None)


def _named(parts: list[str]) -> tuple[tuple[str, ...], TimeUnit | None] | None:
    """Roles of the columns (others: -) and the unit of the times, from the words of a header."""
    bare = [_UNIT.sub("", part.lower().strip('"')) for part in parts]
    roles = tuple(_ROLES.get(name, "-") for name in bare)
    if sorted(role for role in roles if role != "-") != sorted(COLUMNS):
        return None
    unit = _UNIT.search(parts[roles.index("t")].lower().strip('"'))
    return roles, unit.group(1).replace("µ", "u") if unit else None  # pyright: ignore[reportReturnType]


def _are_numbers(parts: list[str]) -> bool:
    try:
        return all(np.isfinite(float(part)) for part in parts)
    except ValueError:
        return False


def _text_events(path: Path, columns: tuple[str, ...], head: _Head) -> Iterator[RawEvents]:
    with path.open(encoding="utf-8", errors="replace") as file:
        first = head.lines + 1
        for _ in range(head.lines):
            file.readline()
        while lines := _next_lines(file, path):
            yield _parsed(lines, first, path, columns, head.separator)
            first += len(lines)


def _next_lines(file: TextIO, path: Path) -> list[str]:
    lines = list(islice(iter(partial(file.readline, _LONGEST_LINE), ""), PIECE))
    longest = max(lines, key=len, default="")
    if len(longest) >= _LONGEST_LINE:
        raise InputFileError(f"{path} has a line of more than {_LONGEST_LINE} characters: it is no text file of events")
    return lines


def _parsed(lines: list[str], first: int, path: Path, columns: tuple[str, ...], separator: str) -> RawEvents:
    """The lines as columns; whole numbers stay whole, so that times of any size are exact.

    Raises:
        InputFileError: a line is broken; it is named.
    """
    try:
        table = pd.read_csv(
            StringIO("".join(lines)),
            sep=r"\s+" if separator == " " else separator,
            header=None,
            comment="#",
            skip_blank_lines=True,
        )
    except pd.errors.EmptyDataError:
        table = pd.DataFrame({place: np.empty(0, np.int64) for place in range(len(columns))})
    except (pd.errors.ParserError, ValueError, OverflowError) as error:
        raise _broken(lines, first, path, columns, separator, str(error)) from error
    numeric = all(kind.kind in "iuf" for kind in table.dtypes)
    if table.shape[1] != len(columns) or not numeric or not np.isfinite(table.to_numpy(np.float64)).all():
        raise _broken(lines, first, path, columns, separator, "columns that are no numbers")
    found: dict[str, NDArray] = {role: table[place].to_numpy() for place, role in enumerate(columns) if role != "-"}
    for role in ("x", "y"):
        # "12.0" in one piece of the file and "12" in the next are the same kind of pixel
        if found[role].dtype.kind == "f" and (found[role] % 1 == 0).all():
            found[role] = found[role].astype(np.int64)
    return RawEvents(**found, source=str(path))


def _broken(
    lines: list[str], first: int, path: Path, columns: tuple[str, ...], separator: str, reason: str
) -> InputFileError:
    """The first line that is not as many numbers as there are columns."""
    for number, line in enumerate(lines, start=first):
        text = line.split("#")[0].strip()
        parts = text.split() if separator == " " else text.split(separator)
        if text and (len(parts) != len(columns) or not _are_numbers(parts)):
            return InputFileError(
                f"{path}, line {number}: expected {len(columns)} numbers ({', '.join(columns)}), got {text[:80]!r}: "
                "correct or delete the line"
            )
    return InputFileError(f"{path}, from line {first}: {' '.join(reason.split())}: expected {', '.join(columns)}")


def _text_span(path: Path, columns: tuple[str, ...], head: _Head) -> tuple[float, float] | None:
    """Times on the first and the last line, without reading those between."""
    place = columns.index("t")
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        last = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    words = [_split(text, head.separator) for text in (head.first, last[-1] if last else "")]
    try:
        return float(words[0][place]), float(words[1][place])
    except (IndexError, ValueError):
        return None


def _split(text: str, separator: str) -> list[str]:
    return text.split() if separator == " " else text.split(separator)
