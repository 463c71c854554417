"""Damaged aedat4 files: every packet that is whole comes out, nothing is made up, and what was lost is counted."""

import resource
import struct
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from evfi.errors import EvfiError, InputFileError
from evfi.io import aedat4_packets
from evfi.io.aedat4 import Aedat4Reader
from evfi.io.aedat4_decode import decode_events
from evfi.io.aedat4_header import read_header
from evfi.types import Events, Frames, SensorSize
from tests.io.made_aedat4 import event_packet, flatbuffer, lz4, put_together, table_position, taken_apart

SIZE = SensorSize(height=18, width=24)
FLIPS, SECONDS_A_FLIP, MEGABYTES_MORE = 200, 2.0, 150


def rows_of(events: Events) -> np.ndarray:
    """One row an event, so that events can be compared as a set."""
    return np.rec.fromarrays([events.t, events.x, events.y, events.p], names="t,x,y,p")


def read_all(path: Path) -> tuple[np.ndarray, list[int], Aedat4Reader]:
    reader = Aedat4Reader(path)
    pieces = list(reader.batches())
    events = Events.concatenated([piece for piece in pieces if isinstance(piece, Events)], reader.sensor_size)
    return rows_of(events), [int(piece.t_us[0]) for piece in pieces if isinstance(piece, Frames)], reader


@pytest.fixture(scope="module")
def davis(real_data) -> Path:
    return real_data / "davis" / "davis346.aedat4"


@pytest.fixture(scope="module")
def true_events(davis) -> np.ndarray:
    return read_all(davis)[0]


def starts_of_packets(data: bytes) -> tuple[np.ndarray, list[int]]:
    """Where each packet starts (and the last ends), and the streams."""
    place, starts, streams = 18 + struct.unpack_from("<I", data, 14)[0], [], []
    while place < table_position(data):
        stream, size = struct.unpack_from("<ii", data, place)
        starts.append(place)
        streams.append(stream)
        place += 8 + size
    return np.array([*starts, place]), streams


@pytest.mark.parametrize("number", range(20))
def test_a_real_recording_cut_anywhere_is_read_up_to_the_cut(davis, true_events, tmp_path, number):
    whole = davis.read_bytes()
    starts, streams = starts_of_packets(whole)
    cut = int(np.random.default_rng(number).integers(starts[1], starts[-1]))
    path = tmp_path / "cut.aedat4"
    path.write_bytes(whole[:cut])
    events, frames, reader = read_all(path)
    whole_packets = int(np.searchsorted(starts, cut, side="right")) - 1
    assert len(frames) == streams[:whole_packets].count(1)
    assert len(events)
    np.testing.assert_array_equal(events, true_events[: len(events)])
    assert (len(events) == len(true_events)) == (0 not in streams[whole_packets:])
    assert reader.repairs["data_table_absent"] == 1
    # from the last whole packet to where the header says that packets end
    assert reader.lost["bytes"] == starts[-1] - starts[whole_packets]
    assert reader.lost["packets"] == 1
    assert reader.lost["gaps"][0][1] is None


@pytest.mark.parametrize("kept", [5, 14, 16, 18, 40, 300])
def test_a_file_cut_within_its_header_is_named(recorded, kept):
    recorded.path.write_bytes(recorded.path.read_bytes()[:kept])
    with pytest.raises(InputFileError, match=r"is cut off after .* within its header") as caught:
        Aedat4Reader(recorded.path)
    assert str(recorded.path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [-200, -5])
def test_a_file_cut_within_its_data_table_loses_nothing(recorded, kept):
    recorded.path.write_bytes(recorded.path.read_bytes()[:kept])
    events, frames, reader = read_all(recorded.path)
    np.testing.assert_array_equal(events, rows_of(recorded.events))
    assert len(frames) == len(recorded.frames)
    assert (reader.lost, reader.repairs["data_table_absent"]) == ({}, 1)


def test_a_recording_without_its_data_table_is_read_whole(recorded):
    put_together(recorded.path, *taken_apart(recorded.path))
    events, frames, reader = read_all(recorded.path)
    np.testing.assert_array_equal(events, rows_of(recorded.events))
    assert len(frames) == len(recorded.frames)
    assert (reader.lost, reader.repairs["data_table_absent"]) == ({}, 1)


@pytest.mark.parametrize("number", [0, 4, -1])
def test_a_damaged_packet_is_passed_over_and_the_gap_is_known(recorded, number):
    head, packets = taken_apart(recorded.path)
    places = [place for place, (stream, _) in enumerate(packets) if stream == 0]
    place = places[number] if number < len(places) else places[-1]
    raw = packets[place][1]
    packets[place] = (0, raw[:20] + bytes(64) + raw[84:])
    put_together(recorded.path, head, packets)
    events, frames, reader = read_all(recorded.path)
    assert len(frames) == len(recorded.frames)
    assert np.isin(events, rows_of(recorded.events)).all()
    assert len(recorded.events) - len(events) in (8192, len(recorded.events) % 8192)
    assert (reader.lost["packets"], reader.lost["bytes"]) == (1, len(raw) + 8)
    ((before, after),) = reader.lost["gaps"]
    assert before is None or after is None or before <= after


