"""Plain .npz, .csv and .txt events: columns, units, and what is left open."""

import numpy as np
import pytest

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.io.event_files import write_event_file
from evfi.io.images import write_frame_folder
from evfi.types import Events, Frames, SensorSize

SIZE = SensorSize(height=18, width=24)
SENSOR = {"sensor_height": 18, "sensor_width": 24}


@pytest.fixture
def events():
    rng = np.random.default_rng(5)
    n = 700
    t = np.sort(rng.integers(3_000, 400_000, n)).astype(np.int64)
    x, y = (rng.integers(0, length, n).astype(np.uint16) for length in (24, 18))
    return Events(x, y, t, rng.random(n) < 0.5, SIZE)


def lines(events, order="txyp", form="{}", separator=" ", off=0):
    columns = {"t": events.t, "x": events.x, "y": events.y, "p": np.where(events.p, 1, off)}
    rows = zip(*(columns[name].tolist() for name in order), strict=True)
    place = order.index("t")
    return "".join(
        separator.join(form.format(v) if k == place else str(v) for k, v in enumerate(row)) + "\n" for row in rows
    )


@pytest.fixture
def same(assert_same_events):
    def check(recording, events):
        assert_same_events(recording.events(recording.start_us, recording.end_us), events)

    return check


def test_evfis_own_npz_says_all_by_itself(tmp_path, events, stored, same):
    write_event_file(tmp_path / "e.npz", events)
    recording, repairs = stored(tmp_path / "e.npz")
    same(recording, events)
    assert (repairs, recording.frames) == ({}, None)


@pytest.mark.parametrize("names", ["x y t p", "xs ys ts ps", "x y timestamp polarity"])
@pytest.mark.parametrize(("unit", "factor"), [("s", 1e-6), ("ms", 1e-3), ("us", 1), ("ns", 1000)])
def test_a_foreign_npz_is_read_in_the_unit_that_is_told(tmp_path, events, stored, same, names, unit, factor):
    values = (events.x, events.y, events.t * factor, np.where(events.p, 1, -1))
    np.savez(tmp_path / "e.npz", **dict(zip(names.split(), values, strict=True)))
    recording, _ = stored(tmp_path / "e.npz", time_unit=unit, **SENSOR)
    same(recording, events)


def test_a_unit_that_nothing_tells_is_refused(tmp_path, events, stored):
    np.savez(tmp_path / "e.npz", x=events.x, y=events.y, t=events.t, p=events.p)
    with pytest.raises(
        UserError, match=r"e\.npz: event times run from .* nothing says in which unit: give --time-unit"
    ):
        stored(tmp_path / "e.npz", **SENSOR)
    with pytest.raises(UserError, match=r"does not say how large its sensor is: give --sensor-size"):
        stored(tmp_path / "e.npz", time_unit="us")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_unix_times_tell_their_unit_by_themselves(tmp_path, events, stored, same, unit):
    epoch_us = 1_700_000_000_000_000
    shifted = Events(events.x, events.y, events.t + epoch_us, events.p, SIZE)
    t = {"s": shifted.t / 1e6, "ms": shifted.t / 1e3, "us": shifted.t, "ns": shifted.t * 1000}[unit]
    np.savez(tmp_path / "e.npz", x=events.x, y=events.y, t=t, p=events.p)
    recording, _ = stored(tmp_path / "e.npz", **SENSOR)
    same(recording, shifted)


@pytest.mark.parametrize("order", ["txyp", "xytp"])
@pytest.mark.parametrize(("separator", "ending"), [(" ", ".txt"), (",", ".csv"), ("\t", ".tsv"), (";", ".csv")])
def test_text_is_read_by_its_header_or_by_the_columns_told(tmp_path, events, stored, same, order, separator, ending):
    path = tmp_path / f"e{ending}"
    path.write_text(lines(events, order, separator=separator))
    recording, _ = stored(path, columns=tuple(order), time_unit="us", **SENSOR)
    same(recording, events)
    header = separator.join("timestamp_us" if name == "t" else name for name in order)
    path.write_text(header + "\n" + lines(events, order, separator=separator, off=-1))
    recording, _ = stored(path, **SENSOR)
    same(recording, events)


