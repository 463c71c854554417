"""Rows of the sample index from one recording: which of its frames form samples, and which cannot."""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evfi.errors import MissingInputError
from evfi.io.recording import Recording, open_recording
from evfi.samples.options import SamplesOptions
from evfi.samples.rows import Place, Row
from evfi.samples.windows import Group, Times, groups_of_skip, is_covered, is_regular, time_split, truth_targets

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordingSource:
    """A recording store and the split it belongs to: train, validation, test, or time (both, with a gap)."""

    store: Path
    name: str
    split: str


def recording_rows(
    out: Path, part: str, source: RecordingSource, options: SamplesOptions, left_out: Counter[str]
) -> Iterator[Row]:
    """The rows of one recording; groups of frames that are left out are counted by reason.

    Raises:
        MissingInputError: it has no frames.
    """
    recording = open_recording(source.store)
    if recording.frames is None:
        raise MissingInputError(
            f"{source.store} has no frames, only events: an index needs frames (record with a DAVIS, or add a video)"
        )
    times = recording.frames.t_us
    if source.split == "time":
        first, end = time_split(times, options)[part]
        split = part
    else:
        first, end, split = 0, len(times), source.split
        if (split == "test") != (part == "test"):
            return
    place = Place(
        dataset="recordings",
        kind="recording",
        store=os.path.relpath(source.store, out.parent),
        clip=-1,
        sequence=source.name,
        split=split,
    )
    checked = _Checked(times, _span(recording), options.max_interval_ratio, left_out)
    skips = options.recording_test_skips if split == "test" else options.recording_train_skips
    for skip in skips:
        for group in groups_of_skip(end - first, skip, slide=options.slide):
            moved = _moved(group, first)
            if checked.usable(moved):
                yield from place.rows(moved, skip, times)
    if split == "test" and recording.truth is not None:
        yield from _truth_rows(place, times[first:end], first, recording.truth.t_us)
    if split == "test" and options.recording_test_taus:
        for pair in groups_of_skip(end - first, 0, slide=True):
            moved = _moved(pair, first)
            if checked.usable(moved):
                yield from place.rows_between(moved, times, options.recording_test_taus)
    checked.warn(source.store)


def _span(recording: Recording) -> tuple[int, int] | None:
    return (recording.start_us, recording.end_us) if recording.event_count else None


@dataclass(frozen=True, slots=True)
class _Checked:
    """Leaves out groups of frames that no family can use, and counts them by reason.

    Attributes:
        events: start and end of the recording's events; None: it has none, and families of frames alone may use it.
    """

    times: Times
    events: tuple[int, int] | None
    max_ratio: float
    left_out: Counter[str]

    def usable(self, group: Group) -> bool:
        pair = int(self.times[group.frame0]), int(self.times[group.frame1])
        if not is_regular(self.times, group, self.max_ratio):
            reason = "an irregular frame interval"
        elif self.events is not None and not is_covered(*pair, self.events, float(np.median(np.diff(self.times))) / 2):
            reason = "no events over all of their time"
        else:
            return True
        self.left_out[reason] += 1
        return False

    def warn(self, store: Path) -> None:
        for reason, count in sorted(self.left_out.items()):
            log.warning("%s: %d groups with %s left out", store, count, reason)


def _truth_rows(place: "Place", times: Times, first: int, truth: Times) -> Iterator[Row]:
    count = len(times)
    for number, between in truth_targets(times, truth):
        group = Group(
            frame0=first + number,
            frame1=first + number + 1,
            targets=tuple(int(target) for target in between),
            before=first + number - 1 if number else -1,
            after=first + number + 2 if number + 2 < count else -1,
        )
        bounds = (int(times[number]), int(times[number + 1]))
        yield from place.rows(group, len(between), truth, protocol="truth", bounds=bounds)


def _moved(group: Group, by: int) -> Group:
    return Group(
        frame0=group.frame0 + by,
        frame1=group.frame1 + by,
        targets=tuple(target + by for target in group.targets),
        before=group.before + by if group.before >= 0 else -1,
        after=group.after + by if group.after >= 0 else -1,
    )
