"""Video files frame by frame: presentation times, and the traps of files that people have."""

import logging
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.video import write_video
from evfi.io.video_reader import VideoReader
from evfi.types import Frames


def moving(n: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    texture = np.random.default_rng(0).integers(0, 256, (height, width + 2 * n, 3), dtype=np.uint8)
    return [texture[:, 2 * k : 2 * k + width] for k in range(n)]


def timed_video(path: Path, pts: list[int], size: tuple[int, int] = (48, 64), pixels: str = "rgb24") -> Path:
    """A lossless video whose frames have just these presentation times, in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=1000)
        stream.height, stream.width = size
        stream.pix_fmt = {"rgb24": "bgr0", "gray": "gray", "gray16le": "gray16le"}[pixels]
        for number, time in enumerate(pts):
            shape = size if pixels.startswith("gray") else (*size, 3)
            image = np.full(shape, 10 * number, np.uint16 if pixels.endswith("16le") else np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format=pixels)
            for packet in stream.encode(frame):
                packet.pts, packet.dts = time, number
                packet.time_base = Fraction(1, 1000)
                container.mux_one(packet)
        container.mux(stream.encode())
    return path


def joined(reader: VideoReader) -> Frames:
    pieces = list(reader.pieces())
    return Frames(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in Frames.__slots__))


def test_frames_come_in_order_at_their_times_in_pieces(tmp_path):
    frames = moving(70)
    write_video(tmp_path / "v.mp4", frames, 25, quality=1)
    reader = VideoReader(tmp_path / "v.mp4")
    assert [len(piece) for piece in reader.pieces()] == [64, 6]
    found = joined(reader)
    assert found.t_us.tolist() == [40_000 * k for k in range(70)]
    assert found.image.shape == (70, 48, 64, 3)
    assert [int(np.abs(found.image.astype(int) - frame).mean(axis=(1, 2, 3)).argmin()) for frame in frames] == list(
        range(70)
    )
    np.testing.assert_array_equal(found.exposure_start_us, found.t_us)
    assert (reader.promised, reader.decoded) == (70, 70)


def test_a_variable_rate_keeps_every_time(tmp_path):
    pts = [0, 33, 34, 100, 1100]
    assert joined(VideoReader(timed_video(tmp_path / "v.mkv", pts))).t_us.tolist() == [1000 * t for t in pts]


def test_frames_whose_time_does_not_increase_are_left_out_and_counted(tmp_path, caplog):
    reader = VideoReader(timed_video(tmp_path / "v.mkv", [0, 10, 10, 20, 15, 30]))
    with caplog.at_level(logging.WARNING, "evfi"):
        found = joined(reader)
    assert found.t_us.tolist() == [0, 10_000, 20_000, 30_000]
    assert found.image[:, 0, 0, 0].tolist() == [0, 10, 30, 50]
    assert reader.repairs == {"frames_late": 2}
    assert [record.message for record in caplog.records if "2 frames left out" in record.message]


def test_a_rate_given_replaces_the_times(tmp_path):
    reader = VideoReader(timed_video(tmp_path / "v.mkv", [0, 10, 10, 5]), fps=240)
    assert joined(reader).t_us.tolist() == [0, 4167, 8333, 12_500]
    with pytest.raises(UserError, match="positive"):
        VideoReader(tmp_path / "v.mkv", fps=0)


def test_a_gray_video_stays_gray(tmp_path):
    found = joined(VideoReader(timed_video(tmp_path / "v.mkv", [0, 1], pixels="gray")))
    assert found.image.shape == (2, 48, 64)
    assert found.image[1, 0, 0] == 10


def test_more_than_8_bits_are_refused(tmp_path):
    timed_video(tmp_path / "v.mkv", [0, 1], pixels="gray16le")
    with pytest.raises(InputFileError, match=r"v\.mkv has more than 8 bits a channel \(gray16le\)"):
        joined(VideoReader(tmp_path / "v.mkv"))


@pytest.mark.parametrize("damage", ["zeros", "half"])
def test_an_unreadable_frame_in_the_middle_is_one_line_that_says_where(tmp_path, damage):
    write_video(tmp_path / "v.mp4", moving(40), 25)
    data = bytearray((tmp_path / "v.mp4").read_bytes())
    with av.open(str(tmp_path / "v.mp4")) as container:
        packet = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size][20]
    position, size = packet
    start = position if damage == "zeros" else position + size // 2
    data[start : position + size] = bytes(position + size - start)
    (tmp_path / "v.mp4").write_bytes(data)
    with pytest.raises(InputFileError, match=r"v\.mp4: a frame cannot be decoded after \d+ good ones") as caught:
        joined(VideoReader(tmp_path / "v.mp4"))
    assert "\n" not in str(caught.value)


def test_a_size_that_changes_on_the_way_is_refused(tmp_path, monkeypatch):
    timed_video(tmp_path / "a.mkv", [0, 1])
    timed_video(tmp_path / "b.mkv", [2], size=(48, 32))
    first, second = VideoReader(tmp_path / "a.mkv"), VideoReader(tmp_path / "b.mkv")
    frames = [*first._frames(), *second._frames()]
    monkeypatch.setattr(first, "_frames", lambda: iter(frames))
    with pytest.raises(InputFileError, match=r"frame 2 has shape \(48, 32, 3\), the first one \(48, 64, 3\)"):
        joined(first)


def test_tree_avi_gives_what_decodes_and_says_both_numbers(real_data, caplog):
    reader = VideoReader(real_data / "video" / "tree.avi")
    with caplog.at_level(logging.WARNING, "evfi"):
        found = joined(reader)
    assert len(found) == 68
    gaps = np.diff(found.t_us)
    assert 333_000 <= gaps.min() <= gaps.max() <= 734_000
    assert ["promises 444 frames, 68 decode" in record.message for record in caplog.records] == [True]


def test_a_video_that_is_cut_off_is_refused_where_its_last_frame_is_torn(real_data, tmp_path):
    data = (real_data / "video" / "vtest.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 20])
    with pytest.raises(InputFileError, match=r"cut\.avi: a frame cannot be decoded after \d+ good ones"):
        joined(VideoReader(tmp_path / "cut.avi"))


def test_what_is_no_video_is_one_line(tmp_path):
    with pytest.raises(MissingInputError, match="no video at"):
        VideoReader(tmp_path / "none.mp4")
    (tmp_path / "v.mp4").write_bytes(b"hello" * 100)
    with pytest.raises(InputFileError, match=r"v\.mp4 is not a video that can be read"):
        VideoReader(tmp_path / "v.mp4")
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(1600))
    with pytest.raises(InputFileError, match="has no video stream"):
        VideoReader(tmp_path / "a.wav")
