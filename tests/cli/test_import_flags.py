"""Flags that say what files leave open, through `evfi ingest`, `evfi info` and their mistakes."""

import json

import numpy as np
import pytest

from evfi.cli.app import exit_code
from evfi.io.recording import open_recording


@pytest.fixture
def table(tmp_path):
    np.savetxt(tmp_path / "e.csv", np.stack([np.arange(30)] * 4, axis=1), fmt="%d", delimiter=",")
    return tmp_path / "e.csv"


def run(capsys, *arguments):
    code = exit_code([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_text_file_is_ingested_with_its_flags(table, tmp_path, capsys):
    flags = ["--columns", "t,x,y,p", "--time-unit", "ms", "--sensor-size", "40x35"]
    assert run(capsys, "ingest", table, tmp_path / "r.zarr", *flags)[0] == 0
    recording = open_recording(tmp_path / "r.zarr")
    assert (recording.event_count, recording.end_us) == (30, 29_001)
    assert (recording.sensor_size.width, recording.sensor_size.height) == (40, 35)
    code, out, _ = run(capsys, "info", table, "--json", *flags)
    assert (code, json.loads(out)["events"]["count"]) == (0, 30)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--columns", "t,x,y"], "columns must name t, x, y and p once each"),
        (["--sensor-size", "40"], "--sensor-size must be WIDTHxHEIGHT"),
        (["--time-unit", "hours"], "time_unit"),
        (["--columns", "t,x,y,p"], "--sensor-size"),
        ([], "--columns t,x,y,p"),
    ],
)
def test_a_mistake_in_them_is_one_line(table, tmp_path, capsys, flags, named):
    code, out, err = run(capsys, "ingest", table, tmp_path / "r.zarr", *flags)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert named in err
    assert not (tmp_path / "r.zarr").exists()
