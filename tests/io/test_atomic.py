"""Outputs appear whole or not at all, and two processes never write one of them together."""

import errno
import multiprocessing
import time
from pathlib import Path

import pytest

from evfi.errors import InputFileError, OutputError
from evfi.io.atomic import writing


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_under_its_name_only_when_it_is_whole(tmp_path):
    with writing(tmp_path / "a.txt") as partial:
        partial.write_text("one")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "one"
    assert names_in(tmp_path) == ["a.txt"]


def test_a_folder_replaces_the_older_one_whole(tmp_path):
    for number in (1, 2):
        with writing(tmp_path / "f") as partial:
            partial.mkdir()
            (partial / f"{number}.txt").touch()
    assert names_in(tmp_path) == ["f"]
    assert names_in(tmp_path / "f") == ["2.txt"]


def fail_half_way(output: Path, error: BaseException) -> None:
    with writing(output) as partial:
        partial.write_text("half")
        raise error


@pytest.mark.parametrize("error", [InputFileError("bad"), ValueError("bug"), KeyboardInterrupt()])
def test_any_error_leaves_the_old_output_and_nothing_else(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(type(error)):
        fail_half_way(tmp_path / "a.txt", error)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "free some space"), (errno.EDQUOT, "free some space"), (errno.EROFS, "may write to")],
)
def test_the_reason_of_a_failed_write_is_told_with_its_remedy(tmp_path, number, message):
    with pytest.raises(OutputError, match=message) as caught, writing(tmp_path / "a.txt"):
        raise OSError(number, "reason")
    assert str(tmp_path / "a.txt") in str(caught.value)


def test_what_a_killed_writer_left_is_cleared_away(tmp_path):
    (tmp_path / "a.txt.partial").mkdir()
    (tmp_path / "a.txt.lock").touch()
    with writing(tmp_path / "a.txt") as partial:
        partial.write_text("new")
    assert names_in(tmp_path) == ["a.txt"]


def _write_slowly(output: Path, inside: Path, text: str) -> None:
    with writing(output) as partial:
        inside.touch(exist_ok=False)
        partial.write_text(text)
        time.sleep(0.3)
        inside.unlink()


def test_a_second_writer_waits_for_the_first(tmp_path):
    context = multiprocessing.get_context("fork")
    output, inside = tmp_path / "a.txt", tmp_path / "inside"
    writers = [context.Process(target=_write_slowly, args=(output, inside, text)) for text in ("one", "two", "three")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert output.read_text() in ("one", "two", "three")
    assert names_in(tmp_path) == ["a.txt"]
