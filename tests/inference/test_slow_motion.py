"""Slow-motion files: kinds of output, playback rate, the closing line, and what is refused."""

import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from evfi.errors import MissingInputError, OutputError, UserError
from evfi.inference.plan import Asked
from evfi.inference.predictor import Prediction
from evfi.inference.slow_motion import interpolate_file
from evfi.inference.windows import times_of_factor
from evfi.inference.writers import output_kind
from evfi.io.aedat4_writer import write_aedat4
from evfi.io.images import read_frame_folder
from evfi.io.recording import Recording, RecordingWriter, open_recording
from evfi.types import Frames, SensorSize
from tests.inference.conftest import SIZE, events_between


@pytest.mark.parametrize("kind", ["gray", "colour"])
def test_a_png_folder_keeps_the_original_frames_bit_for_bit(
    kind: str, request: pytest.FixtureRequest, weights: Path, tmp_path: Path
) -> None:
    recording: Recording = request.getfixturevalue(kind)
    summary = interpolate_file(recording.path, tmp_path / "slow", weights=weights, asked=Asked(factor=3))
    written = read_frame_folder(tmp_path / "slow", "us")
    np.testing.assert_array_equal(written.t_us, times_of_factor(recording.frames.t_us, 3))
    assert written.image.shape[1:] == recording.frames.shape
    for number in range(5):
        np.testing.assert_array_equal(written.image[3 * number], recording.frames[number])
    assert (summary.frames_in, summary.frames_inserted, summary.frames_out) == (5, 8, 13)
    assert summary.gaps_without_events == 1


def test_the_summary_says_rates_slow_down_and_speed(gray: Recording, weights: Path, tmp_path: Path) -> None:
    summary = interpolate_file(gray.path, tmp_path / "slow", weights=weights, asked=Asked(factor=4))
    assert summary.capture_fps == summary.playback_fps == pytest.approx(25, abs=0.02)
    assert summary.slow_down == 4
    assert summary.seconds > 0
    figures = summary.as_dict()
    assert figures["inserted_per_second"] == pytest.approx(12 / summary.seconds)
    assert figures["family"] == "timelens"
    line = str(summary)
    assert "25.00 fps" in line
    assert "4 times slower" in line
    assert "5 frames kept + 12 inserted by timelens = 17" in line
    assert "1 gaps without any event" in line
    assert "\n" not in line


def test_an_mp4_plays_at_the_rate_of_capture(gray: Recording, weights: Path, tmp_path: Path) -> None:
    interpolate_file(gray.path, tmp_path / "slow.mp4", weights=weights, asked=Asked(factor=2))
    with av.open(str(tmp_path / "slow.mp4")) as container:
        stream = container.streams.video[0]
        frames = [*container.decode(stream)]
        assert len(frames) == 9
        assert float(stream.average_rate) == pytest.approx(25, abs=0.02)
        assert float(stream.duration * stream.time_base) == pytest.approx(9 / 25, abs=0.01)
    shown = frames[0].to_ndarray(format="rgb24")[: gray.sensor_size.height, : gray.sensor_size.width, 0].astype(int)
    assert np.abs(shown - gray.frames[0]).mean() < 8


def test_a_webp_holds_all_frames(colour: Recording, weights: Path, tmp_path: Path) -> None:
    interpolate_file(colour.path, tmp_path / "slow.webp", weights=weights, asked=Asked(factor=2))
    with Image.open(tmp_path / "slow.webp") as image:
        assert image.n_frames == 9
        assert image.size == (42, 35)
        image.load()
        assert image.info["duration"] == 40


def test_an_aedat4_file_gives_what_its_store_gives(gray: Recording, weights: Path, tmp_path: Path) -> None:
    source = tmp_path / "in" / "short.aedat4"
    images = np.stack([gray.frames[number] for number in range(5)])
    frames = Frames.without_exposure(images, gray.frames.t_us)
    write_aedat4(source, gray.sensor_size, [gray.events(gray.start_us, gray.end_us)], [frames])
    out = tmp_path / "out"
    summary = interpolate_file(source, out / "slow", weights=weights, asked=Asked(factor=2))
    interpolate_file(gray.path, out / "expected", weights=weights, asked=Asked(factor=2))
    found, expected = (read_frame_folder(out / name, "us") for name in ("slow", "expected"))
    np.testing.assert_array_equal(found.image, expected.image)
    np.testing.assert_array_equal(found.t_us, expected.t_us)
    assert summary.frames_inserted == 4
    assert sorted(path.name for path in out.iterdir()) == ["expected", "slow"], "the temporary store is gone"


