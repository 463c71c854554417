"""A recording read from end to end: nothing lost, and frames where they belong among the events."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evfi.io.recording_pieces as module
from evfi.io.recording import RecordingWriter, open_recording
from evfi.types import Events, Frames, SensorSize

SIZE = SensorSize(height=2, width=3)
times = st.lists(st.integers(0, 12), max_size=30)


def events_at(t: list[int]) -> Events:
    count = len(t)
    x = (np.arange(count) % 3).astype(np.uint16)
    return Events(x, x // 2, np.sort(np.array(t, np.int64)), x > 0, SIZE)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(events=times, frames=st.sets(st.integers(-2, 14), max_size=6))
def test_pieces_tile_the_recording_and_a_frame_follows_all_events_up_to_its_time(tmp_path_factory, events, frames):
    if not events and not frames:
        return
    path = tmp_path_factory.mktemp("r") / "r.zarr"
    writer = RecordingWriter(path, SIZE)
    writer.add_events(events_at(events))
    t_us = np.array(sorted(frames), np.int64)
    image = np.arange(len(t_us) * 6, dtype=np.uint8).reshape(-1, 2, 3)
    writer.add_frames(Frames.without_exposure(image, t_us))
    writer.finish()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_EVENTS_A_PIECE", 4)
        pieces = list(module.pieces_in_time_order(open_recording(path)))
    found = Events.concatenated([piece for piece in pieces if isinstance(piece, Events)], SIZE)
    for name in ("x", "y", "t", "p"):
        np.testing.assert_array_equal(getattr(found, name), getattr(events_at(events), name))
    seen = 0
    shown = []
    for piece in pieces:
        if isinstance(piece, Events):
            seen += len(piece)
        else:
            shown.append(int(piece.t_us[0]))
            assert seen == np.searchsorted(found.t, piece.t_us[0], side="right")
            np.testing.assert_array_equal(piece.image[0], image[len(shown) - 1])
    assert shown == t_us.tolist()


def test_frames_come_in_pieces(tmp_path, frames_of):
    frames = frames_of(70)
    writer = RecordingWriter(tmp_path / "r.zarr", frames.sensor_size)
    writer.add_frames(frames)
    writer.finish()
    stream = open_recording(tmp_path / "r.zarr").frames
    assert stream is not None
    pieces = list(module.frame_pieces(stream))
    assert [len(piece) for piece in pieces] == [64, 6]
    for name in Frames.__slots__:
        np.testing.assert_array_equal(np.concatenate([getattr(piece, name) for piece in pieces]), getattr(frames, name))
