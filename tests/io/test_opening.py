"""One way to open a recording: a store as it is, a file by way of a temporary store that goes away again."""

import gc
import tempfile
from pathlib import Path

import pytest

import evfi
from evfi.errors import InputFileError, MissingInputError
from evfi.io.ingest import ingest
from evfi.io.opening import open_path, opened


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_file_and_its_store_open_alike(recorded, tmp_path, assert_same_events):
    ingest(recorded.path, tmp_path / "r.zarr")
    for path in (recorded.path, str(tmp_path / "r.zarr")):
        recording = evfi.open(path)
        assert_same_events(recording.events(recording.start_us, recording.end_us), recorded.events)


def test_the_temporary_store_of_a_file_lives_as_long_as_its_recording(recorded, temporary):
    recording = open_path(recorded.path)
    assert len(list(temporary.iterdir())) == 1
    assert recording.frames is not None
    del recording
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_a_context_puts_it_beside_the_output_and_takes_it_away(recorded, tmp_path, temporary):
    (tmp_path / "out").mkdir()

    def look_and_fail() -> None:
        with opened(recorded.path, beside=tmp_path / "out" / "x.mp4") as recording:
            assert recording.event_count == 20_000
            assert [path.name.startswith(".x.mp4-") for path in (tmp_path / "out").iterdir()] == [True]
            raise KeyError

    with pytest.raises(KeyError):
        look_and_fail()
    assert list((tmp_path / "out").iterdir()) == list(temporary.iterdir()) == []


def test_a_damaged_file_leaves_no_temporary_store(tmp_path, temporary):
    (tmp_path / "bad.aedat4").write_bytes(b"nothing")
    with pytest.raises(InputFileError, match="is not an aedat4 file"):
        open_path(tmp_path / "bad.aedat4")
    with pytest.raises(MissingInputError, match="no recording at"):
        open_path(tmp_path / "none.aedat4")
    assert list(temporary.iterdir()) == []
