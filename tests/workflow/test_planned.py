"""`evfi plan` and `evfi status` on a real run."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evfi.config import read_run_config
from evfi.planning.estimate import plan_of
from evfi.planning.measured import bytes_of
from tests.workflow.conftest import REPOSITORY, SMOKE, environment, snakemake


def test_one_measured_shard_tells_disk_memory_and_time_of_the_whole_run(smoke_copy: Path, tmp_path: Path) -> None:
    for _ in range(2):  # the first jobs may have to compile the kernels
        done = snakemake(smoke_copy, *SMOKE, "--forcerun", "simulate", "--until", "simulate")
        assert done.returncode == 0, done.stdout[-3000:]
    clips = smoke_copy / "results/smoke/stores/clips"
    measured = tmp_path / "measured"
    (measured / "stores/clips").mkdir(parents=True)
    for path in clips.glob("train-00000*"):
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, measured / "stores/clips" / path.name)
    config = read_run_config([REPOSITORY / "config/smoke.yaml"], {}, REPOSITORY / "config/config.yaml")
    told = plan_of(config, measured, jobs=1)["rules"][0]
    stamps = [json.loads(path.read_text())["use"] for path in clips.glob("*.provenance.json")]
    assert told["jobs"] == len(stamps) == 4
    flags = sum(bytes_of(path) for path in clips.rglob(".snakemake_timestamp"))
    assert told["bytes"] == pytest.approx(bytes_of(clips) - flags, rel=0.25)
    assert told["memory_mb"] == pytest.approx(max(use["peak_memory_mb"] for use in stamps), rel=0.25)
    real = sum(use["cpu_seconds"] for use in stamps)
    assert real / 1.5 < told["seconds"] < real * 1.5


def test_a_failed_shard_is_named_by_status_and_made_again_alone(smoke_copy: Path) -> None:
    results = smoke_copy / "results/smoke"
    clip = (results / "lists/train-00000.txt").read_text().split()[0]
    frame = results / f"demo/raw/vimeo90k/sequences/{clip}/im4.png"
    whole = frame.read_bytes()
    frame.write_bytes(whole[:-40])
    shards = [f"results/smoke/stores/clips/{shard}.zarr" for shard in ("train-00000", "train-00001")]
    for shard in shards:
        shutil.rmtree(smoke_copy / shard)
    keep_going = ["--keep-going", "--", *shards]
    assert snakemake(smoke_copy, *SMOKE, *keep_going).returncode == 1
    assert (results / "stores/clips/train-00001.zarr").is_dir()  # the rest is finished

    said = status(smoke_copy)
    assert said.returncode == 1
    failed = [line for line in said.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1
    assert failed[0].startswith(f"FAILED simulate train-00000: clip {clip}: ")
    assert "(log: results/smoke/logs/simulate/train-00000.log)" in failed[0]

    frame.write_bytes(whole)
    again = snakemake(smoke_copy, *SMOKE, *keep_going)
    assert again.returncode == 0, again.stdout[-3000:]
    assert re.findall(r"^simulate +(\d+)$", again.stdout, flags=re.MULTILINE)[0] == "1"
    assert status(smoke_copy).returncode == 0


def status(folder: Path) -> subprocess.CompletedProcess[str]:
    default = str(REPOSITORY / "config/config.yaml")
    command = [sys.executable, "-c", "from evfi.cli.app import main; main()", "status", "--default", default, *SMOKE]
    return subprocess.run(command, cwd=folder, env=environment(), text=True, capture_output=True, check=False)
