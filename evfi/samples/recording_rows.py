"""Rows of the sample index from one recording: which of its frames form samples, and which cannot."""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evfi.errors import MissingInputError
from evfi.io.recording import FrameStream, Recording, open_recording
from evfi.samples.cuts import cuts
from evfi.samples.options import SamplesOptions
from evfi.samples.rows import Place, Row
from evfi.samples.windows import Group, Times, groups_of_skip, is_covered, is_regular, time_split, truth_targets

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordingSource:
    """A recording store and the split it belongs to: train, validation, test, or time (both, with a gap).

    skips: of its test rows, in place of the options' (none: those). dataset: what it is measured as.
    """

    store: Path
    name: str
    split: str
    skips: tuple[int, ...] = ()
    dataset: str = "recordings"


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
        dataset=source.dataset,
        kind="recording",
        store=os.path.relpath(source.store, out.parent),
        clip=-1,
        sequence=source.name,
        split=split,
    )
    cut_after = _cut_after(recording.frames) if options.leave_out_cuts else np.zeros(len(times), np.bool_)
    checked = _Checked(times, _span(recording), options.max_interval_ratio, cut_after, left_out)
    skips = source.skips or options.recording_test_skips
    for skip in skips if split == "test" else options.recording_train_skips:
        groups = (_moved(group, first) for group in groups_of_skip(end - first, skip, slide=options.slide))
        usable = [group for group in groups if checked.usable(group)]
        for group in _spread(usable, options.recording_test_groups if split == "test" else None):
            yield from place.rows(group, skip, times)
    if split == "test" and recording.truth is not None:
        yield from _truth_rows(place, times[first:end], first, recording.truth.t_us)
    if split == "test" and options.recording_test_taus:
        for pair in groups_of_skip(end - first, 0, slide=True):
            moved = _moved(pair, first)
            if checked.usable(moved):
                yield from place.rows_between(moved, times, options.recording_test_taus)
    checked.warn(source.store)


def _cut_after(frames: FrameStream) -> NDArray[np.bool_]:
    return cuts(frames[number] for number in range(len(frames)))


def _spread(groups: list[Group], most: int | None) -> list[Group]:
    """At most that many groups, evenly spread over all."""
    if most is None or len(groups) <= most:
        return groups
    return [groups[number] for number in np.linspace(0, len(groups) - 1, most).round().astype(int)]


def _span(recording: Recording) -> tuple[int, int] | None:
    return (recording.start_us, recording.end_us) if recording.event_count else None


@dataclass(frozen=True, slots=True)
class _Checked:
    """Leaves out groups of frames that no family can use, and counts them by reason.

    Attributes:
        events: start and end of the recording's events; None: it has none, and families of frames alone may use it.
        cut_after: for each frame, whether another scene follows.
    """

    times: Times
    events: tuple[int, int] | None
    max_ratio: float
    cut_after: NDArray[np.bool_]
    left_out: Counter[str]

    def usable(self, group: Group) -> bool:
        pair = int(self.times[group.frame0]), int(self.times[group.frame1])
        if not is_regular(self.times, group, self.max_ratio):
            reason = "an irregular frame interval"
        elif self.events is not None and not is_covered(*pair, self.events, float(np.median(np.diff(self.times))) / 2):
            reason = "no events over all of their time"
        elif self.cut_after[group.frame0 : group.frame1].any():
            reason = "a cut to another scene"
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