def test_a_real_recording_without_frames_is_refused(real_data: Path, weights: Path, tmp_path: Path) -> None:
    source = real_data / "davis" / "dvxplorer_events_only.aedat4"
    with pytest.raises(MissingInputError, match="has no frames, only events"):
        interpolate_file(source, tmp_path / "slow", weights=weights, asked=Asked(factor=2))
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("factor", [1, 0, -2])
def test_a_factor_of_one_or_less_is_refused_first(factor: int, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least 2"):
        interpolate_file(tmp_path / "none", tmp_path / "out", weights=tmp_path / "none", asked=Asked(factor=factor))


@pytest.mark.parametrize("name", ["slow.avi", "slow.png", "slow.mov"])
def test_an_unknown_ending_is_refused(name: str, gray: Recording, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.mp4, \.webp"):
        interpolate_file(gray.path, tmp_path / name, weights=weights, asked=Asked(factor=2))
    assert [*tmp_path.iterdir()] == []


def test_endings_are_read_in_any_case() -> None:
    kinds = [output_kind(Path(name)) for name in ("a.MP4", "a.WebP", "a", "a.b/c")]
    assert kinds == ["mp4", "webp", "png", "png"]


def test_a_folder_with_other_things_in_it_is_never_replaced(gray: Recording, weights: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"holds other things \(thesis\.tex\)"):
        interpolate_file(gray.path, home, weights=weights, asked=Asked(factor=2))
    assert (home / "thesis.tex").read_text() == "years of work"


def test_an_earlier_result_is_replaced(gray: Recording, weights: Path, tmp_path: Path) -> None:
    interpolate_file(gray.path, tmp_path / "slow", weights=weights, asked=Asked(factor=3))
    interpolate_file(gray.path, tmp_path / "slow", weights=weights, asked=Asked(factor=2))
    assert len(read_frame_folder(tmp_path / "slow", "us")) == 9
    assert [path.name for path in tmp_path.iterdir()] == ["slow"]


def test_an_output_that_cannot_be_written_is_refused_before_any_work(gray: Recording, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        interpolate_file(gray.path, tmp_path / "file" / "slow.mp4", weights=tmp_path / "none", asked=Asked(factor=2))


def test_an_absent_or_unknown_source_is_named(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"no recording at .*none\.aedat4"):
        interpolate_file(tmp_path / "none.aedat4", tmp_path / "out", weights=weights, asked=Asked(factor=2))
    (tmp_path / "notes.doc").write_text("")
    with pytest.raises(UserError, match=r"notes\.doc is no recording that evfi can read"):
        interpolate_file(tmp_path / "notes.doc", tmp_path / "out", weights=weights, asked=Asked(factor=2))


def test_an_interrupted_run_leaves_nothing_under_the_final_name(
    gray: Recording, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("evfi.inference.predictor.Predictor.predict", broken)
    for name in ("slow", "slow.mp4", "slow.webp"):
        with pytest.raises(KeyboardInterrupt):
            interpolate_file(gray.path, tmp_path / name, weights=weights, asked=Asked(factor=2))
    assert [*tmp_path.iterdir()] == []


def test_a_gif_holds_all_frames(colour: Recording, weights: Path, tmp_path: Path) -> None:
    interpolate_file(colour.path, tmp_path / "slow.gif", weights=weights, asked=Asked(factor=2))
    with Image.open(tmp_path / "slow.gif") as image:
        assert image.n_frames == 9
        assert image.info["duration"] == 40
    with pytest.raises(UserError, match="at most 50 frames per second"):
        interpolate_file(colour.path, tmp_path / "a.gif", weights=weights, asked=Asked(factor=4, realtime=True))


@pytest.mark.parametrize("kind", ["gray", "colour"])
def test_a_frame_store_is_a_recording_with_frames_alone(
    kind: str, request: pytest.FixtureRequest, weights: Path, tmp_path: Path
) -> None:
    recording: Recording = request.getfixturevalue(kind)
    for _ in range(2):
        interpolate_file(recording.path, tmp_path / "slow.zarr", weights=weights, asked=Asked(factor=2))
    store = open_recording(tmp_path / "slow.zarr")
    assert store.event_count == 0
    np.testing.assert_array_equal(store.frames.t_us, times_of_factor(recording.frames.t_us, 2))
    for number in range(5):
        np.testing.assert_array_equal(store.frames[2 * number], recording.frames[number])
    assert (tmp_path / "slow.json").is_file()


def test_an_animation_that_memory_cannot_hold_is_refused(
    gray: Recording, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evfi.inference.writers._ANIMATION_BYTES", 5000)
    with pytest.raises(UserError, match=r"write an \.mp4"):
        interpolate_file(gray.path, tmp_path / "slow.webp", weights=weights, asked=Asked(factor=2))
    assert [*tmp_path.iterdir()] == []


def test_intermediates_of_inserted_frames_are_kept_by_name_and_number(
    gray: Recording, weights: Path, tmp_path: Path
) -> None:
    parts = tmp_path / "parts"
    interpolate_file(gray.path, tmp_path / "slow", weights=weights, asked=Asked(factor=2), intermediates=parts)
    assert sorted(path.name for path in parts.iterdir()) == ["refined0", "refined1", "synthesis"]
    for name in ("refined0", "refined1", "synthesis"):
        assert [path.name for path in sorted((parts / name).iterdir())] == [
            f"{number:06d}.png" for number in (1, 3, 5, 7)
        ]
    again = interpolate_file(
        gray.path, tmp_path / "slow", weights=weights, asked=Asked(factor=2), intermediates=tmp_path / "b"
    )
    assert again.frames_inserted == 4


def test_single_times_and_a_part_are_written(gray: Recording, weights: Path, tmp_path: Path) -> None:
    first = int(gray.frames.t_us[0])
    summary = interpolate_file(gray.path, tmp_path / "a", weights=weights, asked=Asked(at_us=(first + 7, first)))
    assert (summary.frames_kept, summary.frames_inserted, summary.slow_down) == (1, 1, None)
    assert "slower" not in str(summary)
    part = interpolate_file(
        gray.path, tmp_path / "b", weights=weights, asked=Asked(factor=2, start_us=1, end_us=90_000, realtime=True)
    )
    assert (part.frames_in, part.frames_kept, part.frames_inserted) == (5, 2, 1)
    assert "as fast as it happened" in str(part)


def test_the_closing_line_counts_exposure_changes_and_overexposed_area(weights: Path, tmp_path: Path) -> None:
    size = SensorSize(height=32, width=32)
    image = np.full((4, 32, 32), 100, np.uint8)
    image[1, :16] = 255
    t_us = np.arange(4, dtype=np.int64) * 40_000 + 20_000
    spans = np.array([10_000, 12_000, 12_002, 9_000]) // 2
    store = RecordingWriter(tmp_path / "r.zarr", size)
    store.add_frames(Frames(image, t_us, t_us - spans, t_us + spans))
    store.finish()
    summary = interpolate_file(tmp_path / "r.zarr", tmp_path / "slow", weights=weights, asked=Asked(factor=2))
    # 10 to 12 ms is 20 %, not more; 12 to 9 is.
    assert summary.gaps_with_exposure_change == 1
    assert summary.overexposed == pytest.approx(1 / 8)
    assert summary.gaps_without_events == 3
    assert "1 with an exposure change above 20 %, 12.5% of the frames' area overexposed" in str(summary)


def test_tiles_under_a_memory_limit_give_the_same_frames(weights: Path, tmp_path: Path) -> None:
    """Wide enough for several tiles; equal within one 8-bit step, where a float sum rounds the other way."""
    size = SensorSize(height=32, width=704)
    rng = np.random.default_rng(0)
    store = RecordingWriter(tmp_path / "wide.zarr", size)
    store.add_frames(
        Frames.without_exposure(rng.integers(0, 256, (2, 32, 704), np.uint8), np.array([0, 40_000], np.int64))
    )
    store.finish()
    for name, limit in (("whole", None), ("tiled", 12 * 4 * 4 * 32 * 650)):
        interpolate_file(
            tmp_path / "wide.zarr", tmp_path / name, weights=weights, asked=Asked(factor=2), max_bytes=limit
        )
    whole, tiles = (read_frame_folder(tmp_path / name, "us").image.astype(int) for name in ("whole", "tiled"))
    assert np.abs(whole - tiles).max() <= 1
    assert (whole != tiles).mean() < 1e-3
    with pytest.raises(UserError, match="raise --max-memory"):
        interpolate_file(
            tmp_path / "wide.zarr", tmp_path / "none", weights=weights, asked=Asked(factor=2), max_bytes=1000
        )


def test_memory_does_not_grow_with_the_recording(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted without the network, which sees one batch at a time; a smaller cache of decoded events is soon full."""
    monkeypatch.setattr("evfi.io.event_columns._blocks._limit", 8 << 20)
    gap_us, events_a_gap = 40_000, 20_000
    monkeypatch.setattr(
        "evfi.inference.predictor.Predictor._predicted",
        lambda _self, batch: [Prediction(sample.frame0.astype(np.float32) / 255, {}) for sample in batch],
    )

    def peak(gaps: int) -> int:
        path = tmp_path / f"{gaps}.zarr"
        source = RecordingWriter(path, SIZE)
        for gap in range(gaps):
            source.add_events(events_between(gap * gap_us, (gap + 1) * gap_us, events_a_gap, gap))
        images = np.zeros((gaps + 1, SIZE.height, SIZE.width), np.uint8)
        source.add_frames(Frames.without_exposure(images, np.arange(gaps + 1) * gap_us))
        source.finish()
        tracemalloc.start()
        interpolate_file(path, tmp_path / f"slow{gaps}.mp4", weights=weights, asked=Asked(factor=2))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(2)  # what is loaded on first use
    more_events = (200 - 120) * events_a_gap  # 120 gaps fill every buffer
    bytes_an_event = 13  # x, y: uint16; t: int64; p: bool
    assert peak(200) - peak(120) < 0.1 * more_events * bytes_an_event


def test_bf16_is_near_fp32_and_keeps_the_original_frames(colour: Recording, weights: Path, tmp_path: Path) -> None:
    for precision in ("fp32", "bf16"):
        interpolate_file(colour.path, tmp_path / precision, weights=weights, asked=Asked(factor=2), precision=precision)
    exact, reduced = (read_frame_folder(tmp_path / name, "us").image.astype(int) for name in ("fp32", "bf16"))
    np.testing.assert_array_equal(exact[::2], reduced[::2])
    assert 0 < np.abs(exact - reduced).max() <= 4
