"""aedat4 files: what is written is what is read, real files have their known contents, and damage is one clear line."""

import itertools
import shutil
from collections import namedtuple
from pathlib import Path

import dv_processing as dv
import numpy as np
import pytest

from evfi.errors import InputFileError, MissingInputError, OutputError, UserError
from evfi.io.aedat4 import Aedat4Reader, write_aedat4
from evfi.types import Events, Frames, SensorSize

SIZE = SensorSize(height=18, width=24)


def read_all(path: Path) -> tuple[Events, Frames]:
    reader = Aedat4Reader(path)
    pieces = list(reader.batches())
    events = Events.concatenated([piece for piece in pieces if isinstance(piece, Events)], reader.sensor_size)
    frames = [piece for piece in pieces if isinstance(piece, Frames)]
    return events, Frames(*(np.concatenate([getattr(f, name) for f in frames]) for name in Frames.__slots__))


def test_events_frames_and_exposures_survive_the_file(recorded, assert_same_events, assert_same_times):
    events, frames = read_all(recorded.path)
    assert_same_events(events, recorded.events)
    assert_same_times(frames, recorded.frames)
    np.testing.assert_array_equal(frames.image, recorded.frames.image)


def test_dv_processing_reads_the_same_file_by_itself(recorded):
    recording = dv.io.MonoCameraRecording(str(recorded.path))
    assert recording.getCameraName() == "DAVIS240C"
    assert recording.getEventResolution() == (24, 18)
    count = 0
    while (store := recording.getNextEventBatch()) is not None:
        count += store.size()
    assert count == len(recorded.events)
    frame = recording.getNextFrame()
    assert frame.timestamp == recorded.frames.exposure_start_us[0]


def test_colour_is_rgb_in_memory(tmp_path, events_of, frames_of):
    frames = frames_of(3, colour=True)
    write_aedat4(tmp_path / "c.aedat4", SIZE, [events_of(10)], [frames])
    bgr = dv.io.MonoCameraRecording(str(tmp_path / "c.aedat4")).getNextFrame().image
    np.testing.assert_array_equal(bgr, frames.image[0][..., ::-1])
    np.testing.assert_array_equal(read_all(tmp_path / "c.aedat4")[1].image, frames.image)


def test_equal_input_gives_equal_bytes(recorded, tmp_path):
    again = tmp_path / "again.aedat4"
    write_aedat4(again, SIZE, [recorded.events], [recorded.frames])
    assert again.read_bytes() == recorded.path.read_bytes()


def test_each_stream_comes_in_its_own_order_and_packet_by_packet(recorded):
    pieces = list(Aedat4Reader(recorded.path).batches())
    for kind, name in ((Events, "t"), (Frames, "t_us")):
        starts = [int(getattr(piece, name)[0]) for piece in pieces if isinstance(piece, kind)]
        assert len(starts) > 1
        assert starts == sorted(starts)
    assert max(len(piece) for piece in pieces if isinstance(piece, Events)) <= 8192
    assert {len(piece) for piece in pieces if isinstance(piece, Frames)} == {1}


def test_a_frame_without_exposure_has_both_ends_at_its_time(tmp_path, events_of):
    frames = Frames.without_exposure(np.zeros((1, 18, 24), np.uint8), np.array([1_700_000_000_000_123], np.int64))
    write_aedat4(tmp_path / "n.aedat4", SIZE, [events_of(10)], [frames])
    read = read_all(tmp_path / "n.aedat4")[1]
    assert read.t_us == read.exposure_start_us == read.exposure_end_us == 1_700_000_000_000_123


def test_a_file_without_frames_is_read(tmp_path, events_of, assert_same_events):
    events = events_of(100)
    write_aedat4(tmp_path / "e.aedat4", SIZE, [events], [])
    pieces = list(Aedat4Reader(tmp_path / "e.aedat4").batches())
    assert_same_events(Events.concatenated(pieces, SIZE), events)


def dv_file(path: Path, packets: list[list[tuple[int, int, int, bool]]]) -> Path:
    """A file as dv-processing writes it, without the checks of our writer."""
    config = dv.io.MonoCameraWriter.Config("DAVIS240C")
    config.addEventStream((SIZE.width, SIZE.height))
    writer = dv.io.MonoCameraWriter(str(path), config)
    for packet in packets:
        vector = dv.EventPacket.EventVector([dv.Event(*event) for event in packet])
        writer.writeEventPacket(dv.EventPacket(vector))
    del writer
    return path


