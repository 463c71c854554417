"""Checks of files as they lie there, before anything is put right: numbers, units, order, missing parts."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evfi.doctor.findings import Finding, Verdict
from evfi.io.importers.layout import Layout
from evfi.io.importers.raw_events import Meaning, RawEvents
from evfi.units import US_PER_S

_UINT16_END = 1 << 16
_WRAP_PIXELS = 4
_MOST_POLARITIES = 16
_FLOAT32_EXACT = 1 << 24
_FEWEST_RATE_HZ, _MOST_RATE_HZ = 0.05, 2000.0
_SHORTEST_US, _LONGEST_S = 10_000, 86_400
_RAW_CHECKED = ("events_outside_sensor", "events_sorted", "events_late")
_REPAIRS: dict[str, tuple[str, Verdict, str]] = {
    "event_files_missing": ("missing event files", "wrong", "copy them again, or leave their intervals out"),
    "event_files_empty": ("empty event files", "wrong", "nothing moved there, or the export failed: compare"),
    "images_missing": ("missing images", "wrong", "copy them again; the others keep their own times"),
    "images_without_time": ("images without a time", "repaired", "they are left out"),
    "times_without_image": ("times without an image", "ok", "they are left out; HS-ERGB has some"),
    "image_times_from_events": ("image times", "ok", "told by the gaps between event files, for there is no file"),
}


@dataclass
class RawSurvey:
    """What one pass over a file's events found, in the file's own numbers."""

    count: int = 0
    falls: int = 0
    wrapped: int = 0
    outside: int = 0
    polarities: set[float] = field(default_factory=set)
    first: float = 0.0
    last: float = 0.0
    dtypes: dict[str, str] = field(default_factory=dict)

    def add(self, raw: RawEvents, meaning: Meaning | None) -> None:
        """Count a piece; coordinates only where it is known what they mean."""
        if not len(raw):
            return
        t = raw.t
        before = np.concatenate([[self.last], t[:1]]) if self.count else t[:1]
        self.falls += int((np.diff(before) < 0).sum()) + int((np.diff(t.astype(np.float64)) < 0).sum())
        self.first = self.first if self.count else float(t[0])
        self.last = float(t[-1])
        if len(self.polarities) < _MOST_POLARITIES:
            self.polarities |= set(np.unique(raw.p).astype(float).tolist())
        self.dtypes = {name: str(getattr(raw, name).dtype) for name in "xytp"}
        self.count += len(raw)
        if meaning is None:
            return
        for column, length in ((raw.x, meaning.sensor_size.width), (raw.y, meaning.sensor_size.height)):
            limit = length * meaning.coordinate_scale
            if column.dtype == np.uint16:
                near_end = _UINT16_END - _WRAP_PIXELS * meaning.coordinate_scale
                self.wrapped += int((column >= max(limit, near_end)).sum())
            self.outside += int((~((column > -meaning.coordinate_scale) & (column < limit))).sum())


def survey_raw(layout: Layout, meaning: Meaning | None) -> RawSurvey:
    """One pass over the events of a layout, in constant memory."""
    survey = RawSurvey()
    if layout.raw_events is not None:
        for raw in layout.raw_events():
            survey.add(raw, meaning)
    return survey


def raw_findings(survey: RawSurvey, meaning: Meaning) -> list[Finding]:
    """Scale, wraps, order and polarity of the numbers in a file."""
    if not survey.count:
        return []
    return [_scale(survey, meaning), *_strays(survey), _order(survey), _polarity(survey), *_precision(survey)]


def plausible(span_us: float, count: int, pixels: int) -> bool:
    """Whether a recording may be so: 10 ms to a day long, with 0.05 to 2000 events a pixel and second."""
    if not _SHORTEST_US <= span_us <= _LONGEST_S * US_PER_S:
        return False
    return _FEWEST_RATE_HZ <= count * US_PER_S / span_us / pixels <= _MOST_RATE_HZ


def repair_findings(repairs: dict[str, int], *, raw_checked: bool) -> list[Finding]:
    """What reading had to count as missing or to put right.

    Args:
        raw_checked: the events' own numbers were checked before, so that what follows from them is not said twice.
    """
    found = []
    for name, count in repairs.items():
        check, verdict, advice = _REPAIRS.get(name, (name.replace("_", " "), "repaired", "put right by reading"))
        if not count or (raw_checked and (name in _RAW_CHECKED or name.startswith("coordinates_divided_by"))):
            continue
        found.append(Finding(check, str(count), verdict, advice, {"count": count}))
    return found


def stored_findings(repairs: dict[str, int]) -> list[Finding]:
    """What a recording store says was repaired when it was made: for information."""
    left = {name: count for name, count in repairs.items() if count}
    words = ", ".join(f"{count} {name}" for name, count in left.items()) or "nothing"
    return [Finding("repaired at ingest", words, values=left)]


def lost_findings(lost: dict[str, Any]) -> list[Finding]:
    """What a damaged file could not give back."""
    if not lost:
        return []
    said = f"{lost['packets']} packets, {lost['bytes']} bytes, in {len(lost['gaps'])} places"
    return [Finding("lost to damage", said, "wrong", "copy the file again from its source", dict(lost))]


def _scale(survey: RawSurvey, meaning: Meaning) -> Finding:
    scale, kind = meaning.coordinate_scale, survey.dtypes["x"]
    if scale == 1:
        return Finding("coordinate scale", f"pixels ({kind})", values={"scale": 1})
    return Finding(
        "coordinate scale", f"{scale} times pixels ({kind})", "repaired", f"x and y are divided by {scale}",
        {"scale": scale},
    )  # fmt: skip


def _strays(survey: RawSurvey) -> list[Finding]:
    wrapped, beyond = survey.wrapped, survey.outside - survey.wrapped
    return [
        _left_out("uint16 wrap", wrapped, f"{wrapped} coordinates just below 65536 were negative once"),
        _left_out("coordinates beyond the sensor", beyond, f"{beyond} coordinates"),
    ]


def _left_out(check: str, count: int, said: str) -> Finding:
    if count:
        return Finding(check, said, "repaired", "these events are left out", {"count": count})
    return Finding(check, "none", values={"count": 0})


def _order(survey: RawSurvey) -> Finding:
    values = {"falls": survey.falls}
    if survey.falls:
        said = f"times fall {survey.falls} times"
        return Finding("time order", said, "repaired", "sorted where near, dropped where late", values)
    return Finding("time order", "times never fall", values=values)


def _polarity(survey: RawSurvey) -> Finding:
    found = sorted(survey.polarities)
    words = "{" + ", ".join(f"{value:g}" for value in found) + "}"
    values = {"values": found}
    if len(found) == 1:
        advice = "export again with polarities; they cannot be restored"
        return Finding("polarity encoding", f"constant {words}", "wrong", advice, values)
    if found not in ([0.0, 1.0], [-1.0, 1.0]):
        return Finding("polarity encoding", words, "wrong", "positive counts as ON; check what the file means", values)
    return Finding("polarity encoding", words, values=values)


def _precision(survey: RawSurvey) -> list[Finding]:
    """float32 holds whole numbers up to 2^24 only: 16.8 s in µs."""
    if survey.dtypes["t"] != "float32" or abs(survey.last) < _FLOAT32_EXACT:
        return []
    step = float(np.spacing(np.float32(survey.last)))
    advice = "export again as int64 or float64; lost digits cannot be restored"
    return [
        Finding("time precision", f"float32, steps of {step:g} at {survey.last:g}", "wrong", advice, {"step": step})
    ]
