"""Which frames form a sample: pure functions of frame times and options (groups, skips, truth, time split)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.samples.options import SamplesOptions

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Boundary frames, targets between them and context frames outside (-1: none), as frame numbers."""

    frame0: int
    frame1: int
    targets: tuple[int, ...]
    before: int
    after: int


def groups_of_skip(count: int, skip: int, *, slide: bool) -> Iterator[Group]:
    """All groups with `skip` targets in a row of `count` frames; sliding by one frame, or end to start."""
    span = skip + 1
    for first in range(0, count - span, 1 if slide else span):
        last = first + span
        yield Group(
            frame0=first,
            frame1=last,
            targets=tuple(range(first + 1, last)),
            before=first - span if first >= span else -1,
            after=last + span if last + span < count else -1,
        )


def is_regular(times: Times, group: Group, max_ratio: float) -> bool:
    """Whether no frame interval inside the group is longer than `max_ratio` median intervals of the recording."""
    intervals = np.diff(times)
    return bool((intervals[group.frame0 : group.frame1] <= max_ratio * np.median(intervals)).all())


def is_covered(start_us: int, end_us: int, events: tuple[int, int], slack_us: float) -> bool:
    """Whether a recording's events, the first and the last of which are given, reach over [start_us, end_us).

    A still scene has none for a while: up to `slack_us` in all may lie outside.
    """
    return max(0, events[0] - start_us) + max(0, end_us - events[1]) <= slack_us


def truth_targets(times: Times, truth: Times) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """For each pair (i, i+1) of frames: the numbers of the truth frames strictly between them."""
    for first in range(len(times) - 1):
        between = np.flatnonzero((truth > times[first]) & (truth < times[first + 1]))
        if len(between):
            yield first, between


def time_split(times: Times, options: SamplesOptions) -> dict[str, tuple[int, int]]:
    """One recording in two: first frame and end frame of "train" and "test", with a gap between them."""
    count = len(times)
    train_end = int(count * options.time_split_train)
    test_start = int(np.ceil(count * (options.time_split_train + options.time_split_gap)))
    return {"train": (0, train_end), "test": (test_start, count)}


def validation_folders(clip_ids: Sequence[str], fraction: float) -> set[str]:
    """The last folders of a septuplet list that hold at least `fraction` of its clips (never all of them).

    Neighbouring clips come from one video, so that whole folders are held out.
    """
    folders = [clip_id.split("/")[0] for clip_id in clip_ids]
    held: set[str] = set()
    wanted = fraction * len(clip_ids)
    for folder in sorted(set(folders), reverse=True)[:-1]:
        if sum(name in held for name in folders) >= wanted:
            break
        held.add(folder)
    return held