def test_a_damaged_size_is_resynchronised_at_the_next_packet_that_decodes(recorded):
    data = bytearray(recorded.path.read_bytes())
    starts, streams = starts_of_packets(bytes(data))
    data[starts[1] + 4 : starts[1] + 8] = struct.pack("<i", 77)
    recorded.path.write_bytes(data)
    events, frames, reader = read_all(recorded.path)
    assert reader.lost["packets"] == 1
    assert reader.lost["bytes"] == starts[2] - starts[1]
    lost_frames = int(streams[1] == 1)
    assert len(frames) == len(recorded.frames) - lost_frames
    assert np.isin(events, rows_of(recorded.events)).all()


def test_a_damaged_data_table_and_a_wrong_place_of_it_lose_nothing(recorded):
    whole = recorded.path.read_bytes()
    damaged = bytearray(whole)
    damaged[-40:-20] = bytes(20)
    place = whole.index(table_position(whole).to_bytes(8, "little"), 18)
    wrong = whole[:place] + (table_position(whole) // 2).to_bytes(8, "little") + whole[place + 8 :]
    for data in (bytes(damaged), wrong):
        recorded.path.write_bytes(data)
        events, frames, _ = read_all(recorded.path)
        np.testing.assert_array_equal(events, rows_of(recorded.events))
        assert len(frames) == len(recorded.frames)


def test_random_byte_flips_end_in_one_line_or_in_true_events(davis, true_events, tmp_path):
    whole = davis.read_bytes()[:700_000]
    starts, streams = starts_of_packets_of_cut(whole, davis)
    true, position = _events_by_packet(davis, true_events, len(starts))
    path, rng = tmp_path / "flipped.aedat4", np.random.default_rng(2026)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = []
    for _ in range(FLIPS):
        data = bytearray(whole)
        # every tenth in the header, where one byte does most
        at = int(rng.integers(14, starts[0]) if rng.random() < 0.1 else rng.integers(starts[0], len(data)))
        data[at] ^= int(rng.integers(1, 256))
        path.write_bytes(data)
        began = time.process_time()
        try:
            events = as_set(read_all(path)[0])
        except EvfiError as error:
            refused.append((at, str(error)))
        else:
            hit = int(np.searchsorted(starts, at, side="right")) - 1
            untouched = as_set(true[position != hit])
            # only the packet that was hit may hold something else: neither codec nor packets have a checksum
            strange = events - as_set(true)
            assert len(strange) <= (streams[hit] == 0) * (position == hit).sum() if hit >= 0 else not strange
            assert untouched <= events or hit < 0
        assert time.process_time() - began < SECONDS_A_FLIP
    assert all(at < starts[0] and str(path) in message and "\n" not in message for at, message in refused)
    assert 0 < len(refused) < FLIPS // 10
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES_MORE


def as_set(rows: np.ndarray) -> set[tuple[int, int, int, bool]]:
    return set(rows.tolist())


def starts_of_packets_of_cut(data: bytes, davis: Path) -> tuple[np.ndarray, list[int]]:
    starts, streams = starts_of_packets(davis.read_bytes())
    inside = int((starts[1:] <= len(data)).sum())
    return starts[:inside], streams[:inside]


def _events_by_packet(davis: Path, true_events: np.ndarray, packets: int) -> tuple[np.ndarray, np.ndarray]:
    """The true events of the first packets, and the number of the packet of each."""
    found = aedat4_packets.Packets(davis, read_header(davis), lambda _, __, body: body)
    position = [
        np.full(len(decode_events(packet.content)) if packet.stream == 0 else 0, number)
        for number, packet in zip(range(packets), found, strict=False)
    ]
    numbers = np.concatenate(position)
    return true_events[: len(numbers)], numbers


def test_a_promise_of_a_thousand_million_million_events_is_a_lost_packet(recorded):
    head, packets = taken_apart(recorded.path)
    # the length of a FlatBuffer vector has 32 bits: 2^60 bytes are promised with the largest there is
    hostile = (0, event_packet([(1, 1, 1, True)], promised=(1 << 32) - 1))
    put_together(recorded.path, head, [hostile, *packets])
    events, _, reader = read_all(recorded.path)
    np.testing.assert_array_equal(events, rows_of(recorded.events))
    assert reader.lost["packets"] == 1


def test_a_bomb_is_a_lost_packet_and_never_unpacked(recorded):
    head, packets = taken_apart(recorded.path)
    lying = lz4(struct.pack("<I", 1000) + bytes(50_000_000))
    honest = lz4(struct.pack("<I", aedat4_packets.LARGEST_PACKET) + bytes(aedat4_packets.LARGEST_PACKET))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    put_together(recorded.path, head, [(0, lying), (0, honest), *packets])
    events, _, reader = read_all(recorded.path)
    np.testing.assert_array_equal(events, rows_of(recorded.events))
    assert reader.lost["packets"] == 2
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES_MORE


@pytest.mark.parametrize("count", [100_000, 1 << 20])
def test_inertial_samples_that_would_fill_the_memory_are_a_lost_packet(recorded, count):
    head, packets = taken_apart(recorded.path)
    # all lead to one table, behind the slots, that says it has 60,000 bytes
    slots = (4 * count - 4 * np.arange(count)).astype("<u4")
    vtable = struct.pack("<HHH", 6, 60_000, 4)
    body = flatbuffer("IMUS", {}, (0, slots.tobytes() + struct.pack("<i", -4) + vtable + bytes(70_000), count))
    # the stream of frames becomes one of inertial samples, so that the packet is decoded as such
    with_imu = head.replace(b"FRME", b"IMUS")
    put_together(recorded.path, with_imu, [(1, lz4(body)), *(part for part in packets if part[0] == 0)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    events, _, reader = read_all(recorded.path)
    np.testing.assert_array_equal(events, rows_of(recorded.events))
    assert reader.lost["packets"] == 1
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES_MORE


def test_a_file_made_to_look_like_packets_everywhere_is_given_up(recorded, monkeypatch):
    monkeypatch.setattr(aedat4_packets, "_FALSE_STARTS", 5)
    head, packets = taken_apart(recorded.path)
    # heads that fit (stream 0, 40 bytes) in front of the magic, and nothing that decodes
    false = (struct.pack("<ii", 0, 40) + b"\x04\x22\x4d\x18" + bytes(20)) * 50
    put_together(recorded.path, head, packets)
    recorded.path.write_bytes(recorded.path.read_bytes() + b"\xff" * 9 + false)
    events, _, reader = read_all(recorded.path)
    np.testing.assert_array_equal(events, rows_of(recorded.events))
    assert reader.lost["packets"] == 1


def test_a_file_of_which_nothing_decodes_is_named(recorded):
    head, packets = taken_apart(recorded.path)
    put_together(recorded.path, head, [(stream, bytes(len(raw))) for stream, raw in packets])
    with pytest.raises(InputFileError, match="none of its packets can be decoded") as caught:
        read_all(recorded.path)
    assert str(recorded.path) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"<dv version", b"<!DOCTYPE a", "damaged aedat4 header .*document type or entities"),
        (b"</dv>", b"</du>", "damaged aedat4 header .*mismatched tag"),
        (b'"int">24<', b'"int">-4<', "damaged aedat4 header .*a sensor of -4x18 pixels"),
        (b"EVTS", b"BBOX", "no stream of events or frames"),
        (b"sizeX", b"sizeQ", "gives no sensor size"),
    ],
)
def test_a_header_that_makes_no_sense_is_named(recorded, old, new, message):
    data = recorded.path.read_bytes().replace(old, new)
    recorded.path.write_bytes(data.replace(b"FRME", b"POSE") if old == b"EVTS" else data)
    with pytest.raises(InputFileError, match=message) as caught:
        Aedat4Reader(recorded.path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_files_of_other_compressions_are_read_and_resynchronised(recorded, codec):
    head, packets = taken_apart(recorded.path)
    bodies = [(stream, pa.input_stream(pa.BufferReader(raw), compression="lz4").read()) for stream, raw in packets]
    if codec == "zstd":
        bodies = [(stream, pa.Codec("zstd").compress(body, asbytes=True)) for stream, body in bodies]
    root = struct.unpack_from("<I", head, 18)[0] + 18
    head = head[: root + 4] + struct.pack("<i", {"none": 0, "zstd": 3}[codec]) + head[root + 8 :]
    put_together(recorded.path, head, bodies)
    assert Aedat4Reader(recorded.path).compression == codec
    events, frames, reader = read_all(recorded.path)
    np.testing.assert_array_equal(events, rows_of(recorded.events))
    assert len(frames) == len(recorded.frames)
    assert reader.lost == {}
    data = bytearray(recorded.path.read_bytes())
    place = len(head)
    data[place : place + 8] = bytes(8)
    recorded.path.write_bytes(data)
    assert read_all(recorded.path)[2].lost["packets"] == 1


def test_a_packet_of_another_kind_than_its_stream_is_lost(recorded):
    head, packets = taken_apart(recorded.path)
    put_together(recorded.path, head, [*packets, (0, lz4(flatbuffer("TRIG", {}, (0, b"", 0))))])
    assert read_all(recorded.path)[2].lost["packets"] == 1
