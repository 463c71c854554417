"""HS-ERGB and BS-ERGB folders, with the traps that the data sets have."""

import numpy as np
import pytest

from evfi.errors import InputFileError, MissingInputError, UserError


def rewrite(path, **changes):
    with np.load(path) as data:
        columns = {name: data[name] for name in data.files}
    for name, change in changes.items():
        columns[name] = change(columns[name])
    np.savez(path, **columns)


def test_an_hs_ergb_folder_comes_in_whole(hs_ergb, stored, same_as):
    recording, repairs = stored(hs_ergb)
    same_as(recording, whole_pixels=False)
    assert recording.attributes["source"]["format"] == "hs-ergb"
    assert repairs == {"times_without_image": 2}


def test_the_older_layout_with_other_names_is_known(hs_ergb, stored, same_as):
    (hs_ergb / "images_corrected").rename(hs_ergb / "images")
    (hs_ergb / "events_aligned").rename(hs_ergb / "events")
    (hs_ergb / "images" / "timestamp.txt").rename(hs_ergb / "timestamp.txt")
    recording, _ = stored(hs_ergb)
    same_as(recording, whole_pixels=False)


def test_sub_pixel_events_next_to_the_sensor_stay_and_those_beyond_are_dropped(hs_ergb, stored):
    def strayed(x):
        return np.concatenate([np.float32([-0.5, -3, 23.75, 24, 70_000]), x[5:]])

    rewrite(hs_ergb / "events_aligned" / "000002.npz", x=strayed)
    recording, repairs = stored(hs_ergb)
    x = recording.events(recording.start_us, recording.end_us).x
    assert repairs["events_outside_sensor"] == 3
    assert (x.min(), x.max(), x.dtype) == (-0.5, 23.75, np.float32)


def test_whole_numbers_times_32_are_divided(hs_ergb, stored, same_as):
    for path in (hs_ergb / "events_aligned").glob("*.npz"):
        rewrite(path, x=lambda x: (x * 32).astype(np.uint16), y=lambda y: (y * 32).astype(np.uint16))
    recording, repairs = stored(hs_ergb)
    same_as(recording, whole_pixels=False)
    assert repairs["coordinates_divided_by_32"] == recording.event_count


def test_coordinates_times_128_are_divided(hs_ergb, stored, same_as):
    for path in (hs_ergb / "events_aligned").glob("*.npz"):
        rewrite(path, x=lambda x: (x * 128).astype(np.int32), y=lambda y: (y * 128).astype(np.int32))
    recording, repairs = stored(hs_ergb)
    same_as(recording, whole_pixels=False)
    assert repairs["coordinates_divided_by_128"] == recording.event_count


def test_a_negative_coordinate_that_wrapped_in_uint16_is_dropped(hs_ergb, stored):
    for path in (hs_ergb / "events_aligned").glob("*.npz"):
        rewrite(path, x=lambda x: (x * 32).astype(np.uint16), y=lambda y: (y * 32).astype(np.uint16))
    rewrite(hs_ergb / "events_aligned" / "000001.npz", x=lambda x: np.r_[np.uint16(2**16 - 40), x[1:]])
    recording, repairs = stored(hs_ergb)
    assert repairs["events_outside_sensor"] == 1
    assert recording.event_count == 2999


def test_fewer_event_files_than_images_are_taken_and_counted(hs_ergb, stored):
    (hs_ergb / "events_aligned" / "000003.npz").unlink()
    (hs_ergb / "events_aligned" / "000006.npz").unlink()
    np.savez(hs_ergb / "events_aligned" / "000005.npz", **dict.fromkeys("xytp", np.empty(0)))
    recording, repairs = stored(hs_ergb)
    assert (repairs["event_files_missing"], repairs["event_files_empty"]) == (1, 1)
    assert len(recording.frames) == 7


def test_a_missing_image_does_not_shift_the_times_of_the_others(hs_ergb, stored, truth):
    (hs_ergb / "images_corrected" / "000002.png").unlink()
    recording, repairs = stored(hs_ergb)
    assert repairs["images_missing"] == 1
    np.testing.assert_array_equal(recording.frames.t_us, np.delete(truth.image_t_us, 2))
    np.testing.assert_array_equal(recording.frames[2], truth.image[3])


def test_image_times_in_seconds_are_found_by_the_events(hs_ergb, stored, same_as, truth):
    lines = [f"{time / 1e6:.6f}\n" for time in truth.image_t_us]
    (hs_ergb / "images_corrected" / "timestamp.txt").write_text("".join(lines))
    recording, _ = stored(hs_ergb)
    same_as(recording, whole_pixels=False)


