"""The recording store: any cutting gives the same bytes, any window the same events as a search in memory."""

import multiprocessing
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io import event_columns, stores
from evfi.io.recording import Recording, RecordingWriter, open_recording
from evfi.types import Events, Frames, SensorSize

SIZE = SensorSize(height=18, width=24)
EPOCH_US = 1_700_000_000_000_000


def written(path: Path, events: Events, frames: Frames | None = None, pieces: int = 1, truth: Frames | None = None):
    writer = RecordingWriter(path, SIZE)
    for part in np.array_split(np.arange(len(events)), pieces):
        writer.add_events(events.take(part))
    if frames is not None:
        for part in np.array_split(np.arange(len(frames)), pieces):
            writer.add_frames(frames.take(part))
    if truth is not None:
        writer.add_truth(truth)
    writer.finish({"source": {"file": "x.aedat4"}})
    return open_recording(path)


def files_of(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.fixture
def small_blocks(monkeypatch):
    """Many chunks, shards and cache evictions with few events."""
    monkeypatch.setattr(stores, "COLUMN_CHUNK", 64)
    monkeypatch.setattr(stores, "COLUMN_SHARD", 512)
    monkeypatch.setattr(stores, "FRAMES_PER_SHARD", 4)
    monkeypatch.setattr(event_columns, "_blocks", event_columns._BlockCache(4000))


def test_events_frames_and_truth_come_back(tmp_path, events_of, frames_of, assert_same_events, assert_same_times):
    events, frames, truth = events_of(5000), frames_of(9), frames_of(30, seed=4, colour=True)
    recording = written(tmp_path / "r.zarr", events, frames, truth=truth)
    assert recording.sensor_size == SIZE
    assert recording.event_count == 5000
    assert (recording.start_us, recording.end_us) == (events.t[0], events.t[-1] + 1)
    assert_same_events(recording.events(recording.start_us, recording.end_us), events)
    assert len(recording.frames) == 9
    assert_same_times(recording.frames, frames)
    assert_same_times(recording.truth, truth)
    for stream, given_frames in ((recording.frames, frames), (recording.truth, truth)):
        for number, image in enumerate(given_frames.image):
            np.testing.assert_array_equal(stream[number], image)
        np.testing.assert_array_equal(stream[-1], given_frames.image[-1])
    assert recording.attributes["source"] == {"file": "x.aedat4"}


@pytest.mark.usefixtures("small_blocks")
def test_the_bytes_do_not_depend_on_how_the_recording_was_cut(tmp_path, events_of, frames_of):
    events, frames = events_of(3000), frames_of(11)
    written(tmp_path / "a.zarr", events, frames)
    written(tmp_path / "b.zarr", events, frames, pieces=7)
    assert files_of(tmp_path / "a.zarr") == files_of(tmp_path / "b.zarr")


@pytest.mark.usefixtures("small_blocks")
def test_any_window_holds_the_events_that_a_search_in_memory_finds(tmp_path, events_of, assert_same_events):
    events = events_of(3000, span_us=20_000)
    recording = written(tmp_path / "r.zarr", events, pieces=5)
    low, high = int(events.t[0]) - 3000, int(events.t[-1]) + 3000
    edges = st.one_of(st.integers(low, high), st.sampled_from(sorted(set(events.t.tolist()))))

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(edges, st.integers(1, 25_000))
    def check(start, length):
        assert_same_events(recording.events(start, start + length), events.window(start, start + length))

    check()


def test_windows_tile_any_events_without_loss_or_overlap(tmp_path_factory, monkeypatch):
    # a few dozen events reach over several chunks and files, and push each other out of the cache
    monkeypatch.setattr(stores, "COLUMN_CHUNK", 4)
    monkeypatch.setattr(stores, "COLUMN_SHARD", 16)
    monkeypatch.setattr(event_columns, "_blocks", event_columns._BlockCache(100))
    row = st.tuples(st.integers(0, 12_000), st.integers(0, 23), st.integers(0, 17), st.booleans())

    @settings(deadline=None, derandomize=True, max_examples=25)
    @given(st.lists(row, max_size=60), st.lists(st.integers(0, 12_001), max_size=6), st.integers(1, 4))
    def check(rows, cuts, pieces):
        rows = sorted(rows, key=lambda row: row[0])
        t, x, y, p = zip(*rows, strict=True) if rows else ((), (), (), ())
        events = Events(
            np.array(x, np.uint16), np.array(y, np.uint16), EPOCH_US + np.array(t, np.int64), np.array(p, bool), SIZE
        )
        recording = written(tmp_path_factory.mktemp("r") / "r.zarr", events, pieces=pieces)
        edges = sorted({EPOCH_US - 1, EPOCH_US + 12_002, *(EPOCH_US + cut for cut in cuts)})
        tiles = [recording.events(a, b) for a, b in pairwise(edges)]
        joined = Events.concatenated(tiles, SIZE)
        for name in ("x", "y", "t", "p"):
            np.testing.assert_array_equal(getattr(joined, name), getattr(events, name))

    check()


def test_sub_pixel_events_stay_sub_pixel(tmp_path, events_of):
    events = events_of(100)
    floats = Events((events.x + 0.25).astype(np.float32), events.y.astype(np.float32), events.t, events.p, SIZE)
    recording = written(tmp_path / "r.zarr", floats)
    read = recording.events(recording.start_us, recording.end_us)
    assert read.x.dtype == np.float32
    np.testing.assert_array_equal(read.x, floats.x)


def test_a_long_read_and_a_cached_read_agree(tmp_path, events_of, assert_same_events, monkeypatch):
    events = events_of(300_000)
    recording = written(tmp_path / "r.zarr", events)
    cached = recording.events(recording.start_us, recording.end_us)
    monkeypatch.setattr(event_columns, "_CACHED_BLOCKS_A_READ", 1)
    assert_same_events(recording.events(recording.start_us, recording.end_us), cached)


def test_what_a_window_returns_can_be_changed_without_harm(tmp_path, events_of, assert_same_events):
    events = events_of(100)
    recording = written(tmp_path / "r.zarr", events)
    recording.events(recording.start_us, recording.end_us).x[:] = 0
    assert_same_events(recording.events(recording.start_us, recording.end_us), events)


def test_a_pause_without_events_is_indexed(tmp_path, assert_same_events):
    t = np.array([0, 1, 999, 1000, 3_000_000, 3_000_001], np.int64) + EPOCH_US
    ones = np.ones(6, np.uint16)
    events = Events(ones, ones, t, np.ones(6, bool), SIZE)
    recording = written(tmp_path / "r.zarr", events, pieces=3)
    for start, end in [(0, 1), (1, 1000), (999, 1001), (1001, 3_000_000), (2_999_999, 3_000_001), (3_000_001, 9**9)]:
        window = (EPOCH_US + start, EPOCH_US + end)
        assert_same_events(recording.events(*window), events.window(*window))


def test_a_broken_clock_is_refused_before_it_fills_the_disk(tmp_path):
    ones = np.ones(2, np.uint16)
    events = Events(ones, ones, np.array([0, EPOCH_US], np.int64), np.ones(2, bool), SIZE)
    with pytest.raises(InputFileError, match="the clock of the recording is broken"):
        RecordingWriter(tmp_path / "r.zarr", SIZE).add_events(events)


def test_a_recording_goes_to_another_process_as_its_path(tmp_path, events_of, frames_of, assert_same_events):
    recording = written(tmp_path / "r.zarr", events_of(500), frames_of(3))
    recording.events(recording.start_us, recording.end_us)
    copy = pickle.loads(pickle.dumps(recording))  # noqa: S301
    assert vars(copy) == {"path": tmp_path / "r.zarr"}
    assert_same_events(copy.events(recording.start_us, recording.end_us), events_of(500))
    np.testing.assert_array_equal(copy.frames[2], recording.frames[2])


def test_a_recording_that_is_open_here_opens_anew_in_forkserver_workers(
    tmp_path, events_of, frames_of, assert_same_events
):
    recording = written(tmp_path / "r.zarr", events_of(500), frames_of(3))
    bounds = np.linspace(recording.start_us, recording.end_us, 5).astype(int).tolist()
    windows = [(recording, start, end) for start, end in pairwise(bounds)]
    here = [recording.events(start, end) for _, start, end in windows]
    with multiprocessing.get_context("forkserver").Pool(2) as pool:
        there = pool.starmap(Recording.events, windows)
    assert sum(map(len, here)) == 500
    for mine, theirs in zip(here, there, strict=True):
        assert_same_events(mine, theirs)


def test_the_nearest_frame_is_found_and_of_two_as_near_the_earlier(tmp_path, events_of):
    frames = Frames.without_exposure(
        np.arange(3, dtype=np.uint8)[:, None, None].repeat(18, 1).repeat(24, 2), np.array([0, 10, 30], np.int64)
    )
    stream = written(tmp_path / "r.zarr", events_of(10), frames).frames
    assert [int(stream.at(t)[0, 0]) for t in (-5, 0, 4, 5, 6, 20, 21, 99)] == [0, 0, 0, 0, 1, 1, 2, 2]


def test_a_frame_number_beyond_the_stream_is_an_index_error(tmp_path, events_of, frames_of):
    stream = written(tmp_path / "r.zarr", events_of(10), frames_of(3)).frames
    for number in (3, -4):
        with pytest.raises(IndexError, match="of 3"):
            stream[number]
    assert len(list(stream)) == 3


def test_absent_streams_are_none_and_events_empty(tmp_path, frames_of):
    frames = frames_of(2)
    recording = written(tmp_path / "r.zarr", Events.empty(SIZE), frames)
    assert recording.truth is None
    assert (recording.start_us, recording.end_us) == (frames.t_us[0], frames.t_us[-1] + 1)
    assert len(recording.events(0, 2 * EPOCH_US)) == 0


def test_an_empty_window_is_refused(tmp_path, events_of):
    recording = written(tmp_path / "r.zarr", events_of(10))
    with pytest.raises(UserError, match="is empty"):
        recording.events(5, 5)


def test_times_that_decrease_between_two_pieces_are_refused(tmp_path, events_of):
    writer = RecordingWriter(tmp_path / "r.zarr", SIZE)
    writer.add_events(events_of(100))
    with pytest.raises(UserError, match="must not decrease"):
        writer.add_events(events_of(100))


def test_frames_that_change_shape_or_go_back_in_time_are_refused(tmp_path, frames_of):
    writer = RecordingWriter(tmp_path / "r.zarr", SIZE)
    writer.add_frames(frames_of(2))
    with pytest.raises(UserError, match="must increase"):
        writer.add_frames(frames_of(2))
    with pytest.raises(UserError, match="must stay uint8"):
        writer.add_frames(frames_of(2, colour=True))
    with pytest.raises(UserError, match="of 24x20 pixels in a recording of 24x18"):
        writer.add_frames(frames_of(2, size=SensorSize(height=20, width=24)))


def test_events_of_another_sensor_are_refused(tmp_path, events_of):
    with pytest.raises(UserError, match="events of a 24x20 sensor"):
        RecordingWriter(tmp_path / "r.zarr", SIZE).add_events(events_of(5, size=SensorSize(height=20, width=24)))


def test_a_missing_store_is_named(tmp_path):
    with pytest.raises(MissingInputError, match=r"no store at .*none\.zarr: make it with"):
        open_recording(tmp_path / "none.zarr")
