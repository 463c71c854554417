"""Slow motion by halving."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evfi.errors import UserError
from evfi.inference.interpolate import interpolate
from evfi.inference.predictor import Predictor, load_predictor
from evfi.inference.recursion import frames_by_halving, halved, rounds_of
from evfi.io.recording import Recording


@pytest.fixture
def averaging(averaging_weights: Path) -> Predictor:
    return load_predictor(averaging_weights)


def test_times_are_halved_and_every_frame_is_kept() -> None:
    def middle(_before: float | None, frame0: float, frame1: float, _after: float | None) -> float:
        return (frame0 + frame1) / 2

    for rounds in (1, 2, 3):
        found = list(halved([0.0, 1.0, 2.0, 3.0], rounds, middle))
        assert found == [number / 2**rounds for number in range(3 * 2**rounds + 1)]


def test_context_frames_lie_at_the_pairs_own_distance_and_are_missing_at_the_ends() -> None:
    seen: list[tuple[float | None, ...]] = []

    def middle(*four: float | None) -> float:
        seen.append(four)
        _, frame0, frame1, _ = four
        assert frame0 is not None
        assert frame1 is not None
        return (frame0 + frame1) / 2

    list(halved([0.0, 1.0, 2.0], 2, middle))
    coarse = [four for four in seen if four[2] - four[1] == 1]  # pyright: ignore[reportOperatorIssue]
    fine = [four for four in seen if four not in coarse]
    assert coarse == [(None, 0, 1, 2), (0, 1, 2, None)]
    assert fine == [(None, 0, 0.5, 1), (0, 0.5, 1, 1.5), (0.5, 1, 1.5, 2), (1, 1.5, 2, None)]


@pytest.mark.parametrize("count", [0, 1])
def test_a_video_without_a_pair_is_given_back(count: int) -> None:
    frames = [float(number) for number in range(count)]
    assert list(halved(frames, 3, lambda *_: -1.0)) == frames


def test_a_long_video_is_not_read_ahead() -> None:
    read = 0

    def endless() -> Iterator[float]:
        nonlocal read
        while True:
            read += 1
            yield float(read)

    stream = halved(endless(), 3, lambda _before, frame0, frame1, _after: (frame0 + frame1) / 2)
    for _ in range(80):
        next(stream)
    assert read <= 10 + 2 * 3


@pytest.mark.parametrize("gray", [True, False])
def test_a_predictor_inserts_frames_between_frames_that_stay(averaging: Predictor, gray: bool) -> None:
    shape = (3, 20, 27) if gray else (3, 20, 27, 3)
    video = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    placed = [*frames_by_halving(zip(video, (0, 40, 100), strict=True), 4, averaging)]
    found = np.stack([frame.image for frame in placed])
    assert [frame.t_us for frame in placed] == [0, 10, 20, 30, 40, 55, 70, 85, 100]
    assert [frame.number for frame in placed] == [*range(9)]
    assert found.shape == (9, *shape[1:])
    assert np.array_equal(found[::4], video)
    halfway = (video[0].astype(int) + video[1]) / 2
    assert np.abs(found[2] - halfway).max() <= 1


@pytest.mark.parametrize("factor", [3, 1, 16, 0])
def test_other_factors_are_refused_in_one_line(averaging: Predictor, factor: int) -> None:
    with pytest.raises(UserError, match=rf"convlstm .* 2, 4 or 8, got the factor {factor}") as caught:
        frames_by_halving([], factor, averaging)
    assert "\n" not in str(caught.value)


def test_chosen_times_are_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="2, 4 or 8, got chosen times"):
        rounds_of("convlstm", None)


def test_a_time_outside_the_middle_is_never_predicted_in_silence(gray: Recording, averaging_weights: Path) -> None:
    first, second = (int(gray.frames.t_us[number]) for number in (0, 1))  # pyright: ignore
    assert interpolate(gray, (first + second) // 2, averaging_weights).shape == (1, 35, 42)
    with pytest.raises(UserError, match=r"convlstm predicts only the middle .* tau 0\.250"):
        interpolate(gray, first + (second - first) // 4, averaging_weights)
