"""MP4 and animated WebP: sizes, colours, order and rate survive."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from evfi.errors import InputFileError, OutputError, UserError
from evfi.io.video import write_video, write_webp


def ramp(n: int, height: int, width: int, colour: bool = True) -> np.ndarray:
    """Smooth frames that grow brighter, red on the left and blue on the right."""
    frames = np.zeros((n, height, width, 3), np.uint8)
    frames[..., : width // 2, 0] = 200
    frames[..., width // 2 :, 2] = 200
    frames[..., 1] = (np.arange(n) * 20)[:, None, None]
    return frames if colour else frames[..., 1]


def decoded(path) -> tuple[np.ndarray, Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return np.stack(frames), stream.average_rate


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63), (1, 1), (180, 240)])
def test_a_video_shows_the_frames_in_order(tmp_path, height, width):
    frames = ramp(8, height, width)
    write_video(tmp_path / "v.mp4", iter(frames), 25)
    read, rate = decoded(tmp_path / "v.mp4")
    assert rate == 25
    assert read.shape == (8, height + height % 2, width + width % 2, 3)
    assert np.abs(read[:, :height, :width].astype(int) - frames).mean() < 6


def test_colours_are_tagged_and_right(tmp_path):
    write_video(
        tmp_path / "v.mp4", [np.full((32, 32, 3), colour, np.uint8) for colour in ([255, 0, 0], [0, 0, 255])], 5
    )
    with av.open(str(tmp_path / "v.mp4")) as container:
        frames = list(container.decode(video=0))
    assert frames[0].colorspace == 1
    assert frames[0].to_ndarray(format="yuv420p")[0, 0] == pytest.approx(63, abs=3)
    assert np.abs(frames[1].to_ndarray(format="rgb24")[16, 16].astype(int) - [0, 0, 255]).max() < 12


def test_gray_frames_become_a_gray_video(tmp_path):
    write_video(tmp_path / "v.mp4", ramp(3, 32, 32, colour=False), 29.97)
    read, rate = decoded(tmp_path / "v.mp4")
    assert float(rate) == pytest.approx(29.97, rel=1e-4)
    assert np.abs(read[..., 0].astype(int) - read[..., 2]).max() <= 3


def test_equal_frames_give_equal_videos(tmp_path):
    for name in ("a", "b"):
        write_video(tmp_path / f"{name}.mp4", ramp(5, 48, 64), 25)
        write_webp(tmp_path / f"{name}.webp", ramp(5, 48, 64), 25)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()


def test_a_webp_loops_over_all_frames_at_its_rate(tmp_path):
    write_webp(tmp_path / "v.webp", iter(ramp(6, 33, 41)), 20)
    with Image.open(tmp_path / "v.webp") as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (6, (41, 33), 0)
        image.seek(5)
        image.load()
        assert image.info["duration"] == 50
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - ramp(6, 33, 41)[5]).mean() < 10


@pytest.mark.parametrize("write", [write_video, write_webp])
def test_no_frame_and_no_rate_are_refused_and_leave_nothing(tmp_path, write):
    with pytest.raises(UserError, match="no frame to write"):
        write(tmp_path / "v.out", [], 25)
    with pytest.raises(UserError, match="positive number of frames"):
        write(tmp_path / "v.out", ramp(2, 32, 32), 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_video, write_webp])
def test_frames_that_change_or_fail_on_the_way_leave_nothing(tmp_path, write):
    def failing():
        yield from ramp(2, 32, 32)
        raise InputFileError("frame 2 is damaged")

    with pytest.raises(UserError, match="as frame 1 after"):
        write(tmp_path / "v.out", [np.zeros((32, 32, 3), np.uint8), np.zeros((32, 30, 3), np.uint8)], 25)
    with pytest.raises(InputFileError, match="frame 2 is damaged"):
        write(tmp_path / "v.out", failing(), 25)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_video, write_webp])
def test_a_place_that_cannot_be_written_is_one_line(tmp_path, write):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*v\.out"):
        write(tmp_path / "file" / "v.out", ramp(2, 32, 32), 25)
