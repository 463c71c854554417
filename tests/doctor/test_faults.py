"""Every fault that formats.md names, planted in a small data set: found, and where safe, repaired."""

import json

import numpy as np
import pytest

from evfi.cli.app import exit_code
from evfi.doctor.examine import examined
from evfi.doctor.fix import write_repaired
from evfi.io.importers.options import ImportOptions
from evfi.io.recording import RecordingWriter, open_recording
from evfi.types import Events, Frames

SENSOR = {"sensor_height": 18, "sensor_width": 24}
IMAGE_STREAMS = ("frames", "repeated frames", "frame drops")


def doctor(path, **options):
    """Findings by check, with the verdict."""
    with examined(path, ImportOptions(**options)) as result:
        return {one.check: one for one in result.findings}


def repaired(path, out, **options):
    with examined(path, ImportOptions(**options)) as result:
        write_repaired(result.recording, out)
    recording = open_recording(out)
    return recording, recording.events(recording.start_us, recording.end_us)


def test_a_sound_folder_has_nothing_wrong(planted):
    found = doctor(planted.root)
    assert [name for name, one in found.items() if one.is_wrong] == []
    assert found["files against images"].values == {"intervals": 0, "files": 11}
    assert found["time unit"].values == {"unit": "us"}


@pytest.mark.parametrize(("scale", "dtype"), [(32, np.uint16), (128, np.int32)])
def test_scaled_coordinates_are_found_and_repaired(planted, tmp_path, scale, dtype):
    planted.write_events(x=lambda x: (x * scale).astype(dtype), y=lambda y: (y * scale).astype(dtype))
    found = doctor(planted.root)["coordinate scale"]
    assert (found.verdict, found.values) == ("repaired", {"scale": scale})
    _, events = repaired(planted.root, tmp_path / "r.zarr")
    np.testing.assert_array_equal(events.x, planted.events.x + np.float32(0.25))


def test_wrapped_uint16_is_found_and_left_out(planted, tmp_path):
    def wrapped(x):
        scaled = (x * 32).astype(np.int64)
        scaled[:3] = -20
        return scaled.astype(np.uint16)

    planted.write_events(x=wrapped, y=lambda y: (y * 32).astype(np.uint16))
    found = doctor(planted.root)["uint16 wrap"]
    assert (found.verdict, found.values) == ("repaired", {"count": 33})
    assert len(repaired(planted.root, tmp_path / "r.zarr")[1]) == 12_000 - 33


def test_coordinates_beyond_the_sensor_are_counted(planted):
    planted.write_events(x=lambda x: np.r_[np.float32(30), x[1:]])
    assert doctor(planted.root)["coordinates beyond the sensor"].values == {"count": 11}


@pytest.mark.parametrize(("unit", "factor"), [("s", 1e-6), ("ms", 1e-3), ("ns", 1000)])
def test_another_unit_of_the_events_is_found_by_the_images(planted, tmp_path, unit, factor):
    planted.write_events(t=lambda t: t * factor)
    found = doctor(planted.root)["time unit"]
    assert (found.verdict, found.values) == ("repaired", {"unit": unit})
    np.testing.assert_array_equal(repaired(planted.root, tmp_path / "r.zarr")[1].t, planted.events.t)


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1, 1000])
def test_another_unit_of_the_image_times_is_found_by_the_events(planted, tmp_path, factor):
    planted.write_times(planted.image_t_us * factor, "{:.9g}")
    recording, _ = repaired(planted.root, tmp_path / "r.zarr")
    np.testing.assert_array_equal(recording.frames.t_us, planted.image_t_us)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1e-6), ("us", 1)])
def test_the_unit_of_bare_events_is_the_only_plausible_one(planted, tmp_path, unit, factor):
    events = planted.events
    # half a million pixels: 0.2 events each a second
    np.savez(tmp_path / "e.npz", x=events.x * 30, y=events.y * 30, t=events.t * factor, p=events.p)
    found = doctor(tmp_path / "e.npz", sensor_height=540, sensor_width=720)["time unit"]
    assert (found.verdict, found.values) == ("repaired", {"unit": unit})


def test_a_unit_that_cannot_be_told_is_said_to_be_so(planted, tmp_path):
    events = planted.events
    np.savez(tmp_path / "e.npz", x=events.x, y=events.y, t=(events.t - events.t[0]) * 4, p=events.p)
    found = doctor(tmp_path / "e.npz", **SENSOR)
    assert found["time unit"].verdict == "not identifiable"
    assert "us and ms would all be plausible" in found["time unit"].found or "ms and us" in found["time unit"].found
    assert found["readable"].verdict == "wrong"


@pytest.mark.parametrize("shift", [-1, 1])
def test_files_one_interval_beside_their_images_are_found(planted, shift):
    planted.write_times(planted.image_t_us - 10_000 * shift)
    found = doctor(planted.root)["files against images"]
    assert (found.verdict, found.values["intervals"]) == ("repaired", shift)


