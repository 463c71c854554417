"""Store → file → store: what survives is equal, what does not is named."""

import re
from pathlib import Path

import av
import dv_processing as dv
import h5py
import numpy as np
import pytest
import zarr

from evfi.errors import MissingInputError, OutputError, UserError
from evfi.io.event_files import read_event_file
from evfi.io.export import export
from evfi.io.images import read_image
from evfi.io.ingest import ingest
from evfi.io.recording import Recording, RecordingWriter, open_recording
from evfi.io.sinks.formats import FORMATS, Feature, features_of
from evfi.types import Events, Frames, SensorSize
from evfi.units import US_PER_S

REPOSITORY = Path(__file__).resolve().parents[2]
TIMES = ("t_us", "exposure_start_us", "exposure_end_us")


def all_events(recording: Recording) -> Events:
    return recording.event_rows(0, recording.event_count)


def images_of(recording: Recording) -> np.ndarray:
    assert recording.frames is not None
    return np.stack([recording.frames[number] for number in range(len(recording.frames))])


@pytest.fixture(params=["gray", "colour", "real"])
def recording(request, tmp_path, recorded, events_of, frames_of) -> Recording:
    """A made recording, the same in colour, and davis346.aedat4."""
    path = tmp_path / "in" / "r.zarr"
    if request.param == "real":
        ingest(request.getfixturevalue("real_data") / "davis" / "davis346.aedat4", path)
    elif request.param == "gray":
        ingest(recorded.path, path)
    else:
        path.parent.mkdir()
        writer = RecordingWriter(path, SensorSize(height=18, width=24))
        writer.add_events(events_of(3000))
        writer.add_frames(frames_of(11, colour=True))
        writer.finish({"source": {"file": "x", "camera": "DAVIS346_5"}})
    return open_recording(path)


def test_aedat4_brings_back_events_and_frames(recording, tmp_path, assert_same_events, assert_same_times):
    done = export(recording.path, tmp_path / "out" / "r.aedat4")
    ingest(tmp_path / "out" / "r.aedat4", tmp_path / "back.zarr")
    back = open_recording(tmp_path / "back.zarr")
    assert_same_events(all_events(back), all_events(recording))
    assert_same_times(back.frames, recording.frames)
    np.testing.assert_array_equal(images_of(back), images_of(recording))
    assert back.attributes["source"]["camera"] == recording.attributes["source"]["camera"]
    assert back.attributes["repairs"] == dict.fromkeys(back.attributes["repairs"], 0)
    streams = ("other streams (imu, triggers)",) if recording.other_streams else ()
    assert done.lost == (*streams, "source, repairs and conventions")
    assert (done.events, done.frames) == (recording.event_count, 11 if recording.event_count < 50_000 else 59)


@pytest.mark.parametrize("ending", [ending for ending, each in FORMATS.items() if each.keeps])
def test_what_the_table_says_survives_is_equal_after_store_file_store(
    recording, tmp_path, ending, assert_same_events, assert_same_times
):
    file, keeps, size = tmp_path / f"file{ending}", FORMATS[ending].keeps, recording.sensor_size
    export(recording.path, file)
    ingest(file, tmp_path / "back.zarr")
    back = open_recording(tmp_path / "back.zarr")
    assert back.sensor_size == size
    events = all_events(recording)
    if Feature.OUTER_EVENTS not in keeps:
        first_us, last_us = recording.frames.t_us[[0, -1]]
        events = events.take((events.t > first_us) & (events.t <= last_us))
    assert_same_events(all_events(back), events)
    assert (back.frames is None) == (Feature.FRAMES not in keeps)
    if back.frames is not None:
        np.testing.assert_array_equal(images_of(back), images_of(recording))
        np.testing.assert_array_equal(back.frames.t_us, recording.frames.t_us)
    if Feature.EXPOSURES in keeps:
        assert_same_times(back.frames, recording.frames)


def test_aedat4_is_readable_by_dv_processing(recording, tmp_path):
    export(recording.path, tmp_path / "r.aedat4")
    reader = dv.io.MonoCameraRecording(str(tmp_path / "r.aedat4"))
    rows = []
    while (batch := reader.getNextEventBatch()) is not None:
        rows.append(batch.numpy())
    joined = np.concatenate(rows)
    events = all_events(recording)
    np.testing.assert_array_equal(joined["timestamp"], events.t)
    np.testing.assert_array_equal(joined["polarity"] != 0, events.p)
    frames = 0
    while reader.getNextFrame() is not None:
        frames += 1
    assert frames == len(recording.frames)


