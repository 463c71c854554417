"""The whole demo data set."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evfi.demo.options import DemoOptions
from evfi.demo.write import write_demo_data
from evfi.errors import OutputError
from evfi.provenance import digest_file

TINY = DemoOptions.smoke().replaced(
    train_clips=2, test_clips=1, clip_width=32, clip_height=32, recording_width=40, recording_height=32,
    recording_seconds=0.5,
)  # fmt: skip


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): digest_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "raw"
    return out, write_demo_data(out, TINY, workers=1)


def test_the_data_set_has_its_promised_files(written):
    out, _ = written
    files = set(digests(out))
    assert {"demo.json", "vimeo90k/sep_trainlist.txt", "vimeo90k/sep_testlist.txt"} <= files
    assert {f"vimeo90k/sequences/00001/0001/im{k}.png" for k in range(1, 8)} <= files
    assert {name for name in files if name.endswith(".aedat4")} == {
        "recordings/train0.aedat4",
        "recordings/test0.aedat4",
    }
    assert {"truth/test0/000000.png", "truth/test0/timestamps.txt", "truth/test0/exposures.txt"} <= files
    assert sorted(path.name for path in out.parent.iterdir()) == ["raw", "raw.provenance.json"]


def test_what_is_returned_stands_in_demo_json(written):
    out, facts = written
    assert json.loads((out / "demo.json").read_text()) == facts
    assert set(facts["statistics"]) == {"septuplets/train", "septuplets/test", "recordings"}
    assert not set(facts["photographs"]["train"]) & set(facts["photographs"]["test"])
    assert facts["options"] == TINY.model_dump(mode="json")


def test_two_workers_in_processes_of_their_own_write_the_same_bytes(written, tmp_path):
    out, facts = written
    again = write_demo_data(tmp_path / "raw", TINY, workers=2)
    assert again == facts
    assert digests(tmp_path / "raw") == digests(out)


def test_another_seed_gives_other_pictures(written, tmp_path):
    out, _ = written
    write_demo_data(tmp_path / "raw", TINY.replaced(seed=1, train_recordings=0, test_recordings=0), workers=1)
    first = "vimeo90k/sequences/00001/0001/im1.png"
    assert digests(tmp_path / "raw")[first] != digests(out)[first]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("evfi.demo.septuplets.write_png", full_disk)
    with pytest.raises(OutputError, match="no space left"):
        write_demo_data(tmp_path / "raw", TINY.replaced(train_recordings=0, test_recordings=0), workers=1)
    assert list(tmp_path.iterdir()) == []


def processes_with(mark: str) -> list[int]:
    """Ids of live processes that have this text in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def test_workers_end_when_their_parent_is_killed(tmp_path):
    code = (
        "import sys; from pathlib import Path; from evfi.demo.options import DemoOptions;"
        "from evfi.demo.write import write_demo_data; write_demo_data(Path(sys.argv[1]), DemoOptions(), workers=2)"
    )
    mark = f"EVFI_TEST_ORPHANS={os.getpid()}-{time.monotonic_ns()}"
    name, value = mark.split("=")
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "raw")], env={**os.environ, name: value})
    patience = time.monotonic() + 60
    while len(processes_with(mark)) < 5:  # parent, fork server, resource tracker, two workers
        assert parent.poll() is None
        assert time.monotonic() < patience
        time.sleep(0.1)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    patience = time.monotonic() + 20
    while processes_with(mark):
        assert time.monotonic() < patience
        time.sleep(0.05)