def test_a_first_line_of_width_and_height_tells_the_sensor(tmp_path, events, stored, same):
    (tmp_path / "e.txt").write_text("24 18\n" + lines(events, form="{:.6f}").replace(".000000 ", " "))
    recording, _ = stored(tmp_path / "e.txt", columns=tuple("txyp"), time_unit="us")
    same(recording, events)


def test_seconds_with_six_digits_are_exact_after_a_day(tmp_path, events, stored, same):
    late = Events(events.x, events.y, events.t + 1_468_941_032_229_165, events.p, SIZE)
    text = "".join(
        f"{t // 10**6}.{t % 10**6:06d} {x} {y} {int(p)}\n"
        for t, x, y, p in zip(late.t, late.x, late.y, late.p, strict=True)
    )
    (tmp_path / "e.txt").write_text(text)
    recording, _ = stored(tmp_path / "e.txt", columns=tuple("txyp"), **SENSOR)
    same(recording, late)


def test_further_columns_are_passed_over(tmp_path, events, stored, same):
    rows = lines(events, separator=",").splitlines()
    (tmp_path / "e.csv").write_text("t [us],x,y,polarity,label\n" + "".join(f"{row},7\n" for row in rows))
    recording, _ = stored(tmp_path / "e.csv", **SENSOR)
    same(recording, events)


def test_text_without_header_is_not_guessed(tmp_path, events, stored):
    (tmp_path / "e.txt").write_text(lines(events))
    with pytest.raises(UserError, match=r"has no header that names its columns: .*--columns t,x,y,p"):
        stored(tmp_path / "e.txt", time_unit="us", **SENSOR)


@pytest.mark.parametrize("broken", ["5 1 2", "5 1 2 1 9", "5 1 two 1", "5 nan 2 1", "", "5,1,2,1"])
def test_a_broken_line_is_named(tmp_path, events, stored, broken):
    rows = lines(events).splitlines()
    rows.insert(431, broken)
    (tmp_path / "e.txt").write_text("# from a camera\n" + "\n".join(rows) + "\n")
    options = {"columns": tuple("txyp"), "time_unit": "us", **SENSOR}
    if not broken:
        assert stored(tmp_path / "e.txt", **options)[0].event_count == 700
        return
    with pytest.raises(InputFileError, match=r"e\.txt, line 433: expected 4 numbers \(t, x, y, p\), got") as caught:
        stored(tmp_path / "e.txt", **options)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").glob("*")) == []


def test_a_cut_last_line_is_named(tmp_path, events, stored):
    (tmp_path / "e.txt").write_text(lines(events)[:-4])
    with pytest.raises(InputFileError, match=r"e\.txt, line 700: expected 4 numbers"):
        stored(tmp_path / "e.txt", columns=tuple("txyp"), time_unit="us", **SENSOR)


def test_events_a_little_out_of_order_are_sorted_and_counted(tmp_path, events, stored, same):
    order = np.arange(700)
    order[[100, 101]] = [101, 100]
    np.savez(tmp_path / "e.npz", **{name: getattr(events, name)[order] for name in "xytp"})
    recording, repairs = stored(tmp_path / "e.npz", time_unit="us", **SENSOR)
    assert repairs == {"events_sorted": 1}
    np.testing.assert_array_equal(recording.events(0, 10**6).t, events.t)


def test_coordinates_too_large_for_any_known_factor_are_one_line(tmp_path, events, stored):
    np.savez(tmp_path / "e.npz", x=events.x.astype(np.int64) * 5000, y=events.y, t=events.t, p=events.p)
    with pytest.raises(UserError, match=r"too far for a sensor of 24x18 pixels with any known factor \(1, 32, 128\)"):
        stored(tmp_path / "e.npz", time_unit="us", **SENSOR)


