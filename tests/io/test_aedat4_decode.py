"""The compiled pass over packed events gives what NumPy sees in them."""

import numpy as np

from evfi.io.aedat4_decode import EVENT, decode_events, decode_events_inside
from evfi.types import SensorSize
from tests.io.made_aedat4 import flatbuffer


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
