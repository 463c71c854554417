"""Decoding in two threads gives what one gives: the same pieces in the same order, and the same counts of losses."""

import struct
import threading

import numpy as np
import pytest

from evfi.io.aedat4 import Aedat4Reader
from evfi.io.aedat4_decode import EVENT, decode_events, decode_events_inside
from evfi.types import Events, Frames, SensorSize
from tests.io.made_aedat4 import flatbuffer


def outcome(path, threads):
    reader = Aedat4Reader(path, threads=threads)
    pieces = list(reader.batches())
    return pieces, reader.repairs, reader.lost


def assert_same_outcome(path):
    (one, *counts_of_one), (two, *counts_of_two) = outcome(path, 1), outcome(path, 2)
    assert counts_of_one == counts_of_two
    assert [type(piece) for piece in one] == [type(piece) for piece in two]
    for mine, other in zip(one, two, strict=True):
        for name in type(mine).__slots__:
            np.testing.assert_array_equal(getattr(mine, name), getattr(other, name))
    return one


def test_two_threads_read_a_real_recording_as_one_does(real_data):
    pieces = assert_same_outcome(real_data / "davis" / "davis346.aedat4")
    assert sum(len(piece) for piece in pieces if isinstance(piece, Events)) == 78_830
    assert sum(len(piece) for piece in pieces if isinstance(piece, Frames)) == 59


@pytest.mark.parametrize("seed", range(8))
def test_two_threads_lose_of_a_damaged_recording_what_one_loses(recorded, seed):
    rng = np.random.default_rng(seed)
    data = bytearray(recorded.path.read_bytes())
    begin = 18 + struct.unpack_from("<I", data, 14)[0]
    for at in rng.integers(begin, len(data), 3):
        data[at] ^= int(rng.integers(1, 256))
    recorded.path.write_bytes(data[: int(rng.integers(len(data) // 2, len(data)))])
    assert_same_outcome(recorded.path)


def test_a_caller_that_stops_early_leaves_no_thread(recorded):
    before = threading.active_count()
    pieces = Aedat4Reader(recorded.path, threads=2).batches()
    next(pieces)
    assert threading.active_count() > before
    pieces.close()
    assert threading.active_count() == before


def test_the_compiled_split_gives_the_rows_that_numpy_sees():
    rng = np.random.default_rng(0)
    edge = -(1 << 15)
    rows = [
        (int(t), int(x), int(y), bool(p))
        for t, x, y, p in zip(
            rng.integers(-(1 << 62), 1 << 62, 500),
            [edge, -1, *rng.integers(0, 40, 498)],
            rng.integers(0, 30, 500),
            rng.random(500) < 0.5,
            strict=True,
        )
    ]
    packed = np.array([(t, x & 0xFFFF, y, p, b"") for t, x, y, p in rows], EVENT)
    body = flatbuffer("EVTS", {}, (0, packed.tobytes(), len(packed)))[4:]
    size = SensorSize(height=18, width=24)
    plain = decode_events(body)
    plain = plain[(plain["x"] < size.width) & (plain["y"] < size.height)]
    events, outside = decode_events_inside(body, size)
    assert (len(events), outside) == (len(plain), len(rows) - len(plain))
    assert 0 < outside < len(rows)
    for name in ("x", "y", "t", "p"):
        np.testing.assert_array_equal(getattr(events, name), plain[name])
