import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np

from evfi.cli.app import exit_code
from evfi.io.recording import RecordingWriter
from evfi.types import Frames, SensorSize


def test_view_prints_an_address_that_answers_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "my.zarr", SensorSize(height=8, width=9))
    t_us = np.arange(3, dtype=np.int64) * 1000
    writer.add(Frames(np.zeros((3, 8, 9), np.uint8), t_us, t_us, t_us))
    writer.finish()
    code = "import sys; from evfi.cli.app import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "view", str(tmp_path / "my.zarr")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as running:  # fmt: skip
        assert running.stdout is not None
        said = running.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/\S+/", said)
        try:
            assert address, said
            with urllib.request.urlopen(address[0] + "list", timeout=60) as response:  # noqa: S310 - http, made here
                assert response.read() == b'{"recordings": ["my.zarr"]}'
        finally:
            running.send_signal(signal.SIGINT)
            try:
                _, complaints = running.communicate(timeout=60)
            finally:
                running.kill()
    assert running.returncode == 0, complaints
    assert complaints == ""


def test_view_of_nothing_is_one_line(tmp_path: Path, capsys) -> None:
    assert exit_code(["view", str(tmp_path / "absent.aedat4")]) == 2
    assert "check the path" in capsys.readouterr().err