def test_events_in_seconds_are_refused_with_the_unit_that_would_fit(hs_ergb, stored, truth):
    for path in (hs_ergb / "events_aligned").glob("*.npz"):
        rewrite(path, t=lambda t: t / 1e6)
    with pytest.raises(InputFileError, match=r"timestamp\.txt: times run from 5000000 .* no unit would fit"):
        stored(hs_ergb)
    recording, _ = stored(hs_ergb, time_unit="s")
    np.testing.assert_array_equal(recording.events(recording.start_us, recording.end_us).t, truth.t)


def test_event_files_out_of_order_are_one_line_and_can_be_ordered(hs_ergb, stored, same_as):
    second, third = (hs_ergb / "events_aligned" / f"00000{number}.npz" for number in (2, 3))
    second.rename(hs_ergb / "other.npz")
    third.rename(second)
    (hs_ergb / "other.npz").rename(third)
    with pytest.raises(InputFileError, match=r"000003\.npz holds events .* out of order; .*--order-by-time") as caught:
        stored(hs_ergb)
    assert "\n" not in str(caught.value)
    recording, _ = stored(hs_ergb, order_by_time=True)
    same_as(recording, whole_pixels=False)


def test_pickles_are_refused(hs_ergb, stored, tmp_path):
    rewrite(hs_ergb / "events_aligned" / "000002.npz", p=lambda p: p.astype(object))
    with pytest.raises(InputFileError, match=r"000002\.npz, p holds pickled objects.*refused") as caught:
        stored(hs_ergb)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").glob("*")) == []


def test_a_cut_event_file_is_one_line(hs_ergb, stored):
    path = hs_ergb / "events_aligned" / "000004.npz"
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(InputFileError, match=r"000004\.npz is not an \.npz file of events.*no archive"):
        stored(hs_ergb)


def test_images_without_times_are_one_line(hs_ergb, stored):
    (hs_ergb / "images_corrected" / "timestamp.txt").unlink()
    with pytest.raises(MissingInputError, match=r"has no timestamp\.txt"):
        stored(hs_ergb)


def test_two_different_files_of_times_are_one_line(hs_ergb, stored):
    (hs_ergb / "timestamp.txt").write_text("1\n2\n")
    with pytest.raises(InputFileError, match=r"timestamp\.txt and .*timestamp\.txt differ"):
        stored(hs_ergb)


def test_a_broken_line_of_times_is_named(hs_ergb, stored):
    times = hs_ergb / "images_corrected" / "timestamp.txt"
    times.write_text("# µs\n1\n\n12x\n")
    with pytest.raises(InputFileError, match=r"timestamp\.txt, line 4: expected one time, got '12x'"):
        stored(hs_ergb)


def test_a_bs_ergb_folder_comes_in_with_times_told_by_its_events(bs_ergb, stored, truth):
    recording, repairs = stored(bs_ergb)
    events = recording.events(recording.start_us, recording.end_us)
    np.testing.assert_array_equal(events.x, truth.x)
    np.testing.assert_array_equal(events.t, truth.t)
    assert recording.attributes["source"]["format"] == "bs-ergb"
    assert repairs == {"image_times_from_events": 7, "coordinates_divided_by_32": 3000}
    # 3,000 events in 60 ms: the gap at a border is 20 µs in the mean
    assert np.abs(recording.frames.t_us - truth.image_t_us).max() < 200


def test_an_empty_bs_ergb_file_leaves_the_images_beside_it_evenly_spaced(bs_ergb, stored, truth):
    empty = {name: np.empty(0, np.uint16) for name in ("x", "y", "timestamp", "polarity")}
    np.savez(bs_ergb / "events" / "000003.npz", **empty)
    recording, repairs = stored(bs_ergb)
    assert repairs["event_files_empty"] == 1
    assert np.abs(recording.frames.t_us - truth.image_t_us).max() < 200


def test_a_bs_ergb_folder_with_times_uses_them(bs_ergb, stored, same_as, truth):
    (bs_ergb / "images" / "timestamps.txt").write_text("".join(f"{time}\n" for time in truth.image_t_us))
    recording, _ = stored(bs_ergb)
    same_as(recording, whole_pixels=False)


def test_a_folder_of_both_kinds_of_event_files_is_not_guessed(hs_ergb, stored):
    (hs_ergb / "events").mkdir()
    with pytest.raises(MissingInputError, match="has both of the folders events_aligned and events"):
        stored(hs_ergb)


def test_a_folder_that_is_no_recording_is_one_line(tmp_path, stored):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty is no recording that evfi can read: expected one of aedat4, hs-ergb"):
        stored(tmp_path / "empty")
