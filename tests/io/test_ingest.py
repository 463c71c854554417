"""aedat4 to recording store: contents, receipt, determinism, and failures that leave nothing behind."""

import errno
import json
import logging

import numpy as np
import pytest
import zarr

from evfi.errors import InputFileError, MissingInputError, OutputError
from evfi.io.aedat4 import write_aedat4
from evfi.io.images import write_frame_folder
from evfi.io.ingest import ingest
from evfi.io.recording import open_recording
from evfi.io.stores import store_digests
from evfi.provenance import digest_file
from evfi.types import SensorSize

SIZE = SensorSize(height=18, width=24)


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_recording_comes_into_the_store_whole(recorded, tmp_path, assert_same_events, assert_same_times):
    receipt = ingest(recorded.path, tmp_path / "r.zarr")
    recording = open_recording(tmp_path / "r.zarr")
    assert_same_events(recording.events(recording.start_us, recording.end_us), recorded.events)
    assert_same_times(recording.frames, recorded.frames)
    assert recording.frames.t_us[0] < recording.start_us
    assert receipt["counts"] == {"events": 20_000, "frames": 11, "truth": 0}
    assert receipt["source"]["sha256"] == digest_file(recorded.path)
    assert {name: array["sha256"] for name, array in receipt["arrays"].items()} == store_digests(tmp_path / "r.zarr")
    assert left_in(tmp_path) == ["made.aedat4", "r.json", "r.provenance.json", "r.zarr"]


def test_equal_inputs_give_equal_bytes_in_any_folder(recorded, tmp_path):
    for name in ("a", "b"):
        ingest(recorded.path, tmp_path / name / "r.zarr")
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file() and path.name != "r.provenance.json":
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path


def test_truth_frames_are_kept_apart_from_the_cameras(recorded, tmp_path, frames_of, assert_same_times):
    truth = frames_of(70, seed=9)
    write_frame_folder(tmp_path / "truth", truth)
    receipt = ingest(recorded.path, tmp_path / "r.zarr", tmp_path / "truth")
    recording = open_recording(tmp_path / "r.zarr")
    assert_same_times(recording.truth, truth)
    np.testing.assert_array_equal(recording.truth[66], truth.image[66])
    assert (len(recording.frames), receipt["counts"]["truth"]) == (11, 70)
    assert len(receipt["truth"]) == 64


def test_truth_of_another_size_is_refused(recorded, tmp_path, frames_of):
    write_frame_folder(tmp_path / "truth", frames_of(2, size=SensorSize(height=20, width=24)))
    with pytest.raises(InputFileError, match="truth holds frames of 24x20 pixels, the recording is 24x18"):
        ingest(recorded.path, tmp_path / "r.zarr", tmp_path / "truth")
    assert left_in(tmp_path) == ["made.aedat4", "truth"]


def test_a_second_ingest_replaces_the_first(recorded, tmp_path):
    first = ingest(recorded.path, tmp_path / "r.zarr")
    assert ingest(recorded.path, tmp_path / "r.zarr") == first
    assert left_in(tmp_path) == ["made.aedat4", "r.json", "r.provenance.json", "r.zarr"]


def test_davis346_comes_into_the_store(real_data, tmp_path):
    receipt = ingest(real_data / "davis" / "davis346.aedat4", tmp_path / "r.zarr")
    recording = open_recording(tmp_path / "r.zarr")
    assert (recording.event_count, len(recording.frames)) == (78_830, 59)
    assert (recording.frames.t_us - recording.frames.exposure_start_us == 250).all()
    assert recording.frames.exposure_end_us[0] < recording.start_us
    assert len(recording.events(int(recording.frames.t_us[-1]), recording.end_us)) > 1600
    assert not any(receipt["repairs"].values())


def test_a_recording_without_frames_is_taken_and_said_to_have_none(real_data, tmp_path, caplog):
    ingest(real_data / "davis" / "dvxplorer_events_only.aedat4", tmp_path / "r.zarr")
    recording = open_recording(tmp_path / "r.zarr")
    assert recording.frames is None
    assert recording.event_count == 111_954
    assert "has no frames, only events" in caplog.text