def test_npz_brings_back_the_events(recording, tmp_path, assert_same_events):
    done = export(recording.path, tmp_path / "r.npz")
    assert_same_events(read_event_file(tmp_path / "r.npz"), all_events(recording))
    assert done.lost[:2] == ("frames", "frame times")


def test_hdf5_keeps_events_frames_and_origin(recording, tmp_path):
    export(recording.path, tmp_path / "r.h5")
    events = all_events(recording)
    with h5py.File(tmp_path / "r.h5") as file:
        np.testing.assert_array_equal(file["events/t"][:] + file["t_offset"][()], events.t)
        for name in ("x", "y", "p"):
            np.testing.assert_array_equal(file[f"events/{name}"][:], getattr(events, name))
        np.testing.assert_array_equal(file["frames/image"][:], images_of(recording))
        for name in TIMES:
            np.testing.assert_array_equal(file[f"frames/{name}"][:], getattr(recording.frames, name))
        assert '"source"' in file.attrs["evfi"]


def test_an_hs_ergb_folder_keeps_images_and_the_events_between_them(recording, tmp_path):
    done = export(recording.path, tmp_path / "r")
    t_us = recording.frames.t_us
    assert np.loadtxt(tmp_path / "r" / "timestamp.txt", np.int64).tolist() == t_us.tolist()
    events = all_events(recording)
    files = sorted((tmp_path / "r" / "events_aligned").iterdir())
    assert [path.name for path in files] == [f"{number:06d}.npz" for number in range(1, len(t_us))]
    loaded = []
    for number, path in enumerate(files, start=1):
        with np.load(path, allow_pickle=False) as data:
            loaded.append({name: data[name] for name in "xytp"})
        assert ((loaded[-1]["t"] > t_us[number - 1]) & (loaded[-1]["t"] <= t_us[number])).all()
    between = (events.t > t_us[0]) & (events.t <= t_us[-1])
    assert done.events == between.sum()
    for name in "xytp":
        joined = np.concatenate([each[name] for each in loaded])
        np.testing.assert_array_equal(joined, getattr(events, name)[between])
    images = [read_image(path) for path in sorted((tmp_path / "r" / "images_corrected").glob("*.png"))]
    np.testing.assert_array_equal(np.stack(images), images_of(recording))
    assert ("events before the first or after the last frame" in done.lost) == (not between.all())
    assert "exposure start and end" in done.lost


def test_a_film_has_a_picture_for_each_frame_at_the_rate_of_the_recording(recording, tmp_path):
    done = export(recording.path, tmp_path / "r.mp4")
    with av.open(str(tmp_path / "r.mp4")) as container:
        rate = container.streams.video[0].average_rate
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(shown) == len(recording.frames)
    assert float(rate) == pytest.approx(US_PER_S / np.median(np.diff(recording.frames.t_us)), rel=0.01)
    assert "events" in done.lost


def tiny(path: Path, *, truth: bool = False, uneven: bool = False, fine: bool = False) -> Path:
    size = SensorSize(height=4, width=6)
    writer = RecordingWriter(path, size)
    place = np.array([1.5, 2.25], np.float32) if fine else np.array([1, 2], np.uint16)
    writer.add_events(Events(place, place, np.array([15, 20], np.int64), np.array([True, False]), size))
    t_us = np.array([10, 30], np.int64)
    image = np.zeros((2, 4, 6), np.uint8)
    start = t_us - 2 if uneven else t_us
    frames = Frames(image, t_us, start, t_us)
    writer.add_frames(frames)
    if truth:
        writer.add_truth(frames)
    writer.finish()
    return path


def test_truth_uneven_times_and_other_streams_are_named_where_they_are_lost(tmp_path):
    source = tiny(tmp_path / "r.zarr", truth=True, uneven=True)
    zarr.open_group(source).create_group("imu")
    lost = export(source, tmp_path / "r.aedat4").lost
    assert lost == ("frame times off the middle of the exposure", "held-out true frames", "other streams (imu)")
    assert "does not survive: held-out true frames, other streams (imu)" in str(export(source, tmp_path / "r.h5"))


def test_a_recording_that_survives_whole_names_nothing(tmp_path):
    done = export(tiny(tmp_path / "r.zarr"), tmp_path / "r.h5")
    assert done.lost == ()
    assert "does not survive" not in str(done)


def test_fractions_of_a_pixel_survive_or_are_refused(tmp_path):
    source = tiny(tmp_path / "r.zarr", fine=True)
    export(source, tmp_path / "r.npz")
    assert read_event_file(tmp_path / "r.npz").x.tolist() == [1.5, 2.25]
    export(source, tmp_path / "r")
    with np.load(tmp_path / "r" / "events_aligned" / "000001.npz") as data:
        assert data["x"].tolist() == [1.5, 2.25]
    with pytest.raises(UserError, match="aedat4 holds whole pixels"):
        export(source, tmp_path / "r.aedat4")
    assert not (tmp_path / "r.aedat4").exists()


