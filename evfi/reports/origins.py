"""Where a run's figures come from: the command and version behind each output, the statistics of rendered data."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any

from evfi.provenance import digest_bytes
from evfi.reports import formatting
from evfi.reports.measured import read_json
from evfi.reports.views import Cell, Column, Line, Table

_PACKAGES = ("torch", "numpy", "numba", "opencv-python-headless", "zarr", "pandas", "dv-processing", "snakemake")
_SHORT_HASH = 12


@dataclass(frozen=True, slots=True)
class Stamp:
    """The stamp beside one output: what was run, with which version, when."""

    anchor: str
    output: str
    command: str
    lines: tuple[tuple[str, str], ...]


def read_stamps(outputs: Sequence[Path], base: Path) -> tuple[Stamp, ...]:
    """Stamps of outputs that have one, named relative to `base` where they lie under it.

    Raises:
        InputFileError: a stamp is not JSON.
    """
    stamps = []
    for output in outputs:
        path = _stamp_path(output)
        if path.is_file():
            stamps.append(_stamp(output, read_json(path, remedy="delete it"), base))
    return tuple(stamps)


def stamp_anchor(output: Path) -> str:
    """Where the command behind an output stands in the page; empty if the output has no stamp."""
    return _anchor(output) if _stamp_path(output).is_file() else ""


def package_versions() -> tuple[tuple[str, str], ...]:
    """The installed packages that figures depend on most."""
    found = []
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def demo_table(document: Mapping[str, Any]) -> Table | None:
    """The measured statistics of rendered demo data (demo.json): a row for each data set; None without any."""
    statistics = document.get("statistics")
    if not isinstance(statistics, Mapping) or not statistics:
        return None
    figures = list(dict.fromkeys(name for summary in statistics.values() for name in summary))
    goals = document.get("goals") or {}
    columns = []
    for name in figures:
        bounds = goals.get(name)
        note = f"wanted: {bounds[0]:g} to {bounds[1]:g}" if bounds else ""
        columns.append(Column(name.replace("_", " "), note, note=note))
    return Table(
        caption="Exact motion of the rendered scenes, in pixels per frame interval and percent of the picture.",
        first="data",
        columns=tuple(columns),
        lines=tuple(
            Line(str(data), tuple(_bounded(summary.get(name), goals.get(name)) for name in figures))
            for data, summary in statistics.items()
        ),
    )


def plain_lines(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """A mapping's entries as (name, value) text; nested ones joined by dots, long lists cut."""
    lines: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines.extend((f"{name}.{inner}", text) for inner, text in plain_lines(value))
        elif value is not None:
            lines.append((str(name), fact_text(value)))
    return tuple(lines)


def _bounded(value: Any, bounds: Sequence[float] | None) -> Cell:
    if not isinstance(value, int | float):
        return Cell(formatting.NOTHING)
    text = f"{value:,}" if isinstance(value, int) else formatting.number(value, 2)
    state = "" if bounds is None else "good" if bounds[0] <= value <= bounds[1] else "worse"
    return Cell(text, sort=repr(value), state=state)


def _stamp(output: Path, stamp: Mapping[str, Any], base: Path) -> Stamp:
    command = stamp.get("command")
    words = [str(word) for word in command] if isinstance(command, list) else []
    if words:
        words[0] = PurePath(words[0]).name
    lines = [
        (name, str(stamp[key])[: _SHORT_HASH if key == "git" else None])
        for name, key in (("evfi", "evfi"), ("commit", "git"), ("Python", "python"), ("on", "platform"), ("at", "time"))
        if stamp.get(key)
    ]
    return Stamp(_anchor(output), _relative(output, base), shlex.join(words), tuple(lines))


def _stamp_path(output: Path) -> Path:
    whole = output.absolute()
    return whole.with_name(whole.stem + ".provenance.json")


def _anchor(output: Path) -> str:
    """An id without anything of the output's name in it: names come from files."""
    return f"stamp-{digest_bytes(str(output.resolve()).encode())[:12]}"


def _relative(path: Path, base: Path) -> str:
    resolved = path.resolve()
    return str(resolved.relative_to(base.resolve())) if resolved.is_relative_to(base.resolve()) else str(path)


def fact_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
