"""Side by side with the input, with events drawn in."""

from pathlib import Path

import numpy as np
import pytest

from evfi.errors import UserError
from evfi.inference.composition import Composition, NewestInput, composed
from evfi.inference.plan import Asked
from evfi.inference.slow_motion import interpolate_file
from evfi.inference.windows import times_of_factor
from evfi.io.images import read_frame_folder
from evfi.io.recording import Recording
from evfi.representation.drawing import OFF_COLOUR, ON_COLOUR
from evfi.types import Events, SensorSize

GAP = 4


def flat(level: int) -> np.ndarray:
    return np.full((6, 8), level, np.uint8)


def one_event(x: int, t_us: int, on: bool) -> Events:
    columns = np.array([x], np.uint16), np.array([3], np.uint16), np.array([t_us], np.int64), np.array([on])
    return Events(*columns, SensorSize(height=6, width=8))


def test_the_input_stands_still_on_the_left_at_its_own_rate(gray: Recording, weights: Path, tmp_path: Path) -> None:
    asked = Asked(factor=3)
    interpolate_file(gray.path, tmp_path / "plain", weights=weights, asked=asked)
    composition = Composition(side_by_side=True)
    interpolate_file(gray.path, tmp_path / "both", weights=weights, asked=asked, composition=composition)
    plain, both = (read_frame_folder(tmp_path / name, "us") for name in ("plain", "both"))
    width = gray.sensor_size.width
    np.testing.assert_array_equal(both.t_us, times_of_factor(gray.frames.t_us, 3))
    assert both.image.shape[1:] == (gray.sensor_size.height, 2 * width + GAP)
    np.testing.assert_array_equal(both.image[..., width + GAP :], plain.image)
    assert (both.image[..., width : width + GAP] == 0).all()
    for number, image in enumerate(both.image):
        np.testing.assert_array_equal(image[:, :width], gray.frames[number // 3])


def test_on_a_grid_of_other_times_the_left_shows_the_newest_frame(
    gray: Recording, weights: Path, tmp_path: Path
) -> None:
    first, second = gray.frames.t_us[:2]
    times = (int(first) + 1, int(second) - 1, int(second))
    composition = Composition(side_by_side=True)
    interpolate_file(gray.path, tmp_path / "out", weights=weights, asked=Asked(at_us=times), composition=composition)
    left = read_frame_folder(tmp_path / "out", "us").image[..., : gray.sensor_size.width]
    for image, number in zip(left, (0, 0, 1), strict=True):
        np.testing.assert_array_equal(image, gray.frames[number])


@pytest.mark.parametrize("side_by_side", [False, True])
def test_events_of_half_a_step_on_both_sides_are_drawn_and_no_others(side_by_side: bool) -> None:
    events = [one_event(1, 1_000, True), one_event(2, 1_049, False), one_event(3, 1_050, True), one_event(4, 949, True)]
    asked = []

    def given(start_us: int, end_us: int) -> Events:
        asked.append((start_us, end_us))
        inside = [event for event in events if start_us <= event.t[0] < end_us]
        return Events.concatenated(inside, events[0].sensor_size)

    times = np.array([1_000, 1_100, 1_200], np.int64)
    frames = [(flat(100), int(t_us)) for t_us in times]
    composition = Composition(side_by_side=side_by_side, with_events=True)
    shown = [*composed(frames, composition, times=times, input_at=lambda _, image: image, events=given)]
    assert asked == [(950, 1_050), (1_050, 1_150), (1_150, 1_250)]
    first = shown[0][0]
    assert [tuple(first[3, x]) for x in (1, 2)] == [ON_COLOUR, OFF_COLOUR]
    assert tuple(first[3, 3]) == tuple(first[3, 4]) == (55, 55, 55)
    assert tuple(shown[1][0][3, 3]) == ON_COLOUR
    if side_by_side:
        assert (first[:, 8 + GAP :] == 100).all(), "the result itself is left alone"


def test_a_passing_stream_gives_its_newest_own_frame() -> None:
    newest = NewestInput(np.array([0, 40], np.int64))
    images = [flat(level) for level in (1, 2, 3, 4)]
    found = [newest(t_us, image) for t_us, image in zip((0, 20, 40, 60), images, strict=True)]
    assert [int(image[0, 0]) for image in found] == [1, 1, 3, 3]


def test_a_frame_store_of_composed_frames_is_refused(gray: Recording, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="frame store"):
        interpolate_file(
            gray.path, tmp_path / "out.zarr", weights=weights, asked=Asked(factor=2),
            composition=Composition(side_by_side=True),
        )  # fmt: skip
    assert [*tmp_path.iterdir()] == []
