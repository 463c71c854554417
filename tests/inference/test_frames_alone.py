"""Slow motion of ordinary video, without events."""

import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from evfi.cli.app import exit_code
from evfi.errors import MissingInputError, UserError
from evfi.inference.plan import Asked
from evfi.inference.predictor import Predictor
from evfi.inference.slow_motion import interpolate_file
from evfi.io.images import read_frame_folder, write_frame_folder
from evfi.io.recording import Recording, open_recording
from evfi.io.video import write_video
from evfi.types import Frames

# Neither a multiple of the network's 4 nor even in its halves.
HEIGHT, WIDTH = 30, 42


def made_video(path: Path, count: int = 5, fps: float = 25) -> Path:
    """A bright square that moves to the right."""

    def frame(number: int) -> NDArray[np.uint8]:
        image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        left = number % 20
        image[8:20, left + 4 : left + 16] = (220, 120, 40)
        return image

    write_video(path, (frame(number) for number in range(count)), fps)
    return path


def decoded(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return made_video(tmp_path / "video.mp4")


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_frames_of_a_video_stand_bit_for_bit_among_the_inserted(
    factor: int, video: Path, averaging_weights: Path, tmp_path: Path
) -> None:
    summary = interpolate_file(video, tmp_path / "slow", weights=averaging_weights, asked=Asked(factor=factor))
    written = read_frame_folder(tmp_path / "slow", "us")
    np.testing.assert_array_equal(written.image[::factor], decoded(video))
    np.testing.assert_array_equal(written.t_us, np.arange(4 * factor + 1) * (40_000 // factor))
    assert (summary.frames_in, summary.frames_kept, summary.frames_out) == (5, 5, 4 * factor + 1)
    assert summary.frames_inserted == 4 * (factor - 1)


def test_an_inserted_frame_is_what_the_network_makes_of_its_neighbours(
    video: Path, averaging_weights: Path, tmp_path: Path
) -> None:
    interpolate_file(video, tmp_path / "slow", weights=averaging_weights, asked=Asked(factor=2))
    written = read_frame_folder(tmp_path / "slow", "us").image.astype(int)
    average = (written[0:-1:2] + written[2::2]) / 2
    assert np.abs(written[1::2] - average).max() <= 0.5


def test_a_video_plays_slower_at_its_own_rate_and_the_line_says_so(
    video: Path, averaging_weights: Path, tmp_path: Path
) -> None:
    summary = interpolate_file(video, tmp_path / "slow.mp4", weights=averaging_weights, asked=Asked(factor=4))
    with av.open(str(tmp_path / "slow.mp4")) as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(25)
        assert len([*container.decode(video=0)]) == 17
    assert (summary.capture_fps, summary.slow_down) == (pytest.approx(25), 4)
    assert "5 frames kept + 12 inserted by convlstm = 17" in str(summary)
    assert "events" not in str(summary)
    assert (summary.gaps_without_events, summary.gaps_with_exposure_change) == (None, None)


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        (Asked(factor=3), "the factor 3"),
        (Asked(factor=16), "the factor 16"),
        (Asked(at_us=(20_000,)), "chosen times"),
        (Asked(fps=100), "chosen times"),
    ],
)
def test_what_halving_does_not_reach_is_refused_in_one_line(
    asked: Asked, got: str, video: Path, averaging_weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=rf"convlstm predicts only the middle .* 2, 4 or 8, got {got}") as caught:
        interpolate_file(video, tmp_path / "slow.mp4", weights=averaging_weights, asked=asked)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "slow.mp4").exists()


