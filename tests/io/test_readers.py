"""Which reader a path gets: by its content, and never by guess."""

import pytest

from evfi.errors import UserError
from evfi.io.importers.options import ImportOptions
from evfi.io.readers import KINDS, Kind, kind_of, open_reader


def test_a_path_that_two_readers_would_take_is_one_line(recorded, monkeypatch):
    twin = Kind("twin", lambda path: path.is_file(), KINDS[0].open)
    monkeypatch.setattr("evfi.io.readers.KINDS", (*KINDS, twin))
    with pytest.raises(UserError, match=r"made\.aedat4 looks like aedat4 and twin at once"):
        kind_of(recorded.path)


def test_flags_for_other_formats_are_refused_for_aedat4(recorded):
    with pytest.raises(UserError, match="says all by itself: leave out time_unit"):
        open_reader(recorded.path, None, ImportOptions(time_unit="us"))


def test_a_camera_is_refused_where_a_format_names_none(tmp_path):
    (tmp_path / "e.txt").write_text("t_us x y p\n1 2 3 0\n")
    with pytest.raises(UserError, match="names no cameras: leave out --camera left"):
        open_reader(tmp_path / "e.txt", "left", ImportOptions(sensor_height=4, sensor_width=4))