def test_frames_of_a_folder_join_a_file_of_events(tmp_path, events, stored, same):
    image = np.random.default_rng(0).integers(0, 256, (5, 18, 24), dtype=np.uint8)
    frames = Frames.without_exposure(image, 100_000 * np.arange(5, dtype=np.int64))
    write_frame_folder(tmp_path / "f", frames)
    np.savez(tmp_path / "e.npz", x=events.x, y=events.y, t=events.t / 1e6, p=events.p)
    recording, _ = stored(tmp_path / "e.npz", frames=tmp_path / "f", frame_shift_us=250)
    same(recording, events)
    np.testing.assert_array_equal(recording.frames.t_us, frames.t_us + 250)
    np.testing.assert_array_equal(recording.frames[3], image[3])
    with pytest.raises(MissingInputError, match="no frames at"):
        stored(tmp_path / "e.npz", frames=tmp_path / "gone")


def test_a_text_that_holds_no_events_is_no_recording(tmp_path, stored):
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(UserError, match=r"notes\.txt is no recording that evfi can read"):
        stored(tmp_path / "notes.txt")


@pytest.fixture
def video(tmp_path):
    """A folder of its own with a lossless-sized MP4 of 10 frames at 25 fps."""
    from evfi.io.video import write_video

    (tmp_path / "pair").mkdir()
    image = np.zeros((10, 18, 24, 3), np.uint8)
    image[:] = (20 * np.arange(10, dtype=np.uint8))[:, None, None, None]
    write_video(tmp_path / "pair" / "v.mp4", image, 25)
    return tmp_path / "pair" / "v.mp4"


@pytest.mark.parametrize("together", [False, True])
def test_a_video_joins_a_file_of_events(tmp_path, events, stored, same, video, together):
    """By --frames, or as the two files of one folder; the video's times tell the unit of the events, too."""
    path = (video.parent if together else tmp_path) / "e.npz"
    np.savez(path, x=events.x, y=events.y, t=events.t / 1e6, p=events.p)
    recording, _ = stored(video.parent) if together else stored(path, frames=video)
    same(recording, events)
    np.testing.assert_array_equal(recording.frames.t_us, 40_000 * np.arange(10))
    assert [abs(int(recording.frames[k].mean()) - 20 * k) < 4 for k in range(10)] == [True] * 10


def test_a_video_on_another_clock_is_refused_until_it_is_shifted(tmp_path, events, stored, video):
    late = events.t + 5_000_000
    np.savez(tmp_path / "e.npz", x=events.x, y=events.y, t=late, p=events.p)
    with pytest.raises(InputFileError, match=r"so they do not belong together; .*--frame-shift-us"):
        stored(tmp_path / "e.npz", frames=video)
    recording, repairs = stored(tmp_path / "e.npz", frames=video, frame_shift_us=5_000_000)
    assert (recording.frames.t_us[0], repairs["frames_shifted_us"]) == (5_000_000, 5_000_000)


def test_pickles_in_a_plain_npz_are_refused(tmp_path, events, stored):
    np.savez(tmp_path / "e.npz", x=events.x.astype(object), y=events.y, t=events.t, p=events.p)
    with pytest.raises(InputFileError, match=r"e\.npz, x holds pickled objects, which can run code: refused"):
        stored(tmp_path / "e.npz", time_unit="us", **SENSOR)


def test_a_header_that_promises_more_events_than_there_are_is_one_line(tmp_path, events, stored):
    import io
    import zipfile

    from numpy.lib import format as npy

    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        for name in "xytp":
            column = getattr(events, name)
            head = io.BytesIO()
            npy.write_array_header_1_0(head, {"descr": column.dtype.str, "fortran_order": False, "shape": (1 << 60,)})
            archive.writestr(f"{name}.npy", head.getvalue() + column.tobytes())
    with pytest.raises(InputFileError, match=r"e\.npz is damaged or cut off \(.* more rows expected, 700 there\)"):
        stored(tmp_path / "e.npz", time_unit="us", **SENSOR)
