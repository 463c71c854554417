"""What `evfi info` says about every kind of path."""

import json

import h5py
import numpy as np
import pytest

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.aedat4 import write_aedat4
from evfi.io.describe import describe
from evfi.io.event_files import write_event_file
from evfi.io.export import export
from evfi.io.images import write_frame_folder, write_png
from evfi.io.ingest import ingest
from evfi.io.sinks.dsec import dsec_sink
from evfi.io.sinks.sink import Heading
from evfi.io.video import write_video
from evfi.samples.flow_store import FlowKey, flows_beside, write_flows
from evfi.types import Events, SensorSize

SIZE = {"height": 18, "width": 24}


def told(path) -> dict:
    """The description as it comes through JSON: only plain values."""
    found = describe(path)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {"kind", "sensor_size", "events", "frames"} <= set(found)
    return found


def test_an_aedat4_file_and_its_store_are_described_alike(recorded, tmp_path):
    ingest(recorded.path, tmp_path / "r.zarr")
    file, store = told(recorded.path), told(tmp_path / "r.zarr")
    for found in (file, store):
        assert found["kind"] == "recording"
        assert found["sensor_size"] == SIZE
    for stream in ("events", "frames", "imu", "triggers"):
        assert file[stream] == store[stream]
    t = recorded.events.t
    assert (file["events"]["count"], file["events"]["start_us"], file["events"]["end_us"]) == (20_000, t[0], t[-1])
    assert file["frames"]["count"] == 11
    assert file["frames"]["start_us"] == recorded.frames.t_us[0]
    lengths = recorded.frames.exposure_end_us - recorded.frames.exposure_start_us
    assert file["frames"]["exposure_us"] == {"shortest": lengths.min(), "longest": lengths.max()}
    assert store["source"]["file"] == "made.aedat4"


def test_an_aedat4_file_under_another_name_is_known_by_its_content(recorded):
    renamed = recorded.path.rename(recorded.path.with_suffix(".dat"))
    assert told(renamed)["events"]["count"] == 20_000


def test_absent_streams_are_null(tmp_path, events_of, frames_of):
    size = SensorSize(height=18, width=24)
    write_aedat4(tmp_path / "e.aedat4", size, [events_of(10)], [])
    write_aedat4(tmp_path / "f.aedat4", size, [], [frames_of(2)])
    assert told(tmp_path / "e.aedat4")["frames"] is None
    assert told(tmp_path / "f.aedat4")["events"] is None


def test_davis346_is_described(real_data):
    found = told(real_data / "davis" / "davis346.aedat4")
    assert found["sensor_size"] == {"height": 260, "width": 346}
    assert found["events"]["count"] == 78_830
    assert found["events"]["start_us"] == 1_589_163_147_368_868
    assert (found["frames"]["count"], found["frames"]["per_second"]) == (59, 25.0)
    assert found["frames"]["exposure_us"] == {"shortest": 500, "longest": 500}
    assert (found["imu"]["count"], found["triggers"]["count"]) == (2363, 236)
    assert found["imu"]["start_us"] < found["imu"]["end_us"]
    assert told(real_data / "davis" / "dvxplorer_events_only.aedat4")["frames"] is None


def test_a_clip_store_is_described(tmp_path, events_of):
    from evfi.io.clips import Clip, write_clip_store
    from evfi.provenance import digest_file

    write_png(tmp_path / "a.png", np.zeros((18, 24, 3), np.uint8))
    sha = digest_file(tmp_path / "a.png")
    clips = [
        Clip(
            clip_id=f"00001/000{number}",
            events=events_of(50, seed=number),
            t_us=np.array([0, 1000], np.int64),
            frame_paths=(tmp_path / "a.png",) * 2,
            frame_sha256=(sha, sha),
            contrast_pos=0.2,
            contrast_neg=0.2,
            seed=number,
            subframes=np.array([3]),
        )
        for number in (1, 2)
    ]
    write_clip_store(tmp_path / "c.zarr", clips, algo_version=1, seed=0)
    found = told(tmp_path / "c.zarr")
    assert (found["kind"], found["clips"], found["sensor_size"]) == ("clips", 2, SIZE)
    assert found["frames"] == {"count": 4, "start_us": 0, "end_us": 1000}
    assert found["events"]["count"] == 100
    assert found["events"]["start_us"] == min(int(clip.events.t[0]) for clip in clips)
    write_clip_store(tmp_path / "none.zarr", [], algo_version=1, seed=0)
    assert told(tmp_path / "none.zarr")["events"] is None


def test_a_store_of_flows_is_described(tmp_path):
    index = tmp_path / "train.parquet"
    index.write_bytes(b"an index")
    flow = lambda a, b: np.zeros((*a.shape, 2), np.float32)  # noqa: E731 - a provider of a name and nothing else
    flow.name = "none"
    keys = [FlowKey("r.zarr", -1, 0, 1), FlowKey("r.zarr", -1, 1, 0)]
    write_flows(index, keys, lambda *_: np.zeros((18, 24), np.uint8), flow)
    found = describe(flows_beside(index))
    assert (found["kind"], found["format"], found["provider"]) == ("flows", "evfi.flows", "none")
    assert found["sensor_size"] == {"height": 18, "width": 24}
    assert found["flows"] == {"24x18": 2}
    assert found["events"] is found["frames"] is None


