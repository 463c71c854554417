"""Where a run's figures come from: facts of its data, and the command and version behind each output."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any

from evfi.reports import formatting
from evfi.reports.measured import read_json
from evfi.reports.views import Cell, Column, Line, Table

_PACKAGES = ("torch", "numpy", "numba", "opencv-python-headless", "zarr", "pandas", "dv-processing", "snakemake")
_SHORT_HASH = 12


@dataclass(frozen=True, slots=True)
class Facts:
    """A heading and lines of (name, value); `more` is for those who ask."""

    title: str
    lines: tuple[tuple[str, str], ...]
    more: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """The stamp beside one output: what was run, with which version, when."""

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
        path = output.with_name(output.stem + ".provenance.json")
        if path.is_file():
            stamps.append(_stamp(output, read_json(path, remedy="delete it"), base))
    return tuple(stamps)


def package_versions() -> tuple[tuple[str, str], ...]:
    """The installed packages that figures depend on most."""
    found = []
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def data_facts(receipts: Sequence[Path]) -> tuple[Facts, ...]:
    """Facts of stores from their receipts: one entry a recording, one for all clips of a part.

    Raises:
        MissingInputError, InputFileError: a receipt is absent or not JSON.
    """
    recordings: list[Facts] = []
    clips: dict[str, list[dict[str, Any]]] = {}
    for path in receipts:
        receipt = read_json(path, remedy="make its store again")
        if "clip_ids" in receipt:
            clips.setdefault(path.stem.rsplit("-", 1)[0], []).append(receipt)
        elif "counts" in receipt:
            recordings.append(_recording(path, receipt))
    return (*(_clips(part, members) for part, members in sorted(clips.items())), *recordings)


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
            lines.append((str(name), _text(value)))
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
    return Stamp(_relative(output, base), shlex.join(words), tuple(lines))


def _relative(path: Path, base: Path) -> str:
    resolved = path.resolve()
    return str(resolved.relative_to(base.resolve())) if resolved.is_relative_to(base.resolve()) else str(path)


def _recording(path: Path, receipt: Mapping[str, Any]) -> Facts:
    source = receipt.get("source") or {}
    counts = receipt["counts"]
    size = _frame_size(receipt)
    repairs = {name: count for name, count in (receipt.get("repairs") or {}).items() if count}
    lines = [("file", str(source.get("file", path.name)))]
    if source.get("camera"):
        lines.append(("camera", str(source["camera"])))
    if size:
        lines.append(("frame size", size))
    lines.extend((name, f"{int(count):,}") for name, count in counts.items())
    lines.extend((f"repaired: {name.replace('_', ' ')}", _text(count)) for name, count in repairs.items())
    if source.get("sha256"):
        lines.append(("SHA-256", str(source["sha256"])[:_SHORT_HASH] + "…"))
    return Facts(f"Recording {path.stem}", tuple(lines))


def _frame_size(receipt: Mapping[str, Any]) -> str:
    shape = ((receipt.get("arrays") or {}).get("frames/image") or {}).get("shape") or []
    return f"{shape[2]} x {shape[1]}" if len(shape) >= 3 else ""


def _clips(part: str, receipts: Sequence[Mapping[str, Any]]) -> Facts:
    clips = sum(len(receipt["clip_ids"]) for receipt in receipts)
    events = sum(int(receipt.get("event_count", 0)) for receipt in receipts)
    lines = [("clips", f"{clips:,}"), ("shards", f"{len(receipts):,}"), ("events", f"{events:,}")]
    if clips:
        lines.append(("events a clip", f"{events // clips:,}"))
    options = receipts[0].get("options") or {}
    return Facts(f"Clips, {part}", tuple(lines), more=plain_lines(options))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
