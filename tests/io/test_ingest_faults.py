"""What happens around an ingest: kills, damaged sources, and memory that does not grow with the recording."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from evfi.io.ingest import ingest
from evfi.io.recording import open_recording
from tests.io.made_aedat4 import event_packet, put_together, taken_apart

EPOCH_US = 1_700_000_000_000_000
SLOW_INGEST = """
import sys, time
from pathlib import Path
from evfi.io import aedat4_reader, ingest, stores
stores.COLUMN_SHARD, stores.COLUMN_CHUNK = 4096, 1024
whole = aedat4_reader.Aedat4Reader.batches
def slow(self):
    for number, piece in enumerate(whole(self)):
        if number == 3:
            print("half", flush=True)
            time.sleep(60)
        yield piece
aedat4_reader.Aedat4Reader.batches = slow
ingest.ingest(Path(sys.argv[1]), Path(sys.argv[2]))
"""
MEASURED_INGEST = """
import resource, sys
from pathlib import Path
from evfi.io import ingest, stores
stores.COLUMN_SHARD = 1 << 17
ingest.ingest(Path(sys.argv[1]), Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
EVENTS_A_PACKET = 32_768


def test_a_killed_ingest_leaves_nothing_under_a_final_name_and_the_next_one_works(recorded, tmp_path):
    out = tmp_path / "r.zarr"
    child = subprocess.Popen(
        [sys.executable, "-c", SLOW_INGEST, str(recorded.path), str(out)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == "half\n"
        assert (tmp_path / "r.zarr.partial").is_dir()
        child.send_signal(signal.SIGKILL)
        assert child.wait(20) == -signal.SIGKILL
    assert not any(path.suffix in (".zarr", ".json") for path in tmp_path.iterdir())
    ingest(recorded.path, out)
    assert open_recording(out).event_count == len(recorded.events)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "made.aedat4",
        "r.json",
        "r.provenance.json",
        "r.zarr",
    ]


def test_a_cut_recording_ends_in_one_line_that_says_what_was_lost(recorded, tmp_path, capsys):
    from evfi.cli.app import exit_code

    whole = recorded.path.read_bytes()
    recorded.path.write_bytes(whole[: len(whole) * 2 // 3])
    assert exit_code(["ingest", str(recorded.path), str(tmp_path / "r.zarr")]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "lost" in line]
    assert len(lines) == 1
    assert "lost: 1 packets, " in lines[0]
    assert "to the end" in lines[0]
    recording = open_recording(tmp_path / "r.zarr")
    assert 0 < recording.event_count < len(recorded.events)
    assert recording.attributes["lost"]["packets"] == 1


def test_memory_does_not_grow_with_the_recording(recorded, tmp_path):
    short, long = (long_file(recorded.path, tmp_path / f"{n}.aedat4", n) for n in (20, 160))
    peaks = [peak_megabytes(path) for path in (short, long)]
    # the whole of the longer one would need 5 million events of 13 bytes, 68 MB, and more while it is put together
    assert peaks[1] - peaks[0] < 25, peaks


def long_file(source: Path, path: Path, packets: int) -> Path:
    head, _ = taken_apart(source)
    rng = np.random.default_rng(5)
    x, y = rng.integers(0, 24, EVENTS_A_PACKET).tolist(), rng.integers(0, 18, EVENTS_A_PACKET).tolist()
    made = []
    for number in range(packets):
        start = EPOCH_US + number * EVENTS_A_PACKET
        rows = list(zip(range(start, start + EVENTS_A_PACKET), x, y, [True] * EVENTS_A_PACKET, strict=True))
        made.append((0, event_packet(rows)))
    return put_together(path, head, made)


def peak_megabytes(path: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED_INGEST, str(path), str(path.with_suffix(".zarr"))],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)