def test_a_frame_folder_is_described_with_and_without_times(tmp_path, frames_of):
    write_frame_folder(tmp_path / "f", frames_of(3))
    found = told(tmp_path / "f")
    assert (found["kind"], found["sensor_size"], found["frames"]["count"]) == ("images", SIZE, 3)
    assert found["frames"]["start_us"] == frames_of(3).t_us[0]
    (tmp_path / "f" / "timestamps.txt").unlink()
    assert told(tmp_path / "f")["frames"] == {"count": 3, "start_us": None, "end_us": None}


def test_one_image_is_described(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((18, 24, 3), np.uint8))
    assert told(tmp_path / "a.png")["frames"]["count"] == 1


def test_a_video_is_described(tmp_path):
    write_video(tmp_path / "v.mp4", np.zeros((10, 18, 24, 3), np.uint8), 25)
    found = told(tmp_path / "v.mp4")
    assert (found["kind"], found["sensor_size"], found["events"]) == ("video", SIZE, None)
    assert (found["frames"]["count"], found["frames"]["start_us"], found["frames"]["end_us"]) == (10, 0, 360_000)


def test_a_video_whose_header_promises_too_much_is_counted(real_data):
    frames = told(real_data / "video" / "tree.avi")["frames"]
    assert (frames["count"], frames["promised_by_header"]) == (68, 444)


def test_a_file_of_events_is_described(tmp_path, events_of):
    write_event_file(tmp_path / "e.npz", events_of(100))
    found = told(tmp_path / "e.npz")
    assert (found["kind"], found["sensor_size"], found["frames"]) == ("events", SIZE, None)
    assert (found["events"]["count"], found["events"]["end_us"]) == (100, events_of(100).t[-1])
    write_event_file(tmp_path / "n.npz", Events.empty(SensorSize(height=18, width=24)))
    assert told(tmp_path / "n.npz")["events"] is None


def test_nothing_something_unknown_and_something_damaged_are_told_apart(tmp_path):
    with pytest.raises(MissingInputError, match="nothing at"):
        describe(tmp_path / "gone")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match=r"does not know what .*notes\.txt is"):
        describe(tmp_path / "notes.txt")
    (tmp_path / "v.mp4").write_text("hello")
    with pytest.raises(InputFileError, match=r"v\.mp4 is not a video that can be read") as caught:
        describe(tmp_path / "v.mp4")
    assert "\n" not in str(caught.value)
    (tmp_path / "s.zarr").mkdir()
    with pytest.raises(InputFileError, match="is not a Zarr v3 store"):
        describe(tmp_path / "s.zarr")


def test_exports_are_described_as_the_store_they_come_from(recorded, tmp_path):
    ingest(recorded.path, tmp_path / "r.zarr")
    store = told(tmp_path / "r.zarr")
    for name in ("r.h5", "folder"):
        export(tmp_path / "r.zarr", tmp_path / name)
    file, folder = told(tmp_path / "r.h5"), told(tmp_path / "folder")
    assert (file["kind"], file["sensor_size"], file["events"], file["frames"]) == (
        "recording", SIZE, store["events"], store["frames"],
    )  # fmt: skip
    assert (folder["kind"], folder["sensor_size"], folder["frames"]["count"]) == ("recording", SIZE, 11)
    t, t_us = recorded.events.t, recorded.frames.t_us
    between = t[(t > t_us[0]) & (t <= t_us[-1])]
    assert (folder["events"]["count"], folder["events"]["start_us"]) == (len(between), between[0])
    assert folder["frames"]["end_us"] == t_us[-1]


def test_hdf5_of_events_alone_is_of_the_kind_events(tmp_path, events_of):
    with dsec_sink(tmp_path / "e.h5", Heading(SensorSize(height=18, width=24))) as sink:
        sink.add_events(events_of(50))
    found = told(tmp_path / "e.h5")
    assert (found["kind"], found["frames"], found["events"]["count"]) == ("events", None, 50)


def test_hdf5_that_is_damaged_foreign_or_reaches_out_is_one_line(tmp_path, events_of):
    (tmp_path / "bad.h5").write_bytes(b"hello")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["data"] = [1]
    with h5py.File(tmp_path / "out.h5", "w") as file:
        file["events"] = h5py.ExternalLink("foreign.h5", "/")
    cases = {"bad": "does not know what", "foreign": "does not know what", "out": "an external link to 'foreign.h5'"}
    for name, message in cases.items():
        with pytest.raises((UserError, InputFileError), match=message) as caught:
            describe(tmp_path / f"{name}.h5")
        assert "\n" not in str(caught.value)