def test_times_that_fall_are_found_and_repaired(planted, tmp_path):
    def swapped(t):
        t = t.copy()
        t[[50, 51]] = t[[51, 50]] if t[50] < t[51] else (t[51], t[50] + 1)
        return t

    planted.write_events(t=swapped)
    assert doctor(planted.root)["time order"].verdict == "repaired"
    _, events = repaired(planted.root, tmp_path / "r.zarr")
    assert (np.diff(events.t) >= 0).all()
    assert len(events) == 12_000


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        (lambda p: p, "ok", "{0, 1}"),
        (lambda p: np.where(p > 0, 1, -1), "ok", "{-1, 1}"),
        (lambda p: np.ones_like(p), "wrong", "constant {1}"),
        (lambda p: p * 3, "wrong", "{0, 3}"),
    ],
)
def test_polarity_encodings_are_told(planted, tmp_path, change, verdict, words):
    planted.write_events(p=change)
    found = doctor(planted.root)
    assert (found["polarity encoding"].verdict, found["polarity encoding"].found) == (verdict, words)
    assert (found["polarity"].verdict == "wrong") == words.startswith("constant")
    if verdict == "ok":
        np.testing.assert_array_equal(repaired(planted.root, tmp_path / "r.zarr")[1].p, planted.events.p)


def test_empty_and_missing_files_are_found(planted):
    planted.event_file(4).unlink()
    np.savez(planted.event_file(6), **{name: np.empty(0) for name in "xytp"})
    planted.image_file(3).unlink()
    found = doctor(planted.root)
    counts = {
        name: found[name].values["count"] for name in ("missing event files", "empty event files", "missing images")
    }
    assert counts == {"missing event files": 1, "empty event files": 1, "missing images": 1}
    assert found["gaps in the event stream"].verdict == "wrong"
    assert found["gaps in the event stream"].values["longest_gap_us"] > 9_000


def test_files_out_of_order_are_found_and_repaired(planted, tmp_path):
    third, fifth = planted.event_file(3), planted.event_file(5)
    third.rename(tmp_path / "third.npz")
    fifth.rename(third)
    (tmp_path / "third.npz").rename(fifth)
    assert doctor(planted.root)["order of event files"].verdict == "repaired"
    np.testing.assert_array_equal(repaired(planted.root, tmp_path / "r.zarr")[1].t, planted.events.t)


def test_repeated_images_are_found_and_left_out(planted, tmp_path):
    planted.image_file(5).write_bytes(planted.image_file(4).read_bytes())
    assert doctor(planted.root)["repeated frames"].values == {"numbers": [5]}
    recording, _ = repaired(planted.root, tmp_path / "r.zarr")
    np.testing.assert_array_equal(recording.frames.t_us, np.delete(planted.image_t_us, 5))


def test_dropped_frames_are_found(planted):
    for number in (6, 7):
        planted.image_file(number).unlink()
    found = doctor(planted.root)["frame drops"]
    assert (found.verdict, found.values["missing"], found.values["after_frames"]) == ("wrong", 2, [5])


def test_an_irregular_frame_rate_is_found(planted):
    wobble = np.where(np.arange(12) % 2, 1500, 0)
    planted.write_times(planted.image_t_us + wobble)
    assert doctor(planted.root)["frame rate"].verdict == "wrong"


def test_float32_times_are_found(planted):
    planted.write_events(t=lambda t: (t * 20).astype(np.float32))
    planted.write_times(planted.image_t_us * 20)
    found = doctor(planted.root)["time precision"]
    assert (found.verdict, found.values["step"]) == ("wrong", 4.0)


@pytest.fixture
def store(tmp_path):
    """A recording store of 2 s of even events, with a part of them changed."""

    def write(change):
        rng = np.random.default_rng(2)
        n = 40_000
        t = np.sort(rng.integers(0, 2_000_000, n))
        x, y = (rng.integers(0, side, n).astype(np.uint16) for side in (60, 40))
        x, y, t, p = change(x, y, t, rng.random(n) < 0.5)
        order = np.argsort(t, kind="stable")
        from evfi.types import SensorSize

        size = SensorSize(height=40, width=60)
        writer = RecordingWriter(tmp_path / "r.zarr", size)
        writer.add_events(Events(x[order], y[order], t[order], p[order], size))
        images = rng.integers(0, 256, (40, 40, 60), dtype=np.uint8)
        writer.add_frames(Frames.without_exposure(images, 50_000 * np.arange(40, dtype=np.int64)))
        writer.finish()
        return tmp_path / "r.zarr"

    return write


def test_even_events_have_neither_gaps_nor_spikes(store):
    found = doctor(store(lambda *columns: columns))
    assert [name for name, one in found.items() if one.is_wrong] == []


