"""Streams beside the plain case: several cameras, other pixel formats, unknown exposure, inertia and triggers."""

from pathlib import Path

import dv_processing as dv
import numpy as np
import pytest

from evfi.errors import InputFileError, UserError
from evfi.io.aedat4 import Aedat4Reader, write_aedat4
from evfi.io.describe import describe
from evfi.io.ingest import ingest
from evfi.io.pieces import Imu, Triggers
from evfi.io.recording import open_recording
from evfi.types import Events, Frames, SensorSize
from tests.io.made_aedat4 import event_packet, frame_packet, put_together, taken_apart

SIZE = SensorSize(height=18, width=24)
EPOCH_US = 1_700_000_000_000_000


def read(path: Path, kind: type, camera: str | None = None) -> list:
    return [piece for piece in Aedat4Reader(path, camera).batches() if isinstance(piece, kind)]


@pytest.fixture
def stereo(tmp_path) -> Path:
    """Two cameras in one file, as dv-processing writes them: left 24x18 and right 30x20 pixels."""
    configs = []
    for name, resolution in (("DAVIS346_left", (24, 18)), ("DVXplorer_right", (30, 20))):
        config = dv.io.MonoCameraWriter.Config(name)
        config.addEventStream(resolution)
        configs.append(config)
    configs[0].addFrameStream((24, 18))
    writer = dv.io.StereoCameraWriter(str(tmp_path / "stereo.aedat4"), *configs)
    for side, count, x in ((writer.left, 5, 3), (writer.right, 7, 29)):
        rows = [dv.Event(EPOCH_US + number, x, number, number % 2 == 0) for number in range(count)]
        side.writeEventPacket(dv.EventPacket(dv.EventPacket.EventVector(rows)))
    writer.left.writeFrame(dv.Frame(EPOCH_US, 200, 0, 0, np.full((18, 24), 7, np.uint8), dv.FrameSource.SENSOR))
    del side, writer
    return tmp_path / "stereo.aedat4"


def test_each_camera_of_a_file_is_read_by_its_name(stereo):
    left = Events.concatenated(read(stereo, Events, "DAVIS346_left"), SIZE)
    (right,) = read(stereo, Events, "DVXplorer_right")
    assert (left.x.tolist(), right.x.tolist()) == ([3] * 5, [29] * 7)
    assert right.sensor_size == SensorSize(height=20, width=30)
    assert len(read(stereo, Frames, "DAVIS346_left")) == 1
    assert read(stereo, Frames, "DVXplorer_right") == []


def test_several_cameras_and_none_named_is_one_line_that_lists_them(stereo, tmp_path):
    with pytest.raises(UserError, match="several cameras: DAVIS346_left, DVXplorer_right; choose one with --camera"):
        ingest(stereo, tmp_path / "r.zarr")
    with pytest.raises(UserError, match="no camera other: it has DAVIS346_left, DVXplorer_right"):
        ingest(stereo, tmp_path / "r.zarr", camera="other")
    assert not (tmp_path / "r.zarr").exists()


