"""Files that a clock, since set back, has dated in the future."""

import os
import time
from pathlib import Path

from evfi.io.clock import set_back_future_times

DAY_S = 86_400


def dated(path: Path, days: int) -> Path:
    when = time.time() + days * DAY_S
    os.utime(path, (when, when), follow_symlinks=False)
    return path


def test_what_is_dated_in_the_future_is_dated_now_and_nothing_else_is_touched(tmp_path: Path) -> None:
    store = tmp_path / "results/a.zarr"
    store.mkdir(parents=True)
    for name in ("late", "early"):
        (store / name).write_text("x")
    early = dated(store / "early", -1).stat().st_mtime
    late = [dated(store / "late", 1), dated(store, 1)]
    before = time.time()
    assert set_back_future_times(tmp_path / "results") == sorted(late)
    assert all(before - 1 < path.stat().st_mtime <= time.time() for path in late)
    assert (store / "early").stat().st_mtime == early
    assert set_back_future_times(tmp_path / "results") == []


def test_a_link_is_dated_itself_and_never_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("x")
    there = dated(tmp_path / "raw", 1).stat().st_mtime
    (tmp_path / "results").mkdir()
    link = tmp_path / "results/link"
    link.symlink_to(tmp_path / "raw")
    assert set_back_future_times(tmp_path / "results") == []
    assert set_back_future_times(Path(str(dated(link, 1).parent))) == [link]
    assert (tmp_path / "raw").stat().st_mtime == there


def test_a_folder_that_does_not_exist_has_nothing_to_set_back(tmp_path: Path) -> None:
    assert set_back_future_times(tmp_path / "none") == []
