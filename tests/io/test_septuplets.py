"""Vimeo90k's lists and folders."""

import numpy as np
import pytest

from evfi.errors import InputFileError, MissingInputError
from evfi.io.images import write_png
from evfi.io.septuplets import (
    FRAME_INTERVAL_US,
    frames_per_clip,
    read_list,
    read_septuplet,
    septuplet_paths,
    septuplet_times_us,
)


def make_clip(root, clip_id: str) -> np.ndarray:
    frames = np.random.default_rng(int(clip_id[-4:])).integers(0, 256, (7, 8, 10, 3), dtype=np.uint8)
    for path, frame in zip(septuplet_paths(root, clip_id), frames, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, frame)
    return frames


def test_a_list_gives_its_ids_in_order_and_skips_blank_lines(tmp_path):
    (tmp_path / "list.txt").write_text("00002/0001\r\n\n00001/0003\n  \n\n")
    assert read_list(tmp_path / "list.txt") == ["00002/0001", "00001/0003"]


@pytest.mark.parametrize("line", ["1/2", "00001\\0001", "../etc/passwd", "00001/0001/im1.png", "00001/0001 00001/0002"])
def test_a_malformed_line_is_named_with_its_number(tmp_path, line):
    (tmp_path / "list.txt").write_text(f"00002/0001\n\n{line}\n")
    with pytest.raises(InputFileError, match=r"list\.txt, line 3: expected an id such as 00001/0001"):
        read_list(tmp_path / "list.txt")


def test_a_repeated_id_is_refused(tmp_path):
    (tmp_path / "list.txt").write_text("00002/0001\n00002/0001\n")
    with pytest.raises(InputFileError, match="line 2: 00002/0001 stands on line 1 already"):
        read_list(tmp_path / "list.txt")


def test_missing_and_empty_lists_are_told_apart(tmp_path):
    with pytest.raises(MissingInputError, match="no septuplet list"):
        read_list(tmp_path / "none.txt")
    (tmp_path / "list.txt").write_text("\n\n")
    with pytest.raises(InputFileError, match="lists no clip"):
        read_list(tmp_path / "list.txt")


def test_a_clip_is_read_in_the_order_of_its_numbers(tmp_path):
    frames = make_clip(tmp_path, "00001/0007")
    np.testing.assert_array_equal(read_septuplet(tmp_path, "00001/0007"), frames)


def test_a_listed_clip_without_a_folder_is_named(tmp_path):
    with pytest.raises(MissingInputError, match=r"clip 00009/0001 has no folder .*take it off the list"):
        read_septuplet(tmp_path, "00009/0001")


def test_a_clip_without_one_of_its_images_is_named(tmp_path):
    make_clip(tmp_path, "00001/0007")
    septuplet_paths(tmp_path, "00001/0007")[3].unlink()
    with pytest.raises(MissingInputError, match=r"00001/0007/im4\.png"):
        read_septuplet(tmp_path, "00001/0007")


def test_a_clip_with_a_corrupt_image_is_named(tmp_path):
    make_clip(tmp_path, "00001/0007")
    path = septuplet_paths(tmp_path, "00001/0007")[6]
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputFileError, match=r"00001/0007/im7\.png is not a whole image"):
        read_septuplet(tmp_path, "00001/0007")


def test_a_clip_of_mixed_sizes_is_refused(tmp_path):
    make_clip(tmp_path, "00001/0007")
    write_png(septuplet_paths(tmp_path, "00001/0007")[2], np.zeros((8, 12, 3), np.uint8))
    with pytest.raises(InputFileError, match=r"im3\.png is 12x8, im1\.png 10x8"):
        read_septuplet(tmp_path, "00001/0007")


def test_gray_files_become_three_equal_channels(tmp_path):
    for path in septuplet_paths(tmp_path, "00001/0001"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, np.full((8, 10), 90, np.uint8))
    frames = read_septuplet(tmp_path, "00001/0001")
    assert frames.shape == (7, 8, 10, 3)
    assert (frames == 90).all()


def test_times_are_rounded_from_the_clips_start_and_do_not_drift():
    assert FRAME_INTERVAL_US == 33_333
    assert septuplet_times_us().tolist() == [0, 33_333, 66_667, 100_000, 133_333, 166_667, 200_000]
    assert septuplet_times_us().dtype == np.int64


def test_the_official_lists_have_their_known_lengths(real_data):
    lists = real_data / "vimeo90k" / "lists"
    train, test = (read_list(lists / f"sep_{part}list.txt") for part in ("train", "test"))
    assert (len(train), len(test)) == (64_612, 7_824)
    assert not set(train) & set(test)


def test_a_tree_of_triplets_is_told_by_its_files(tmp_path):
    for clip_id in ("00001/0001", "00001/0002"):
        make_clip(tmp_path, clip_id)
    ids = ["00001/0001", "00001/0002"]
    assert frames_per_clip(tmp_path, ids) == 7
    for path in septuplet_paths(tmp_path, ids[0])[3:]:
        path.unlink()
    assert frames_per_clip(tmp_path, ids) == 7, "a damaged septuplet makes no triplet of the tree"
    for path in septuplet_paths(tmp_path, ids[1])[3:]:
        path.unlink()
    assert frames_per_clip(tmp_path, ids) == 3
    assert [path.name for path in septuplet_paths(tmp_path, ids[0], 3)] == ["im1.png", "im2.png", "im3.png"]
    assert frames_per_clip(tmp_path / "nowhere", ids) == 7


def test_the_official_triplet_lists_have_their_known_lengths(real_data):
    lists = real_data / "vimeo90k" / "lists"
    assert [len(read_list(lists / f"tri_{part}list.txt")) for part in ("train", "test")] == [51_313, 3_782]
