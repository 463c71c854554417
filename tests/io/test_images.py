"""Still images: what survives, and one clear line for every kind of damage."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.images import read_image, write_png

RNG = np.random.default_rng(1)
COLOUR = RNG.integers(0, 256, (12, 17, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (12, 17), dtype=np.uint8)


@pytest.mark.parametrize("image", [COLOUR, GRAY], ids=["colour", "gray"])
def test_an_image_comes_back_as_it_was_written(tmp_path, image):
    write_png(tmp_path / "a.png", image)
    read = read_image(tmp_path / "a.png")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, image)


def test_red_is_the_first_channel_in_memory_and_in_the_file(tmp_path):
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    write_png(tmp_path / "red.png", red)
    assert cv2.imread(str(tmp_path / "red.png"))[0, 0].tolist() == [0, 0, 255]
    assert read_image(tmp_path / "red.png")[0, 0].tolist() == [255, 0, 0]


def test_equal_images_give_equal_files(tmp_path):
    write_png(tmp_path / "a.png", COLOUR)
    write_png(tmp_path / "b.png", COLOUR.copy())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(MissingInputError, match=r"no image at .*gone\.png"):
        read_image(tmp_path / "gone.png")


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.data())
def test_a_png_with_any_flipped_byte_or_cut_is_refused_or_read_unchanged(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("png") / "a.png"
    write_png(path, GRAY)
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        damaged = bytearray(whole)
        damaged[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(damaged)
    with pytest.raises(InputFileError, match=r"a\.png"):
        read_image(path)


def test_an_empty_image_file_is_refused(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(InputFileError, match="it is empty"):
        read_image(tmp_path / "a.png")


def test_sixteen_bits_a_channel_are_refused_and_not_cut_to_eight(tmp_path):
    cv2.imwrite(str(tmp_path / "deep.png"), GRAY.astype(np.uint16) * 257)
    with pytest.raises(InputFileError, match=r"deep\.png has 16 bits a channel, expected 8"):
        read_image(tmp_path / "deep.png")


def test_transparency_is_refused_but_an_opaque_alpha_channel_is_dropped(tmp_path):
    rgba = np.dstack([COLOUR, np.full(GRAY.shape, 255, np.uint8)])
    cv2.imwrite(str(tmp_path / "a.png"), rgba)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), COLOUR[..., ::-1])
    rgba[3, 3, 3] = 0
    cv2.imwrite(str(tmp_path / "a.png"), rgba)
    with pytest.raises(InputFileError, match="transparent"):
        read_image(tmp_path / "a.png")


def test_a_png_that_is_whole_but_no_picture_is_refused(tmp_path):
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""))
    with pytest.raises(InputFileError, match="cannot be decoded"):
        read_image(tmp_path / "a.png")


def test_a_faulty_colour_profile_changes_nothing_and_nothing_is_printed_about_it(tmp_path, capfd):
    path, image = tmp_path / "a.png", np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    write_png(path, image)
    data = path.read_bytes()
    body = b"iCCP" + b"made up\0\0" + zlib.compress(bytes(200))
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(data[:33] + chunk + data[33:])  # after the header
    np.testing.assert_array_equal(read_image(path), image)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("image", [GRAY.astype(np.float32), COLOUR[..., :2], np.zeros((0, 3), np.uint8)])
def test_only_eight_bit_gray_or_rgb_is_written(tmp_path, image):
    with pytest.raises(UserError, match="a PNG needs uint8"):
        write_png(tmp_path / "a.png", image)
    assert not (tmp_path / "a.png").exists()
