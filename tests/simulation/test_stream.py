"""Frames from a folder, a video or a recording into a file: the same events as in memory, whatever the file."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import zarr

from evfi.errors import InputFileError, MissingInputError, OutputError, UserError
from evfi.io.aedat4 import write_aedat4
from evfi.io.event_files import read_event_file
from evfi.io.images import write_frame_folder, write_png
from evfi.io.opening import open_path
from evfi.io.recording import open_recording
from evfi.io.video import write_video
from evfi.io.video_reader import VideoReader
from evfi.simulation.options import SimulationOptions
from evfi.simulation.simulate import Simulator, simulate
from evfi.simulation.stream import simulate_file
from evfi.types import Events, Frames, SensorSize

ESIM = SimulationOptions(preset="esim_py")
DIS = SimulationOptions(preset="evtexture", noise={"threshold_sigma": 0.03, "shot_rate_hz": 2.0, "jitter_us": 20})
COUNT = 70


def texture(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)  # pyright: ignore


@pytest.fixture(scope="module")
def frames() -> Frames:
    """70 RGB frames that move by half a pixel or so, unevenly in time."""
    wide = texture(24, 32 + COUNT)
    image = np.stack([wide[:, k : k + 32] for k in range(COUNT)])
    t_us = 1_000_000 + np.cumsum(np.random.default_rng(1).integers(2000, 9000, COUNT)).astype(np.int64)
    return Frames.without_exposure(image, t_us)


@pytest.fixture(scope="module")
def folder(frames, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("in") / "frames"
    write_frame_folder(path, frames)
    return path


def events_in(path: Path) -> Events:
    if path.suffix == ".npz":
        return read_event_file(path)
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            x, y, t, p = (file[f"events/{name}"][:] for name in "xytp")
            size = SensorSize(height=int(file.attrs["height"]), width=int(file.attrs["width"]))
            return Events(x, y, t + file["t_offset"][()], p == 1, size)
    recording = open_path(path)
    return recording.events(recording.start_us, recording.end_us)


def assert_same(a: Events, b: Events) -> None:
    assert a.sensor_size == b.sensor_size
    for name in ("x", "y", "t", "p"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.parametrize("options", [ESIM, DIS], ids=["esim_py", "dis_with_noise"])
@pytest.mark.parametrize("ending", [".npz", ".h5", ".aedat4", ".zarr"])
def test_a_folder_gives_the_events_of_its_frames_in_every_format(folder, frames, tmp_path, ending, options):
    done = simulate_file(folder, tmp_path / f"e{ending}", options, seed=3, time_unit="us")
    expected = simulate(frames.image, frames.t_us, options, seed=3)
    assert_same(events_in(tmp_path / f"e{ending}"), expected)
    assert (done.events, done.frames) == (len(expected), COUNT)
    assert f"{len(expected)} events of 70 frames" in str(done)
    assert "\n" not in str(done)


def test_a_store_keeps_frames_and_how_the_events_were_made(folder, frames, tmp_path):
    simulate_file(folder, tmp_path / "e.zarr", DIS, seed=3, time_unit="us")
    recording = open_recording(tmp_path / "e.zarr")
    assert recording.frames is not None
    np.testing.assert_array_equal(recording.frames[69], frames.image[69])
    np.testing.assert_array_equal(recording.frames.t_us, frames.t_us)
    receipt = json.loads((tmp_path / "e.json").read_text())
    made = receipt["simulation"]
    assert made == recording.attributes["simulation"]
    simulator = Simulator(frames.sensor_size, DIS, seed=3)
    assert (made["contrast_pos"], made["contrast_neg"]) == (simulator.contrast.pos, simulator.contrast.neg)
    assert (made["seed"], made["options"]["preset"]) == (3, "evtexture")
    assert 1 <= made["subframes"]["fewest"] <= made["subframes"]["most"] <= 16
    assert receipt["source"]["format"] == "image folder"
    group = zarr.open_group(tmp_path / "e.zarr", mode="r")
    for name in ("contrast_pos", "contrast_neg"):
        stored = group[f"simulation/{name}"]
        assert stored.dtype == np.float32  # as in a clip store
        np.testing.assert_array_equal(stored[:], getattr(simulator.pixels, name).astype(np.float32))


def test_equal_runs_give_equal_bytes(folder, tmp_path):
    for name in ("a", "b"):
        simulate_file(folder, tmp_path / name / "e.zarr", ESIM, time_unit="us")
        simulate_file(folder, tmp_path / name / "e.h5", ESIM, time_unit="us")
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file() and path.name != "e.provenance.json":
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path


def test_a_video_gives_the_events_of_its_decoded_frames_at_their_times(frames, tmp_path):
    write_video(tmp_path / "v.mp4", frames.image, 100)
    simulate_file(tmp_path / "v.mp4", tmp_path / "e.npz", ESIM)
    (decoded, rest) = VideoReader(tmp_path / "v.mp4").pieces()
    image = np.concatenate([decoded.image, rest.image])
    assert_same(read_event_file(tmp_path / "e.npz"), simulate(image, np.arange(COUNT) * 10_000, ESIM))
    simulate_file(tmp_path / "v.mp4", tmp_path / "f.npz", ESIM, fps=50)
    assert_same(read_event_file(tmp_path / "f.npz"), simulate(image, np.arange(COUNT) * 20_000, ESIM))


def test_a_recording_gives_the_events_of_its_frames_not_its_own(folder, frames, tmp_path):
    simulate_file(folder, tmp_path / "first.zarr", DIS, seed=8, time_unit="us")
    own = events_in(tmp_path / "first.zarr")
    write_aedat4(tmp_path / "in" / "first.aedat4", frames.sensor_size, [own], [frames])
    for source in (tmp_path / "first.zarr", tmp_path / "in" / "first.aedat4"):
        simulate_file(source, tmp_path / "e.npz", ESIM)
        assert_same(read_event_file(tmp_path / "e.npz"), simulate(frames.image, frames.t_us, ESIM))
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["first.aedat4"]


def test_tree_avi_gives_events_of_what_decodes(real_data, tmp_path):
    done = simulate_file(real_data / "video" / "tree.avi", tmp_path / "e.npz", ESIM)
    assert done.frames == 68
    events = read_event_file(tmp_path / "e.npz")
    assert 0 <= events.t[0] <= events.t[-1] < 29_533_481


def test_sources_and_outputs_that_do_not_go_together_are_refused(folder, tmp_path):
    (tmp_path / "notes.md").write_text("x")
    write_aedat4(tmp_path / "e.aedat4", SensorSize(height=24, width=32), [], [])
    cases = [
        (folder, "e.mp4", {}, UserError, r"must have \.zarr, .* or \.aedat4, got .*e\.mp4"),
        (folder, "e", {}, UserError, "must have"),
        (tmp_path / "notes.md", "e.npz", {}, UserError, "takes frames from a folder of images"),
        (tmp_path / "none", "e.npz", {}, MissingInputError, "no frames at"),
        (tmp_path / "none.mp4", "e.npz", {}, MissingInputError, "no frames at"),
        (folder, "e.npz", {"fps": 30}, UserError, "only for folders without"),
        (tmp_path, "e.npz", {}, MissingInputError, "holds no images"),
        (tmp_path / "e.aedat4", "e.npz", {"fps": 30}, UserError, "have times"),
    ]
    before = sorted(tmp_path.iterdir())
    for source, out, arguments, error, message in cases:
        with pytest.raises(error, match=message) as caught:
            simulate_file(source, tmp_path / out, ESIM, **arguments)
        assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_store_is_never_made_from_itself(folder, tmp_path):
    simulate_file(folder, tmp_path / "e.zarr", ESIM, time_unit="us")
    with pytest.raises(UserError, match="cannot be made from itself"):
        simulate_file(tmp_path / "e.zarr", tmp_path / "x" / ".." / "e.zarr", ESIM)


def test_a_recording_without_frames_is_refused(real_data, tmp_path):
    with pytest.raises(MissingInputError, match="has no frames, only events"):
        simulate_file(real_data / "davis" / "dvxplorer_events_only.aedat4", tmp_path / "e.npz", ESIM)
    assert list(tmp_path.iterdir()) == []


def test_one_frame_only_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    write_png(tmp_path / "in" / "0.png", np.zeros((8, 8), np.uint8))
    with pytest.raises(InputFileError, match=r"in holds 1 frame: events come from changes between at least two"):
        simulate_file(tmp_path / "in", tmp_path / "e.npz", ESIM, fps=30)
    write_video(tmp_path / "v.mp4", np.zeros((1, 16, 16), np.uint8), 30)
    for ending in (".zarr", ".h5", ".aedat4"):
        with pytest.raises(InputFileError, match=r"v\.mp4 holds 1 frame"):
            simulate_file(tmp_path / "v.mp4", tmp_path / f"e{ending}", ESIM)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "v.mp4"]


def test_a_place_that_cannot_be_written_is_one_line(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        simulate_file(folder, tmp_path / "file" / "e.npz", ESIM, time_unit="us")


PEAK = """
import sys
import evfi.io.stores
from evfi.cli.app import exit_code
# a store's buffers are full after less video
evfi.io.stores.COLUMN_SHARD, evfi.io.stores._DIGEST_BYTES = 1 << 16, 1 << 20
code = exit_code(sys.argv[1:])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
sys.exit(code)
"""


def peak_mb(video: Path, out: Path) -> float:
    """Peak memory of `evfi simulate` in a process of its own."""
    arguments = ["simulate", str(video), str(out), "--preset", "esim_py"]
    done = subprocess.run([sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


def long_video(path: Path, count: int, fps: int = 240) -> Path:
    wide = texture(96, 528)
    write_video(path, (wide[:, k % 400 : k % 400 + 128] for k in range(count)), fps)
    return path


def test_ten_times_as_much_video_needs_no_more_memory(tmp_path):
    short, long = (long_video(tmp_path / f"{count}.mp4", count) for count in (130, 1300))
    less, more = (peak_mb(video, tmp_path / "e.npz") for video in (short, long))
    # 1,170 further frames are 43 MB, and their events some 20 MB: neither is kept
    assert more - less < 16


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".npz", ".h5", ".aedat4", ".zarr"])
def test_a_ten_minute_video_needs_no_more_memory_than_a_ten_second_one(tmp_path, ending):
    short, long = (long_video(tmp_path / f"{seconds}.mp4", 12 * seconds, fps=12) for seconds in (10, 600))
    less, more = (peak_mb(video, tmp_path / f"e{ending}") for video in (short, long))
    # 7,080 further frames are 260 MB, and their events some 120 MB; HDF5's index of chunks may take 32 MB
    assert more - less < 48
