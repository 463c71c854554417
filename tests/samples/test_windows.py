"""Which frames form a sample."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.samples.options import SamplesOptions
from evfi.samples.windows import Group, groups_of_skip, is_regular, time_split, truth_targets, validation_folders


def test_septuplets_at_skip_1_give_five_groups_with_one_target_each() -> None:
    groups = list(groups_of_skip(7, 1, slide=True))
    assert [(group.frame0, group.targets, group.frame1) for group in groups] == [
        (first, (first + 1,), first + 2) for first in range(5)
    ]


def test_septuplets_at_skip_5_give_one_group_with_five_targets() -> None:
    assert list(groups_of_skip(7, 5, slide=True)) == [Group(0, 6, (1, 2, 3, 4, 5), -1, -1)]


def test_context_frames_stand_one_span_outside_and_are_missing_at_the_ends() -> None:
    groups = list(groups_of_skip(9, 1, slide=True))
    assert (groups[0].before, groups[0].after) == (-1, 4)
    assert (groups[2].before, groups[2].after) == (0, 6)
    assert (groups[-1].before, groups[-1].after) == (4, -1)


@given(count=st.integers(0, 60), skip=st.integers(1, 15), slide=st.booleans())
@settings(derandomize=True, deadline=None)
def test_every_group_lies_inside_and_holds_out_exactly_skip_frames(count: int, skip: int, slide: bool) -> None:
    groups = list(groups_of_skip(count, skip, slide=slide))
    for group in groups:
        assert 0 <= group.frame0 < group.frame1 < count
        assert group.targets == tuple(range(group.frame0 + 1, group.frame1))
        assert len(group.targets) == skip
    if slide:
        assert len(groups) == max(0, count - skip - 1)
    else:
        assert all(first.frame1 == second.frame0 for first, second in pairwise(groups))


def test_a_group_with_a_dropped_frame_inside_is_irregular() -> None:
    times = np.array([0, 40, 80, 160, 200, 240]) * 1000
    regular = [is_regular(times, group, 1.5) for group in groups_of_skip(6, 1, slide=True)]
    assert regular == [True, False, False, True]


def test_truth_frames_at_a_frame_time_are_no_targets() -> None:
    times = np.array([0, 40, 80])
    found = {first: between.tolist() for first, between in truth_targets(times, np.array([0, 10, 20, 40, 50, 90]))}
    assert found == {0: [1, 2], 1: [4]}


def test_a_recording_split_by_time_leaves_a_gap() -> None:
    times = np.arange(100)
    parts = time_split(times, SamplesOptions(time_split_train=0.7, time_split_gap=0.05))
    assert parts == {"train": (0, 70), "test": (75, 100)}


@pytest.mark.parametrize(("fraction", "held"), [(0.0, set()), (0.1, {"00003"}), (0.5, {"00002", "00003"})])
def test_validation_takes_whole_folders(fraction: float, held: set[str]) -> None:
    ids = [f"{folder:05d}/{clip:04d}" for folder in (1, 2, 3) for clip in (1, 2, 3, 4)]
    assert validation_folders(ids, fraction) == held


def test_validation_never_takes_the_only_folder() -> None:
    assert validation_folders(["00001/0001", "00001/0002"], 0.5) == set()