def test_the_command_takes_a_video_and_refuses_single_times_with_exit_code_2(
    video: Path, averaging_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["interpolate", str(video), str(tmp_path / "slow"), "--family", "convlstm"]
    weights = ["--weights", str(averaging_weights)]
    assert exit_code([*given, "--at-us", "20000", *weights]) == 2
    error = capsys.readouterr().err
    assert "2, 4 or 8, got chosen times" in error
    assert len(error.strip().splitlines()) == 1
    assert exit_code([*given, "--factor", "2", *weights]) == 0
    assert len(read_frame_folder(tmp_path / "slow", "us")) == 9


def test_a_part_of_a_video_is_slowed_alone(video: Path, averaging_weights: Path, tmp_path: Path) -> None:
    asked = Asked(factor=2, start_us=40_000, end_us=130_000)
    summary = interpolate_file(video, tmp_path / "slow", weights=averaging_weights, asked=asked)
    written = read_frame_folder(tmp_path / "slow", "us")
    assert written.t_us.tolist() == [40_000, 60_000, 80_000, 100_000, 120_000]
    np.testing.assert_array_equal(written.image[::2], decoded(video)[1:4])
    assert (summary.frames_in, summary.frames_kept) == (5, 3)


def test_a_video_is_refused_by_a_family_that_needs_events(video: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"without events, which the family timelens needs: .* --family convlstm"):
        interpolate_file(video, tmp_path / "slow.mp4", weights=weights, asked=Asked(factor=2))


def test_a_recording_is_halved_too_and_its_events_are_not_read(
    gray: Recording, averaging_weights: Path, tmp_path: Path
) -> None:
    summary = interpolate_file(gray.path, tmp_path / "slow.zarr", weights=averaging_weights, asked=Asked(factor=4))
    store = open_recording(tmp_path / "slow.zarr")
    assert store.frames.shape == gray.frames.shape
    for number in range(5):
        np.testing.assert_array_equal(store.frames[4 * number], gray.frames[number])
        assert store.frames.t_us[4 * number] == gray.frames.t_us[number]
    assert summary.frames_out == 17


def test_a_folder_of_images_is_taken_with_its_times(averaging_weights: Path, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 20, 24), dtype=np.uint8)
    times = np.array([0, 10_000, 20_000], np.int64)
    write_frame_folder(tmp_path / "in", Frames.without_exposure(images, times))
    interpolate_file(tmp_path / "in", tmp_path / "out", weights=averaging_weights, asked=Asked(factor=2))
    written = read_frame_folder(tmp_path / "out", "us")
    np.testing.assert_array_equal(written.image[::2], images)
    assert written.t_us.tolist() == [0, 5_000, 10_000, 15_000, 20_000]


def test_uneven_gaps_are_told_and_get_as_many_frames_as_others(
    averaging_weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = np.zeros((4, 20, 24), np.uint8)
    times = np.array([0, 10_000, 20_000, 60_000], np.int64)
    write_frame_folder(tmp_path / "in", Frames.without_exposure(images, times))
    interpolate_file(tmp_path / "in", tmp_path / "out", weights=averaging_weights, asked=Asked(factor=2))
    assert "not evenly spaced" in caplog.text
    assert read_frame_folder(tmp_path / "out", "us").t_us.tolist()[-3:] == [20_000, 40_000, 60_000]


def test_a_video_of_one_frame_and_an_absent_one_are_refused(averaging_weights: Path, tmp_path: Path) -> None:
    single = made_video(tmp_path / "single.mp4", count=1)
    with pytest.raises(UserError, match="at least two frames, got 1"):
        interpolate_file(single, tmp_path / "slow.mp4", weights=averaging_weights, asked=Asked(factor=2))
    with pytest.raises(MissingInputError, match=r"no frames at .*none\.mp4"):
        interpolate_file(tmp_path / "none.mp4", tmp_path / "out", weights=averaging_weights, asked=Asked(factor=2))


def test_intermediates_are_numbered_as_the_frames_that_they_belong_to(
    video: Path, averaging_weights: Path, tmp_path: Path
) -> None:
    out, parts = tmp_path / "slow", tmp_path / "parts"
    interpolate_file(video, out, weights=averaging_weights, asked=Asked(factor=4), intermediates=parts)
    numbers = [int(path.stem) for path in sorted((parts / "synthesis").iterdir())]
    assert numbers == [number for number in range(17) if number % 4]


def test_memory_does_not_grow_with_the_video(
    averaging_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted without the network, which sees one sample at a time."""
    monkeypatch.setattr("evfi.inference.recursion._Middle.__call__", lambda _self, _before, frame0, *_: frame0)

    def peak(count: int) -> int:
        source = made_video(tmp_path / f"{count}.mp4", count)
        tracemalloc.start()
        interpolate_file(source, tmp_path / f"slow{count}.mp4", weights=averaging_weights, asked=Asked(factor=8))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(2)  # what is loaded on first use
    more_frames = 600 - 150
    assert peak(600) - peak(150) < 0.1 * more_frames * HEIGHT * WIDTH * 3


def test_progress_is_shown(
    video: Path,
    averaging_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("evfi.progress._LOG_EVERY_S", 0.0)
    caplog.set_level("INFO")
    interpolate_file(video, tmp_path / "slow", weights=averaging_weights, asked=Asked(factor=2))
    assert "slow: 9 of 9 frame" in caplog.text


def test_frames_are_predicted_one_by_one(
    video: Path, averaging_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = Predictor.predict

    def counted(self: Predictor, samples: list) -> list:
        seen.append(len(samples))
        return original(self, samples)

    monkeypatch.setattr(Predictor, "predict", counted)
    interpolate_file(video, tmp_path / "slow", weights=averaging_weights, asked=Asked(factor=2))
    assert seen == [1, 1, 1, 1]
