"""What a user asks for: times, rates, contradictions."""

import re

import numpy as np
import pytest

from evfi.errors import UserError
from evfi.inference.plan import Asked, planned

TIMES = 5_000_000 + np.arange(6, dtype=np.int64) * 40_000


def test_a_factor_plays_at_the_rate_of_capture_and_so_many_times_slower() -> None:
    plan = planned(TIMES, Asked(factor=4))
    assert (len(plan.t_us), plan.capture_fps, plan.playback_fps, plan.slow_down) == (21, 25, 25, 4)


def test_a_rate_is_as_much_slower_as_it_has_more_frames() -> None:
    plan = planned(TIMES, Asked(fps=200))
    assert np.diff(plan.t_us).tolist() == [5_000] * 40
    assert (plan.playback_fps, plan.slow_down) == (25, 8)


def test_playback_is_chosen_or_real() -> None:
    assert planned(TIMES, Asked(factor=4, playback_fps=50)).slow_down == 2
    real = planned(TIMES, Asked(factor=4, realtime=True))
    assert (real.playback_fps, real.slow_down) == (100, 1)
    assert planned(TIMES, Asked(fps=60, realtime=True)).playback_fps == 60


def test_single_times_are_sorted_and_have_no_slow_down() -> None:
    plan = planned(TIMES, Asked(at_us=(5_100_000, 5_020_000, 5_100_000)))
    assert plan.t_us.tolist() == [5_020_000, 5_100_000]
    assert plan.slow_down is None


def test_a_part_of_the_recording() -> None:
    plan = planned(TIMES, Asked(factor=2, start_us=40_000, end_us=120_000))
    assert plan.t_us.tolist() == (5_040_000 + np.arange(5) * 20_000).tolist()


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (Asked(), "got none"),
        (Asked(factor=2, fps=3), "got factor and fps"),
        (Asked(factor=1), "at least 2"),
        (Asked(factor=2, playback_fps=3, realtime=True), "leave out playback-fps"),
        (Asked(at_us=(1,), realtime=True), "give factor or fps"),
        (Asked(at_us=(1,), start_us=0), "at-us names its times itself"),
        (Asked(factor=2, playback_fps=0), "must be positive"),
    ],
)
def test_a_contradiction_is_named(asked: Asked, named: str) -> None:
    with pytest.raises(UserError, match=re.escape(named)):
        asked.check()
