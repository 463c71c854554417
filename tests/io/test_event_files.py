"""Plain npz files of events."""

import numpy as np
import pytest

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.event_files import read_event_file, write_event_file
from evfi.types import Events, SensorSize

DTYPES = {"x": "uint16", "y": "uint16", "t": "int64", "p": "bool"}


def test_events_come_back_with_their_sensor(tmp_path, events_of, assert_same_events):
    write_event_file(tmp_path / "e.npz", events_of(1000))
    read = read_event_file(tmp_path / "e.npz")
    assert_same_events(read, events_of(1000))
    assert read.sensor_size == SensorSize(height=18, width=24)
    with np.load(tmp_path / "e.npz") as plain:
        assert {key: plain[key].dtype.name for key in "xytp"} == DTYPES


def test_no_events_are_a_file_too(tmp_path):
    write_event_file(tmp_path / "e.npz", Events.empty(SensorSize(height=2, width=3)))
    assert len(read_event_file(tmp_path / "e.npz")) == 0


def test_equal_events_give_equal_bytes(tmp_path, events_of):
    for name in ("a.npz", "b.npz"):
        write_event_file(tmp_path / name, events_of(50))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_another_ending_is_refused(tmp_path, events_of):
    with pytest.raises(UserError, match=r"ends in \.npz, got .*e\.csv"):
        write_event_file(tmp_path / "e.csv", events_of(5))


def saved(path, **changes):
    columns = {"x": np.zeros(3, np.uint16), "y": np.zeros(3, np.uint16), "t": np.arange(3), "p": np.ones(3, bool)}
    columns |= {"height": np.int64(4), "width": np.int64(5)} | changes
    np.savez(path, **{key: value for key, value in columns.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"p": None}, "lacks p"),
        ({"t": np.array([0.0, 1.0, 2.0])}, "t float64"),
        ({"p": np.array([-1, 1, 1])}, "p int64"),
        ({"x": np.zeros(4, np.uint16)}, "columns of one length"),
        ({"t": np.array([2, 1, 3])}, "must not decrease"),
        ({"x": np.array([{}, {}, {}], object)}, "is not an .npz file of events"),
    ],
)
def test_bad_files_are_one_line_that_names_them(tmp_path, changes, message):
    saved(tmp_path / "bad.npz", **changes)
    with pytest.raises(InputFileError, match=message) as caught:
        read_event_file(tmp_path / "bad.npz")
    assert "bad.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"t x y p\n", b"PK\x03\x04 but no zip"])
def test_what_is_no_npz_is_named(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(InputFileError, match=r"bad\.npz is not an \.npz file of events"):
        read_event_file(tmp_path / "bad.npz")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingInputError, match=r"no events at .*gone\.npz"):
        read_event_file(tmp_path / "gone.npz")