def test_a_gap_is_found(store):
    def cut(x, y, t, p):
        kept = (t < 700_000) | (t > 760_000)
        return x[kept], y[kept], t[kept], p[kept]

    found = doctor(store(cut))["gaps in the event stream"]
    assert found.verdict == "wrong"
    assert abs(found.values["start_us"] - 700_000) < 1000


def test_a_spike_is_found(store):
    def flash(x, y, t, p):
        t = t.copy()
        t[10_000:16_000] = 1_000_000 + np.arange(6_000) % 9_000
        return x, y, t, p

    found = doctor(store(flash))["event-rate spikes"]
    assert found.verdict == "wrong"
    assert abs(found.values["starts_us"][0] - 1_000_000) <= 10_000


def test_hot_pixels_are_left_out_by_fix_and_named(simulated, tmp_path):
    made = simulated(4, hot=40)
    with examined(made.recording.path, ImportOptions()) as result:
        repairs = write_repaired(result.recording, tmp_path / "fixed.zarr")
    fixed = open_recording(tmp_path / "fixed.zarr")
    events = fixed.events(fixed.start_us, fixed.end_us)
    left = set(zip(events.y.tolist(), events.x.tolist(), strict=True)) & made.hot
    assert len(left) <= 2
    assert repairs["hot_pixels"] >= 38
    assert fixed.attributes["repairs"]["hot_pixel_events"] == made.recording.event_count - len(events)
    assert doctor(tmp_path / "fixed.zarr")["hot pixels"].verdict == "ok"


def run(capsys, *arguments):
    code = exit_code([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_verb_prints_a_table_and_exits_0_on_a_sound_folder(planted, capsys):
    code, out, _ = run(capsys, "doctor", planted.root)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["check", "found", "verdict", "what", "to", "do"]
    assert len(lines) > 15
    assert "files against images" in out


def test_the_verb_exits_1_with_one_line_and_json_for_programs(planted, capsys):
    planted.event_file(4).unlink()
    code, out, err = run(capsys, "doctor", planted.root, "--json")
    assert code == 1
    found = json.loads(out)
    assert "missing event files" in found["wrong"]
    assert {"check", "found", "verdict", "advice", "values"} == set(found["findings"][0])
    assert err.strip().splitlines()[-1].startswith("evfi: error: ")
    assert "missing event files" in err


def test_fix_writes_a_store_and_names_what_it_did(planted, tmp_path, capsys):
    planted.image_file(5).write_bytes(planted.image_file(4).read_bytes())
    code, out, _ = run(capsys, "doctor", planted.root, "--fix", tmp_path / "r.zarr")
    assert code == 1
    assert "1 repeated_frames" in out
    receipt = json.loads((tmp_path / "r.json").read_text())
    assert receipt["repairs"]["repeated_frames"] == 1
    assert len(open_recording(tmp_path / "r.zarr").frames) == 11
    assert run(capsys, "doctor", tmp_path / "r.zarr")[0] in (0, 1)


def test_what_cannot_be_read_is_a_finding_and_fix_writes_nothing(planted, tmp_path, capsys):
    planted.event_file(3).write_bytes(b"PK\x03\x04 cut")
    code, out, err = run(capsys, "doctor", planted.root, "--fix", tmp_path / "r.zarr")
    assert code == 2
    assert "readable" in out
    assert "000003.npz" in err
    assert not (tmp_path / "r.zarr").exists()


def test_the_doctor_needs_a_recording(tmp_path, capsys):
    code, _, err = run(capsys, "doctor", tmp_path / "gone")
    assert code == 2
    assert "no recording at" in err


def test_a_repaired_store_passes_verify_and_keeps_the_small_streams(real_data, tmp_path):
    import evfi
    from evfi.io.verification import verify_store

    with examined(real_data / "davis" / "davis346.aedat4", ImportOptions()) as result:
        write_repaired(result.recording, tmp_path / "r.zarr")
        whole = evfi.open(real_data / "davis" / "davis346.aedat4")
    fixed = open_recording(tmp_path / "r.zarr")
    assert (fixed.event_count, len(fixed.imu), len(fixed.triggers)) == (
        whole.event_count,
        len(whole.imu),
        len(whole.triggers),
    )
    assert verify_store(tmp_path / "r.zarr")["arrays"] > 8


def test_a_cut_aedat4_is_found_with_what_it_lost(real_data, tmp_path):
    whole = (real_data / "davis" / "davis346.aedat4").read_bytes()
    (tmp_path / "cut.aedat4").write_bytes(whole[: len(whole) // 2])
    found = doctor(tmp_path / "cut.aedat4")
    assert found["data table absent"].verdict == "repaired"
    assert found["lost to damage"].verdict == "wrong"
    assert found["lost to damage"].values["packets"] >= 1
    assert found["event stream"].verdict == "ok"
