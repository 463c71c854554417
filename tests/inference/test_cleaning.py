"""Events that are left out before frames are inserted: those of hot pixels, and background activity."""

from pathlib import Path

import numpy as np
import pytest

from evfi.errors import UserError
from evfi.inference.cleaning import Cleaning, EventCleaner
from evfi.inference.plan import Asked
from evfi.inference.slow_motion import interpolate_file
from evfi.io.images import read_frame_folder
from evfi.io.recording import Recording, RecordingWriter, open_recording
from evfi.types import Events, Frames, SensorSize

SIZE = SensorSize(height=32, width=40)
HOT = (7, 11)
GAP_US, GAPS = 40_000, 3


def _scene(seed: int = 0) -> Events:
    """A bar that moves from left to right over three gaps: 12 rows, one event each every 500 µs."""
    rng = np.random.default_rng(seed)
    t = np.repeat(np.arange(0, GAPS * GAP_US, 500), 12)
    x = (t * SIZE.width // (GAPS * GAP_US)).astype(np.uint16)
    y = np.tile(np.arange(12, 24), len(t) // 12).astype(np.uint16)
    return Events(x, y, t.astype(np.int64), rng.random(len(t)) < 0.5, SIZE)


def _of_hot_pixel() -> Events:
    t = np.arange(37, GAPS * GAP_US, 200, dtype=np.int64)
    y, x = (np.full(len(t), value, np.uint16) for value in HOT)
    return Events(x, y, t, np.ones(len(t), np.bool_), SIZE)


def _alone() -> Events:
    """Events far from the bar, from the hot pixel and from each other."""
    t = np.array([GAP_US - 1, GAP_US, 2 * GAP_US + 5], np.int64)
    return Events(np.array([35, 2, 30], np.uint16), np.array([1, 29, 30], np.uint16), t, np.ones(3, np.bool_), SIZE)


def _recording(path: Path, *parts: Events) -> Recording:
    store = RecordingWriter(path, SIZE)
    joined = Events.concatenated(parts, SIZE)
    store.add_events(joined.in_canonical_order())
    images = np.random.default_rng(1).integers(0, 256, (GAPS + 1, SIZE.height, SIZE.width), np.uint8)
    store.add_frames(Frames.without_exposure(images, np.arange(GAPS + 1, dtype=np.int64) * GAP_US))
    store.finish()
    return open_recording(path)


def test_events_of_hot_pixels_are_left_out_and_counted(tmp_path: Path) -> None:
    recording = _recording(tmp_path / "r.zarr", _scene(), _of_hot_pixel())
    cleaner = EventCleaner(recording, Cleaning())
    assert cleaner.hot_pixel_count == 1
    taken = cleaner.take(0, GAP_US)
    expected = _scene().window(0, GAP_US).in_canonical_order()
    for column in ("x", "y", "t", "p"):
        np.testing.assert_array_equal(getattr(taken.events, column), getattr(expected, column))
    assert (taken.hot, taken.background) == (len(_of_hot_pixel().window(0, GAP_US)), 0)


def test_hot_pixels_stay_where_the_user_keeps_them(tmp_path: Path) -> None:
    recording = _recording(tmp_path / "r.zarr", _scene(), _of_hot_pixel())
    taken = EventCleaner(recording, Cleaning(hot_pixels=False)).take(0, GAP_US)
    assert len(taken.events) == len(recording.events(0, GAP_US))
    assert taken.hot == 0


def test_background_activity_is_left_out_and_the_scene_stays(tmp_path: Path) -> None:
    recording = _recording(tmp_path / "r.zarr", _scene(), _alone())
    cleaner = EventCleaner(recording, Cleaning(background_us=1000))
    taken = [cleaner.take(first, first + GAP_US) for first in range(0, GAPS * GAP_US, GAP_US)]
    # the bar's very first event has nothing before it
    assert [one.background for one in taken] == [2, 1, 1]
    assert sum(len(one.events) for one in taken) == len(_scene()) - 1


def test_a_window_looks_back_beyond_its_start(tmp_path: Path) -> None:
    """What an event's fate is does not depend on where a gap begins."""
    recording = _recording(tmp_path / "r.zarr", _scene(), _alone())
    cleaner = EventCleaner(recording, Cleaning(background_us=1000))
    whole = cleaner.take(0, GAPS * GAP_US)
    parts = [cleaner.take(first, first + 1500) for first in range(0, GAPS * GAP_US, 1500)]
    np.testing.assert_array_equal(np.concatenate([part.events.t for part in parts]), whole.events.t)
    assert sum(part.background for part in parts) == whole.background == 4


def test_hot_pixels_are_left_out_before_they_could_support_noise(tmp_path: Path) -> None:
    beside = Events(
        np.array([HOT[1] + 1], np.uint16), np.array([HOT[0]], np.uint16), np.array([500], np.int64), np.ones(1, bool),
        SIZE,
    )  # fmt: skip
    recording = _recording(tmp_path / "r.zarr", _scene(), _of_hot_pixel(), beside)
    taken = EventCleaner(recording, Cleaning(background_us=1000)).take(0, GAP_US)
    assert not ((taken.events.x == HOT[1] + 1) & (taken.events.y == HOT[0])).any()


def test_slow_motion_of_a_recording_with_a_hot_pixel_equals_that_without_it(weights: Path, tmp_path: Path) -> None:
    clean = _recording(tmp_path / "clean.zarr", _scene()).path
    hot = _recording(tmp_path / "hot.zarr", _scene(), _of_hot_pixel()).path
    asked = Asked(factor=2)
    expected = interpolate_file(clean, tmp_path / "expected", weights=weights, asked=asked)
    found = interpolate_file(hot, tmp_path / "found", weights=weights, asked=asked)
    kept = interpolate_file(hot, tmp_path / "kept", weights=weights, asked=asked, cleaning=Cleaning(hot_pixels=False))
    images = [read_frame_folder(tmp_path / name, "us").image for name in ("expected", "found", "kept")]
    np.testing.assert_array_equal(images[1], images[0])
    assert (images[2] != images[0]).any()
    assert [summary.removed_hot for summary in (expected, found, kept)] == [0, len(_of_hot_pixel()), 0]
    assert f"removed {len(_of_hot_pixel())} events of 1 hot pixels; 0 gaps without any event" in str(found)
    assert "removed 0 events of 0 hot pixels" in str(kept)


def test_the_closing_line_counts_background_activity(weights: Path, tmp_path: Path) -> None:
    source = _recording(tmp_path / "r.zarr", _scene(), _alone()).path
    summary = interpolate_file(
        source, tmp_path / "slow", weights=weights, asked=Asked(factor=3), cleaning=Cleaning(background_us=1000)
    )
    assert summary.removed_background == 4
    assert "0 events of 0 hot pixels and 4 of background activity" in str(summary)


def test_a_background_time_below_one_microsecond_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="background-us must be at least 1, got 0"):
        interpolate_file(
            tmp_path / "none", tmp_path / "out", weights=tmp_path / "none", asked=Asked(factor=2),
            cleaning=Cleaning(background_us=0),
        )  # fmt: skip
