"""Real recordings: known contents, golden digests, and the same events from readers that others wrote."""

import json
from pathlib import Path

import dv_processing as dv
import numpy as np
import pytest

from evfi.io.aedat4 import Aedat4Reader
from evfi.io.ingest import ingest
from evfi.io.recording import open_recording
from evfi.io.stores import store_digests
from evfi.types import Events, Frames, SensorSize

NAMES = ("davis346", "dvxplorer_events_only")


def events_of_file(path: Path) -> Events:
    reader = Aedat4Reader(path)
    return Events.concatenated([piece for piece in reader.batches() if isinstance(piece, Events)], reader.sensor_size)


@pytest.mark.parametrize("name", NAMES)
def test_each_column_of_the_store_has_its_golden_digest(real_data, golden, tmp_path, name):
    ingest(real_data / "davis" / f"{name}.aedat4", tmp_path / "r.zarr")
    found = store_digests(tmp_path / "r.zarr")
    # the index is evfi's own and in no file
    del found["events/ms_index"]
    assert found == json.loads((golden / "davis_digests.json").read_text())[name]


def test_davis346_has_its_known_contents(real_data):
    path = real_data / "davis" / "davis346.aedat4"
    reader = Aedat4Reader(path)
    pieces = list(reader.batches())
    frames = [piece for piece in pieces if isinstance(piece, Frames)]
    assert reader.sensor_size == SensorSize(height=260, width=346)
    assert reader.camera == "DAVIS346_00000002"
    assert (sum(len(piece) for piece in pieces if isinstance(piece, Events)), len(frames)) == (78_830, 59)
    stamps = [frame.timestamp for frame in iter(dv.io.MonoCameraRecording(str(path)).getNextFrame, None)]
    assert [int(frame.t_us[0]) - stamp for frame, stamp in zip(frames, stamps, strict=True)] == [250] * 59
    assert {int(frame.exposure_end_us[0] - frame.exposure_start_us[0]) for frame in frames} == {500}
    assert not any(reader.repairs.values())
    assert reader.lost == {}


def test_a_dvxplorer_recording_has_events_and_no_frames(real_data):
    reader = Aedat4Reader(real_data / "davis" / "dvxplorer_events_only.aedat4")
    assert (reader.has_events, reader.has_frames) == (True, False)
    assert sum(len(piece) for piece in reader.batches() if isinstance(piece, Events)) == 111_954


@pytest.mark.parametrize("name", NAMES)
def test_dv_processing_reads_the_same_events(real_data, name):
    path = real_data / "davis" / f"{name}.aedat4"
    own = events_of_file(path)
    theirs = np.concatenate(
        [batch.numpy() for batch in iter(dv.io.MonoCameraRecording(str(path)).getNextEventBatch, None)]
    )
    assert_same(own, theirs["x"], theirs["y"], theirs["timestamp"], theirs["polarity"])


@pytest.mark.parametrize("name", NAMES)
def test_faery_reads_the_same_events(real_data, name):
    faery = pytest.importorskip("faery", reason="needs the extra `readers`")
    path = real_data / "davis" / f"{name}.aedat4"
    theirs = faery.events_stream_from_file(str(path)).to_array()
    assert_same(events_of_file(path), theirs["x"], theirs["y"], theirs["t"], theirs["on"])


@pytest.mark.parametrize("name", NAMES)
def test_aedat_reads_the_same_events(real_data, name):
    aedat = pytest.importorskip("aedat", reason="needs the extra `readers`")
    path = real_data / "davis" / f"{name}.aedat4"
    theirs = np.concatenate([packet["events"] for packet in aedat.Decoder(str(path)) if "events" in packet])
    assert_same(events_of_file(path), theirs["x"], theirs["y"], theirs["t"], theirs["on"])


def assert_same(own: Events, x: np.ndarray, y: np.ndarray, t: np.ndarray, p: np.ndarray) -> None:
    assert len(own) == len(t) > 70_000
    for mine, theirs in ((own.x, x), (own.y, y), (own.t, t), (own.p, p)):
        np.testing.assert_array_equal(mine, theirs.astype(mine.dtype))


def test_inertia_and_triggers_of_davis346_are_kept_in_the_store(real_data, tmp_path):
    receipt = ingest(real_data / "davis" / "davis346.aedat4", tmp_path / "r.zarr")
    recording = open_recording(tmp_path / "r.zarr")
    assert (receipt["counts"]["imu"], receipt["counts"]["triggers"]) == (2363, 236)
    assert recording.imu is not None
    assert recording.triggers is not None
    # the camera lay still: gravity is 1 g, along y as a rule; room temperature
    acceleration = np.hypot(
        np.hypot(recording.imu.acceleration_x, recording.imu.acceleration_y), recording.imu.acceleration_z
    )
    assert np.median(acceleration) == pytest.approx(1, abs=0.05)
    assert 20 < np.median(recording.imu.temperature) < 40
    # kinds 8 and 9: start and end of exposure, the very times of the frames; it began within the first frame
    triggers, frames = recording.triggers, recording.frames
    np.testing.assert_array_equal(triggers.t_us[triggers.kind == 8][:-1], frames.exposure_start_us[1:])
    np.testing.assert_array_equal(triggers.t_us[triggers.kind == 9][:-1], frames.exposure_end_us[1:])
