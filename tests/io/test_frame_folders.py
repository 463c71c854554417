"""Folders of PNGs with timestamps.txt and exposures.txt."""

import numpy as np
import pytest

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.images import frame_folder_pieces, read_frame_folder, write_frame_folder, write_png
from evfi.types import Frames

EPOCH_US = 1_700_000_000_000_000


def some_frames(n: int = 5, colour: bool = False, exposure: bool = True) -> Frames:
    shape = (n, 6, 8, 3) if colour else (n, 6, 8)
    start = EPOCH_US + 40_001 * np.arange(n, dtype=np.int64)
    length = 1000 + 2 * np.arange(n, dtype=np.int64)
    image = np.random.default_rng(n).integers(0, 256, shape, dtype=np.uint8)
    if exposure:
        return Frames(image, start + length // 2, start, start + length)
    return Frames.without_exposure(image, start)


def assert_same(a: Frames, b: Frames) -> None:
    for name in Frames.__slots__:
        x, y = getattr(a, name), getattr(b, name)
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("exposure", [False, True])
def test_frames_come_back_as_they_were_written(tmp_path, colour, exposure):
    frames = some_frames(70, colour, exposure)
    write_frame_folder(tmp_path / "f", frames)
    assert (tmp_path / "f" / "exposures.txt").is_file() == exposure
    assert_same(read_frame_folder(tmp_path / "f", "us"), frames)
    assert [len(piece) for piece in frame_folder_pieces(tmp_path / "f", "us")] == [64, 6]


def test_times_in_seconds_are_exact_also_for_epoch_times(tmp_path):
    write_frame_folder(tmp_path / "f", some_frames(2, exposure=False))
    (tmp_path / "f" / "timestamps.txt").write_text("1700000000.123456\n\n1.700000000123457e9\n\n")
    assert read_frame_folder(tmp_path / "f").t_us.tolist() == [EPOCH_US + 123_456, EPOCH_US + 123_457]
    assert read_frame_folder(tmp_path / "f", None).t_us.tolist() == [EPOCH_US + 123_456, EPOCH_US + 123_457]


def test_without_a_unit_whole_numbers_are_microseconds(tmp_path):
    write_frame_folder(tmp_path / "f", some_frames(3))
    assert_same(read_frame_folder(tmp_path / "f", None), some_frames(3))


def test_a_frame_rate_stands_in_for_absent_times_only(tmp_path):
    write_frame_folder(tmp_path / "f", some_frames(4, exposure=False))
    with pytest.raises(UserError, match="only for folders without"):
        read_frame_folder(tmp_path / "f", fps=30)
    (tmp_path / "f" / "timestamps.txt").unlink()
    assert read_frame_folder(tmp_path / "f", fps=30).t_us.tolist() == [0, 33_333, 66_667, 100_000]
    with pytest.raises(UserError, match="must be positive"):
        read_frame_folder(tmp_path / "f", fps=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\n1\n", "has 2 times for 3 images"),
        ("0\nzero\n2\n", r"line 2: expected 1 number\(s\)"),
        ("0\n1 2\n3\n", "line 2"),
        ("0\n2\n2\n", "number 3 does not"),
        ("0\nnan\n2\n", "line 2"),
        ("0\n1e30\n2\n", "line 2"),
        ("", "has 0 times for 3 images"),
    ],
)
def test_bad_times_are_one_line_that_names_file_and_place(tmp_path, text, message):
    write_frame_folder(tmp_path / "f", some_frames(3))
    (tmp_path / "f" / "timestamps.txt").write_text(text)
    with pytest.raises(InputFileError, match=message) as caught:
        read_frame_folder(tmp_path / "f")
    assert "timestamps.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fractions_of_a_microsecond_are_refused_for_the_unit_is_probably_wrong(tmp_path):
    write_frame_folder(tmp_path / "f", some_frames(2))
    (tmp_path / "f" / "timestamps.txt").write_text("0.5\n1.5\n")
    with pytest.raises(InputFileError, match="whole microseconds"):
        read_frame_folder(tmp_path / "f", "us")


@pytest.mark.parametrize(
    ("text", "message"),
    [("0 1\n", "has 1 lines for 2 images"), ("5 6\n7 8\n", "must lie between"), ("1\n2\n", "line 1: expected 2")],
)
def test_bad_exposures_are_refused(tmp_path, text, message):
    write_frame_folder(tmp_path / "f", some_frames(2))
    (tmp_path / "f" / "exposures.txt").write_text(text)
    with pytest.raises(InputFileError, match=message):
        read_frame_folder(tmp_path / "f", "us")


def test_an_unknown_time_unit_is_refused(tmp_path):
    write_frame_folder(tmp_path / "f", some_frames(2))
    with pytest.raises(UserError, match="must be s or us, got 'ms'"):
        read_frame_folder(tmp_path / "f", "ms")


def test_frames_of_different_sizes_are_refused(tmp_path):
    write_frame_folder(tmp_path / "f", some_frames(3))
    write_png(tmp_path / "f" / "000001.png", np.zeros((6, 9), np.uint8))
    with pytest.raises(InputFileError, match=r"000001\.png has shape \(6, 9\), the first frame \(6, 8\)"):
        read_frame_folder(tmp_path / "f", "us")


def test_missing_folder_images_and_times_are_told_apart(tmp_path):
    with pytest.raises(MissingInputError, match="no frame folder"):
        read_frame_folder(tmp_path / "none")
    with pytest.raises(MissingInputError, match="holds no images"):
        read_frame_folder(tmp_path)
    write_png(tmp_path / "a.png", np.zeros((6, 9), np.uint8))
    with pytest.raises(MissingInputError, match=r"has no timestamps\.txt"):
        read_frame_folder(tmp_path)
