"""Every sink: however pieces are cut the file is the same, and a failure leaves nothing."""

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import h5py
import hdf5plugin
import numpy as np
import pytest

from evfi.errors import InputFileError, OutputError, UserError
from evfi.io.aedat4 import Aedat4Reader
from evfi.io.event_files import read_event_file
from evfi.io.images import read_image
from evfi.io.recording import open_recording
from evfi.io.sinks.dsec import dsec_sink
from evfi.io.sinks.film import film_sink
from evfi.io.sinks.hs_ergb import hs_ergb_sink
from evfi.io.sinks.plain import aedat4_sink, npz_sink
from evfi.io.sinks.sink import Heading
from evfi.io.sinks.store import store_sink
from evfi.types import Events, Frames, SensorSize

SIZE = SensorSize(height=18, width=24)
HEADING = Heading(SIZE, camera="DAVIS346_1", fps=25)


def store(out, heading):
    return store_sink(out, heading, algo_version=1)


SINKS = {
    "a.npz": npz_sink,
    "a.aedat4": aedat4_sink,
    "a.h5": dsec_sink,
    "a": hs_ergb_sink,
    "a.mp4": film_sink,
    "a.zarr": store,
}


def in_time_order(events: Events, frames: Frames) -> list[Events | Frames]:
    pieces: list[Events | Frames] = []
    done = 0
    for number, t_us in enumerate(frames.t_us):
        end = int(np.searchsorted(events.t, t_us, side="right"))
        pieces += [events.take(slice(done, end)), frames.take(slice(number, number + 1))]
        done = end
    return [*pieces, events.take(slice(done, None))]


def cut(pieces: list[Events | Frames], at_most: int) -> list[Events | Frames]:
    return [piece.take(slice(first, first + at_most)) for piece in pieces for first in range(0, len(piece), at_most)]


def failing(pieces: list[Events | Frames], error: BaseException) -> Iterator[Events | Frames]:
    yield from pieces
    raise error


def write(name: str, out: Path, pieces: Iterable[Events | Frames]) -> None:
    with SINKS[name](out, HEADING) as sink:
        sink.add_facts({"source": {"file": "x"}}, {"simulation/contrast_pos": np.ones((18, 24))})
        for piece in pieces:
            (sink.add_events if isinstance(piece, Events) else sink.add_frames)(piece)