def test_the_camera_is_chosen_on_the_command_line(stereo, tmp_path, capsys):
    from evfi.cli.app import exit_code

    assert exit_code(["ingest", str(stereo), str(tmp_path / "r.zarr")]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 1
    assert "DAVIS346_left, DVXplorer_right" in lines[0]
    assert exit_code(["ingest", str(stereo), str(tmp_path / "r.zarr"), "--camera", "DVXplorer_right"]) == 0
    recording = open_recording(tmp_path / "r.zarr")
    assert recording.event_count == 7
    assert recording.attributes["source"]["camera"] == "DVXplorer_right"


def test_the_description_names_every_camera(stereo):
    found = describe(stereo)
    assert found["events"] is None
    sizes = {name: camera["sensor_size"] for name, camera in found["cameras"].items()}
    assert sizes == {"DAVIS346_left": {"height": 18, "width": 24}, "DVXplorer_right": {"height": 20, "width": 30}}
    assert found["cameras"]["DAVIS346_left"]["frames"]["count"] == 1
    assert found["cameras"]["DVXplorer_right"]["events"]["count"] == 7


def with_frames(recorded, *packets: bytes) -> Path:
    """The recording with these frame packets in the place of its own."""
    head, own = taken_apart(recorded.path)
    return put_together(recorded.path, head, [*(part for part in own if part[0] == 0), *((1, raw) for raw in packets)])


def test_16_bit_frames_are_divided_by_256_and_it_is_noted(recorded):
    deep = np.arange(18 * 24, dtype="<u2").reshape(18, 24) * 151
    with_frames(recorded, frame_packet(deep, EPOCH_US, kind=2))
    reader = Aedat4Reader(recorded.path)
    (frame,) = (piece for piece in reader.batches() if isinstance(piece, Frames))
    np.testing.assert_array_equal(frame.image[0], deep // 256)
    assert reader.repairs["frames_from_16_bit"] == 1


def test_frames_with_an_alpha_channel_lose_it(recorded):
    bgra = np.random.default_rng(0).integers(0, 256, (18, 24, 4), np.uint8)
    with_frames(recorded, frame_packet(bgra, EPOCH_US, kind=24))
    (frame,) = read(recorded.path, Frames)
    np.testing.assert_array_equal(frame.image[0], bgra[..., [2, 1, 0]])


@pytest.mark.parametrize("exposure", [None, (0, 0), (EPOCH_US + 9, EPOCH_US + 5)])
def test_a_frame_without_exposure_has_both_ends_at_its_time(recorded, exposure):
    with_frames(recorded, frame_packet(np.zeros((18, 24), np.uint8), EPOCH_US + 123, kind=0, exposure=exposure))
    (frame,) = read(recorded.path, Frames)
    assert frame.t_us == frame.exposure_start_us == frame.exposure_end_us == EPOCH_US + 123


def test_mid_exposure_is_rounded_down(recorded):
    exposure = (EPOCH_US + 10, EPOCH_US + 15)
    with_frames(recorded, frame_packet(np.zeros((18, 24), np.uint8), EPOCH_US, kind=0, exposure=exposure))
    (frame,) = read(recorded.path, Frames)
    assert (frame.t_us, frame.exposure_start_us, frame.exposure_end_us) == (EPOCH_US + 12, *exposure)


@pytest.mark.parametrize(
    ("pixels", "kind", "message"),
    [
        (np.zeros((18, 24), "<f4"), 5, "has 1 channels of float32"),
        (np.zeros((18, 24, 2), np.uint8), 8, "has 2 channels of uint8"),
        (np.zeros((20, 24), np.uint8), 0, "has 24x20 pixels, expected the sensor's 24x18"),
    ],
)
def test_frames_that_cannot_be_read_are_one_line_and_beside_others_a_count(recorded, tmp_path, pixels, kind, message):
    with_frames(recorded, frame_packet(pixels, EPOCH_US, kind))
    with pytest.raises(InputFileError, match=message) as caught:
        ingest(recorded.path, tmp_path / "r.zarr")
    assert str(recorded.path) in str(caught.value)
    good = frame_packet(np.zeros((18, 24), np.uint8), EPOCH_US + 50, 0)
    with_frames(recorded, frame_packet(pixels, EPOCH_US, kind), good)
    reader = Aedat4Reader(recorded.path)
    assert sum(isinstance(piece, Frames) for piece in reader.batches()) == 1
    assert reader.repairs["frames_unreadable"] == 1


def test_a_colour_frame_among_gray_ones_is_left_out(recorded):
    gray, colour = np.zeros((18, 24), np.uint8), np.zeros((18, 24, 3), np.uint8)
    with_frames(recorded, frame_packet(gray, EPOCH_US, 0), frame_packet(colour, EPOCH_US + 9, 16))
    (frame,) = read(recorded.path, Frames)
    assert frame.image.shape == (1, 18, 24)


def test_a_colour_davis_comes_into_the_store_as_rgb(tmp_path, events_of, frames_of):
    frames = frames_of(3, colour=True)
    write_aedat4(tmp_path / "c.aedat4", SIZE, [events_of(100)], [frames])
    ingest(tmp_path / "c.aedat4", tmp_path / "r.zarr")
    stream = open_recording(tmp_path / "r.zarr").frames
    np.testing.assert_array_equal(np.stack([stream[number] for number in range(3)]), frames.image)


def test_inertia_and_triggers_survive_into_the_store(tmp_path):
    path = tmp_path / "i.aedat4"
    config = dv.io.MonoCameraWriter.Config("DAVIS240C")
    config.addEventStream((24, 18))
    config.addImuStream()
    config.addTriggerStream()
    writer = dv.io.MonoCameraWriter(str(path), config)
    writer.writeEventPacket(dv.EventPacket(dv.EventPacket.EventVector([dv.Event(EPOCH_US, 1, 2, True)])))
    for number in range(3):
        values = [number + tenth / 10 for tenth in range(10)]
        writer.writeImu(dv.IMU(EPOCH_US + number, *values))
    writer.writeTrigger(dv.Trigger(EPOCH_US + 4, dv.TriggerType.EXTERNAL_SIGNAL_RISING_EDGE))
    del writer
    receipt = ingest(path, tmp_path / "r.zarr")
    recording = open_recording(tmp_path / "r.zarr")
    assert receipt["counts"] == {"events": 1, "frames": 0, "imu": 3, "triggers": 1, "truth": 0}
    assert isinstance(recording.imu, Imu)
    assert isinstance(recording.triggers, Triggers)
    np.testing.assert_array_equal(recording.imu.t_us, EPOCH_US + np.arange(3))
    found = [getattr(recording.imu, name)[1] for name in Imu.__slots__[1:]]
    np.testing.assert_allclose(found, [1 + tenth / 10 for tenth in range(10)], rtol=1e-6)
    assert (recording.triggers.t_us.tolist(), recording.triggers.kind.tolist()) == ([EPOCH_US + 4], [1])


def test_a_store_without_inertia_says_none(recorded, tmp_path):
    ingest(recorded.path, tmp_path / "r.zarr")
    recording = open_recording(tmp_path / "r.zarr")
    assert (recording.imu, recording.triggers) == (None, None)


def test_swapped_and_repeated_packets_give_the_same_events_once(recorded, assert_same_events):
    head, packets = taken_apart(recorded.path)
    events = [number for number, (stream, _) in enumerate(packets) if stream == 0]
    packets[events[0]], packets[events[1]] = packets[events[1]], packets[events[0]]
    packets.insert(events[2], packets[events[1]])
    put_together(recorded.path, head, [*packets, packets[-1], packets[-1]])
    reader = Aedat4Reader(recorded.path)
    found = Events.concatenated([piece for piece in reader.batches() if isinstance(piece, Events)], SIZE)
    # of equal times at the packets' border, the order is the file's
    assert_same_events(found.in_canonical_order(), recorded.events.in_canonical_order())
    assert reader.repairs["packets_repeated"] == 3
    assert reader.repairs["events_sorted"] > 0


def test_a_time_stamp_in_the_future_costs_one_event_of_the_recording(recorded):
    head, packets = taken_apart(recorded.path)
    late = event_packet([(int(recorded.events.t[0]) + (1 << 50), 1, 1, True)])
    put_together(recorded.path, head, [(0, late), *packets])
    reader = Aedat4Reader(recorded.path)
    assert sum(len(piece) for piece in reader.batches() if isinstance(piece, Events)) == len(recorded.events)
    assert reader.repairs["events_wrong_time"] == 1
