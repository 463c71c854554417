"""Frames and events change together."""

from dataclasses import replace

import numpy as np
import pytest

from evfi.errors import UserError
from evfi.representation.voxel import voxel_grid
from evfi.samples import augment as augmenting
from evfi.samples.options import AugmentOptions
from evfi.samples.sample import Sample
from evfi.types import Events, SensorSize

SIZE = SensorSize(height=12, width=16)


def sample_with_marks() -> Sample:
    """A bright pixel in frame0 and one event exactly on it; the same in frame1 at another place."""
    frames = np.zeros((3, SIZE.height, SIZE.width, 3), np.uint8)
    frames[0, 3, 5], frames[1, 7, 9], frames[2, 5, 7] = 255, 255, 255
    events = Events(
        x=np.array([5, 9], np.uint16),
        y=np.array([3, 7], np.uint16),
        t=np.array([1000, 1999], np.int64),
        p=np.array([False, True]),
        sensor_size=SIZE,
    )
    return Sample("a", "s", frames[0], frames[1], frames[2], events, 1000, 2000, 1400, before=frames[0], after=None)


@pytest.mark.parametrize("change", ["flip_horizontal", "flip_vertical", "transpose"])
def test_an_event_stays_on_its_pixel(change: str) -> None:
    changed = getattr(augmenting, change)(sample_with_marks())
    first, second = zip(changed.events.y.tolist(), changed.events.x.tolist(), strict=True)
    assert changed.frame0[first].min() == 255
    assert changed.frame1[second].min() == 255
    assert changed.frame0.shape[:2] == (changed.sensor_size.height, changed.sensor_size.width)


@pytest.mark.parametrize("seed", range(6))
def test_the_grid_of_a_changed_sample_is_the_changed_grid(seed: int) -> None:
    """All changes at once: what holds for frames holds for the events' voxel grid."""
    rng = np.random.default_rng(seed)
    count = 400
    events = Events(
        x=rng.integers(0, SIZE.width, count).astype(np.uint16),
        y=rng.integers(0, SIZE.height, count).astype(np.uint16),
        t=np.sort(rng.integers(1000, 2000, count)),
        p=rng.random(count) < 0.5,
        sensor_size=SIZE,
    )
    original = replace(sample_with_marks(), events=events)
    options = AugmentOptions(crop=8, transpose=True, reverse_time=False)
    changed = augmenting.augment(original, options, np.random.default_rng(seed))
    grid = voxel_grid(events, bins=5, start_us=1000, end_us=2000)
    # The grid's bins as colours of a frame: they go where the pixels go.
    colours = np.ascontiguousarray(grid.transpose(1, 2, 0))
    as_frames = replace(original, frame0=colours, frame1=colours)
    expected = augmenting.augment(as_frames, options, np.random.default_rng(seed)).frame0
    found = voxel_grid(changed.events, bins=5, start_us=1000, end_us=2000)
    np.testing.assert_allclose(found.transpose(1, 2, 0), expected, atol=1e-5)


def test_a_crop_at_the_top_left_is_a_rectangle_in_place_of_the_random_square() -> None:
    options = AugmentOptions(crop=4, top_left=(9, 14), flip_horizontal=False, flip_vertical=False, reverse_time=False)
    original = sample_with_marks()
    for seed in range(4):
        changed = augmenting.augment(original, options, np.random.default_rng(seed))
        np.testing.assert_array_equal(changed.frame0, original.frame0[:9, :14])
        assert changed.sensor_size == SensorSize(height=9, width=14)
    assert "top_left" not in AugmentOptions().model_dump(), "older fingerprints stay as they are"


def test_a_crop_moves_events_with_the_pixels_and_drops_those_outside() -> None:
    cropped = augmenting.crop(sample_with_marks(), (6, 6), 0.3, 0.3)
    assert cropped.frame0.shape == (6, 6, 3)
    assert len(cropped.events) == 1
    assert cropped.frame0[cropped.events.y[0], cropped.events.x[0]].min() == 255


def test_reversed_time_exchanges_frames_and_keeps_events_in_the_window() -> None:
    original = sample_with_marks()
    reverse = augmenting.reverse_time(original)
    assert (reverse.frame0 == original.frame1).all()
    assert reverse.before is None
    assert reverse.after is not None
    assert reverse.events.t.tolist() == [1000, 1999]
    assert reverse.events.p.tolist() == [False, True]
    assert reverse.tau == pytest.approx(1 - original.tau)


def test_equal_seeds_give_equal_samples_and_random_numbers_do_not_depend_on_the_content() -> None:
    options = AugmentOptions(crop=8, transpose=True)
    results = [augmenting.augment(sample_with_marks(), options, np.random.default_rng(7)) for _ in range(2)]
    assert (results[0].frame0 == results[1].frame0).all()
    generator, plain = np.random.default_rng(7), np.random.default_rng(7)
    augmenting.augment(sample_with_marks(), AugmentOptions(), generator)
    plain.random(6)
    assert generator.random() == plain.random()


def test_several_crop_sides_take_turns_step_by_step() -> None:
    options = AugmentOptions(crop=(8, 6))
    sides = [
        augmenting.augment(sample_with_marks(), options, np.random.default_rng(0), step=step).frame0.shape[0]
        for step in range(4)
    ]
    assert sides == [8, 6, 8, 6]


def test_a_crop_larger_than_the_frame_is_refused() -> None:
    with pytest.raises(UserError, match="does not fit"):
        augmenting.augment(sample_with_marks(), AugmentOptions(crop=13), np.random.default_rng(0))


def test_a_target_outside_the_pair_is_refused() -> None:
    original = sample_with_marks()
    with pytest.raises(UserError, match="between the boundary frames"):
        Sample("a", "s", original.frame0, original.frame1, None, original.events, 1000, 2000, 2000)
