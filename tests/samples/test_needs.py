"""Which samples meet a family's needs, and which frames are its context."""

import pytest

from evfi.samples.needs import Context, Needs, SampleTimes

MIDDLE = Needs(context="even", middle_only=True)


def times(*, before: int | None = -100, target: int = 50, after: int | None = 200) -> SampleTimes:
    """A pair at 0 and 100 µs."""
    return SampleTimes(t0_us=0, t1_us=100, t_us=target, before_us=before, after_us=after)


@pytest.mark.parametrize("found", [times(), times(target=51), times(before=-95, after=209)])
def test_four_even_frames_and_the_middle_meet_the_needs_within_a_cameras_jitter(found: SampleTimes) -> None:
    assert MIDDLE.shortfall(found) == ""


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (times(target=25), "tau 0.250, needs 0.5"),
        (times(target=54), "tau 0.540, needs 0.5"),
        (times(before=None), "no context frame before the pair"),
        (times(after=None), "no context frame after the pair"),
        (times(after=250), "a context frame at 1.50 of the pair's interval, needs 1"),
        (times(before=-50, after=150), "a context frame at 0.50 of the pair's interval, needs 1"),
    ],
)
def test_everything_else_is_refused_with_its_reason(found: SampleTimes, reason: str) -> None:
    assert MIDDLE.shortfall(found) == reason


def test_a_tight_scheme_wants_neighbours_at_half_the_pairs_interval() -> None:
    tight = MIDDLE.with_context("tight")
    assert tight.shortfall(times(before=-50, after=150)) == ""
    assert tight.shortfall(times()) != ""


def test_a_family_without_needs_takes_any_sample() -> None:
    assert not Needs().are_any
    assert Needs().shortfall(times(before=None, target=10, after=None)) == ""


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ("tight_first", [(0, 1, 3, 4)]),
        ("tight_centred", [(1, 2, 4, 5)]),
        ("tight_last", [(2, 3, 5, 6)]),
        ("tight", [(0, 1, 3, 4), (1, 2, 4, 5), (2, 3, 5, 6)]),
    ],
)
def test_the_tight_schemes_of_a_septuplet(context: Context, expected: list[tuple[int, ...]]) -> None:
    needs = Needs(context=context)
    found = []
    for frame0 in range(5):
        before, after = needs.context_numbers(frame0, frame0 + 2, (-1, -1), 7)
        if before >= 0 and after >= 0:
            found.append((before, frame0, frame0 + 2, after))
    assert found == expected


def test_even_context_is_the_indexs_own_and_none_reads_nothing() -> None:
    assert Needs(context="even").context_numbers(2, 4, (0, 6), 7) == (0, 6)
    assert Needs().context_numbers(2, 4, (0, 6), 7) == (-1, -1)