@pytest.mark.parametrize("ending", [".h5", ".npz", ""])
def test_fractions_of_a_pixel_are_equal_after_store_file_store(tmp_path, ending, assert_same_events):
    size, rng, n = SensorSize(height=18, width=24), np.random.default_rng(4), 500
    writer = RecordingWriter(tmp_path / "r.zarr", size)
    x, y = (rng.uniform(0, side - 1, n).astype(np.float32) for side in (size.width, size.height))
    writer.add_events(Events(x, y, np.sort(rng.integers(11, 10_000, n)), rng.random(n) < 0.5, size))
    writer.add_frames(Frames.without_exposure(np.zeros((2, 18, 24), np.uint8), np.array([10, 10_010], np.int64)))
    writer.finish()
    export(tmp_path / "r.zarr", tmp_path / f"file{ending}")
    ingest(tmp_path / f"file{ending}", tmp_path / "back.zarr")
    assert_same_events(
        all_events(open_recording(tmp_path / "back.zarr")), all_events(open_recording(tmp_path / "r.zarr"))
    )


def test_hdf5_keeps_frame_times_off_the_middle_of_the_exposure(tmp_path, assert_same_times):
    source = tiny(tmp_path / "r.zarr", uneven=True)
    export(source, tmp_path / "r.h5")
    ingest(tmp_path / "r.h5", tmp_path / "back.zarr")
    assert_same_times(open_recording(tmp_path / "back.zarr").frames, open_recording(source).frames)


def test_events_without_frames_go_where_no_frames_are_needed(real_data, tmp_path):
    source = real_data / "davis" / "dvxplorer_events_only.aedat4"
    for name in ("r.aedat4", "r.npz", "r.h5"):
        assert export(source, tmp_path / name).events == 111_954
    for name in ("r.mp4", "r"):
        with pytest.raises(MissingInputError, match=r"has no frames, only events: .* needs frames"):
            export(source, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.aedat4", "r.h5", "r.npz"]


def test_an_earlier_export_is_replaced_but_no_folder_with_other_things(tmp_path):
    source = tiny(tmp_path / "r.zarr")
    for _ in range(2):
        export(source, tmp_path / "r")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    (tmp_path / "x.npz").mkdir()
    (tmp_path / "x.npz" / "thesis.tex").write_text("years of work")
    for name in ("home", "x.npz"):
        with pytest.raises(UserError, match=r"holds other things \(thesis\.tex\)"):
            export(source, tmp_path / name)
        assert (tmp_path / name / "thesis.tex").read_text() == "years of work"


def test_what_cannot_be_exported_is_one_line(tmp_path):
    source = tiny(tmp_path / "r.zarr")
    (tmp_path / "file").touch()
    cases = [
        (source, "r.avi", UserError, r"must have \.aedat4, \.h5, \.npz, no ending \(a folder\) or \.mp4"),
        (tmp_path / "none.zarr", "r.npz", MissingInputError, "no recording at"),
        (tmp_path / "file", "r.npz", UserError, "no recording that evfi can read"),
        (source, "file/r.npz", OutputError, "cannot write"),
        (source, "r.zarr", UserError, "must have"),
    ]
    for path, out, error, message in cases:
        with pytest.raises(error, match=message) as caught:
            export(path, tmp_path / out)
        assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "r.zarr"]


def test_the_table_in_the_docs_is_what_the_formats_keep():
    text = (REPOSITORY / "docs" / "formats.md").read_text()
    section = text.split("## What survives an export")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", section, re.M)]
    endings = [name.strip("`") if name.startswith("`") else "" for name in rows[0][1:]]
    assert set(endings) == set(FORMATS)
    assert [row[0] for row in rows[2:]] == [feature.value for feature in Feature]
    for row in rows[2:]:
        for ending, cell in zip(endings, row[1:], strict=True):
            assert cell.startswith("yes") == (Feature(row[0]) in FORMATS[ending].keeps), (row[0], ending)


def test_every_feature_is_found_in_some_recording(tmp_path, recorded):
    full = tiny(tmp_path / "full.zarr", truth=True, uneven=True, fine=True)
    zarr.open_group(full).create_group("imu")
    ingest(recorded.path, tmp_path / "r.zarr")
    assert features_of(open_recording(full)) | features_of(open_recording(tmp_path / "r.zarr")) == set(Feature)