def test_events_beyond_the_sensor_are_dropped_and_counted(tmp_path):
    rows = [(5, 0, 0, True), (6, 24, 0, True), (7, 0, 18, False), (8, -1, 0, True), (9, 23, 17, False)]
    reader = Aedat4Reader(dv_file(tmp_path / "b.aedat4", [rows]))
    (events,) = reader.batches()
    assert events.t.tolist() == [5, 9]
    assert events.p.tolist() == [True, False]
    assert reader.repairs["events_outside_sensor"] == 3


def test_unordered_events_are_sorted_within_a_packet_and_across_packets(tmp_path):
    first = [(10, 1, 1, True), (30, 2, 2, True), (20, 3, 3, True)]
    second = [(25, 4, 4, True), (40, 5, 5, True)]
    reader = Aedat4Reader(dv_file(tmp_path / "u.aedat4", [first, second]))
    events = Events.concatenated(list(reader.batches()), SIZE)
    assert events.t.tolist() == [10, 20, 25, 30, 40]
    assert events.x.tolist() == [1, 3, 4, 2, 5]
    assert (reader.repairs["events_sorted"], reader.repairs["events_late"]) == (2, 0)


def assert_one_line(caught: pytest.ExceptionInfo, path: Path) -> None:
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingInputError, match="no recording at") as caught:
        Aedat4Reader(tmp_path / "gone.aedat4")
    assert_one_line(caught, tmp_path / "gone.aedat4")


def test_an_empty_file_is_named(tmp_path):
    path = tmp_path / "empty.aedat4"
    path.touch()
    with pytest.raises(InputFileError, match="is empty") as caught:
        Aedat4Reader(path)
    assert_one_line(caught, path)


def test_a_text_file_named_aedat4_is_named(tmp_path):
    path = tmp_path / "text.aedat4"
    path.write_text("1 2 3 4\n" * 100)
    with pytest.raises(InputFileError, match="is not an aedat4 file") as caught:
        Aedat4Reader(path)
    assert_one_line(caught, path)


def test_times_that_decrease_are_refused_and_nothing_is_left(tmp_path, events_of):
    events = events_of(30_000)
    with pytest.raises(UserError, match="must not decrease"):
        write_aedat4(tmp_path / "a.aedat4", SIZE, [events, events], [])
    assert list(tmp_path.iterdir()) == []


def test_frame_times_that_do_not_increase_are_refused(tmp_path, events_of, frames_of):
    with pytest.raises(UserError, match="frame times must increase"):
        write_aedat4(tmp_path / "a.aedat4", SIZE, [events_of(10)], [frames_of(2), frames_of(2)])


def test_sub_pixel_events_and_other_sizes_are_refused(tmp_path, events_of, frames_of):
    events = events_of(10)
    floats = Events(events.x.astype(np.float32), events.y.astype(np.float32), events.t, events.p, SIZE)
    other = SensorSize(height=20, width=24)
    with pytest.raises(UserError, match="whole pixels"):
        write_aedat4(tmp_path / "a.aedat4", SIZE, [floats], [])
    with pytest.raises(UserError, match="events of a 24x20 sensor"):
        write_aedat4(tmp_path / "a.aedat4", SIZE, [events_of(10, size=other)], [])
    with pytest.raises(UserError, match="24x20"):
        write_aedat4(tmp_path / "a.aedat4", SIZE, [], [frames_of(1, size=other)])


def test_another_ending_is_refused_before_dv_processing_aborts_the_process(tmp_path):
    with pytest.raises(UserError, match=r"must be named \*\.aedat4"):
        write_aedat4(tmp_path / "a.dat", SIZE, [], [])


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, events_of):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*a\.aedat4"):
        write_aedat4(tmp_path / "file" / "a.aedat4", SIZE, [events_of(10)], [])


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, events_of, monkeypatch):
    usage = namedtuple("usage", "free")
    free = itertools.chain([1 << 40], itertools.repeat(1000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(next(free)))
    with pytest.raises(OutputError, match=r"no space left on the disk while writing .*a\.aedat4: free some space"):
        write_aedat4(tmp_path / "a.aedat4", SIZE, [events_of(20_000)], [])
    assert list(tmp_path.iterdir()) == []
