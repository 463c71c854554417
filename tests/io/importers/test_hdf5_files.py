"""DSEC's and HQF's HDF5 layouts, and files that reach into others."""

import h5py
import numpy as np
import pytest

from evfi.errors import InputFileError, UserError
from evfi.io.images import write_frame_folder
from evfi.types import Frames


def test_a_dsec_file_comes_in_with_its_offset_added_and_its_exposures(dsec, stored, same_as, truth):
    recording, repairs = stored(dsec)
    same_as(recording, whole_pixels=True)
    assert recording.start_us == truth.t[0]
    assert (recording.frames.exposure_end_us - recording.frames.exposure_start_us == 600).all()
    assert (recording.attributes["source"]["format"], repairs) == ("dsec", {})


def test_dsec_events_alone_need_the_sensor_size(dsec, stored):
    with h5py.File(dsec, "a") as file:
        del file["frames"]
    with pytest.raises(UserError, match=r"events\.h5 does not say how large its sensor is: give --sensor-size"):
        stored(dsec)
    recording, _ = stored(dsec, sensor_height=18, sensor_width=24)
    assert (recording.event_count, recording.frames) == (3000, None)
    with h5py.File(dsec, "a") as file:
        file.attrs.update(height=18, width=24)
    assert stored(dsec)[0].sensor_size.width == 24


def test_a_size_that_contradicts_the_file_is_refused(dsec, stored):
    with pytest.raises(InputFileError, match="is of a 24x18 sensor, --sensor-size says 30x18"):
        stored(dsec, sensor_height=18, sensor_width=30)


def test_dsec_takes_the_images_that_lie_beside_it(dsec, stored, same_as, truth):
    with h5py.File(dsec, "a") as file:
        del file["frames"]
    write_frame_folder(dsec.parent / "images", Frames.without_exposure(truth.image, truth.image_t_us))
    recording, _ = stored(dsec)
    same_as(recording, whole_pixels=True)


def test_an_hqf_file_comes_in_with_its_images(hqf, stored, same_as):
    recording, repairs = stored(hqf)
    same_as(recording, whole_pixels=True, colour=False)
    assert (recording.attributes["source"]["format"], repairs) == ("hqf", {})


def test_hqf_images_are_ordered_by_time_whatever_their_names(hqf, stored, same_as):
    with h5py.File(hqf, "a") as file:
        file.move("images/image000000001", "images/image000000099")
    recording, _ = stored(hqf)
    same_as(recording, whole_pixels=True, colour=False)


def test_an_image_without_its_time_is_one_line(hqf, stored):
    with h5py.File(hqf, "a") as file:
        del file["images/image000000002"].attrs["timestamp"]
    with pytest.raises(InputFileError, match=r"hqf\.h5 has images/image000000002 without timestamp"):
        stored(hqf)


def external_link(file, tmp_path):
    del file["events/x"]
    file["events/x"] = h5py.ExternalLink("other.h5", "/x")


def external_group(file, tmp_path):
    del file["events"]
    file["events"] = h5py.ExternalLink("other.h5", "/events")


def external_data(file, tmp_path):
    del file["events/x"]
    file.create_dataset("events/x", (3000,), np.uint8, external=[(str(tmp_path / "raw.bin"), 0, 3000)])


def virtual_data(file, tmp_path):
    del file["events/x"]
    layout = h5py.VirtualLayout((3000,), np.uint8)
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (3000,))
    file.create_virtual_dataset("events/x", layout)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (external_link, "/events/x is an external link to 'other.h5', refused"),
        (external_group, "/events is an external link to 'other.h5', refused"),
        (external_data, "/events/x keeps its data in other files, refused"),
        (virtual_data, "/events/x keeps its data in other files, refused"),
    ],
)
def test_a_file_that_reaches_into_others_is_refused_in_one_line(dsec, stored, tmp_path, plant, said):
    with h5py.File(dsec, "a") as file:
        plant(file, tmp_path)
    with pytest.raises(InputFileError, match=said) as caught:
        stored(dsec)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").glob("*")) == []


@pytest.mark.parametrize("group", ["events", "frames"])
def test_a_header_that_promises_2_to_the_60_rows_is_one_line(dsec, stored, group):
    with h5py.File(dsec, "a") as file:
        for name in list(file[group]):
            values = file[group][name][()]
            del file[group][name]
            shape = values.shape[1:]
            data = file[group].create_dataset(name, data=values, maxshape=(None, *shape), chunks=(64, *shape))
            data.resize(1 << 60, axis=0)
    said = rf"/{group}/\w+ promises {1 << 60} rows, of which at most \d+ were written"
    with pytest.raises(InputFileError, match=said):
        stored(dsec)


def test_columns_without_any_storage_are_one_line(dsec, stored):
    with h5py.File(dsec, "a") as file:
        del file["events/p"]
        file.create_dataset("events/p", (3000,), np.uint8)
    with pytest.raises(InputFileError, match="/events/p promises 3000 rows, of which at most 0 were written"):
        stored(dsec)


def test_columns_of_unequal_length_are_one_line(dsec, stored):
    with h5py.File(dsec, "a") as file:
        del file["events/p"]
        file["events/p"] = np.zeros(2999, np.uint8)
    with pytest.raises(InputFileError, match=r"events\.h5 has columns of .*: not the layout"):
        stored(dsec)


def test_frames_on_another_raster_than_the_events_are_refused(dsec, stored):
    with h5py.File(dsec, "a") as file:
        file.attrs.update(height=20, width=30)
    with pytest.raises(InputFileError, match="has frames of 24x18 pixels on a sensor of 30x20"):
        stored(dsec)


def test_a_cut_file_is_one_line(dsec, stored):
    dsec.write_bytes(dsec.read_bytes()[:-500])
    with pytest.raises((InputFileError, UserError), match=r"events\.h5") as caught:
        stored(dsec)
    assert "\n" not in str(caught.value)


def test_events_of_another_clock_than_the_frames_are_refused(dsec, stored):
    with h5py.File(dsec, "a") as file:
        file["t_offset"][()] = 0
    with pytest.raises(InputFileError, match=r"so they do not belong together; what would fit: none"):
        stored(dsec)