def bytes_under(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return {str(each.relative_to(path)): each.read_bytes() for each in files}


@pytest.mark.parametrize("name", list(SINKS))
def test_a_file_does_not_depend_on_how_its_pieces_are_cut(name, tmp_path, events_of, frames_of):
    pieces = in_time_order(events_of(5000), frames_of(6))
    write(name, tmp_path / "whole" / name, pieces)
    write(name, tmp_path / "cut" / name, cut(pieces, 8192 if name == "a.aedat4" else 37))
    assert bytes_under(tmp_path / "whole" / name) == bytes_under(tmp_path / "cut" / name)


@pytest.mark.parametrize("name", list(SINKS))
@pytest.mark.parametrize("error", [InputFileError("frame 3 is damaged"), KeyboardInterrupt()])
def test_an_error_on_the_way_leaves_nothing(name, error, tmp_path, events_of, frames_of):
    with pytest.raises(type(error)):
        write(name, tmp_path / name, failing([events_of(10), frames_of(1)], error))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", list(SINKS))
def test_an_error_keeps_the_file_that_was_there(name, tmp_path, events_of, frames_of):
    pieces = in_time_order(events_of(100), frames_of(3))
    write(name, tmp_path / name, pieces)
    before = bytes_under(tmp_path)
    with pytest.raises(UserError, match="stop"):
        write(name, tmp_path / name, failing(pieces[:1], UserError("stop")))
    assert bytes_under(tmp_path) == before


@pytest.mark.parametrize("name", list(SINKS))
def test_a_place_that_cannot_be_written_is_one_line(name, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"), SINKS[name](tmp_path / "file" / name, HEADING):
        pass


@pytest.mark.parametrize("name", ["a.npz", "a.aedat4", "a.h5", "a.zarr"])
def test_events_that_go_back_in_time_are_refused(name, tmp_path, events_of):
    events = events_of(100)
    with pytest.raises(UserError, match="must not decrease"):
        write(name, tmp_path / name, [events.take(slice(50, None)), events.take(slice(50))])
    other = Events(events.x, events.y, events.t, events.p, SensorSize(height=30, width=30))
    with pytest.raises(UserError, match="30x30"):
        write(name, tmp_path / name, [other])
    assert list(tmp_path.iterdir()) == []


def test_npz_holds_the_events_and_nothing_else(tmp_path, events_of, frames_of, assert_same_events):
    write("a.npz", tmp_path / "a.npz", in_time_order(events_of(5000), frames_of(3)))
    assert_same_events(read_event_file(tmp_path / "a.npz"), events_of(5000))
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert archive.namelist() == [f"{name}.npy" for name in ("x", "y", "t", "p", "height", "width")]
        assert archive.testzip() is None
    write("a.npz", tmp_path / "none.npz", [])
    assert len(read_event_file(tmp_path / "none.npz")) == 0


def test_npz_keeps_one_type_of_coordinates(tmp_path, events_of):
    events = events_of(10)
    fine = Events(events.x.astype(np.float32), events.y.astype(np.float32), events.t + 10**6, events.p, SIZE)
    with pytest.raises(UserError, match="changes from uint16 to float32"):
        write("a.npz", tmp_path / "a.npz", [events, fine])


def test_hdf5_has_the_layout_of_dsec(tmp_path, events_of, frames_of):
    events, frames = events_of(20_000), frames_of(70)
    write("a.h5", tmp_path / "a.h5", cut(in_time_order(events, frames), 999))
    assert hdf5plugin.PLUGIN_PATH
    with h5py.File(tmp_path / "a.h5") as file:
        offset = int(file["t_offset"][()])
        t = file["events/t"][:]
        assert offset == events.t[0]
        np.testing.assert_array_equal(t + offset, events.t)
        for name in ("x", "y", "p"):
            np.testing.assert_array_equal(file[f"events/{name}"][:], getattr(events, name))
        assert file["events/p"].dtype == np.uint8
        index = file["ms_to_idx"][:].astype(int)
        np.testing.assert_array_equal(index[:-1], np.searchsorted(t, 1000 * np.arange(len(index) - 1)))
        assert (len(index), index[-1]) == (t[-1] // 1000 + 2, 20_000)
        np.testing.assert_array_equal(file["frames/image"][:], frames.image)
        for name in ("t_us", "exposure_start_us", "exposure_end_us"):
            np.testing.assert_array_equal(file[f"frames/{name}"][:], getattr(frames, name))
        assert dict(file.attrs) == {"height": 18, "width": 24, "evfi": '{"source":{"file":"x"}}'}
        assert file["events/x"].chunks == (1 << 16,)
        assert "32001" in str(file["events/x"]._filters), "Blosc"


def test_hdf5_without_events_has_their_columns_still(tmp_path, frames_of):
    write("a.h5", tmp_path / "a.h5", [frames_of(2)])
    with h5py.File(tmp_path / "a.h5") as file:
        assert [file[f"events/{name}"].shape for name in "xytp"] == [(0,)] * 4
        assert file["ms_to_idx"][:].tolist() == [0]


def test_an_hs_ergb_folder_cuts_events_open_left_closed_right(tmp_path):
    t = np.array([5, 10, 10, 11, 20, 21, 30, 31], np.int64)
    x = np.arange(8, dtype=np.uint16)
    events = Events(x, x, t, x % 2 == 0, SIZE)
    image = np.arange(3 * 18 * 24, dtype=np.uint8).reshape(3, 18, 24)
    frames = Frames.without_exposure(image, np.array([10, 20, 30], np.int64))
    write("a", tmp_path / "a", in_time_order(events, frames))
    found = {}
    for path in sorted((tmp_path / "a" / "events_aligned").iterdir()):
        with np.load(path, allow_pickle=False) as data:
            assert data["p"].dtype == np.uint8
            found[path.name] = (data["t"].tolist(), data["x"].tolist(), data["p"].tolist())
    assert found == {"000001.npz": ([11, 20], [3, 4], [0, 1]), "000002.npz": ([21, 30], [5, 6], [0, 1])}
    assert (tmp_path / "a" / "timestamp.txt").read_text() == "10\n20\n30\n"
    assert sorted(path.name for path in (tmp_path / "a" / "images_corrected").iterdir()) == [
        "000000.png", "000001.png", "000002.png", "timestamp.txt",
    ]  # fmt: skip
    np.testing.assert_array_equal(read_image(tmp_path / "a" / "images_corrected" / "000001.png"), image[1])


def test_an_hs_ergb_folder_refuses_events_of_an_interval_that_is_written(tmp_path, events_of, frames_of):
    with pytest.raises(UserError, match="bring them first"):
        write("a", tmp_path / "a", [frames_of(3), events_of(100)])


def test_a_film_shows_each_frame_with_the_events_before_it(tmp_path):
    frames = Frames.without_exposure(np.full((2, 18, 24), 200, np.uint8), np.array([1000, 2000], np.int64))
    block = np.repeat(np.arange(8, 16, dtype=np.uint16), 8)
    events = Events(
        block, np.tile(np.arange(8, dtype=np.uint16), 8), np.full(64, 1500, np.int64), np.ones(64, bool), SIZE
    )
    write("a.mp4", tmp_path / "a.mp4", in_time_order(events, frames))
    with av.open(str(tmp_path / "a.mp4")) as container:
        first, second = (frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0))
    assert np.ptp(first[4, 12]) < 12
    assert second[4, 12, 0] - second[4, 12, 2] > 100
    assert np.abs(first[14] - second[14]).mean() < 6


def test_a_film_needs_a_rate(tmp_path):
    with pytest.raises(UserError, match="at least two frames"), film_sink(tmp_path / "a.mp4", Heading(SIZE)):
        pass


def test_a_store_has_receipt_facts_and_arrays(tmp_path, events_of, frames_of, assert_same_events):
    write("a.zarr", tmp_path / "a.zarr", in_time_order(events_of(500), frames_of(3)))
    recording = open_recording(tmp_path / "a.zarr")
    assert_same_events(recording.events(recording.start_us, recording.end_us), events_of(500))
    receipt = json.loads((tmp_path / "a.json").read_text())
    assert receipt["counts"] == {"events": 500, "frames": 3}
    assert receipt["source"] == recording.attributes["source"] == {"file": "x"}
    assert receipt["arrays"]["simulation/contrast_pos"]["shape"] == [18, 24]
    assert recording.other_streams == ["simulation"]
    assert (tmp_path / "a.provenance.json").is_file()


def test_an_aedat4_names_its_camera_and_has_no_frame_stream_where_none_come(tmp_path, events_of):
    with aedat4_sink(tmp_path / "a.aedat4", Heading(SIZE, with_frames=False, camera="DAVIS346_7")) as sink:
        sink.add_events(events_of(100))
    reader = Aedat4Reader(tmp_path / "a.aedat4")
    assert (reader.camera, reader.has_frames) == ("DAVIS346_7", False)
