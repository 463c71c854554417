"""What `evfi info` says of every format that is read."""

import json

import numpy as np
import pytest

from evfi.io.describe import describe
from evfi.io.importers.options import ImportOptions


@pytest.mark.parametrize("name", ["hs_ergb", "bs_ergb", "dsec", "hqf"])
def test_a_data_set_is_described_as_its_store_will_be(name, request, stored):
    path = request.getfixturevalue(name)
    found = describe(path)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    recording, _ = stored(path)
    store = describe(recording.path)
    assert (found["kind"], found["format"]) == ("recording", name.replace("_", "-"))
    for key in ("sensor_size", "events", "frames"):
        assert found[key] == store[key]
    assert found["frames"]["count"] == 7


def test_plain_events_are_described_with_what_they_leave_open(tmp_path):
    np.savetxt(tmp_path / "e.txt", np.stack([np.arange(50)] * 4, axis=1), fmt="%d")
    options = ImportOptions(columns=("t", "x", "y", "p"), time_unit="ms", sensor_height=60, sensor_width=60)
    found = describe(tmp_path / "e.txt", options)
    assert (found["kind"], found["format"], found["frames"]) == ("events", "text", None)
    assert (found["events"]["count"], found["events"]["end_us"]) == (50, 49_000)