def test_repairs_are_counted_and_logged(recorded, tmp_path, caplog):
    # the sensor's width in the XML of the header: 24 becomes 20 for events and frames, so no frame fits any more
    source = tmp_path / "narrow.aedat4"
    source.write_bytes(recorded.path.read_bytes().replace(b'"sizeX" type="int">24<', b'"sizeX" type="int">20<', 1))
    beyond = int((recorded.events.x >= 20).sum())
    with caplog.at_level(logging.WARNING), pytest.raises(InputFileError, match=r"24x18 pixels, expected .* 20x18"):
        ingest(source, tmp_path / "r.zarr")
    write_aedat4(source, SIZE, [recorded.events], [])
    source.write_bytes(source.read_bytes().replace(b'"sizeX" type="int">24<', b'"sizeX" type="int">20<', 1))
    with caplog.at_level(logging.WARNING):
        receipt = ingest(source, tmp_path / "r.zarr")
    assert receipt["repairs"]["events_outside_sensor"] == beyond > 0
    assert open_recording(tmp_path / "r.zarr").attributes["repairs"] == receipt["repairs"]
    assert f"repaired: {beyond} events_outside_sensor" in caplog.text


def test_a_recording_of_nothing_is_refused(tmp_path):
    write_aedat4(tmp_path / "none.aedat4", SIZE, [], [])
    with pytest.raises(InputFileError, match="holds neither events nor frames"):
        ingest(tmp_path / "none.aedat4", tmp_path / "r.zarr")
    assert left_in(tmp_path) == ["none.aedat4"]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, MissingInputError, "no recording at"),
        (b"", InputFileError, "is empty"),
        (b"t x y p\n1 2 3 4\n" * 9, InputFileError, "is not an aedat4 file"),
        (b"#!AER-DAT4.0\r\n\x10\x00", InputFileError, "is cut off"),
    ],
)
def test_bad_input_leaves_nothing_under_a_final_name(tmp_path, content, error, message):
    source = tmp_path / "in" / "bad.aedat4"
    source.parent.mkdir()
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        ingest(source, tmp_path / "out" / "r.zarr")
    assert str(source) in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_one_line_and_the_old_store_stays(recorded, tmp_path, monkeypatch):
    before = ingest(recorded.path, tmp_path / "r.zarr")
    digests = store_digests(tmp_path / "r.zarr")
    monkeypatch.setattr(zarr.storage.LocalStore, "set", full_disk)
    with pytest.raises(OutputError, match=r"no space left on the disk while writing .*r\.zarr: free some space"):
        ingest(recorded.path, tmp_path / "r.zarr")
    monkeypatch.undo()
    assert store_digests(tmp_path / "r.zarr") == digests
    assert json.loads((tmp_path / "r.json").read_text()) == before
    assert left_in(tmp_path) == ["made.aedat4", "r.json", "r.provenance.json", "r.zarr"]


async def full_disk(_self, key, *_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device", key)


def test_a_full_disk_at_the_first_write_leaves_nothing(recorded, tmp_path, monkeypatch):
    real = zarr.storage.LocalStore.set

    async def full_for_images(self, key, *args, **kwargs):
        if "image/c/" in key:
            raise OSError(errno.ENOSPC, "No space left on device", key)
        await real(self, key, *args, **kwargs)

    monkeypatch.setattr(zarr.storage.LocalStore, "set", full_for_images)
    with pytest.raises(OutputError, match="no space left on the disk"):
        ingest(recorded.path, tmp_path / "r.zarr")
    assert left_in(tmp_path) == ["made.aedat4"]


def test_a_place_that_cannot_be_written_is_one_line(recorded, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*r\.zarr"):
        ingest(recorded.path, tmp_path / "file" / "r.zarr")


def test_a_folder_without_permission_is_one_line_with_the_remedy(recorded, tmp_path, monkeypatch):
    async def denied(_self, key, *_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", key)

    monkeypatch.setattr(zarr.storage.LocalStore, "set", denied)
    with pytest.raises(OutputError, match=r"Permission denied.*choose a place that you may write to"):
        ingest(recorded.path, tmp_path / "r.zarr")
    assert left_in(tmp_path) == ["made.aedat4"]
